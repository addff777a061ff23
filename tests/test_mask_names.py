"""Which mask is of which frame."""

from pathlib import Path

import pytest

from vas_tool.errors import FormatError
from vas_tool.formats.mask_names import FrameNames, Paired, pair
from vas_tool.video.order import in_natural_order

FROM_0 = tuple(f"{n:05d}" for n in range(6))
FROM_1 = tuple(f"{n:05d}" for n in range(1, 7))
FIFTHS = tuple(f"{5 * n:05d}" for n in range(6))
UNPADDED = tuple(f"frame_{n}" for n in range(12))
THIRDS = FrameNames(tuple(f"{3 * n:05d}" for n in range(16)), of_video=True)
"""Of 48 frames of a video every third."""


def paired(masks: list[str], frames: FrameNames) -> Paired:
    return pair(Path("m"), in_natural_order(Path("m") / f"{name}.png" for name in masks), frames)


def stems(masks: list[str], frames: FrameNames) -> dict[int, str]:
    return {i: path.stem for i, path in sorted(paired(masks, frames).masks.items())}


@pytest.mark.parametrize(
    ("frames", "masks", "expected"),
    [
        (FROM_1, ["00001", "00004"], [0, 3]),
        (FIFTHS, ["00000", "00005", "00025"], [0, 1, 5]),
        (FIFTHS, ["mask_5", "mask_25"], [1, 5]),
        (UNPADDED, [f"mask_{n:03d}" for n in range(12)], list(range(12))),
        (UNPADDED, ["mask_010", "mask_002"], [10, 2]),
        (FROM_0, ["clip2_00001_seg", "clip2_00003_seg"], [1, 3]),
        (FROM_0, ["7_00002"], [2]),
        (("a", "b", "c"), ["b"], [1]),
    ],
)
def test_names_and_numbers_of_the_source_say_it(frames: tuple[str, ...], masks: list[str], expected: list[int]) -> None:
    found = paired(masks, FrameNames(frames))
    assert {i: p.stem for i, p in found.masks.items()} == dict(zip(expected, masks, strict=True)) and not found.notes


@pytest.mark.parametrize("masks", [list("uvwxyz"), [f"mask_{n}" for n in range(6)], [f"m{n}" for n in range(90, 96)]])
def test_in_order_only_when_nothing_matches_and_that_is_said(masks: list[str]) -> None:
    found = paired(masks, FrameNames(FROM_1))
    assert [path.stem for path in found.masks.values()] == masks and "in their order" in found.notes[0]


@pytest.mark.parametrize(
    ("frames", "masks", "says"),
    [
        (FROM_1, [*FROM_0], "00000.png has the name of no frame"),
        (FROM_0, [*FIFTHS], "00010.png has the name of no frame"),
        (FROM_0, ["a", "b"], "2 masks for 6 frames"),
        (FROM_0, ["3_1"], "1 masks for 6 frames"),  # of frame 3 or of frame 1
        (FROM_0, [f"{n:05d}_{k}" for n in range(6) for k in (1, 2)], "12 masks for 6 frames"),
        (FROM_0, ["cat_00000", "dog_00001"], "2 masks for 6 frames"),
    ],
)
def test_what_fits_in_part_is_refused(frames: tuple[str, ...], masks: list[str], says: str) -> None:
    with pytest.raises(FormatError, match=says):
        paired(masks, FrameNames(frames))


def test_two_masks_of_one_name_are_refused() -> None:
    with pytest.raises(FormatError, match="two masks of one name"):
        pair(Path("m"), [Path("m/1.jpg"), Path("m/1.png")], FrameNames(("1", "2")))


def test_masks_of_images_outside_the_clip_are_left_out() -> None:
    found = paired([*FROM_0], FrameNames(FROM_0[2:4], elsewhere=frozenset({*FROM_0[:2], *FROM_0[4:]})))
    assert {i: p.stem for i, p in found.masks.items()} == {0: "00002", 1: "00003"}
    assert found.notes[0].startswith("4 masks are of frames that the clip has not")
    with pytest.raises(FormatError, match="all of frames that the clip has not"):
        paired(["00005"], FrameNames(FROM_0[:2], elsewhere=frozenset(FROM_0[2:])))


def test_of_a_video_its_own_numbers_hold() -> None:
    assert stems(["00000", "00003", "00006"], THIRDS) == {0: "00000", 1: "00003", 2: "00006"}
    assert stems(["f_45"], THIRDS) == {15: "f_45"}


def test_masks_of_all_frames_of_a_video() -> None:
    found = paired([f"{n:05d}" for n in range(48)], THIRDS)
    assert {i: p.stem for i, p in found.masks.items()} == {i: f"{3 * i:05d}" for i in range(16)}
    assert found.notes[0].startswith("32 masks are of frames")
    from_one = paired([f"{n:05d}" for n in range(1, 49)], THIRDS)
    assert {i: p.stem for i, p in from_one.masks.items()} == {i: f"{3 * i + 1:05d}" for i in range(16)}
    assert from_one.notes[0].startswith("the masks count the video's frames from 1")


@pytest.mark.parametrize("first", [0, 1])
def test_one_for_each_frame_of_the_clip(first: int) -> None:
    masks = [f"{n:05d}" for n in range(first, first + 16)]
    assert list(stems(masks, THIRDS).values()) == masks and "count the clip's frames" in paired(masks, THIRDS).notes[0]
    names = [f"{chr(97 + n)}" for n in range(16)]
    assert list(stems(names, THIRDS).values()) == names


@pytest.mark.parametrize("masks", [["00000", "00001", "00002"], ["00001", "00004"], ["a", "b"]])
def test_a_few_small_numbers_could_be_either(masks: list[str]) -> None:
    with pytest.raises(FormatError, match="can be of the video's frames or of the clip's"):
        paired(masks, THIRDS)
