import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_engines import use_fake_engines
from hypothesis import example, given
from hypothesis import strategies as st
from tao_made import tracks

from vas_tool.boxes.cropping import (
    CroppedClip,
    CroppedDepths,
    CroppedMasks,
    agreement,
    brought_back,
    cleared_outside,
    plan_crops,
)
from vas_tool.boxes.crops import Crop, CropRule
from vas_tool.boxes.keyframes import mask_corners
from vas_tool.engines import registry
from vas_tool.engines.builtin.box_outlines import BoxOutlines
from vas_tool.errors import PromptError
from vas_tool.masks import box_xyxy, iou
from vas_tool.pipeline import amodal_hypotheses, amodal_masks
from vas_tool.project.truth import keyframe_from_json
from vas_tool.types import AmodalBox, ArrayClip, Canvas, Clip, Mask
from vas_tool.work import AmodalWork

CASES = json.loads((Path(__file__).parent / "box_cases.json").read_text())
FRAME_WH = (64, 48)
CANVAS = Canvas.padded(FRAME_WH, 0.25)
KEYFRAMES = (AmodalBox(1, -6, 10, 14, 30), AmodalBox(5, 30, 12, 54, 32))


def block(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros(FRAME_WH[::-1], bool)
    mask[max(0, y0) : y1, max(0, x0) : x1] = True
    return mask


def moving_clip() -> ArrayClip:
    rows = np.arange(48, dtype=np.uint8)[:, None] * np.ones(64, np.uint8)
    return ArrayClip(np.stack([np.dstack([rows, rows.T[:48, :1] + rows, rows + f]) for f in range(8)]))


@pytest.mark.parametrize("case", CASES["plans"])
def test_plans_give_the_shared_numbers(case: dict[str, Any]) -> None:
    """test_page_boxes.py asks the browser for the same: its preview is the crop that is made."""
    boxes = [keyframe_from_json(keyframe) for keyframe in case["keyframes"]]
    size = tuple(case["model_wh"]) if case["model_wh"] else None
    plan = plan_crops(boxes, rule=CropRule(**case["rule"]), frame_wh=tuple(case["frame_wh"]), size_wh=size)
    for frame, *crop in case["crops"]:
        assert plan.crops[frame].to_json() == crop


# --- plans ------------------------------------------------------------------------------------------------------------


def test_every_frame_with_a_box_gets_a_crop_around_it() -> None:
    plan = plan_crops(KEYFRAMES, rule=CropRule(margin=0.5), frame_wh=FRAME_WH)
    assert sorted(plan.boxes) == sorted(plan.crops) == [1, 2, 3, 4, 5]
    assert plan.span == range(1, 6)
    assert plan.size_wh == (48, 40)  # twice the largest box, 24 x 20
    for f, box in plan.boxes.items():
        crop = plan.crops[f]
        assert crop.x0 < box.x0 and crop.x1 > box.x1 and crop.y0 < box.y0 and crop.y1 > box.y1
        assert crop.scale_xy[0] == pytest.approx(crop.scale_xy[1])
    assert plan.crop_on(0) == plan.crops[1]
    assert plan.crop_on(7) == plan.crops[5]


def test_a_model_says_the_size_and_frames_without_a_box_are_cropped_to_what_is_seen() -> None:
    seen = {0: (0.0, 10.0, 8.0, 30.0), 1: (0.0, 10.0, 9.0, 30.0)}
    plan = plan_crops(
        KEYFRAMES, rule=CropRule(margin=0, keep_aspect=False), frame_wh=FRAME_WH, size_wh=(32, 16), seen=seen
    )
    assert plan.crops[0] == Crop(0, 10, 8, 30, (32, 16))
    assert plan.crops[1] == Crop(-6, 10, 14, 30, (32, 16))  # its own box counts, not what is seen
    assert 0 not in plan.boxes


def test_one_crop_over_the_span_is_a_copy_of_whole_pixels() -> None:
    plan = plan_crops(KEYFRAMES, rule=CropRule(margin=0, span=True), frame_wh=FRAME_WH)
    assert set(plan.crops.values()) == {Crop(-6, 10, 54, 32, (60, 22))}
    picture = moving_clip()[2]
    assert np.array_equal(CroppedClip(moving_clip(), plan)[2][:, 6:], picture[10:32, :54])


def test_a_crop_is_never_larger_than_the_frame() -> None:
    plan = plan_crops((AmodalBox(0, -500, 0, 900, 700),), rule=CropRule(), frame_wh=FRAME_WH)
    assert plan.size_wh == (64, 32)


def test_without_a_box_there_is_nothing_to_crop_to() -> None:
    with pytest.raises(PromptError, match="no box"):
        plan_crops((), rule=CropRule(), frame_wh=FRAME_WH)


# --- views ------------------------------------------------------------------------------------------------------------


def test_the_views_are_a_clip_and_mappings_of_the_same_frames() -> None:
    clip, masks = moving_clip(), {f: block(8 * f - 6, 10, 8 * f + 10, 30) for f in range(8)}
    plan = plan_crops(KEYFRAMES, rule=CropRule(), frame_wh=FRAME_WH)
    cropped, modal = CroppedClip(clip, plan), CroppedMasks(masks, plan)
    depth = CroppedDepths({f: np.zeros((48, 64), np.float32) for f in range(8)}, plan)
    width, height = plan.size_wh
    assert isinstance(cropped, Clip)
    assert (len(cropped), cropped.fps, cropped[3].shape) == (8, clip.fps, (height, width, 3))
    assert [f.shape for f in cropped[2:4]] == [(height, width, 3)] * 2
    assert list(modal) == [1, 2, 3, 4, 5] and 0 not in modal and len(modal) == 5
    assert modal[3].shape == depth[3].shape == (height, width)
    with pytest.raises(KeyError):
        modal[0]


def test_beyond_the_picture_it_is_black_and_near() -> None:
    plan = plan_crops(KEYFRAMES, rule=CropRule(margin=0), frame_wh=FRAME_WH)
    white = ArrayClip(np.full((8, 48, 64, 3), 255, np.uint8))
    far = {1: np.zeros((48, 64), np.float32)}
    assert (CroppedClip(white, plan)[1][2:-2, :4] == 0).all()
    assert (CroppedDepths(far, plan)[1][2:-2, :4] == 1).all()
    assert (CroppedDepths(far, plan)[1][2:-2, -4:] == 0).all()


# --- back on the canvas -----------------------------------------------------------------------------------------------


@given(st.integers(-14, 60), st.integers(-10, 50), st.integers(4, 30), st.integers(4, 30), st.floats(0, 1))
@example(0, 0, 4, 9, 1 / 3)  # a corner at -1.4999999999999996
def test_what_is_cut_comes_back_within_the_box(x: int, y: int, w: int, h: int, margin: float) -> None:
    box = AmodalBox(0, x, y, x + w, y + h)
    plan = plan_crops((box,), rule=CropRule(margin=margin), frame_wh=FRAME_WH)
    whole = np.random.default_rng(w).random(CANVAS.size_wh[::-1]) > 0.5
    cut = plan.crops[0].cut(whole, origin_xy=(-CANVAS.pad_left, -CANVAS.pad_top))
    back = brought_back(cut, plan, 0, canvas=CANVAS)
    wanted = cleared_outside(whole, box, CANVAS)
    assert not (back & ~cleared_outside(np.ones_like(whole), box, CANVAS)).any()
    if min(plan.crops[0].scale_xy) >= 1:
        assert np.array_equal(back, wanted)


def test_the_box_of_a_mask_is_compared_on_the_canvas_only() -> None:
    mask = np.zeros(CANVAS.size_wh[::-1], bool)
    mask[10:20, 0:10] = True
    x0, y0, x1, y1 = mask_corners((0, 10, 10, 20), CANVAS)
    assert agreement(mask, AmodalBox(0, x0, y0, x1, y1), CANVAS) == 1
    assert agreement(mask, AmodalBox(0, x0 - 99, y0, x1, y1), CANVAS) == 1  # no mask can reach further
    assert agreement(mask, AmodalBox(0, x0, y0, x1 + 10, y1), CANVAS) == pytest.approx(0.5)
    assert agreement(np.zeros_like(mask), AmodalBox(0, x0, y0, x1, y1), CANVAS) == 0
    assert agreement(mask, AmodalBox(0, -500, -500, -400, -400), CANVAS) == 0


# --- the stage --------------------------------------------------------------------------------------------------------


def test_any_engine_runs_on_the_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)
    modal = {f: block(8 * f - 6, 12, 8 * f + 4, 28) for f in range(8)}
    modal[2][0, 0] = True  # seen, but outside the box
    plan = plan_crops(KEYFRAMES, rule=CropRule(), frame_wh=FRAME_WH)
    work = AmodalWork(moving_clip(), modal, {}, canvas=CANVAS, frame_indices=plan.span)
    loaded = registry.load("amodal")
    answers = dict(amodal_masks(work, completer=loaded, crops=plan))
    assert sorted(answers) == [1, 2, 3, 4, 5]
    for f, mask in answers.items():
        seen = CANVAS.to_canvas(modal[f])
        assert mask.shape == CANVAS.size_wh[::-1]
        assert not (seen & ~mask).any()
        assert not (mask & ~seen & ~cleared_outside(np.ones_like(mask), plan.boxes[f], CANVAS)).any()
    several = dict(amodal_hypotheses(work, (0, 1), completer=loaded, crops=plan))
    assert sorted(several) == [1, 2, 3, 4, 5] and len(several[1]) == 2


