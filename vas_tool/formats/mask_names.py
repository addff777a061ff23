"""Which mask is of which frame: by the names or the numbers that the frames have in their source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vas_tool.errors import FormatError
from vas_tool.remarks import counted
from vas_tool.video.order import DIGITS

Stems = Sequence[str]


@dataclass(frozen=True)
class FrameNames:
    """What the frames of a clip are called in their source, in the clip's order."""

    stems: tuple[str, ...]
    """Names without suffix; of a video, the frames' numbers in it."""
    of_video: bool = False
    """Whether they are numbers in a video, of which the clip has some only."""
    elsewhere: frozenset[str] = frozenset()
    """Of the source's other images, which the clip has not."""


@dataclass(frozen=True)
class Paired:
    """Masks with their frames."""

    masks: Mapping[int, Path]
    """frame_index -> file; frames may be without."""
    notes: tuple[str, ...] = ()
    """What a person should know of it."""


def pair(folder: Path, paths: Sequence[Path], frames: FrameNames) -> Paired:
    """Pair the masks ``paths`` of ``folder``, in natural order, with frames.

    By name (without suffix) or, when no name fits, by number: frame_7 and mask_007, a video's own frame numbers.
    There may be fewer masks than frames then. In order only when there are as many masks as frames and nothing
    matches; that is noted. Masks of frames that are in the source and not in the clip are left out, and noted.

    Raises FormatError, naming the odd file, for everything else: a guess could give a mask to another frame.
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
    """None also when the numbers can be read in two ways that pair differently."""
    if _names_match(paths, stems):  # some do, some do not: that is no matter of other names
        return None
    ways = [
        {numbers.index(n): path for n, path in zip(own, paths, strict=True)}
        for numbers in _columns(stems)
        for own in _columns([path.stem for path in paths])
        if set(own) <= set(numbers)
    ]
    return ways[0] if ways and all(way == ways[0] for way in ways) else None


def _columns(stems: Stems) -> list[list[int]]:
    """The numbers in names of one form, place by place: those that differ from name to name."""
    parts = [DIGITS.split(stem) for stem in stems]
    if len({tuple(part.casefold() for part in own[::2]) for own in parts}) != 1:
        return []
    columns = [[int(number) for number in column] for column in zip(*(own[1::2] for own in parts), strict=True)]
    return [column for column in columns if len(set(column)) == len(column)]


def _names_match(paths: Sequence[Path], stems: Stems) -> bool:
    return not {path.stem for path in paths}.isdisjoint(stems)


# --- in order ---------------------------------------------------------------------------------------------------------


def _in_order(paths: Sequence[Path], stems: Stems) -> Paired | None:
    """As many masks as frames, and no name fits; numbers neither, unless both count without a gap."""
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
    """Masks whose numbers are not all of the clip's frames: counted from 1, in the clip, or of frames between its own.

    A few small numbers can mean both, frames of the video and frames of the clip: None then.
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
