"""KITTI (KINS-Video-Car) as EoRaS measures it (spec.md 5.3, 5.4). It has no result files of its own: ours are in the
form of the truth's full masks.

truth        test_data.pkl {video: {object: {t: {"VM"}}}} and test_data_full_mask.pkl {... {t: {"FM"}}}, RLE
predictions  a file like test_data_full_mask.pkl, or the same as JSON
pictures     Kitti/raw_video/<date>/<video>/*.png, by the number in their names
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.evaluation.dataset import MaskSource, Predictions, Problem, RleMask, Truth, TruthClip, TruthFrame
from vas_tool.evaluation.eoras import key_of, protocol
from vas_tool.evaluation.records import require_keys
from vas_tool.evaluation.safe_pickle import load_plain
from vas_tool.formats.json_files import load_json

PROTOCOL = protocol("kitti")

NOT_ANNOTATED = "have an empty full mask: they are not annotated, and not measured."
"""What is said of frames that are left out, behind their number."""

PLACES = (".", "car_data", "EoRaSMissing")
"""Below the folder of the truth."""
PICTURES = ("Kitti/raw_video", "raw_video")
"""Where the videos' pictures are, below the folder of the truth."""


def read_truth(path: Path, split: str = "test") -> Truth:
    """The frames with a full mask. Raises FormatError when a file is missing or does not read.

    Frames whose full mask is empty are not annotated: they are left out, and counted in the notes.
    """
    seen, problems = _masks_in(_found(path, f"{split}_data.pkl"), "VM")
    whole, more = _masks_in(_found(path, f"{split}_data_full_mask.pkl"), "FM")
    problems, unlabelled = [*problems, *more], set[str]()
    clips: dict[tuple[str, str], list[TruthFrame]] = {}
    pictures = {video: pictures_of(path, video) for video in {video for video, _, _ in whole}}
    for (video, thing, t), amodal in whole.items():
        key = key_of(video, thing, t)
        try:
            if (video, thing, t) not in seen:
                raise FormatError(f"{split}_data.pkl has no VM")
            if not any(amodal.box_xywh()):
                unlabelled.add(key)
                continue
        except FormatError as error:
            problems.append(Problem(key, str(error), "bad record"))
            continue
        frame = TruthFrame(key, seen[video, thing, t], amodal, image=_at(pictures[video], t))
        clips.setdefault((video, thing), []).append(frame)
    found = tuple(TruthClip(f"{video}-{thing}", "all", tuple(frames)) for (video, thing), frames in clips.items())
    notes = (f"{len(unlabelled)} frames {NOT_ANNOTATED}",) if unlabelled else ()
    return Truth(found, tuple(problems), notes, frozenset(unlabelled))


def _at(names: Sequence[str], t: int) -> str:
    return names[t] if 0 <= t < len(names) else ""


def pictures_of(path: Path, video: str) -> list[str]:
    """The names of a video's pictures from ``path`` on, the t-th of them for the time t; none where they are not."""
    for place in PICTURES:
        for folder in sorted(path.glob(f"{place}/*/{glob.escape(video)}")):
            numbered = sorted((int(p.stem), p) for p in folder.glob("*.png") if p.stem.isdigit())
            return [p.relative_to(path).as_posix() for _, p in numbered]
    return []


def _found(path: Path, name: str) -> Path:
    for place in PLACES:
        if (path / place / name).is_file():
            return path / place / name
    raise FormatError(f"{path} has no {name}, not in {' or '.join(PLACES[1:])} either; name the folder that has it")


Key = tuple[str, str, int]
"""Video, object, time."""


def _masks_in(path: Path, mask: str) -> tuple[dict[Key, RleMask], list[Problem]]:
    """{video: {object: {t: {mask: RLE}}}} with all that is wrong with it. Raises FormatError when nothing is right."""
    data = load_json(path) if path.suffix == ".json" else load_plain(path)
    masks: dict[Key, RleMask] = {}
    problems: list[Problem] = []
    for where, (video, thing, t), record in _leaves(data, problems, path.name):
        try:
            require_keys(record, (mask,))
            key = str(video), str(thing), int(t)
            if key in masks:
                raise FormatError("the file has it twice, by number and by text")
            masks[key] = RleMask.of(record[mask])
        except (FormatError, TypeError, ValueError) as error:
            problems.append(Problem(where, f"{path.name}: {error}", "bad record"))
    if problems and not masks:
        form = f"{{video: {{object: {{t: {{{mask}: RLE}}}}}}}}"
        raise FormatError(f"{path} holds no masks as {form}; the first problem: {problems[0]}")
    return masks, problems


def _leaves(data: Any, problems: list[Problem], file: str) -> Iterator[tuple[str, tuple[Any, Any, Any], Any]]:
    """(name, (video, object, t), record) of all that lies three levels down; ``problems`` has what is no dictionary."""
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
    for (video, thing, t), record in level:
        name = key_of(str(video), str(thing), t) if type(t) is int else f"{video}-{thing}/{t}"
        yield name, (video, thing, t), record


def read_predictions(path: Path) -> Predictions:
    """A pickle or JSON file in the form of the full masks. Raises FormatError when it does not read."""
    found, problems = _masks_in(path, "FM")
    masks: dict[str, MaskSource] = {key_of(*key): mask for key, mask in found.items()}
    return Predictions(path.stem, masks, problems=tuple(problems))


def results_of(masks: Mapping[Key, RleMask]) -> dict[str, dict[str, dict[str, Any]]]:
    """(video, object, t) -> mask, as the nested form that JSON and pickle hold."""
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for (video, thing, t), mask in masks.items():
        out.setdefault(video, {}).setdefault(thing, {})[str(t)] = {"FM": mask.rle}
    return out


def with_numbers(nested: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[Any, dict[int, Any]]]:
    """The nested form with objects and times as numbers and counts in bytes, as pickles of the data set hold it."""

    def record(masks: Mapping[str, Any]) -> dict[str, Any]:
        return {name: {"size": rle["size"], "counts": rle["counts"].encode()} for name, rle in masks.items()}

    def number(thing: str) -> int | str:
        return int(thing) if thing.isdigit() else thing

    return {
        video: {number(thing): {int(t): record(r) for t, r in frames.items()} for thing, frames in things.items()}
        for video, things in nested.items()
    }
