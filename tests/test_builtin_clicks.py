"""How the builtin segmenter answers clicks, boxes and given masks on one frame."""

import sys
from itertools import pairwise
from pathlib import Path

import cv2
import imageio.v3
import numpy as np
import pytest
from scene import Scene, make_scene

from vas_tool.engines.builtin.click_network import ClickNetwork, shipped
from vas_tool.engines.builtin.encoded_frames import WINDOWS_KEPT
from vas_tool.engines.builtin.segment import ANSWERS_KEPT, PREPARED_KEPT, BuiltinSegmenter
from vas_tool.errors import EngineError, PromptError
from vas_tool.masks import box_xyxy, centre_of, iou
from vas_tool.types import ArrayClip, Box, Click, Mask, Prompts

COSTS_AT_MOST = 0.03
"""IoU that a click in the middle of the larger error may cost."""

FRAME_WH = 1280, 720

SAMPLE = Path(__file__).parents[1] / "assets/sample/clip.mp4"


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(4, enlarged=3)


@pytest.fixture(scope="module")
def engine() -> BuiltinSegmenter:
    return BuiltinSegmenter()


@pytest.fixture(scope="module")
def far_away() -> Scene:
    """The scene, small in a large frame of other things."""
    inner = make_scene(2, bar=None)
    height, width = inner.clip.frames.shape[1:3]
    random = np.random.default_rng(3)
    ground = cv2.resize(random.integers(60, 160, (9, 16, 3), np.uint8), FRAME_WH, interpolation=cv2.INTER_CUBIC)
    frames = np.stack([ground] * len(inner))
    modal = {i: np.zeros(FRAME_WH[::-1], bool) for i in range(len(inner))}
    for index, mask in inner.modal.items():
        modal[index][300 : 300 + height, 500 : 500 + width] = mask
        frames[index][modal[index]] = inner.clip.frames[index][mask]
    return Scene(ArrayClip(frames), modal, modal, {}, {}, {})


def box_around(mask: Mask, *, grown: int) -> Box:
    x0, y0, x1, y1 = box_xyxy(mask) or (0, 0, 1, 1)
    return Box(0, x0 - grown, y0 - grown, x1 + grown, y1 + grown)


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


def test_the_quick_answer_is_the_full_one(engine: BuiltinSegmenter, scene: Scene) -> None:
    prompts = Prompts(clicks=(Click(0, *(centre_of(scene.modal[0]) or (0, 0))),))
    assert np.array_equal(*(BuiltinSegmenter().segment(scene.clip, 0, prompts, quick=q) for q in (False, True)))


def test_clicks_one_by_one_answer_what_all_at_once_do(engine: BuiltinSegmenter) -> None:
    scene = make_scene(2)
    clicks, masks = simulated(engine, scene.clip, 1, scene.modal[1], count=4)
    for count, mask in enumerate(masks, start=1):
        at_once = BuiltinSegmenter().segment(scene.clip, 1, Prompts(clicks=clicks[:count]))
        assert np.array_equal(at_once, mask)


def test_what_was_asked_before_changes_no_answer(far_away: Scene) -> None:
    x, y = centre_of(far_away.modal[0]) or (0, 0)
    nothing = np.zeros_like(far_away.modal[0])
    plain = Prompts(clicks=(Click(0, x, y),))
    engine = BuiltinSegmenter()
    for masks in (nothing, ~nothing):
        engine.segment(far_away.clip, 0, Prompts(clicks=plain.clicks, masks={0: masks}))
    for at in range(0, 1200, 200):
        engine.segment(far_away.clip, 0, Prompts(clicks=(Click(0, at, 50),)))
    answers = [e.segment(far_away.clip, 0, plain) for e in (engine, BuiltinSegmenter())]
    assert np.array_equal(*answers)


def test_a_box_finds_it_too(engine: BuiltinSegmenter, scene: Scene) -> None:
    box = box_around(scene.modal[0], grown=4)
    assert iou(engine.segment(scene.clip, 0, Prompts(boxes=(box,))), scene.modal[0]) > 0.9


def test_a_box_around_nothing_is_its_own_answer(engine: BuiltinSegmenter) -> None:
    clip = ArrayClip(np.full((1, 100, 200, 3), 128, np.uint8))
    mask = engine.segment(clip, 0, Prompts(boxes=(Box(0, 20.4, 30, 60, 70),)))
    assert mask.any() and not mask[:, 80:].any()


def test_a_small_object_is_looked_at_closely(engine: BuiltinSegmenter, far_away: Scene) -> None:
    truth = far_away.modal[0]
    once = engine.segment(far_away.clip, 0, Prompts(clicks=(Click(0, *(centre_of(truth) or (0, 0))),)))
    assert iou(once, truth) > 0.9
    assert iou(engine.segment(far_away.clip, 0, Prompts(boxes=(box_around(truth, grown=4),))), truth) > 0.9


def test_a_click_corrects_a_given_mask_and_leaves_what_is_far_from_it_exact(
    engine: BuiltinSegmenter, scene: Scene
) -> None:
    truth = scene.modal[0]
    given = truth.copy()
    given[10:40, 300:340] = True  # a patch that does not belong to it
    mask = engine.segment(scene.clip, 0, Prompts(clicks=(Click(0, 320, 25, positive=False),), masks={0: given}))
    assert not mask[12:38, 302:338].any()
    assert iou(mask, truth) > 0.97


