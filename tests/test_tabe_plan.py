"""What TABE decides about a clip before its network is loaded."""

import numpy as np
import pytest

from vas_tool.engines.tabe.clip_plan import NO_DEPTH, ObjectClip, plan_clip
from vas_tool.engines.tabe.levels import Level
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.engines.tabe.released import COCOCO
from vas_tool.engines.weights import download
from vas_tool.errors import EngineError
from vas_tool.run_warnings import collected_warnings
from vas_tool.types import ArrayClip, Canvas

SIZE_WH = (60, 40)


def seen_clip(canvas, hidden=(6, 7), first=1):
    """A square that moves to the right; on two frames a nearer bar hides its right half."""
    frames = np.full((10, 40, 60, 3), 90, np.uint8)
    modal, depth = {}, {}
    for index in range(10):
        mask, near = np.zeros((40, 60), np.bool_), np.linspace(0.1, 0.2, 40 * 60, dtype=np.float32).reshape(40, 60)
        if index >= first:
            mask[10:30, 10 + index : 30 + index] = True
        near[mask] = 0.5
        near[:, 58:] = 1.0
        if index in hidden:
            mask[:, 20 + index :] = False
            near[:, 20 + index : 45] = 0.9
        modal[index], depth[index] = mask, near
    return ObjectClip(ArrayClip(frames), modal, depth, canvas)


def test_levels_boxes_and_pictures_from_the_first_frame_on_which_it_is_seen() -> None:
    plan = plan_clip(seen_clip(Canvas(SIZE_WH)), quirks=Quirks())
    assert plan.seen.frames == range(1, 10) and plan.chunks == [list(range(9))]
    assert [level == Level.NO for level in plan.levels] == [True] * 5 + [False] * 2 + [True] * 2
    assert plan.boxes[5] == (10, 16, 29, 35)
    whole, hidden = plan.model_input(0, side=60), plan.model_input(5, side=60)
    assert not whole.mask.any() and (whole.image[30, 20] == 90).all() and (whole.image[0, 0] == 255).all()
    assert hidden.mask[30, 30] and not hidden.mask[30, 45]


def test_beyond_the_frame_all_is_in_front_and_white() -> None:
    padded = Canvas(SIZE_WH, pad_left=10, pad_top=10, pad_right=10, pad_bottom=10)
    plan = plan_clip(seen_clip(padded), quirks=Quirks())
    assert plan.boxes[0] == (20, 21, 39, 40)
    assert plan.seen.front(1)[:10].all()
    assert (plan.model_input(0, side=80).image[0] == 255).all()


def test_an_object_that_is_whole_on_too_few_frames_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EngineError, match=r"whole on no frame.*another engine"):
        plan_clip(seen_clip(Canvas(SIZE_WH), hidden=range(10)), quirks=Quirks())
    with pytest.raises(EngineError, match="whole on 1 of its frames"):
        plan_clip(seen_clip(Canvas(SIZE_WH), hidden=range(2, 10)), quirks=Quirks())


def test_where_depth_is_missing_nothing_is_taken_to_be_in_front() -> None:
    seen = seen_clip(Canvas(SIZE_WH))
    without = ObjectClip(seen.clip, seen.modal, {i: seen.depth[i] for i in range(6)}, seen.canvas)
    with collected_warnings() as heard:
        plan = plan_clip(without, quirks=Quirks())
    assert heard.words == (f"frames 6-9: {NO_DEPTH}",)
    assert not without.front(6).any() and all(level == Level.NO for level in plan.levels)


def test_an_object_that_nothing_hides_needs_no_whole_frames() -> None:
    plan = plan_clip(seen_clip(Canvas(SIZE_WH), hidden=()), quirks=Quirks(), fewest_whole=100)
    assert all(level == Level.NO for level in plan.levels)


def test_the_model_is_tuned_on_the_frames_from_the_first_one_on() -> None:
    seen = seen_clip(Canvas.padded(SIZE_WH, 0.25))
    tuned = plan_clip(seen, quirks=Quirks()).tuned
    assert len(tuned.clip) == len(tuned.modal) == len(tuned.levels) == 9
    assert (tuned.modal[2] == seen.modal[3]).all() and (tuned.clip[2:4][1] == seen.clip[4]).all()
    assert tuned.clip.size_wh == SIZE_WH and tuned.clip.fps == seen.clip.fps


def test_the_shards_are_the_persons_own_to_bring(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VAS_TOOL_WEIGHTS", str(tmp_path))
    assert COCOCO.find() is None and "put the files" in COCOCO.get
    with pytest.raises(EngineError, match="not published on a hub"):
        download(COCOCO)
    (tmp_path / "cococo").mkdir()
    for number in range(4):
        (tmp_path / "cococo" / f"model_{number}.pth").write_bytes(b"")
    assert COCOCO.find() == tmp_path / "cococo"
