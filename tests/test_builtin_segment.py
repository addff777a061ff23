"""How good the builtin segmenter's clicks are on a scene of which the truth is known."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from scene import Scene, make_scene

from vas_tool.engines.builtin.segment import ANSWERS_KEPT, PREPARED_KEPT, BuiltinSegmenter
from vas_tool.errors import VideoError
from vas_tool.masks import centre_of, iou
from vas_tool.types import ArrayClip, Box, Click, Mask, Prompts

COSTS_AT_MOST = 0.03
"""IoU that a click in the middle of the larger error may cost."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(4, enlarged=3)


@pytest.fixture(scope="module")
def engine() -> BuiltinSegmenter:
    return BuiltinSegmenter()


def deepest(mask: Mask) -> float:
    return float(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5).max())


def next_click(frame_index: int, mask: Mask, truth: Mask) -> Click:
    missing, surplus = truth & ~mask, mask & ~truth
    positive = deepest(missing) >= deepest(surplus)
    point = centre_of(missing if positive else surplus) or centre_of(truth)  # a perfect mask is clicked all the same
    assert point is not None
    return Click(frame_index, *point, positive=positive)


def simulated(
    engine: BuiltinSegmenter, clip: ArrayClip, frame_index: int, truth: Mask, *, count: int
) -> tuple[tuple[Click, ...], list[Mask]]:
    clicks: tuple[Click, ...] = ()
    masks = [np.zeros_like(truth)]
    for _ in range(count):
        clicks = (*clicks, next_click(frame_index, masks[-1], truth))
        masks.append(engine.segment(clip, frame_index, Prompts(clicks=clicks)))
    return clicks, masks[1:]


@pytest.mark.parametrize("frame_index", [0, 3])
def test_one_click_finds_it_three_make_it_good_and_none_costs_much(
    engine: BuiltinSegmenter, scene: Scene, frame_index: int
) -> None:
    truth = scene.modal[frame_index]
    _, masks = simulated(engine, scene.clip, frame_index, truth, count=6)
    overlaps = [iou(mask, truth) for mask in masks]
    assert overlaps[0] > 0.85
    assert overlaps[2] > 0.92
    assert all(after > before - COSTS_AT_MOST for before, after in pairwise(overlaps))


def test_a_quick_answer_is_nearly_as_good(engine: BuiltinSegmenter, scene: Scene) -> None:
    clicks, _ = simulated(engine, scene.clip, 0, scene.modal[0], count=3)
    mask = engine.segment(scene.clip, 0, Prompts(clicks=clicks), quick=True)
    assert iou(mask, scene.modal[0]) > 0.85


def test_clicks_one_by_one_answer_what_all_at_once_do(engine: BuiltinSegmenter) -> None:
    scene = make_scene(2)
    clicks, masks = simulated(engine, scene.clip, 1, scene.modal[1], count=5)
    for count, mask in enumerate(masks, start=1):
        at_once = BuiltinSegmenter().segment(scene.clip, 1, Prompts(clicks=clicks[:count]))
        assert np.array_equal(at_once, mask)


def test_quick_answers_in_between_change_nothing(engine: BuiltinSegmenter) -> None:
    scene = make_scene(1)
    clicks, masks = simulated(engine, scene.clip, 0, scene.modal[0], count=4)
    other = BuiltinSegmenter()
    for count in range(1, 5):
        other.segment(scene.clip, 0, Prompts(clicks=clicks[:count]), quick=True)
    assert np.array_equal(other.segment(scene.clip, 0, Prompts(clicks=clicks)), masks[-1])


def test_a_box_finds_it_too(engine: BuiltinSegmenter, scene: Scene) -> None:
    rows, columns = np.nonzero(scene.modal[0])
    box = Box(0, columns.min() - 4, rows.min() - 4, columns.max() + 5, rows.max() + 5)
    mask = engine.segment(scene.clip, 0, Prompts(boxes=(box,)))
    assert iou(mask, scene.modal[0]) > 0.9