def test_a_small_given_mask_keeps_its_pixels_where_no_click_changes_them(
    engine: BuiltinSegmenter, far_away: Scene
) -> None:
    given = far_away.modal[0].copy()
    given[310:322, 510:522] = True
    click = Click(0, 516, 316, positive=False)
    mask = engine.segment(far_away.clip, 0, Prompts(clicks=(click,), masks={0: given}))
    assert not mask[311:321, 511:521].any()
    far = np.ones_like(given)
    far[300:340, 500:560] = False
    assert np.array_equal(mask[far], given[far])


def test_a_given_mask_of_another_size_is_refused(engine: BuiltinSegmenter, far_away: Scene) -> None:
    prompts = Prompts(clicks=(Click(0, 5, 5),), masks={0: np.ones((360, 640), bool)})
    with pytest.raises(PromptError, match="640 x 360, the clip 1280 x 720"):
        engine.segment(far_away.clip, 0, prompts)


def test_a_large_clip_gets_masks_of_its_own_size(engine: BuiltinSegmenter, scene: Scene) -> None:
    size = (1440, 1080)
    clip = ArrayClip(np.stack([cv2.resize(scene.clip[0], size, interpolation=cv2.INTER_CUBIC)]))
    truth = cv2.resize(scene.modal[0].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    _, masks = simulated(engine, clip, 0, truth, count=3)
    assert masks[-1].shape == truth.shape
    assert iou(masks[-1], truth) > 0.9


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 7), (3, 3), (40, 1), (20, 900)])
def test_a_tiny_picture_is_answered(engine: BuiltinSegmenter, size_hw: tuple[int, int]) -> None:
    clip = ArrayClip(np.random.default_rng(0).integers(0, 255, (5, *size_hw, 3), np.uint8))
    mask = engine.segment(clip, 0, Prompts(clicks=(Click(0, 0, 0),)))
    assert mask.shape == size_hw
    assert mask[0, 0]


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("at", [(601.2, 306.2), (601.49, 306.49), (1279, 719), (0, 0)])
def test_the_clicked_pixel_obeys(
    engine: BuiltinSegmenter, far_away: Scene, at: tuple[float, float], positive: bool
) -> None:
    clicks = Click(0, 605, 310, positive=not positive), Click(0, *at, positive=positive)
    mask = engine.segment(far_away.clip, 0, Prompts(clicks=clicks))
    assert mask[round(at[1]), round(at[0])] == positive


def test_a_click_beyond_the_last_pixels_middle_is_on_it(engine: BuiltinSegmenter) -> None:
    clip = make_scene(1).clip
    on, beyond = (engine.segment(clip, 0, Prompts(clicks=(Click(0, 159 + d, 119 + d),))) for d in (0, 0.49))
    assert np.array_equal(on, beyond) and on[119, 159]


def test_what_is_kept_does_not_grow_with_the_clip_or_the_clicks() -> None:
    engine = BuiltinSegmenter()
    clip = make_scene(PREPARED_KEPT + 2).clip
    for index in range(len(clip)):
        for x in range(0, 2 * ANSWERS_KEPT // len(clip)):
            engine.segment(clip, index, Prompts(clicks=(Click(index, 30 + x, 60, positive=x % 8 == 0),)))
    kept = engine.num_kept
    assert kept["frames"] == PREPARED_KEPT
    assert kept["windows"] <= WINDOWS_KEPT
    assert kept["answers"] == ANSWERS_KEPT
    del clip
    assert engine.num_kept["clips"] == 0


def test_a_clip_that_is_gone_is_not_taken_for_a_new_one() -> None:
    engine, prompts = BuiltinSegmenter(), Prompts(clicks=(Click(0, 40, 66),))
    engine.segment(make_scene(1, path=lambda i: (40.0, 80.0, 1.0, 0.0)).clip, 0, prompts)
    scene = make_scene(1)
    again, fresh = (e.segment(scene.clip, 0, prompts) for e in (engine, BuiltinSegmenter()))
    assert np.array_equal(again, fresh)


def test_what_is_prepared_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, clip = BuiltinSegmenter(), make_scene(1).clip
    engine.prepare(clip, 0)
    seen = []
    original = ClickNetwork.encode
    monkeypatch.setattr(ClickNetwork, "encode", lambda self, picture: seen.append(1) or original(self, picture))
    engine.prepare(clip, 0)
    assert not seen
    engine.segment(clip, 0, Prompts(clicks=(Click(0, 40, 66),)))
    once = len(seen)
    engine.segment(clip, 0, Prompts(clicks=(Click(0, 40, 66),)))
    assert len(seen) == once


def test_without_onnxruntime_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    shipped.cache_clear()
    with pytest.raises(EngineError, match="pip install onnxruntime"):
        BuiltinSegmenter()


def test_weights_that_do_not_read_say_what_to_do(tmp_path: Path) -> None:
    broken = tmp_path / "encoder.onnx"
    broken.write_bytes(b"no such thing")
    with pytest.raises(EngineError, match="install vas-tool anew"):
        ClickNetwork(broken, broken)


def test_the_first_click_on_the_sample_leaves_no_specks_on_things_like_it(engine: BuiltinSegmenter) -> None:
    frame = imageio.v3.imread(SAMPLE, index=0, plugin="pyav")
    mask = engine.segment(ArrayClip(frame[None]), 0, Prompts(clicks=(Click(0, 70, 237),)))
    num_labels, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    assert num_labels == 2, f"areas {stats[1:, cv2.CC_STAT_AREA]}"
    assert stats[1, cv2.CC_STAT_AREA] > 5000
