"""Writes and reads TABE's folders: frames, modal masks, and amodal masks as ground truth.

<video>/frames/00000.jpg ...         the frames
<video>/visible_masks/00000.png ...  modal masks, 8 bit, 0 or 255; a benchmark needs only the first
<video>/gt_masks/00000.png ...       amodal masks, cut to the picture
<video>/annos.json                   {"occlusion": [{"level": ..., "amount": ...}, ...]}, one entry per frame
<video>/provenance.json              how each mask was made, and its review state (not part of the layout)
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.coco_fields import is_number, is_rate
from vas_tool.formats.in_place import folder_in_place, text_in_place
from vas_tool.formats.json_files import json_line, load_json
from vas_tool.formats.mask_folder import paired_masks
from vas_tool.formats.mask_names import FrameNames, Paired
from vas_tool.formats.mask_pixels import read_pixels
from vas_tool.formats.masks_on_frame import DIGITS, MasksOnFrame
from vas_tool.formats.provenance import write_provenance
from vas_tool.formats.sequences import (
    SequencesSource,
    chosen_frames,
    object_folder,
    odd_files,
    upright_size,
    write_mask,
)
from vas_tool.formats.video_stream import video_of
from vas_tool.formats.videos import ExportVideo
from vas_tool.masks import area
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import SizeWH
from vas_tool.video.images import image_paths
from vas_tool.video.order import in_natural_order
from vas_tool.video.storing import encode_jpeg

Level = Literal["NO_OCCLUSION", "SLIGHT_OCCLUSION", "SEVERE_OCCLUSION", "NONE"]
"""TABE's levels of occlusion. ``NONE`` means that the object is leaving the picture."""

BY_NUMBER: tuple[Level, ...] = ("SEVERE_OCCLUSION", "SLIGHT_OCCLUSION", "NO_OCCLUSION", "NONE")
"""TABE's levels by number, from 0."""

HARDLY, HALF = 0.005, 0.5
"""Hidden share up to which TABE-51's generator writes NO, and share below which it writes SLIGHT."""

OUR_FILES = re.compile(r"frames/\d{5,}\.jpg|(gt|visible)_masks/\d{5,}\.png|annos\.json|provenance\.json")
"""Matches the files that ``write_tabe`` writes into a video's folder."""


@dataclass(frozen=True)
class Occlusion:
    """Level and share of the hidden part of the object on one frame."""

    level: Level
    amount: float | None
    """Hidden share of the whole object, 0..1; None for ``NONE``, and where the file does not state it."""


@dataclass(frozen=True)
class TabeSource:
    """A video's folder after ``read_tabe`` has checked it."""

    frames: Path
    num_frames: int
    size_wh: SizeWH
    visible: Mapping[int, Path]
    """frame_index -> file of the modal mask; often only that of the first frame."""
    amodal: Mapping[int, Path]
    """frame_index -> file of the amodal mask (ground truth); may be empty."""
    occlusion: tuple[Occlusion, ...]
    """One entry per frame; empty when the folder has no annos.json."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about how masks were assigned to frames."""

    def as_sequence(self, masks: Literal["visible", "amodal"] = "visible") -> SequencesSource:
        """Return the frames with one kind of masks as a sequence."""
        return SequencesSource(self.frames, self.num_frames, self.size_wh, getattr(self, masks), self.notes)


def is_tabe_folder(folder: Path) -> bool:
    """Return whether a folder has the two folders ``frames`` and ``visible_masks``."""
    return (folder / "frames").is_dir() and (folder / "visible_masks").is_dir()


def video_folders(path: Path) -> list[Path]:
    """Return the folders of videos in ``path``, in order; empty when there are none.

    They are ``path`` itself, folders in it, or folders in its folder ``data``, as in the data set
    (``TABE-51/data/<video>``).
    """
    if is_tabe_folder(path):
        return [path]
    for place in (path, path / "data", path / "TABE-51" / "data"):
        inner = in_natural_order(f for f in place.iterdir() if is_tabe_folder(f)) if place.is_dir() else []
        if inner:
            return inner
    return []


# --- out ------------------------------------------------------------------------------------------------------------


def write_tabe(
    project: Project, folder: Path, *, object_id: int, only_accepted: bool = False, progress: Progress = silent
) -> Path:
    """Write one object's folder into ``folder``. It has the name of ``sequences.object_folder``; a former one is
    replaced.

    JPEG frames are copied byte for byte; others are converted to JPEG, which readers look for. Where no amodal mask was
    made, the modal mask is written; where there is neither, masks are black. ``only_accepted`` leaves out frames that
    are not accepted.

    Raises PromptError when there is no such object, FormatError when no frame is left, the folder holds something
    else or the disk refuses, Cancelled.
    """
    video = video_of(project)
    obj = video.truth.object(object_id)
    frames = chosen_frames(project, obj, only_accepted=only_accepted)
    target = folder / object_folder(video, obj)
    with folder_in_place(target, ours=OUR_FILES) as beside:
        _write_into(beside, video, obj, frames=frames, progress=progress)
        write_provenance(beside, video, format_name="tabe", objects=[obj], frames=frames)
    return target