def test_a_click_corrects_a_given_mask_and_leaves_what_is_far_from_it_exact(
    engine: BuiltinSegmenter, scene: Scene
) -> None:
    truth = scene.modal[0]
    given = truth.copy()
    given[10:40, 300:340] = True  # a patch that does not belong to it
    mask = engine.segment(scene.clip, 0, Prompts(clicks=(Click(0, 320, 25, positive=False),), masks={0: given}))
    assert not mask[12:38, 302:338].any()
    assert iou(mask, truth) > 0.97


def test_a_large_clip_gets_masks_of_its_own_size(engine: BuiltinSegmenter, scene: Scene) -> None:
    size = (1440, 1080)
    clip = ArrayClip(np.stack([cv2.resize(scene.clip[0], size, interpolation=cv2.INTER_CUBIC)]))
    truth = cv2.resize(scene.modal[0].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    _, masks = simulated(engine, clip, 0, truth, count=3)
    assert masks[-1].shape == truth.shape
    assert iou(masks[-1], truth) > 0.9


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 7), (2, 2), (3, 3), (40, 1)])
def test_a_tiny_picture_is_answered(size_hw: tuple[int, int]) -> None:
    clip = ArrayClip(np.random.default_rng(0).integers(0, 255, (5, *size_hw, 3), np.uint8))
    mask = BuiltinSegmenter().segment(clip, 0, Prompts(clicks=(Click(0, 0, 0),)))
    assert mask.shape == size_hw
    assert mask[0, 0]


def test_what_is_kept_does_not_grow_with_the_clip_or_the_clicks() -> None:
    engine = BuiltinSegmenter()
    clip = make_scene(PREPARED_KEPT + 4).clip
    for index in range(len(clip)):
        for x in range(30, 30 + 3 * ANSWERS_KEPT // len(clip), 2):
            engine.segment(clip, index, Prompts(clicks=(Click(index, x, 60),)), quick=True)
    assert len(engine._prepared) == PREPARED_KEPT
    assert len(engine._answers) == ANSWERS_KEPT
    del clip
    assert len(engine._clips) == 0


def test_a_clip_that_is_gone_is_not_taken_for_a_new_one() -> None:
    engine, prompts = BuiltinSegmenter(), Prompts(clicks=(Click(0, 40, 66),))
    engine.segment(make_scene(1, path=lambda i: (40.0, 80.0, 1.0, 0.0)).clip, 0, prompts)
    scene = make_scene(1)
    again, fresh = (e.segment(scene.clip, 0, prompts) for e in (engine, BuiltinSegmenter()))
    assert np.array_equal(again, fresh)


def test_a_frame_beside_that_does_not_read_costs_no_click(engine: BuiltinSegmenter) -> None:
    scene = make_scene(3)

    class Broken(ArrayClip):
        def __getitem__(self, index: Any) -> Any:
            if index == 1:
                raise VideoError("the frame 00001.jpg is missing; put it back")
            return super().__getitem__(index)

    clip = Broken(np.stack([scene.clip[k] for k in range(3)]))
    click = Click(0, *(float(v) for v in np.argwhere(scene.modal[0]).mean(axis=0)[::-1]))
    assert engine.segment(clip, 0, Prompts(clicks=(click,))).any()
    with pytest.raises(VideoError, match="put it back"):
        engine.segment(clip, 1, Prompts(clicks=(replace(click, frame_index=1),)))


def test_what_moves_is_found_though_its_colours_are_those_of_its_ground(engine: BuiltinSegmenter) -> None:
    """A bar cut from the ground itself: on one frame alone little tells it."""
    ground = cv2.resize(np.random.default_rng(3).integers(0, 255, (40, 60, 3)).astype(np.uint8), (480, 320))
    frames, truth = np.repeat(ground[None], 19, axis=0), np.zeros((320, 480), bool)
    for k in range(19):
        frames[k, 10 + 9 * k : 60 + 9 * k, 60:300] = ground[220:270, 200:440]
    truth[91:141, 60:300] = True
    moving = engine.segment(ArrayClip(frames), 9, Prompts(clicks=(Click(9, 180, 116),)))
    alone = engine.segment(ArrayClip(frames[9:10]), 0, Prompts(clicks=(Click(0, 180, 116),)))
    assert iou(moving, truth) > 0.85 and iou(moving, truth) > iou(alone, truth) + 0.1
