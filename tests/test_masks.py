from typing import Any

import numpy as np
import pytest
from annotating import rectangle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from vas_tool import masks
from vas_tool.errors import FormatError
from vas_tool.types import Mask, Stroke

SIZE = (12, 9)
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=20)
MASKS = arrays.arrays(bool, SHAPES)


def picture(text: str) -> Mask:
    """A mask drawn with # and . in lines."""
    return np.array([[c == "#" for c in line] for line in text.split()])


@given(MASKS)
def test_rle_comes_back_and_agrees_with_pycocotools(mask: Mask) -> None:
    rle = masks.to_rle(mask)
    assert rle["size"] == list(mask.shape) and isinstance(rle["counts"], str)
    assert np.array_equal(masks.from_rle(rle), mask)
    assert coco.area({**rle, "counts": rle["counts"].encode()}) == masks.area(mask)


def test_long_runs_come_back() -> None:
    mask = np.zeros((2160, 3840), bool)
    mask[700:1500, 5:3000] = True
    assert np.array_equal(masks.from_rle(masks.to_rle(mask)), mask)


@given(MASKS, st.integers(1, 5))
def test_rle_that_does_not_fill_its_size_is_refused(mask: Mask, more: int) -> None:
    rle = masks.to_rle(mask)
    height, width = rle["size"]
    for size in ([height + more, width], [height, width + more]):
        with pytest.raises(FormatError, match="do not add up"):
            masks.from_rle({"size": size, "counts": rle["counts"]})


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: c + "1", lambda c: c + "o", lambda c: "", lambda c: c + c]
)
def test_damaged_counts_are_refused_not_filled_up(change: Any) -> None:
    rle = masks.to_rle(rectangle((40, 30), 5, 5, 20, 20))
    with pytest.raises(FormatError):
        masks.from_rle({"size": rle["size"], "counts": change(rle["counts"])})


@pytest.mark.parametrize("counts", [" ", "é", "\x00", "~", "01\n"])
def test_letters_that_are_no_rle_are_refused(counts: str) -> None:
    with pytest.raises(FormatError, match="no RLE character"):
        masks.from_rle({"size": [1, 1], "counts": counts})


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(FormatError):
        masks.from_rle({"size": [-2, -3], "counts": "6"})


@given(st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=12), st.integers(0, 9), st.integers(0, 9))
def test_any_text_is_a_mask_or_an_error(counts: str, height: int, width: int) -> None:
    try:
        mask = masks.from_rle({"size": [height, width], "counts": counts})
    except FormatError:
        return
    assert mask.shape == (height, width)


@given(MASKS)
def test_runs_come_back(mask: Mask) -> None:
    runs = masks.to_runs(mask)
    assert np.array_equal(masks.from_runs(runs, (mask.shape[1], mask.shape[0])), mask)
    assert runs == sorted(set(runs)) and len(runs) % 2 == 0
    assert sum(runs[1::2]) - sum(runs[0::2]) == masks.area(mask)


def test_runs_are_row_major() -> None:
    assert masks.to_runs(picture("..## ##.. ...#")) == [2, 6, 11, 12]
    assert masks.to_runs(np.zeros((3, 4), bool)) == [] and masks.to_runs(np.ones((3, 4), bool)) == [0, 12]


@given(MASKS)
def test_the_box_is_tight(mask: Mask) -> None:
    box = masks.box_xyxy(mask)
    if box is None:
        assert not mask.any() and masks.box_xywh(mask) == [0, 0, 0, 0]
        return
    x0, y0, x1, y1 = box
    assert masks.area(mask[y0:y1, x0:x1]) == masks.area(mask)
    assert mask[y0].any() and mask[y1 - 1].any() and mask[:, x0].any() and mask[:, x1 - 1].any()
    assert masks.box_xywh(mask) == [x0, y0, x1 - x0, y1 - y0]


@given(arrays.arrays(bool, (7, 8)), arrays.arrays(bool, (7, 8)))
def test_iou_is_symmetric_and_one_on_itself(a: Mask, b: Mask) -> None:
    assert masks.iou(a, b) == masks.iou(b, a) and 0 <= masks.iou(a, b) <= 1
    assert masks.iou(a, a) == 1
    assert masks.iou(a, ~a) == 0


def test_iou_by_hand() -> None:
    assert masks.iou(picture("##.. ##.."), picture(".##. .##.")) == pytest.approx(1 / 3)
    assert masks.iou(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 1


def stroke(*points: tuple[float, float], radius: float = 2, adds: bool = True) -> Stroke:
    return Stroke(0, layer="modal", adds=adds, radius=radius, points=points)


@given(
    st.lists(st.tuples(st.floats(-20, 60), st.floats(-20, 60)), min_size=1, max_size=5),
    st.floats(0.5, 15),
)
def test_a_stroke_covers_what_is_near_it_and_nothing_else(points: list[tuple[float, float]], radius: float) -> None:
    mask = masks.stroke_mask(stroke(*points, radius=radius), (40, 40))
    rows, columns = np.mgrid[:40, :40]
    distance = np.full((40, 40), np.inf)
    for (ax, ay), (bx, by) in zip(points, points[1:] or points, strict=False):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        t = np.clip(((columns - ax) * (bx - ax) + (rows - ay) * (by - ay)) / length, 0, 1) if length > 1e-9 else 0.0
        distance = np.minimum(distance, np.hypot(columns - ax - t * (bx - ax), rows - ay - t * (by - ay)))
    assert mask[distance < radius - 1.2].all()
    assert not mask[distance > radius + 2].any()


def test_strokes_are_shifted_onto_the_canvas() -> None:
    on_frame = masks.stroke_mask(stroke((10, 10), (20, 15)), (40, 40))
    on_canvas = masks.stroke_mask(stroke((10, 10), (20, 15)), (60, 60), (12, 7))
    assert np.array_equal(on_canvas[7:47, 12:52], on_frame) and masks.area(on_canvas) == masks.area(on_frame)
    assert masks.stroke_mask(stroke((-5, -5)), (60, 60), (12, 7))[2, 7]


def test_strokes_apply_in_their_order_and_leave_the_input() -> None:
    mask = rectangle((40, 40), 0, 0, 20, 40)
    kept = mask.copy()
    paint, erase = stroke((30, 20), radius=5), stroke((30, 20), radius=8, adds=False)
    assert masks.apply_strokes(mask, [paint, erase]).tolist() == kept.tolist()
    painted = masks.apply_strokes(mask, [erase, paint])
    assert painted[20, 30] and masks.area(painted) == masks.area(mask) + masks.area(masks.stroke_mask(paint, (40, 40)))
    assert np.array_equal(mask, kept)
    assert masks.apply_strokes(mask, []) is not mask


@given(MASKS)
def test_the_centre_is_inside(mask: Mask) -> None:
    centre = masks.centre_of(mask)
    assert (centre is None) == (not mask.any())
    if centre is not None:
        assert mask[centre[1], centre[0]]


def test_the_centre_is_the_deepest_point_not_the_mean() -> None:
    ring = rectangle((41, 41), 0, 0, 41, 41) & ~rectangle((41, 41), 5, 5, 30, 30)
    x, y = masks.centre_of(ring) or (0, 0)
    assert ring[y, x] and min(x, y) >= 30  # the thick corner
    assert masks.centre_of(rectangle((30, 20), 4, 6, 15, 17)) == (9, 11)
    assert masks.centre_of(np.ones((21, 21), bool)) == (10, 10)  # the picture's edge is a border
