"""What the depth heuristic gets right: things that stand on the ground. It is no more than that."""

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.depth import WORKING_SIDE, BuiltinDepth, regions
from vas_tool.types import ArrayClip, Depth, Frame


def table(*, size_wh: tuple[int, int] = (320, 240), noise: int = 3, seed: int = 0) -> Frame:
    """A ground, a red box whose foot is at row 150, and a blue one in front of it with its foot at row 210."""
    picture = np.full((240, 320, 3), (120, 130, 110), np.uint8)
    picture[60:150, 60:140] = (200, 40, 40)
    picture[110:210, 180:260] = (40, 50, 200)
    out = cv2.resize(picture, size_wh, interpolation=cv2.INTER_NEAREST).astype(int)
    return np.clip(out + np.random.default_rng(seed).integers(-noise, noise + 1, out.shape), 0, 255).astype(np.uint8)


def depths(frames: npt.NDArray[np.uint8]) -> list[Depth]:
    return [depth for _, depth in BuiltinDepth().estimate(ArrayClip(frames), range(len(frames)))]


def test_what_stands_lower_is_nearer() -> None:
    (depth,) = depths(np.stack([table()]))
    behind, before = depth[70:140, 70:130], depth[120:200, 190:250]
    assert np.median(before) > np.median(behind) + 0.15


def test_a_standing_thing_has_one_depth_from_top_to_foot() -> None:
    (depth,) = depths(np.stack([table()]))
    obj = depth[125:195, 195:245]
    assert np.subtract(*np.percentile(obj, (95, 5))) < 0.1


def test_the_ground_rises_to_the_horizon() -> None:
    (depth,) = depths(np.stack([table()]))
    rows = depth[:, 20:40].mean(axis=1)
    assert rows[230] > rows[120] + 0.3 > rows[10] + 0.6


def test_edges_of_depth_lie_on_edges_of_the_picture() -> None:
    (depth,) = depths(np.stack([table()]))
    step = np.abs(np.diff(depth[60:100, 100:180].mean(axis=0)))
    assert abs(100 + int(step.argmax()) - 139) <= 3


def test_a_still_picture_does_not_flicker() -> None:
    answers = depths(np.stack([table(seed=seed) for seed in range(5)]))
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(answers)]
    assert max(steps) < 0.005


def test_a_large_clip_gets_depth_of_its_own_size() -> None:
    small, large = (depths(np.stack([table(size_wh=size, noise=0)]))[0] for size in ((320, 240), (960, 720)))
    assert large.shape == (720, 960)
    again = cv2.resize(large, (WORKING_SIDE, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(again - small).mean() < 0.03


def test_regions_are_connected_and_cover_the_picture() -> None:
    labels, count = regions(table())
    assert labels.min() == 0 and set(np.unique(labels)) == set(range(count))
    for label in range(min(count, 20)):
        assert cv2.connectedComponents((labels == label).astype(np.uint8), connectivity=4)[0] == 2
