import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.boxes.keyframes import (
    beyond,
    box_iou,
    box_on,
    boxes_by_frame,
    canvas_for,
    drawn,
    ended,
    is_interpolated,
    mask_corners,
    padding_for,
    with_keyframe,
    without_keyframe,
)
from vas_tool.errors import PromptError
from vas_tool.project.truth import keyframe_from_json
from vas_tool.types import AmodalBox, BoxKeyframe, Canvas, NoBox

CASES = json.loads((Path(__file__).parent / "box_cases.json").read_text())
SIDES = st.floats(0.5, 200)
PLACES = st.floats(-300, 300)
CORNERS = st.tuples(PLACES, PLACES, SIDES, SIDES).map(lambda p: (p[0], p[1], p[0] + p[2], p[1] + p[3]))


def keyframes(*frames: int) -> tuple[AmodalBox, ...]:
    return tuple(AmodalBox(f, f, 0, f + 10, 10 + f) for f in frames)


@pytest.mark.parametrize("case", CASES["interpolation"])
def test_box_on_gives_the_shared_numbers(case: dict[str, list[list[float]]]) -> None:
    """test_page_boxes.py asks the browser for the same."""
    boxes = [keyframe_from_json(keyframe) for keyframe in case["keyframes"]]
    for frame, *corners in case["boxes"]:
        box = box_on(boxes, int(frame))
        assert (list(box.corners) if box else []) == corners
    by_frame = boxes_by_frame(boxes)
    assert [[f, *by_frame[f].corners] for f in by_frame] == [wanted for wanted in case["boxes"] if len(wanted) > 1]


# --- keyframes --------------------------------------------------------------------------------------------------------


def test_a_box_moves_linearly_and_is_nowhere_beyond_its_keyframes() -> None:
    boxes = (AmodalBox(2, 0, 0, 10, 10), AmodalBox(6, 8, -4, 20, 10))
    assert box_on(boxes, 4) == AmodalBox(4, 4, -2, 15, 10)
    assert box_on(boxes, 1) is None
    assert box_on(boxes, 7) is None
    assert box_on((), 0) is None
    assert sorted(boxes_by_frame(boxes)) == [2, 3, 4, 5, 6]
    assert (is_interpolated(boxes, 3), is_interpolated(boxes, 2), is_interpolated(boxes, 9)) == (True, False, False)


@given(st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=5).flatmap(lambda f: st.permutations(f)))
def test_between_two_keyframes_a_box_lies_between_them(frames: list[int]) -> None:
    boxes = keyframes(*frames)
    by_frame = boxes_by_frame(boxes)
    assert sorted(by_frame) == list(range(min(frames), max(frames) + 1))
    for frame, box in by_frame.items():
        assert box.frame_index == frame
        assert box.x0 == pytest.approx(frame)


def test_a_box_that_ends_is_held_until_there_and_leaves_the_frames_before_as_they_were() -> None:
    boxes = (AmodalBox(2, 0, 0, 10, 10), AmodalBox(6, 8, -4, 20, 10))
    between = ended(boxes, 5)
    assert between == (boxes[0], AmodalBox(4, 4, -2, 15, 10), NoBox(5), boxes[1])
    assert [box_on(between, f) for f in (3, 4)] == [box_on(boxes, f) for f in (3, 4)]
    assert box_on(between, 5) is None and box_on(between, 6) == boxes[1]
    after = ended(boxes, 9)  # beyond the last keyframe: the last box is held
    assert after == (*boxes, NoBox(9)) and [f for f in range(12) if box_on(after, f)] == [2, 3, 4, 5, 6, 7, 8]
    assert box_on(after, 8) == AmodalBox(8, 8, -4, 20, 10) and is_interpolated(after, 8)
    assert ended(boxes, 6) == (boxes[0], AmodalBox(5, 6, -3, 17.5, 10), NoBox(6))
    assert without_keyframe(after, 9) == boxes and drawn(after) == list(boxes)
    for frame in (0, 2):
        with pytest.raises(PromptError, match="draw one first"):
            ended(boxes, frame)
    with pytest.raises(PromptError, match="draw one first"):
        ended(between, 6)  # no box on frame 5 already


