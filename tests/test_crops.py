import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.boxes.crops import Crop, CropRule, crop_around
from vas_tool.boxes.keyframes import union
from vas_tool.errors import PromptError
from vas_tool.types import Canvas

CASES = json.loads((Path(__file__).parent / "box_cases.json").read_text())
SIDES = st.floats(0.5, 200)
PLACES = st.floats(-300, 300)
CORNERS = st.tuples(PLACES, PLACES, SIDES, SIDES).map(lambda p: (p[0], p[1], p[0] + p[2], p[1] + p[3]))
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@pytest.mark.parametrize("case", CASES["crops"])
def test_crop_around_gives_the_shared_numbers(case: dict[str, list[float]]) -> None:
    x0, y0, x1, y1 = case["box"]
    rule = CropRule(margin=float(case["margin"]), keep_aspect=bool(case["keep_aspect"]))  # type: ignore[arg-type]
    width, height = case["size_wh"]
    assert crop_around((x0, y0, x1, y1), (int(width), int(height)), rule).to_json() == case["crop"]


@given(CORNERS, SIZES, PLACES, PLACES)
def test_a_crop_maps_there_and_back(
    corners: tuple[float, float, float, float], size_wh: tuple[int, int], x: float, y: float
) -> None:
    crop = Crop(*corners, size_wh)
    assert crop.to_clip(*crop.to_crop(x, y)) == pytest.approx((x, y), abs=1e-9)
    assert crop.to_crop(corners[0], corners[1]) == (0, 0)
    assert crop.to_crop(corners[2], corners[3]) == pytest.approx(size_wh)
    assert Crop.from_json(json.loads(json.dumps(crop.to_json()))) == crop


@given(CORNERS, SIZES, st.floats(0, 1))
def test_keeping_the_aspect_only_adds(
    corners: tuple[float, float, float, float], size_wh: tuple[int, int], margin: float
) -> None:
    stretched = crop_around(corners, size_wh, CropRule(margin=margin, keep_aspect=False))
    kept = crop_around(corners, size_wh, CropRule(margin=margin))
    assert kept.scale_xy[0] == pytest.approx(kept.scale_xy[1])
    assert union([kept.corners, stretched.corners]) == pytest.approx(kept.corners)
    assert (stretched.x1 - stretched.x0) == pytest.approx((corners[2] - corners[0]) * (1 + 2 * margin))


def blob(seed: int, canvas: Canvas) -> np.ndarray:
    width, height = canvas.size_wh
    return np.random.default_rng(seed).random((height, width)) > 0.5


@given(st.floats(-9, 30), st.floats(-9, 20), st.integers(5, 60), st.integers(5, 60), st.floats(1, 3), st.integers(0, 9))
def test_paste_undoes_cut_inside_the_crop(x: float, y: float, w: int, h: int, scale: float, seed: int) -> None:
    canvas = Canvas((40, 30), 10, 5, 8, 6)
    mask = blob(seed, canvas)
    crop = Crop(x, y, x + w / scale, y + h / scale, (w, h))
    back = crop.paste(crop.cut(mask, origin_xy=(-canvas.pad_left, -canvas.pad_top)), canvas)
    columns = np.arange(canvas.size_wh[0]) + 0.5 - canvas.pad_left
    rows = np.arange(canvas.size_wh[1]) + 0.5 - canvas.pad_top
    inside = ((rows >= crop.y0) & (rows < crop.y1))[:, None] & ((columns >= crop.x0) & (columns < crop.x1))
    edge = 1e-6  # a pixel whose middle lies on the crop's very rim may fall on either side
    rim = (np.abs(rows - crop.y0) < edge) | (np.abs(rows - crop.y1) < edge)
    rim_columns = (np.abs(columns - crop.x0) < edge) | (np.abs(columns - crop.x1) < edge)
    sure = ~(rim[:, None] | rim_columns)
    assert np.array_equal(back[sure], (mask & inside)[sure])


def test_a_smaller_crop_brings_a_round_mask_back_nearly_whole() -> None:
    canvas = Canvas((120, 100))
    yy, xx = np.mgrid[:100, :120]
    disc = (xx - 60.5) ** 2 + (yy - 48.2) ** 2 < 35**2
    crop = Crop(20.3, 5.1, 102.7, 95.6, (37, 41))
    back = crop.paste(crop.cut(disc), canvas)
    assert (back & disc).sum() / (back | disc).sum() > 0.96


def test_a_crop_of_whole_pixels_is_a_copy_with_the_fill_beyond_the_rim() -> None:
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    cut = Crop(-2, 1, 3, 6, (5, 5)).cut(picture, fill=7)
    assert np.array_equal(cut[:3, 2:], picture[1:4, :3])
    assert (cut[3:] == 7).all()
    assert (cut[:, :2] == 7).all()


def test_pictures_are_cut_where_masks_are() -> None:
    """A linear ramp tells the place of every pixel: crop pixel u shows clip place x0 + (u + .5) / scale."""
    ramp = np.tile(np.arange(64, dtype=np.float32) + 0.5, (48, 1))
    for size_wh in ((20, 10), (70, 70)):
        crop = Crop(10.3, 8.2, 41.7, 30.9, size_wh)
        wanted = [crop.to_clip(u + 0.5, 0)[0] for u in range(size_wh[0])]
        assert crop.cut(ramp)[size_wh[1] // 2] == pytest.approx(np.array(wanted), abs=0.04)


def test_a_smaller_crop_averages() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 32))
    grey = Crop(0, 0, 64, 32, (16, 8)).cut(stripes)
    assert abs(grey.astype(int)[2:-2, 2:-2] - 127).max() <= 2
    assert cv2.resize(stripes, (16, 8), interpolation=cv2.INTER_NEAREST).std() == 0  # one sample a pixel would lie


@pytest.mark.parametrize("numbers", [[0, 0, 1, 1], [0, 0, 0, 1, 5, 5], [0, 0, 1, 1, 0, 5]])
def test_what_is_no_crop_is_refused(numbers: list[float]) -> None:
    with pytest.raises(PromptError, match="crop"):
        Crop.from_json(numbers)
