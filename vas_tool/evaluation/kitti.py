"""Reads and measures KITTI (KINS-Video-Car) as EoRaS does (Fan et al., ICCV 2023). EoRaS has no result files for it, so
those of this tool have the form of the truth's full masks.

truth        test_data.pkl {video: {object: {t: {"VM", "VM_bbox"}}}} and test_data_full_mask.pkl {... {t: {"FM"}}}, RLE
predictions  a file like test_data_full_mask.pkl, or the same as JSON
pictures     Kitti/raw_video/<date>/<video>/*.png, by the number in their names
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.evaluation.dataset import Predictions, Truth, TruthClip, TruthFrame
from vas_tool.evaluation.eoras import key_of, protocol
from vas_tool.evaluation.mask_sources import MaskSource, RleMask
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.records import require_keys
from vas_tool.evaluation.safe_pickle import load_plain
from vas_tool.formats.json_files import load_json
from vas_tool.video.order import in_natural_order

PROTOCOL = protocol("kitti")

NOT_ANNOTATED = (
    "have an empty full mask, or one that is empty inside the crop (the visible box, doubled): they are not annotated, "
    "and not measured."
)
"""Text of the note on frames that are left out, after their number."""

SEQ_LEN = 8
"""Frames of the reference's test script. It pads shorter clips with copies of their last frame, and counts the
copies."""

ENLARGED = 2.0
"""Side of the crop divided by the side of the visible box."""

PLACES = (".", "car_data", "EoRaSMissing")
"""Folders, below that of the truth, in which the label files may be."""
PICTURES = ("Kitti/raw_video", "raw_video")
"""Folders, below that of the truth, in which the pictures of the videos may be."""


def read_truth(path: Path, split: str = "test") -> Truth:
    """Return the frames with a full mask inside the crop. Raises FormatError when a file is missing or unreadable.

    The other frames are not annotated. They are left out, and the notes count them.
    """
    boxes: dict[Key, Any] = {}
    seen, problems = masks_in(found_in(path, f"{split}_data.pkl"), "VM", boxes)
    whole, more = masks_in(found_in(path, f"{split}_data_full_mask.pkl"), "FM")
    problems, unlabelled = [*problems, *more], set[str]()
    clips: dict[tuple[str, str], list[TruthFrame]] = {}
    copies = _copies(seen)
    pictures = {video: pictures_of(path, video) for video in {video for video, _, _ in whole}}
    for (video, obj, t), amodal in whole.items():
        key = key_of(video, obj, t)
        try:
            if (video, obj, t) not in seen:
                raise FormatError(f"{split}_data.pkl has no VM")
            if not is_annotated(amodal, seen[video, obj, t], boxes[video, obj, t]):
                unlabelled.add(key)
                continue
        except FormatError as error:
            problems.append(Problem(key, str(error), "bad record"))
            continue
        frame = TruthFrame(key, seen[video, obj, t], amodal, image=_at(pictures[video], t))
        clips.setdefault((video, obj), []).append(replace(frame, copies=copies.get((video, obj, t), 1)))
    found = tuple(TruthClip(f"{video}-{obj}", "all", tuple(frames)) for (video, obj), frames in clips.items())
    return Truth(found, tuple(problems), tuple(_notes(found, len(unlabelled))), frozenset(unlabelled))


def _notes(clips: Sequence[TruthClip], num_unlabelled: int) -> Iterator[str]:
    if num_unlabelled:
        yield f"{num_unlabelled} frames {NOT_ANNOTATED}"
    padded = sum(frame.copies > 1 for clip in clips for frame in clip.frames)
    if padded:
        yield (
            f"{padded} clips have fewer than {SEQ_LEN} frames: the reference pads them with their last one, and its "
            "form counts the copies, too."
        )


def _copies(seen: Iterable[Key]) -> dict[Key, int]:
    """Return how often the last frame of each clip that is too short counts, whether it is annotated or not."""
    clips: dict[tuple[str, str], list[int]] = {}
    for video, obj, t in seen:
        clips.setdefault((video, obj), []).append(t)
    short = {clip: times for clip, times in clips.items() if len(times) < SEQ_LEN}
    return {(video, obj, max(times)): 1 + SEQ_LEN - len(times) for (video, obj), times in short.items()}


def is_annotated(amodal: RleMask, modal: RleMask, box: Any = None) -> bool:
    """Return whether the full mask has a pixel in the crop that the reference looks at.

    ``box`` is the visible box [row_min, row_max, col_min, col_max], both ends inside; default: that of the modal mask.
    Raises FormatError for a damaged mask or box.
    """
    x, y, width, height = amodal.box_xywh()
    rows, columns = _crop(modal, box)
    inside = max(y, rows.start) < min(y + height, rows.stop) and max(x, columns.start) < min(x + width, columns.stop)
    whole = rows.start <= y and y + height <= rows.stop and columns.start <= x and x + width <= columns.stop
    return inside and (whole or bool(amodal.read()[rows, columns].any()))


def _crop(modal: RleMask, box: Any) -> tuple[slice, slice]:
    """Return the rows and columns of the crop."""
    height, width = modal.size_hw
    x, y, w, h = modal.box_xywh() if box is None else (0, 0, 0, 0)
    try:
        top, bottom, left, right = (y, y + h - 1, x, x + w - 1) if box is None else (int(n) for n in box)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError("VM_bbox must be [row_min, row_max, col_min, col_max]") from error
    if box is None and not w:
        return slice(0, height), slice(0, width)
    return _doubled(top, bottom, height), _doubled(left, right, width)


def _doubled(first: int, last: int, size: int) -> slice:
    """Return one side of the crop, with the reference's rounding; it includes the last row or column."""
    centre, half = (first + last) // 2, int((last - first) * ENLARGED) // 2
    return slice(max(0, centre - half), min(size, centre + half) + 1)