def test_an_outline_is_stretched_from_box_to_box() -> None:
    disc = (np.mgrid[:48, :64][1] - 20) ** 2 + (np.mgrid[:48, :64][0] - 20) ** 2 < 8**2
    boxes = {0: AmodalBox(0, *map(float, box_xyxy(disc) or ())), 3: AmodalBox(3, 30, 5, 62, 45)}
    canvas = Canvas(FRAME_WH)
    hidden = np.zeros(FRAME_WH[::-1], bool)
    outline = BoxOutlines({0: disc, 3: hidden}, boxes, canvas=canvas)(3)
    yy, xx = np.mgrid[:48, :64]
    ellipse = ((xx + 0.5 - 46) / 16) ** 2 + ((yy + 0.5 - 25) / 20) ** 2 < 1
    assert iou(outline, ellipse) > 0.9
    assert not BoxOutlines({3: hidden}, boxes, canvas=canvas)(3).any()


def test_with_the_true_box_the_builtin_engine_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the drawn ball, of which registration makes nothing (``benchmarks/box_quality.py`` measures all)."""
    track = next(t for t in tracks() if t.name == "kick 5")
    loaded = registry.load("amodal", "builtin")
    work = AmodalWork(track.clip, track.modal, {}, canvas=track.canvas, frame_indices=range(len(track.clip)))
    plan = plan_crops(track.annotated, rule=CropRule(), frame_wh=track.clip.size_wh)
    plain, cropped = (dict(amodal_masks(work, completer=loaded, crops=crops)) for crops in (None, plan))
    scores = [np.mean([iou(masks[f], track.amodal[f]) for f in plan.boxes]) for masks in (plain, cropped)]
    assert scores[1] > scores[0] + 0.1
