"""Between clip pixels and what the model sees."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vas_tool.engines.diffusion_vas.conversions import (
    amodal_condition,
    as_bytes,
    channel_sums,
    colour_condition,
    depth_conditions,
    mask_for_model,
    mask_on_canvas,
    modal_colours,
    modal_condition,
)
from vas_tool.types import Canvas

CANVAS = Canvas((20, 12))
PADDED = Canvas((20, 12), 4, 2, 4, 2)


def left_half() -> np.ndarray:
    mask = np.zeros((12, 20), bool)
    mask[:, :9] = True
    return mask


def test_soft_edges_are_pils_and_hard_ones_have_no_grey() -> None:
    soft = modal_condition(left_half(), CANVAS, (6, 8))
    picture = Image.fromarray(left_half().astype(np.uint8) * 255).resize((8, 6), Image.Resampling.BILINEAR)
    assert np.array_equal(soft, (np.asarray(picture, np.float32) / 255 - 0.5) / 0.5)
    assert ((soft > -1) & (soft < 1)).any()
    hard = modal_condition(left_half(), CANVAS, (6, 8), edges="hard")
    assert set(np.unique(hard)) == {-1, 1} and np.array_equal(hard > 0, soft >= 0)


@pytest.mark.parametrize("size_hw", [(5, 7), (6, 8), (11, 16)])
def test_hard_and_linear_edges_are_those_of_the_published_loaders(size_hw: tuple[int, int]) -> None:
    """The loaders of Diffusion-VAS resize 0 and 1: as whole numbers for SAIL-VOS, as fractions for TAO-Amodal."""
    mask = np.random.default_rng(1).random((12, 20)) < 0.6
    hard = modal_condition(mask, CANVAS, size_hw, edges="hard")
    loaded = cv2.resize(mask.astype(np.uint8), size_hw[::-1])
    assert np.array_equal(hard, loaded.astype(np.float32) * 2 - 1) and set(np.unique(hard)) == {-1, 1}
    linear = modal_condition(mask, PADDED, size_hw, edges="linear")
    padded = np.pad(mask.astype(np.float32), ((2, 2), (4, 4)))
    assert np.allclose(linear, cv2.resize(padded, size_hw[::-1]) * 2 - 1, atol=1e-6)
    assert ((linear > -1) & (linear < 1)).any()


def test_the_padding_holds_nothing_of_the_object() -> None:
    shown = modal_condition(np.ones((12, 20), bool), PADDED, (16, 28))
    assert np.array_equal(shown > 0, PADDED.to_canvas(np.ones((12, 20), bool)))


def test_colours_stay_where_the_object_is_seen_and_are_white_elsewhere() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    colours = colour_condition(frame, CANVAS, (12, 20))
    assert np.allclose((colours.transpose(1, 2, 0) + 1) / 2 * 255, frame, atol=1e-3)
    shown = modal_colours(colours, modal_condition(left_half(), CANVAS, (12, 20)))
    assert np.allclose(shown[:, :, :9], colours[:, :, :9], atol=1e-6) and (shown[:, :, 9:] == 1).all()


def test_depth_fills_its_range_over_the_frames_together() -> None:
    depth = {i: np.full((12, 20), 0.3 + 0.1 * i, np.float32) for i in range(3)}
    near = depth_conditions(depth, [0, 1, 2, 1], CANVAS, size_hw=(6, 10))
    assert np.allclose(near.mean(axis=(1, 2)), [-1, 0, 1, 0], atol=1e-5)


def test_depth_is_stretched_before_it_is_resized() -> None:
    """As the released evaluation does: normalise, pad with what is nearest, resize."""
    random = np.random.default_rng(0)
    depth = {i: random.random((12, 20), np.float32) for i in range(2)}
    low, high = min(d.min() for d in depth.values()), max(d.max() for d in depth.values())
    padded = [PADDED.to_canvas((depth[i] - low) / (high - low), fill=1) for i in range(2)]
    expected = np.stack([cv2.resize(one, (10, 6), interpolation=cv2.INTER_LINEAR) * 2 - 1 for one in padded])
    assert np.allclose(depth_conditions(depth, [0, 1], PADDED, size_hw=(6, 10)), expected, atol=1e-5)


def test_depth_that_is_missing_or_constant() -> None:
    depth = {3: np.zeros((12, 20), np.float32), 5: np.ones((12, 20), np.float32)}
    near = depth_conditions(depth, [2, 3, 5, 9], CANVAS, size_hw=(6, 10))
    assert np.array_equal(near[:, 0, 0], [-1, -1, 1, 1])
    for nothing in ({}, {3: depth[3]}):
        assert (depth_conditions(nothing, [2, 3], CANVAS, size_hw=(6, 10)) == -1).all()


@given(st.integers(8, 60), st.integers(8, 40), st.integers(0, 50), st.integers(0, 9))
def test_a_mask_comes_back_from_a_larger_canvas(height: int, width: int, taller: int, wider: int) -> None:
    small = np.random.default_rng(height * width).random((height, width)) > 0.5
    assert np.array_equal(
        mask_for_model(mask_on_canvas(small, Canvas((width + wider, height + taller))), small.shape), small
    )


def test_whole_numbers() -> None:
    frames = np.array([[[[0, 0.5, 1], [0.499 / 255, 0.501 / 255, 200.4 / 255]]]], np.float32)
    assert as_bytes(frames).tolist() == [[[[0, 128, 255], [0, 1, 200]]]]
    assert channel_sums(frames).tolist() == [[[383, 201]]]
    assert amodal_condition(np.array([[True, False]])).tolist() == [[1, -1]]


@pytest.mark.parametrize("canvas", [CANVAS, PADDED])
def test_a_mask_on_the_canvas_has_its_size(canvas: Canvas) -> None:
    assert mask_on_canvas(np.ones((6, 10), bool), canvas).shape == canvas.size_wh[::-1]
