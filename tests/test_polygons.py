import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vas_tool.formats.polygons import from_polygons, to_one_polygon, to_polygons
from vas_tool.types import Mask

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def size_wh(mask: Mask) -> tuple[int, int]:
    return mask.shape[1], mask.shape[0]


@settings(max_examples=200)
@given(MASKS)
def test_polygons_give_the_very_mask_back(mask: Mask) -> None:
    polygons = to_polygons(mask)
    assert np.array_equal(from_polygons(polygons, size_wh(mask)), mask)
    assert sum(from_polygons([p], size_wh(mask)).sum() for p in polygons) == mask.sum()  # none overlaps another
    assert all(len(p) >= 8 for p in polygons)  # COCO's readers refuse fewer than three corners


@settings(max_examples=200)
@given(MASKS)
def test_one_polygon_gives_the_very_mask_back(mask: Mask) -> None:
    polygon = to_one_polygon(mask)
    assert np.array_equal(from_polygons([polygon] if polygon else [], size_wh(mask)), mask)


def test_a_rectangle_has_four_corners() -> None:
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    assert to_polygons(mask) == [[2, 1, 7, 1, 7, 4, 2, 4]]


def test_a_ring_is_cut_and_a_real_outline_is_exact() -> None:
    picture = np.zeros((480, 640), np.uint8)
    cv2.circle(picture, (300, 200), 150, 1, 20)
    cv2.circle(picture, (500, 400), 60, 1, -1)
    mask = picture.astype(bool)
    assert len(to_polygons(mask)) >= 3
    assert np.array_equal(from_polygons(to_polygons(mask), (640, 480)), mask)
    assert np.array_equal(from_polygons([to_one_polygon(mask)], (640, 480)), mask)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7)])
def test_nothing_and_everything(shape: tuple[int, int]) -> None:
    for mask in (np.zeros(shape, bool), np.ones(shape, bool)):
        assert np.array_equal(from_polygons(to_polygons(mask), size_wh(mask)), mask)
    assert to_one_polygon(np.zeros(shape, bool)) == []
