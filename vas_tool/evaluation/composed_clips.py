"""Makes a clip whose hidden part is known from objects of projects: one in full view, and others in front of it.

The folder has the layout of the bench's cases (``case_files``), and ``rgbs`` and ``masks`` of a sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import InputError
from vas_tool.evaluation.case_files import CASE_FILES, CaseWriter
from vas_tool.evaluation.composition import (
    FrontPicture,
    border_alpha,
    composite,
    moved_into,
    visible_part,
    without_ground,
)
from vas_tool.evaluation.occlusion_cases import layered_depth, seen_parts
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.tabe import HARDLY
from vas_tool.masks import area
from vas_tool.project import Project
from vas_tool.types import Frame, Mask, SizeWH
from vas_tool.wording import ranges

SAME_FPS = 0.02
"""Rates that differ by less than this share are equal."""


class ProjectObject:
    """An object of an open project, frame by frame."""

    def __init__(self, project: Project, object_id: int | None = None) -> None:
        """Take the object ``object_id``, or the project's only one. Raises InputError when that is undecided,
        PromptError when there is no such object.
        """
        objects = project.truth.objects
        if object_id is None and len(objects) != 1:
            ids = ", ".join(f"{obj.id} ({obj.label})" for obj in objects) or "none"
            raise InputError(f"{project.name} has the objects {ids}; name one: {project.name}:ID")
        self.project, self.obj = project, project.truth.object(objects[0].id if object_id is None else object_id)
        self.modal, self.amodal = project.modal(self.obj.id), project.amodal(self.obj.id)
        self.name = f"{project.name} {self.obj.label}".rstrip()

    def __len__(self) -> int:
        return len(self.project.clip)

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of the clip."""
        return self.project.clip.size_wh

    def seen(self, frame_index: int) -> tuple[Frame, Mask]:
        """Return the frame, and the modal mask (H, W)."""
        return self.project.clip[frame_index], self.modal[frame_index]

    def whole(self, frame_index: int) -> tuple[Frame, Mask]:
        """Return the content's colours (H, W, 3) and the amodal mask (H, W), cut to the frame; the frame and the modal
        mask where no content was made.
        """
        content = self.project.layers(self.obj.id).content
        if frame_index not in content or frame_index not in self.amodal:
            return self.seen(frame_index)
        frame, seen = self.seen(frame_index)
        made = content[frame_index][self.project.canvas.window]
        colours = np.where((seen | (made[..., 3] == 0))[..., None], frame, made[..., :3])
        return colours, seen | (self.project.canvas.to_frame(self.amodal[frame_index]) & (made[..., 3] > 0))

    def require_full_view(self) -> None:
        """Raise InputError unless the object has a modal mask on every frame and its amodal masks hide nothing."""
        unmade = [i for i in range(len(self)) if i not in self.modal]
        if unmade:
            raise InputError(f"{self.name} has no modal mask on the frames {ranges(unmade)}; track it there first")
        hidden = [i for i in self.amodal if self._hidden_share(i) > HARDLY]
        if hidden:
            raise InputError(
                f"{self.name} is hidden in part on the frames {ranges(hidden)}, by its amodal masks, so its truth is "
                "not known there; cut the clip, or make a project of it with the modal masks alone"
            )

    def _hidden_share(self, frame_index: int) -> float:
        whole = self.project.canvas.to_frame(self.amodal[frame_index])
        return area(whole & ~self.modal[frame_index]) / max(1, area(whole))


@dataclass(frozen=True)
class Front:
    """An object that is put in front, with its place and start."""

    source: ProjectObject
    shift_xy: tuple[int, int] = (0, 0)
    """Where the upper left corner of its clip lies, in pixels of the clip behind."""
    delay: int = 0
    """The frame of the clip behind on which its first frame is shown."""

    def frame_at(self, frame_index: int) -> int | None:
        """Return the thing's frame at a frame of the clip behind; None before it begins and after it ends.

        An object whose clip has one frame, such as the front of a container, stays on all frames.
        """
        own = 0 if len(self.source) == 1 else frame_index - self.delay
        return own if 0 <= own < len(self.source) else None


@dataclass(frozen=True)
class Edges:
    """How the pixels at the border of an object in front are mixed with what is behind."""

    softness: float = 0.0
    """Pixels over which the opacity rises from the border inwards; 0 is a hard border."""
    ground: Frame | None = None
    """(H, W, 3) picture of the same camera without the things, which is taken out of half covered pixels."""
    whole: bool = False
    """Whether a thing's content and amodal mask are used, where they were made, instead of what is seen of it."""