def _write_into(
    folder: Path, video: ExportVideo, obj: AnnotatedObject, *, frames: Sequence[int], progress: Progress
) -> None:
    for name in ("frames", "gt_masks", "visible_masks"):
        (folder / name).mkdir()
    occlusion = []
    for place, frame_index in enumerate(frames):
        progress(place, len(frames), "writing frames and masks")
        masks = video.masks(obj, frame_index)
        _write_frame(video.project, frame_index, folder / "frames" / f"{place:05d}.jpg")
        write_mask(folder / "gt_masks" / f"{place:05d}.png", masks.whole)
        write_mask(folder / "visible_masks" / f"{place:05d}.png", masks.modal)
        occlusion.append(occlusion_of(masks))
    with text_in_place(folder / "annos.json") as file:
        levels = [{"level": o.level, "amount": o.amount} for o in occlusion]
        file.write('{"occlusion": [\n' + ",\n".join(map(json_line, levels)) + "\n]}\n")
    progress(len(frames), len(frames), "writing frames and masks")


def _write_frame(project: Project, frame_index: int, path: Path) -> None:
    source = project.clip.frame_path(frame_index)
    if source.suffix == path.suffix:
        shutil.copyfile(source, path)
    else:
        path.write_bytes(encode_jpeg(project.clip[frame_index]))


def occlusion_of(masks: MasksOnFrame) -> Occlusion:
    """Return the occlusion by the rule of TABE-51; ``NONE`` where the object reaches beyond the picture or is
    absent.
    """
    whole = area(masks.whole)
    if masks.out_of_frame or not whole:
        return Occlusion("NONE", None)
    amount = round(area(masks.hidden) / whole, DIGITS)
    return Occlusion(level_of(amount), amount)


def level_of(amount: float) -> Level:
    """Return the level of a hidden share, 0..1, by the rule of TABE-51."""
    if amount <= HARDLY:
        return "NO_OCCLUSION"
    return "SLIGHT_OCCLUSION" if amount < HALF else "SEVERE_OCCLUSION"


# --- in -------------------------------------------------------------------------------------------------------------


def read_tabe(folder: Path) -> TabeSource:
    """Check a video's folder. Masks are assigned to frames as in ``read_sequences``.

    Raises FormatError that names the file when a folder is missing or empty, or names, counts or sizes do not agree.
    """
    if not is_tabe_folder(folder):
        raise FormatError(f"{folder} has no folders frames and visible_masks; choose a video's folder of TABE")
    frames = image_paths(folder / "frames")
    size_wh = upright_size(frames[0])
    names, truth = FrameNames(tuple(path.stem for path in frames)), folder / "gt_masks"
    visible = paired_masks(folder / "visible_masks", names, size_wh=size_wh)
    amodal = paired_masks(truth, names, size_wh=size_wh) if truth.is_dir() else Paired({})
    return TabeSource(
        frames=folder / "frames",
        num_frames=len(frames),
        size_wh=size_wh,
        visible=visible.masks,
        amodal=amodal.masks,
        occlusion=_read_occlusion(folder / "annos.json", len(frames)) if (folder / "annos.json").exists() else (),
        notes=(*visible.notes, *amodal.notes),
    )


def _read_occlusion(path: Path, num_frames: int) -> tuple[Occlusion, ...]:
    data = load_json(path, allow_nan=True)  # the data set's own generator writes NaN where nothing can be hidden
    items = data.get("occlusion") if isinstance(data, dict) else None
    if not isinstance(items, list) or len(items) != num_frames:
        raise FormatError(f"{path} needs a list occlusion of {num_frames} records, one a frame")
    found = [_occlusion_in(item) for item in items]
    wrong = [str(place) for place, occlusion in enumerate(found) if occlusion is None]
    if wrong:
        raise FormatError(
            f"{path}: the records {', '.join(wrong)} are no level of {', '.join(get_args(Level))} and amount"
        )
    return tuple(occlusion for occlusion in found if occlusion is not None)


def _occlusion_in(item: Any) -> Occlusion | None:
    if not isinstance(item, dict) or "level" not in item:
        return None
    level, amount = read_level(item["level"]), item.get("amount")
    if isinstance(amount, float) and math.isnan(amount):
        amount = None
    sound = amount is None or is_rate(amount)
    return Occlusion(level, amount) if level and sound else None


def read_level(value: Any) -> Level | None:
    """Return the level as TABE reads it; None when the value is no level.

    A level is a number from 0 to 3, its digit as text, a text that begins with ``severe``, ``slight`` or ``no`` in any
    case, or null, ``None`` or ``NONE`` for an object that is leaving the picture.
    """
    if value in (None, "None", "NONE"):
        return "NONE"
    text = str(int(value)) if is_number(value) and value == int(value) else value
    if not isinstance(text, str):
        return None
    if text in ("0", "1", "2", "3"):
        return BY_NUMBER[int(text)]
    return next((level for level in BY_NUMBER[:3] if text.lower().startswith(level.split("_")[0].lower())), None)


def check_tabe(source: TabeSource) -> Iterator[str]:
    """Yield one sentence for each error that the files' headers do not show.

    These are unreadable pictures, masks with other values, amodal masks that do not cover the modal masks, and levels
    that do not follow from the amounts.
    """
    yield from odd_files(source.as_sequence("visible"), every_frame=False)
    yield from odd_files(source.as_sequence("amodal"), every_frame=bool(source.amodal), frames_too=False)
    for frame_index, path in source.amodal.items():
        seen = source.visible.get(frame_index)
        if seen is not None and not _covers(path, seen):
            yield f"{path} does not cover {seen}"
    for frame_index, occlusion in enumerate(source.occlusion):
        follows = occlusion.amount is None or occlusion.level == level_of(occlusion.amount)
        if occlusion.level != "NONE" and not follows:
            yield f"annos.json, frame {frame_index}: the level is {occlusion.level}, the amount {occlusion.amount}"


def _covers(whole: Path, seen: Path) -> bool:
    try:
        return not (read_pixels(seen).shown > read_pixels(whole).shown).any()
    except FormatError:
        return True  # reported already