def _at(names: Sequence[str], t: int) -> str:
    return names[t] if 0 <= t < len(names) else ""


def pictures_of(path: Path, video: str) -> list[str]:
    """Return the names of a video's pictures below ``path``, the t-th for time t; empty when there are none."""
    for place in PICTURES:
        for folder in in_natural_order(path.glob(f"{place}/*/{glob.escape(video)}")):
            numbered = sorted((int(p.stem), p) for p in folder.glob("*.png") if p.stem.isdigit())
            return [p.relative_to(path).as_posix() for _, p in numbered]
    return []


def found_in(path: Path, name: str) -> Path:
    """Return the path of a label file in one of ``PLACES``. Raises FormatError when it is in none of them."""
    for place in PLACES:
        if (path / place / name).is_file():
            return path / place / name
    raise FormatError(f"{path} has no {name}, not in {' or '.join(PLACES[1:])} either; name the folder that has it")


Key = tuple[str, str, int]
"""(video, object, time)."""


def masks_in(path: Path, mask: str, boxes: dict[Key, Any] | None = None) -> tuple[dict[Key, RleMask], list[Problem]]:
    """Read {video: {object: {t: {mask: RLE}}}}; return the masks and all problems. Raises FormatError when no mask is
    right.

    ``boxes`` receives the ``<mask>_bbox`` of each record, unchecked; None where a record has none.
    """
    data = load_json(path) if path.suffix == ".json" else load_plain(path)
    masks: dict[Key, RleMask] = {}
    problems: list[Problem] = []
    for where, (video, obj, t), record in _leaves(data, problems, path.name):
        try:
            require_keys(record, (mask,))
            key = str(video), str(obj), int(t)
            if key in masks:
                raise FormatError("the file has it twice, by number and by text")
            masks[key] = RleMask.of(record[mask])
            if boxes is not None:
                boxes[key] = record.get(f"{mask}_bbox")
        except (FormatError, TypeError, ValueError, OverflowError) as error:
            problems.append(Problem(where, f"{path.name}: {error}", "bad record"))
    if problems and not masks:
        form = f"{{video: {{object: {{t: {{{mask}: RLE}}}}}}}}"
        raise FormatError(f"{path} holds no masks as {form}; the first problem: {problems[0]}")
    return masks, problems


def _leaves(data: Any, problems: list[Problem], file: str) -> Iterator[tuple[str, tuple[Any, Any, Any], Any]]:
    """Yield (name, (video, object, t), record) for each record three levels down; ``problems`` receives the others."""
    level: list[tuple[tuple[Any, ...], Any]] = [((), data)]
    for inner in ("videos", "objects", "times"):
        below: list[tuple[tuple[Any, ...], Any]] = []
        for path, value in level:
            if isinstance(value, dict):
                below += [((*path, name), item) for name, item in value.items()]
            else:
                what = f"{file}: it is {type(value).__name__}, no dictionary of {inner}"
                problems.append(Problem("-".join(map(str, path)) or file, what, "bad record"))
        level = below
    for (video, obj, t), record in level:
        name = key_of(str(video), str(obj), t) if type(t) is int else f"{video}-{obj}/{t}"
        yield name, (video, obj, t), record


def read_predictions(path: Path) -> Predictions:
    """Read a pickle or JSON file in the form of the full masks. Raises FormatError when it is unreadable."""
    found, problems = masks_in(path, "FM")
    masks: dict[str, MaskSource] = {key_of(*key): mask for key, mask in found.items()}
    return Predictions(path.stem, masks, problems=tuple(problems))


def results_of(masks: Mapping[Key, RleMask]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return masks by (video, object, t) as the nested dictionaries of the JSON and pickle files."""
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for (video, obj, t), mask in masks.items():
        out.setdefault(video, {}).setdefault(obj, {})[str(t)] = {"FM": mask.rle}
    return out


def with_numbers(nested: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[Any, dict[int, Any]]]:
    """Return the nested form with objects and times as numbers and counts as bytes, as in the data set's pickles."""

    def record(masks: Mapping[str, Any]) -> dict[str, Any]:
        return {name: {"size": rle["size"], "counts": rle["counts"].encode()} for name, rle in masks.items()}

    def number(obj: str) -> int | str:
        return int(obj) if obj.isdigit() else obj

    return {
        video: {number(obj): {int(t): record(r) for t, r in frames.items()} for obj, frames in objects.items()}
        for video, objects in nested.items()
    }