KEYFRAMES = st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=6).flatmap(
    lambda frames: st.tuples(*(st.sampled_from([AmodalBox(f, f, 0, f + 9, 5), NoBox(f)]) for f in frames))
)


@given(KEYFRAMES)
def test_the_boxes_of_all_frames_are_those_of_each(keyframes: tuple[BoxKeyframe, ...]) -> None:
    each = {f: box for f in range(40) if (box := box_on(keyframes, f))}
    assert boxes_by_frame(keyframes) == each and list(boxes_by_frame(keyframes)) == sorted(each)
    ends = [k.frame_index for k in keyframes if isinstance(k, NoBox)]
    starts = [k.frame_index for k in keyframes if isinstance(k, AmodalBox)]
    for end in ends:  # nothing from an end to the next box
        stop = min((s for s in starts if s > end), default=40)
        assert not set(each) & set(range(end, stop))


def test_a_new_keyframe_replaces_the_one_on_its_frame() -> None:
    first = with_keyframe((), AmodalBox(5, 0, 0, 1, 1))
    both = with_keyframe(first, AmodalBox(2, 0, 0, 2, 2))
    assert [b.frame_index for b in both] == [2, 5]
    assert with_keyframe(both, AmodalBox(5, 0, 0, 9, 9))[1].x1 == 9
    assert without_keyframe(both, 2) == first
    with pytest.raises(PromptError, match="no amodal box of its own"):
        without_keyframe(both, 3)


@pytest.mark.parametrize("corners", [(0, 0, 0, 1), (0, 0, -1, 1), (0, 0, 1, float("nan"))])
def test_a_box_without_area_is_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(PromptError, match="amodal box"):
        AmodalBox(0, *corners)


# --- measures ---------------------------------------------------------------------------------------------------------


@given(CORNERS, CORNERS)
def test_box_iou_is_symmetric_and_one_on_itself(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    assert box_iou(a, b) == box_iou(b, a)  # type: ignore[arg-type]
    assert box_iou(a, a) == pytest.approx(1)  # type: ignore[arg-type]
    assert 0 <= box_iou(a, b) <= 1 + 1e-9  # type: ignore[arg-type]


def test_box_iou_by_hand() -> None:
    assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 2, 2), (2, 2, 3, 3)) == 0


@pytest.mark.parametrize(
    ("box", "padding"),
    [
        ((0, 0, 100, 50), 0),
        ((-1, 0, 5, 5), 0.25),
        ((-26, 0, 5, 5), 0.5),
        ((90, 0, 150.0, 5), 0.5),
        ((-999, 0, 5, 5), 0.5),
    ],
)
def test_the_canvas_grows_until_a_box_fits(box: tuple[float, float, float, float], padding: float) -> None:
    assert padding_for([AmodalBox(0, *box)], (100, 50)) == padding
    assert canvas_for([AmodalBox(0, *box)], (100, 50)) == Canvas.padded((100, 50), padding)


@pytest.mark.parametrize(
    ("box", "pixels"), [((-10, -5, 110, 55), 0), ((-10.5, 0, 5, 5), 0.5), ((0, 0, 5, 60), 5), ((-30, -7, 115, 9), 20)]
)
def test_how_far_a_box_is_cut(box: tuple[float, float, float, float], pixels: float) -> None:
    """By hand, on a frame of 100 x 50 with 10 and 5 around it; the browser is asked in test_page_boxes.py."""
    assert beyond(AmodalBox(0, *box), Canvas((100, 50), 10, 5, 10, 5)) == pixels


def test_a_mask_beyond_the_frame_has_a_box_with_negative_edges() -> None:
    assert mask_corners((0, 2, 12, 30), Canvas((100, 50), 10, 5, 0, 0)) == (-10, -3, 2, 25)
