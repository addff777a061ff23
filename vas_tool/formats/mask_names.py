"""Finds the frame of each mask, by the names or numbers that the frames have in their source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vas_tool.errors import FormatError
from vas_tool.video.order import DIGITS
from vas_tool.wording import counted

Stems = Sequence[str]


@dataclass(frozen=True)
class FrameNames:
    """The names of a clip's frames in their source, in the clip's order."""

    stems: tuple[str, ...]
    """Names without suffix; for a video, the numbers of the frames in it."""
    of_video: bool = False
    """Whether the names are frame numbers of a video. The clip may hold only some of its frames."""
    elsewhere: frozenset[str] = frozenset()
    """Names of the source's other images, which are not in the clip."""


@dataclass(frozen=True)
class Paired:
    """Masks with their frames."""

    masks: Mapping[int, Path]
    """frame_index -> file; frames may be without a mask."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about how the masks were assigned."""


def pair(folder: Path, paths: Sequence[Path], frames: FrameNames) -> Paired:
    """Assign the masks ``paths`` of ``folder``, in natural order, to frames.

    Masks are assigned by name (without suffix) or, when no name fits, by number: frame_7 and mask_007, or the frame
    numbers of a video. There may be fewer masks than frames. They are assigned in order only when there are as many
    masks as frames and no name fits; a note says so. Masks of frames of the source that are not in the clip are left
    out; a note says so.

    Raises FormatError that names the file for everything else, because a guess could assign a mask to a wrong frame.
    """
    _require_one_each(paths)
    inside = [path for path in paths if path.stem not in frames.elsewhere]
    if not inside:
        raise FormatError(f"the masks in {folder} are all of frames that the clip has not; check --start and --end")
    masks = _by_name(inside, frames.stems) or _by_number(inside, frames.stems)
    if masks is not None:
        return Paired(masks, _left_out(set(paths) - set(inside)))
    found = _of_video(inside, frames.stems) if frames.of_video else _in_order(inside, frames.stems)
    if found is None:
        raise FormatError(_why_not(folder, inside, frames))
    return Paired(found.masks, (*found.notes, *_left_out(set(paths) - set(found.masks.values()))))


def _require_one_each(paths: Sequence[Path]) -> None:
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem, path)
        if other != path:
            raise FormatError(f"{other} and {path.name} are two masks of one name; take one of them out")


def _left_out(paths: Iterable[Path]) -> tuple[str, ...]:
    names = sorted(path.name for path in paths)
    what = counted(len(names), "mask is", "masks are")
    return (f"{what} of frames that the clip has not, and left out: {_some(names)}",) if names else ()


def _some(names: Stems) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _by_name(paths: Sequence[Path], stems: Stems) -> dict[int, Path] | None:
    index_of = {stem: i for i, stem in enumerate(stems)}
    if len(index_of) < len(stems) or any(path.stem not in index_of for path in paths):
        return None
    return {index_of[path.stem]: path for path in paths}


# --- by number --------------------------------------------------------------------------------------------------------


def _by_number(paths: Sequence[Path], stems: Stems) -> dict[int, Path] | None:
    """Return masks by frame, assigned by number; None when no number fits, or when two readings differ."""
    if _names_match(paths, stems):  # only some names fit: then numbers cannot decide
        return None
    ways = [
        {numbers.index(n): path for n, path in zip(own, paths, strict=True)}
        for numbers in _columns(stems)
        for own in _columns([path.stem for path in paths])
        if set(own) <= set(numbers)
    ]
    return ways[0] if ways and all(way == ways[0] for way in ways) else None


def _columns(stems: Stems) -> list[list[int]]:
    """Return the numbers in names of one form, for each place where they differ from name to name."""
    parts = [DIGITS.split(stem) for stem in stems]
    if len({tuple(part.casefold() for part in own[::2]) for own in parts}) != 1:
        return []
    columns = [[int(number) for number in column] for column in zip(*(own[1::2] for own in parts), strict=True)]
    return [column for column in columns if len(set(column)) == len(column)]


def _names_match(paths: Sequence[Path], stems: Stems) -> bool:
    return not {path.stem for path in paths}.isdisjoint(stems)


# --- in order ---------------------------------------------------------------------------------------------------------


def _in_order(paths: Sequence[Path], stems: Stems) -> Paired | None:
    """Return masks in the order of the frames; None unless their number is equal and neither names nor numbers fit.

    Numbers that count without a gap on both sides do not prevent it.
    """
    if len(paths) != len(stems) or _names_match(paths, stems):
        return None
    for numbers in _columns(stems):
        for own in _columns([path.stem for path in paths]):
            if not set(own).isdisjoint(numbers) and not (_without_gap(own) and _without_gap(numbers)):
                return None
    note = f"no mask has the name of a frame: they were taken in their order, {paths[0].name} for frame {stems[0]}"
    return Paired(dict(enumerate(paths)), (note,))


def _without_gap(numbers: Sequence[int]) -> bool:
    return list(numbers) == list(range(numbers[0], numbers[0] + len(numbers)))


def _of_video(paths: Sequence[Path], stems: Stems) -> Paired | None:
    """Return the masks of a video whose numbers are not all frames of the clip.

    The numbers may start at 1, count the frames of the clip, or belong to frames between those of the clip. None when a
    few small numbers could mean frames of the video as well as frames of the clip.
    """
    columns = _columns([path.stem for path in paths])
    if len(columns) != 1:
        return _in_order(paths, [f"frame {stem}" for stem in stems])
    numbers, [sources] = columns[0], _columns(stems)
    if numbers in (list(range(len(stems))), list(range(1, len(stems) + 1))):
        note = (
            f"the masks' numbers are not the video's, but count the clip's frames; {paths[0].name} is the first one's"
        )
        return Paired(dict(enumerate(paths)), (note,))
    from_one = numbers == list(range(1, len(numbers) + 1)) and len(numbers) > sources[-1]
    if not from_one and max(numbers) < len(stems):
        return None
    place = {source + from_one: i for i, source in enumerate(sources)}
    masks = {place[n]: path for n, path in zip(numbers, paths, strict=True) if n in place}
    note = f"the masks count the video's frames from 1: {paths[0].name} is of its first one"
    return Paired(masks, (note,) * from_one) if masks else None


def _why_not(folder: Path, paths: Sequence[Path], frames: FrameNames) -> str:
    stems = frames.stems
    named = f"name them like the frames ({_some([f'{stem}.png' for stem in stems])})"
    if frames.of_video:
        return (
            f"the masks in {folder} ({_some([path.name for path in paths])}) can be of the video's frames or of the "
            f"clip's; {named}, by their numbers in the video, or give one for each of the {len(stems)}"
        )
    if _names_match(paths, stems):
        odd = next(path for path in paths if path.stem not in stems)
        return f"{odd} has the name of no frame, other masks do; rename it or take it out"
    return (
        f"{folder} has {len(paths)} masks for {counted(len(stems), 'frame')}, and {paths[0].name} does not say by its "
        f"name of which it is; {named}, or give one for each frame"
    )
