"""What moves on a frame, and borders along edges: what clicks see beside colours."""

import cv2
import numpy as np
import pytest
from scene import make_scene

from vas_tool.engines.builtin.border import BAND, cut_border
from vas_tool.engines.builtin.flow import flow_between
from vas_tool.engines.builtin.motion import CHANNELS, frames_around, motion_picture, still
from vas_tool.engines.builtin.pixel_model import signed_distance
from vas_tool.types import Frame, Mask

CHANGE = CHANNELS.index("change of colour")
SHAPE = (240, 320)
SIDE = 60


def texture(seed: int, shape: tuple[int, int] = SHAPE, *, grain: int = 8) -> Frame:
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (shape[0] // grain, shape[1] // grain, 3)).astype(np.uint8)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def filmed(at: int, *, camera: float = 0.0, thing: float = 0.0) -> tuple[Frame, Mask]:
    """A square of one texture over another: the camera and the square go so many pixels a frame."""
    ground = texture(1, (SHAPE[0] + 100, SHAPE[1] + 100))
    left = 50 + round(camera * at)
    frame = ground[50 : 50 + SHAPE[0], left : left + SHAPE[1]].copy()
    x, mask = 120 + round((thing - camera) * at), np.zeros(SHAPE, bool)
    mask[80 : 80 + SIDE, x : x + SIDE] = True
    frame[mask] = texture(2, (SIDE, SIDE)).reshape(-1, 3)
    return frame, mask


def moved(**speeds: float) -> tuple[np.ndarray, Mask]:
    """The motion picture of a clip's middle, and where its square is."""
    frame, mask = filmed(0, **speeds)
    return motion_picture(frame, {k: filmed(k, **speeds)[0] for k in frames_around(9, 19) for k in [k - 9]}), mask


def well_inside(mask: Mask) -> Mask:
    return signed_distance(mask) > 6


def far_outside(mask: Mask) -> Mask:
    return signed_distance(mask) < -30


@pytest.mark.parametrize("camera", [0.0, 3.0, -2.0])
def test_what_moves_stands_out_whatever_the_camera_does(camera: float) -> None:
    motion, mask = moved(camera=camera, thing=4.0)
    change = motion[..., CHANGE]
    middle = far_outside(mask)
    middle[:, :40] = middle[:, -40:] = False  # where the camera has not always looked
    assert change[well_inside(mask)].mean() > 0.6
    assert change[middle].mean() < 0.15
    assert motion[..., 0][well_inside(mask)].mean() > 0.3  # to the right, as it goes
    assert abs(motion[..., 0][middle].mean()) < 0.1


def test_a_camera_alone_moves_nothing() -> None:
    motion, mask = moved(camera=3.0)
    middle = np.s_[20:-20, 50:-50]
    assert np.abs(motion[middle]).mean() < 0.1 and np.isfinite(motion).all()
    assert motion[..., CHANGE][well_inside(mask)].mean() < 0.2


def test_nothing_moves_on_a_frame_that_stands_alone_or_in_a_still_clip() -> None:
    frame, _ = filmed(0)
    assert not motion_picture(frame, {}).any()
    assert not still(frame).any() and still(frame).shape == (*SHAPE, len(CHANNELS))
    assert np.abs(motion_picture(frame, {1: frame, 4: frame})).max() < 0.05


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (9, 2), (16, 16), (40, 700), (700, 40), (20, 480), (1, 480)])
def test_frames_of_any_size_are_compared(shape: tuple[int, int]) -> None:
    frames = {k: np.random.default_rng(k).integers(0, 255, (*shape, 3)).astype(np.uint8) for k in (0, 1, 4)}
    motion = motion_picture(frames.pop(0), frames)
    assert motion.shape == (*shape, len(CHANNELS)) and motion.dtype == np.float32
    assert np.isfinite(motion).all() and np.abs(motion).max() <= 1


def test_the_same_frames_give_the_same_bits() -> None:
    assert np.array_equal(moved(camera=2.0, thing=4.0)[0], moved(camera=2.0, thing=4.0)[0])


@pytest.mark.parametrize(("index", "num_frames", "wanted"), [(0, 1, []), (0, 5, [1, 4]), (4, 6, [0, 3, 5])])
def test_frames_beyond_the_clip_are_not_looked_at(index: int, num_frames: int, wanted: list[int]) -> None:
    assert frames_around(index, num_frames) == wanted


def nothing(mask: Mask) -> Mask:
    return np.zeros_like(mask)


@pytest.mark.parametrize("off", [-2, -1, 1, 2])
def test_a_border_that_is_off_goes_back_to_the_edge(off: int) -> None:
    frame, mask = make_scene(1, enlarged=2).clip[0], make_scene(1, enlarged=2).modal[0]
    kernel = np.ones((2 * abs(off) + 1,) * 2, np.uint8)
    wrong = (cv2.dilate if off > 0 else cv2.erode)(mask.astype(np.uint8), kernel) > 0
    new = cut_border(frame, wrong, inside=nothing(mask), outside=nothing(mask))
    assert np.count_nonzero(new != mask) < 0.5 * np.count_nonzero(wrong != mask)


@pytest.mark.parametrize("seed", range(5))
def test_only_the_band_along_the_border_changes_and_what_is_sure_stands(seed: int) -> None:
    random = np.random.default_rng(seed)
    frame = texture(seed, grain=4)
    mask, inside, outside = nothing(np.zeros(SHAPE, bool)), np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    x, y = (int(v) for v in random.integers(60, 160, 2))
    mask[y : y + 50, x : x + 70] = True
    inside[y + 46 : y + 54, x + 10 : x + 18] = True  # over the border
    outside[y - 4 : y + 4, x + 30 : x + 38] = True
    new = cut_border(frame, mask, inside=inside, outside=outside)
    assert new[inside].all() and not new[outside].any()
    changed = (new != mask) & ~inside & ~outside
    near_sure = cv2.dilate((inside | outside).astype(np.uint8), np.ones((7, 7))) > 0
    assert not (changed & ~near_sure & (np.abs(signed_distance(mask)) > BAND)).any()


@pytest.mark.parametrize("fill", [True, False])
def test_a_mask_of_everything_or_nothing_stands(fill: bool) -> None:
    mask = np.full(SHAPE, fill)
    assert np.array_equal(cut_border(texture(3), mask, inside=nothing(mask), outside=nothing(mask)), mask)


def test_a_thin_thing_is_not_cut_away() -> None:
    frame, mask = np.full((*SHAPE, 3), 200, np.uint8), np.zeros(SHAPE, bool)
    mask[100:104, 40:200] = True
    frame[mask] = (180, 30, 30)
    new = cut_border(frame, mask, inside=nothing(mask), outside=nothing(mask))
    assert np.count_nonzero(new & mask) > 0.9 * mask.sum() and new.sum() < 1.3 * mask.sum()


def test_flow_tells_where_a_picture_went_even_on_a_narrow_strip() -> None:
    """OpenCV alone crashes on the strip."""
    for height in (20, 120):
        wide = cv2.cvtColor(texture(5, (height + 12, 320), grain=6), cv2.COLOR_RGB2GRAY)[:height]
        found = flow_between(np.ascontiguousarray(wide[:, 10:-10]), np.ascontiguousarray(wide[:, 7:-13]))
        assert found.shape == (height, 300, 2)
        assert np.median(found[..., 0]) == pytest.approx(3, abs=0.3)
        assert abs(np.median(found[..., 1])) < 0.3
