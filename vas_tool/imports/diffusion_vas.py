"""Makes projects from Diffusion-VAS's samples of 25 frames, with modal masks, and amodal boxes as keyframes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import is_id_number, is_text
from vas_tool.formats.json_files import load_json
from vas_tool.formats.origin import Origin, TrackOrigin
from vas_tool.formats.sample_reading import Sample, read_samples
from vas_tool.formats.sequences import upright_size
from vas_tool.imports.planned import Imported, Plan, PlannedObject, folder_name, make_all, nothing_chosen
from vas_tool.masks import from_rle
from vas_tool.types import AmodalBox, FrameRecord
from vas_tool.video import ListedImages
from vas_tool.wording import counted

SAMPLE_FPS = {"sail-vos": 8.0, "tao-amodal": 1.0}
"""Default frames per second of the samples: the rate at which Diffusion-VAS is trained, and at which TAO is
annotated."""


@dataclass(frozen=True)
class SampleChoice:
    """Which samples to take. An empty field takes all."""

    videos: tuple[str, ...] = ()
    """Ids of videos."""
    tracks: tuple[str, ...] = ()
    """Ids of tracks or objects (``track_id``, ``obj_id``)."""

    def takes(self, sample: Sample) -> bool:
        """Return whether the sample is chosen."""
        return (not self.videos or str(sample.video_id) in self.videos) and (
            not self.tracks or str(sample.object_id) in self.tracks
        )


def import_samples(
    annotations: Path,
    projects: Path,
    *,
    frames: Path,
    choice: SampleChoice | None = None,
    fps: float | None = None,
    with_amodal: bool = False,
    categories: Path | None = None,
    progress: Progress = silent,
) -> Imported:
    """Make a project from every chosen sample. Samples with the same frames share a project. ``frames`` is the folder
    that the paths of the frames are relative to.

    ``fps`` is the rate of the clips in frames per second; None for ``SAMPLE_FPS``. ``with_amodal`` imports the amodal
    masks of a SAIL-VOS file, too. ``categories`` is a JSON file with a list
    ``categories``, which names the objects. Wrong samples are listed; the others are imported.

    Raises FormatError when a file cannot be read or no sample is chosen; the message lists everything that is wrong in
    the file. Raises Cancelled.
    """
    file = read_samples(annotations)
    wanted = [sample for sample in file.samples if (choice or SampleChoice()).takes(sample)]
    if not wanted:
        raise nothing_chosen(f"{annotations} has {counted(len(file.samples), 'good sample')}", file.problems)
    labels = _labels(categories) if categories else {}
    by_frames: dict[tuple[str, ...], list[Sample]] = {}
    for sample in wanted:
        by_frames.setdefault(sample.file_names, []).append(sample)
    digest, problems, plans = sha256(annotations.read_bytes()).hexdigest(), list(file.problems), []
    for samples in by_frames.values():
        wrong = _wrong_frames(samples[0], frames)
        problems += [f"{samples[0].name}: {what}" for what in wrong]
        if not wrong:
            origin = Origin("diffusion-vas", annotations.name, digest, samples[0].video_id or 0, {}, {})
            objects = tuple(_object(sample, labels, with_amodal=with_amodal) for sample in samples)
            images = _images(samples[0], frames, fps=fps or SAMPLE_FPS[file.form])
            plans.append(Plan(_name(samples[0]), images, fps or SAMPLE_FPS[file.form], objects, origin))
    return make_all(plans, projects, problems=problems, progress=progress)


def _labels(path: Path) -> dict[int, str]:
    data = load_json(path)
    items = data.get("categories") if isinstance(data, dict) else None
    if not isinstance(items, list):
        raise FormatError(f"{path} has no list categories; name a file that has one, such as TAO-Amodal's")
    sound = [c for c in items if isinstance(c, dict) and is_id_number(c.get("id")) and is_text(c.get("name"))]
    return {item["id"]: item["name"] for item in sound}


def _wrong_frames(sample: Sample, frames: Path) -> list[str]:
    """Return why the sample's pictures cannot be its clip; empty if they can."""
    wrong = []
    for name in sample.file_names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            wrong.append(f"{name!r} is not a plain relative path")
        elif not (frames / path).is_file():
            wrong.append(f"{name} is not below {frames}")
    if wrong:
        return wrong
    size_wh = upright_size(frames / sample.file_names[0])
    if size_wh != sample.size_wh:
        return [f"{sample.file_names[0]} is {size_wh}, the sample says {sample.size_wh} (width, height)"]
    return []


def _images(sample: Sample, frames: Path, *, fps: float) -> ListedImages:
    paths = [frames / name for name in sample.file_names]
    return ListedImages(paths[0].parent, tuple((p, FrameRecord(i, i / fps)) for i, p in enumerate(paths)))


def _name(sample: Sample) -> str:
    """Return the name of the project: the folder of the frames and the first frame. A video may have several
    windows.
    """
    first = PurePosixPath(sample.file_names[0])
    return folder_name(f"{first.parent}/{first.stem}")


def _object(sample: Sample, labels: Mapping[int, str], *, with_amodal: bool) -> PlannedObject:
    amodal = sample.amodal_rles if with_amodal and sample.amodal_rles else ()
    return PlannedObject(
        label=sample.category or labels.get(sample.category_id) or f"category {sample.category_id}",
        amodal_boxes=_boxes(sample),
        modal={i: partial(from_rle, rle) for i, rle in enumerate(sample.modal_rles)},
        amodal={i: partial(from_rle, rle) for i, rle in enumerate(amodal)},
        track=TrackOrigin(sample.object_id, sample.category_id),
    )


def _boxes(sample: Sample) -> tuple[AmodalBox, ...]:
    boxes: Sequence[tuple[float, float, float, float]] = sample.amodal_boxes_xywh
    return tuple(AmodalBox(i, x, y, x + w, y + h) for i, (x, y, w, h) in enumerate(boxes))
