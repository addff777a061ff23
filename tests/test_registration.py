"""The motion of an object's surface, where the true one is known."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scene import BODY, Scene, make_scene, sideways, turning

from vas_tool.engines.builtin.registration import Pose, estimate_motion, resized, transform
from vas_tool.errors import Cancelled
from vas_tool.types import ArrayClip, Mask


def true_motion(scene: Scene, source: int, target: int) -> npt.NDArray[np.float64]:
    first, second = (np.vstack([scene.placed[i], [0, 0, 1]]) for i in (source, target))
    return np.asarray((second @ np.linalg.inv(first))[:2])


def miss(scene: Scene, source: int, target: int, affine: npt.NDArray[np.float64], enlarged: int) -> float:
    """Pixels, at most, by which points all over the thing are misplaced."""
    side = BODY * enlarged
    corners = np.array([(x, y) for x in (side * 0.2, side * 0.8) for y in (side * 0.2, side * 0.8)], np.float32)
    points = transform(scene.placed[source], corners)
    return float(np.linalg.norm(transform(affine, points) - transform(scene.placed[target], corners), axis=1).max())


@pytest.mark.parametrize(("path", "most"), [(sideways, 1.0), (turning, 2.0)], ids=["sideways", "turning"])
def test_a_similarity_is_recovered(path: Callable[[int], tuple[float, float, float, float]], most: float) -> None:
    scene = make_scene(8, path=path, bar=None, enlarged=3)
    motion = estimate_motion(scene.clip, scene.modal)
    assert motion.seen == tuple(range(8))
    for source, target in ((0, 7), (7, 0), (2, 5)):
        assert miss(scene, source, target, motion.between(source, target), 3) < most


def test_a_large_clip_is_measured_in_its_own_pixels() -> None:
    scene = make_scene(5, path=turning, bar=None, enlarged=5)
    motion = estimate_motion(scene.clip, scene.modal)
    assert motion.scale == 480 / 800
    assert miss(scene, 0, 4, motion.between(0, 4), 5) < 2.0
    assert abs(motion.size_on(4) - 1.08) < 0.01


def test_the_way_there_and_back_is_no_way() -> None:
    scene = make_scene(6, path=turning, enlarged=2)
    motion = estimate_motion(scene.clip, scene.modal)
    there, back = (np.vstack([motion.between(*pair), [0, 0, 1]]) for pair in ((0, 5), (5, 0)))
    assert np.allclose(there @ back, np.eye(3), atol=1e-9)
    assert np.allclose(motion.between(3, 3), np.eye(2, 3))


def test_between_two_seen_frames_the_motion_is_interpolated() -> None:
    scene = make_scene(14, bar=None, gone=(5, 6, 7, 8), enlarged=3)
    motion = estimate_motion(scene.clip, scene.modal)
    assert set(motion.poses) == set(range(14)) and not {5, 6, 7, 8} & set(motion.seen)
    for hidden in (5, 6, 7, 8, 9, 13):
        assert miss(scene, 4, hidden, motion.between(4, hidden), 3) < 2.0


def test_beyond_the_last_seen_frame_it_goes_on_and_slows_down() -> None:
    scene = make_scene(12, bar=None, gone=tuple(range(6, 12)), enlarged=3)
    motion = estimate_motion(scene.clip, scene.modal)
    x = [float(motion.between(0, i)[0, 2]) for i in range(12)]
    steps = np.diff(x)[5:]
    assert 9 < steps[0] < 15 and (np.diff(steps) < 0).all() and (steps > 0).all()


def test_nothing_seen_moves_nothing() -> None:
    scene = make_scene(3, gone=(0, 1, 2))
    nothing: dict[int, Mask] = {}
    for modal in (scene.modal, nothing):
        motion = estimate_motion(scene.clip, modal)
        assert motion.seen == () and motion.size_on(1) == 1.0
        assert np.array_equal(motion.between(0, 2), np.eye(2, 3))


def test_without_any_texture_the_middle_is_followed() -> None:
    frames = np.full((4, 60, 80, 3), 90, np.uint8)
    modal = {i: np.zeros((60, 80), bool) for i in range(4)}
    for i in (0, 3):  # nothing between: the frames must be matched, and cannot
        modal[i][20:40, 10 + 10 * i : 30 + 10 * i] = True
        frames[i][modal[i]] = 200
    motion = estimate_motion(ArrayClip(frames), modal)
    assert np.allclose(motion.between(0, 3), [[1, 0, 30], [0, 1, 0]], atol=1.0)


def test_progress_may_cancel() -> None:
    scene = make_scene(4)

    def progress(done: int, total: int, what: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        estimate_motion(scene.clip, scene.modal, progress=progress)


def test_angles_go_the_short_way_round() -> None:
    halfway = Pose(0, 0, 0.0, 3.0).towards(Pose(4, 2, 0.2, -3.0), 0.5)
    assert (halfway.x, halfway.y, round(halfway.log_scale, 9)) == (2, 1, 0.1)
    assert abs(abs(halfway.angle) - np.pi) < 0.01
    assert Pose.of(halfway.matrix()).x == 2


def test_a_map_between_larger_pictures_maps_the_same_points() -> None:
    small = np.array([[0.9, -0.1, 4.0], [0.1, 0.9, -2.0]])
    point = np.array([[11.0, 7.0]], np.float32)
    in_large = (point + 0.5) * 3 - 0.5
    expected = (transform(small, point) + 0.5) * 3 - 0.5
    assert np.allclose(transform(resized(small, 3), in_large.astype(np.float32)), expected, atol=1e-4)
