"""The camera's way, and an object's that stands still in the world: over gaps and under a pan."""

import cv2
import numpy as np
import pytest

from vas_tool.engines.builtin.registration import estimate_motion
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.learned.camera_motion import camera_paths
from vas_tool.engines.learned.poses import world_motion
from vas_tool.errors import Cancelled
from vas_tool.types import ArrayClip, Mask

SIZE_WH = (240, 160)
PAN = [0, 6, 11, 15, 17, 14, 8, 1, -7, -12, -13, -9, -3, 4]
"""Pixels that the camera has moved to the right on each frame; it turns back while the object is hidden."""

HIDDEN = range(5, 10)


def filmed(step: int) -> tuple[np.ndarray, Mask]:
    """A still thing on a still ground, from a camera that moves; hidden by a plain card on some frames."""
    random = np.random.default_rng(0)
    ground = cv2.resize(random.integers(30, 220, (60, 100, 3), np.uint8), (400, 240), interpolation=cv2.INTER_CUBIC)
    obj = cv2.resize(random.integers(90, 255, (20, 16, 3), np.uint8), (48, 60), interpolation=cv2.INTER_CUBIC)
    ground[90:150, 180:228] = obj
    left, (width, height) = 70 + PAN[step], SIZE_WH
    frame = ground[40 : 40 + height, left : left + width].copy()
    mask = np.zeros((height, width), bool)
    x = 180 - left
    mask[50:110, x : x + 48] = True
    if step in HIDDEN:
        frame[40:120, x - 6 : x + 54] = 128
        mask[:] = False
    return frame, mask


@pytest.fixture(scope="module")
def clip() -> ArrayClip:
    return ArrayClip(np.stack([filmed(i)[0] for i in range(len(PAN))]))


@pytest.fixture(scope="module")
def modal() -> dict[int, Mask]:
    return {i: filmed(i)[1] for i in range(len(PAN))}


def test_a_pan_is_measured(clip: ArrayClip, modal: dict[int, Mask]) -> None:
    paths = camera_paths(SmallFrames(clip), range(len(clip)), lambda i: modal[i])
    assert [round(paths[i][0, 2]) for i in range(len(PAN))] == PAN
    assert max(abs(paths[i][1, 2]) for i in paths) < 0.5


def test_the_camera_stands_still_where_nothing_can_be_followed() -> None:
    plain = ArrayClip(np.full((3, 60, 80, 3), 100, np.uint8))
    paths = camera_paths(SmallFrames(plain), range(3), lambda _: np.zeros((60, 80), bool))
    assert all(np.array_equal(path, np.eye(3)) for path in paths.values())


def misses(motion_x: dict[int, float]) -> float:
    """Pixels, at most, by which the thing is misplaced while it is hidden."""
    return max(abs(motion_x[i] + PAN[i]) for i in HIDDEN)


def test_while_it_is_hidden_it_goes_with_the_world(clip: ArrayClip, modal: dict[int, Mask]) -> None:
    motion = world_motion(clip, modal, lambda i: modal[i])
    assert motion.seen == tuple(i for i in range(len(PAN)) if i not in HIDDEN)
    by_world = misses({i: motion.between(0, i)[0, 2] for i in motion.poses})
    straight = estimate_motion(clip, modal)
    by_line = misses({i: straight.between(0, i)[0, 2] for i in straight.poses})
    assert by_world < 1.5 and by_line > 3


def test_nothing_seen_is_nowhere(clip: ArrayClip) -> None:
    motion = world_motion(clip, {}, lambda _: np.zeros(SIZE_WH[::-1], bool))
    assert not motion.poses and not motion.seen


def test_cancelled_ends_it(clip: ArrayClip, modal: dict[int, Mask]) -> None:
    def stop(done: int, total: int, what: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        world_motion(clip, modal, lambda i: modal[i], progress=stop)
