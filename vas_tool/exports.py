"""The formats by name, with one way to call them: for the command line and for the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.coco import write_coco
from vas_tool.formats.layers import write_layers
from vas_tool.formats.sequences import frames_without_mask, write_sequences
from vas_tool.project import Project


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    paths: tuple[Path, ...]
    """Files, or folders with many of them."""
    notes: tuple[str, ...] = ()
    """What the person should know: counts, what was left out, what nobody has reviewed."""


@dataclass(frozen=True)
class _Order:
    projects: Sequence[Project]
    out: Path
    only_accepted: bool
    progress: Progress


def export(
    projects: Sequence[Project], name: str, out: Path, *, only_accepted: bool = False, progress: Progress = silent
) -> Exported:
    """Write open projects in the format ``name`` to ``out``: a .json file for coco, else a folder.

    Raises FormatError when the format is unknown or there is nothing to write.
    """
    if name not in EXPORTS:
        raise FormatError(f"there is no format {name!r}; choose one of {', '.join(EXPORTS)}")
    if name != "coco" and only_accepted:
        raise FormatError(f"the format {name} has no review states; leave out 'accepted only', or export coco")
    if name != "coco" and len({project.name for project in projects}) < len(projects):
        raise FormatError("two projects have the same name and would replace one another; export them one by one")
    return EXPORTS[name](_Order(projects, out, only_accepted, progress))


def default_out(name: str, folder: Path) -> Path:
    """Where the page puts an export inside a project's ``exports`` folder."""
    return folder / ("coco.json" if name == "coco" else name)


def _coco(order: _Order) -> Exported:
    path = order.out if order.out.suffix and not order.out.is_dir() else order.out / "coco.json"
    summary = write_coco(order.projects, path, only_accepted=order.only_accepted, progress=order.progress)
    counts = f"{summary.num_annotations} annotations on {summary.num_images} images, {summary.num_accepted} accepted."
    stand_ins = (
        f"{summary.num_modal_only} amodal masks are the modal ones, because none were made; complete the object."
    )
    notes = (counts, *[stand_ins] * bool(summary.num_modal_only), *summary.unreviewed, *summary.left_out)
    return Exported((summary.path,), notes)


def _sequences(order: _Order) -> Exported:
    notes: list[str] = []
    for project in order.projects:
        for thing in project.truth.objects:
            folder = write_sequences(project, order.out, object_id=thing.id, progress=order.progress)
            black = len(frames_without_mask(project, thing.id))
            note = f"; {black} frames were never segmented, their masks are black" if black else ""
            notes.append(f"{folder.name}: {len(project.clip)} frames of {thing.label}{note}.")
    if not notes:
        raise FormatError("there is no object to write; click one and track it first")
    return Exported((order.out,), tuple(notes))


def _layers(order: _Order) -> Exported:
    files: list[Path] = []
    for project in order.projects:
        folder = order.out if len(order.projects) == 1 else order.out / project.name
        files += write_layers(project, folder, progress=order.progress)
    return Exported((order.out,), (f"{len(files)} files.",))


EXPORTS: dict[str, Callable[[_Order], Exported]] = {
    "coco": _coco,
    "sequences": _sequences,
    "layers": _layers,
}
"""Format name -> writer."""