@dataclass(frozen=True)
class Composed:
    """The folder that ``compose`` wrote, and how much it hides."""

    folder: Path
    num_frames: int
    hidden_fraction: float
    """Share of the object's pixels that are hidden, over all frames, 0..1."""
    gone: tuple[int, ...]
    """Frames on which the object is present and wholly hidden."""
    beyond: tuple[str, ...]
    """Names of objects in front that have no pixel inside the picture on any frame."""


def compose(
    behind: ProjectObject,
    front: Sequence[Front],
    out: Path,
    *,
    edges: Edges = Edges(),
    seed: int = 0,
    progress: Progress = silent,
) -> Composed:
    """Write the clip of ``behind`` with things in front of it, the farther first, as a folder below ``out``.

    Its true amodal mask is its modal mask in its own clip. ``depth`` is the order of the layers, with noise from
    ``seed``. One frame is in memory at a time.

    Raises InputError when the object is not in full view, or the rates or sizes do not fit; FormatError when the folder
    holds anything else or the disk refuses; Cancelled.
    """
    behind.require_full_view()
    _check(behind, front, edges)
    folder = out / _file_name(" behind ".join([behind.name, " and ".join(f.source.name for f in front)]))
    random = np.random.default_rng(seed)
    total = hidden = 0
    gone: list[int] = []
    there: set[int] = set()
    with folder_in_place(folder, ours=CASE_FILES) as beside:
        writer = CaseWriter(beside)
        for i in range(len(behind)):
            progress(i, len(behind), "composing")
            frame, whole = behind.seen(i)
            things = [_picture(thing, i, behind.size_wh, edges=edges) for thing in front]
            there |= {place for place, thing in enumerate(things) if (thing.alpha > 0).any()}
            modal, masks = visible_part(whole, things), [thing.alpha > 0 for thing in things]
            total, hidden = total + area(whole), hidden + area(whole & ~modal)
            gone += [i] if whole.any() and not modal.any() else []
            writer.write(
                i,
                frame=composite(frame, things),
                modal=modal,
                amodal=whole,
                depth=layered_depth(whole, masks, random),
                others=seen_parts(masks),
                whole=frame,
            )
        progress(len(behind), len(behind), "composing")
    beyond = tuple(f.source.name for place, f in enumerate(front) if place not in there)
    return Composed(folder, len(behind), hidden / max(1, total), tuple(gone), beyond)


def _check(behind: ProjectObject, front: Sequence[Front], edges: Edges) -> None:
    for thing in front:
        fps, other = behind.project.clip.fps, thing.source.project.clip.fps
        if len(thing.source) > 1 and abs(fps - other) > SAME_FPS * fps:
            raise InputError(
                f"{thing.source.name} has {other:g} frames a second, {behind.name} {fps:g}; make both projects with "
                "one --fps"
            )
        unmade = [i for i in _used(thing, len(behind)) if i not in thing.source.modal]
        if unmade:
            raise InputError(f"{thing.source.name} has no modal mask on the frames {ranges(unmade)}; track it first")
    if edges.ground is not None and edges.ground.shape[1::-1] != behind.size_wh:
        size = edges.ground.shape[1::-1]
        raise InputError(
            f"the reference picture is {size}, the clip {behind.size_wh} (width, height); scale it to that"
        )


def _used(thing: Front, count: int) -> Iterator[int]:
    yield from sorted({own for i in range(count) if (own := thing.frame_at(i)) is not None})


def _picture(thing: Front, frame_index: int, size_wh: SizeWH, *, edges: Edges) -> FrontPicture:
    own = thing.frame_at(frame_index)
    if own is None:
        return FrontPicture(np.zeros((*size_wh[::-1], 3), np.uint8), np.zeros(size_wh[::-1], np.float32))
    colours, mask = thing.source.whole(own) if edges.whole else thing.source.seen(own)
    alpha = np.asarray(moved_into(border_alpha(mask, edges.softness), size_wh, thing.shift_xy), np.float32)
    pixels = np.asarray(moved_into(colours, size_wh, thing.shift_xy), np.uint8)
    return FrontPicture(pixels if edges.ground is None else without_ground(pixels, alpha, edges.ground), alpha)


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
