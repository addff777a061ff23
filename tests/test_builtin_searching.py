"""The builtin tracker finds what it lost, takes nothing else for it, and knows where another scene begins."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from vas_tool.engines.base import TrackedFrame
from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.masks import iou
from vas_tool.types import ArrayClip, Frame, Mask, Prompts

SIZE_WH = (240, 160)
THING = 26
"""Pixels on a side."""

PlaceXY = tuple[int, int] | None


def ground(seed: int, colour: tuple[int, int, int], *, coarseness: float = 2.0) -> Frame:
    """(h, w, 3): a texture that flow can follow."""
    noise = np.random.default_rng(seed).normal(0, 80 * coarseness, (SIZE_WH[1], SIZE_WH[0]))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), coarseness)[..., None] + colour, 0, 255).astype(np.uint8)


def painted(frame: Frame, at: PlaceXY) -> tuple[Frame, Mask]:
    """With a red thing, and where that is."""
    out, mask = frame.copy(), np.zeros(frame.shape[:2], bool)
    if at is not None:
        x, y = at
        mask[y : y + THING, x : x + THING] = True
        stripes = (np.indices(mask.shape).sum(axis=0) // 4 % 2 * 50)[mask]
        out[mask] = np.stack([200 - stripes, 40 + 0 * stripes, 30 + 0 * stripes], axis=1)
    return out, mask


def clip_of(places: list[PlaceXY], *, also_at: PlaceXY = None) -> tuple[ArrayClip, list[Mask]]:
    """A thing that is at ``places``, and another one of its kind that stands still."""
    here = painted(ground(1, (90, 120, 90)), also_at)[0]
    pairs = [painted(here, at) for at in places]
    return ArrayClip(np.stack([frame for frame, _ in pairs])), [mask for _, mask in pairs]


def tracked(clip: ArrayClip, first: Mask) -> list[TrackedFrame]:
    return list(BuiltinSegmenter().track(clip, Prompts(masks={0: first}), range(len(clip))))


def test_what_leaps_farther_than_flow_can_follow_is_found() -> None:
    leaps: list[PlaceXY] = [(20, 60), (20, 60), (62, 60), (104, 75), (146, 60), (188, 60)]
    clip, masks = clip_of(leaps)
    found = [iou(t.mask, masks[t.frame_index]) for t in tracked(clip, masks[0])]
    assert found[-1] > 0.8 and np.mean(found) > 0.7


def test_what_always_stood_there_is_not_taken_for_it() -> None:
    clip, masks = clip_of([(80, 60), (80, 60), (80, 60), None, None, None, None], also_at=(125, 60))
    answers = tracked(clip, masks[0])
    assert all(iou(t.mask, masks[t.frame_index]) > 0.9 for t in answers[:3])
    assert not any(t.mask.any() for t in answers[3:])


def test_what_comes_into_view_where_nothing_was_is_taken_for_it() -> None:
    clip, masks = clip_of([(80, 60), (80, 60), (80, 60), None, None, (125, 60), (125, 60)])
    answers = tracked(clip, masks[0])
    assert not any(t.mask.any() for t in answers[3:5])
    assert min(iou(t.mask, masks[t.frame_index]) for t in answers[5:]) > 0.8
    assert answers[5].certainty < 0.3, "a person should look"


@pytest.mark.parametrize("after", [lambda k: (90, 60), lambda k: (90 + 4 * k, 60), lambda k: None])
def test_behind_a_cut_nothing_is_the_object(after: Callable[[int], PlaceXY]) -> None:
    """Not even what looks like it: that is for the person to say."""
    clip, masks = clip_of([(80, 60), (84, 60), (88, 60)])
    other = [painted(ground(2, (60, 90, 160), coarseness=5), after(k))[0] for k in range(4)]
    answers = tracked(ArrayClip(np.stack([*(clip[i] for i in range(3)), *other])), masks[0])
    assert all(iou(t.mask, masks[t.frame_index]) > 0.9 for t in answers[:3])
    assert not any(t.mask.any() for t in answers[3:])
    assert answers[3].certainty == 0


def test_what_fills_a_close_up_is_no_cut() -> None:
    """A small thing is looked at closely; something large passes there, and the rest of the picture stands still."""
    still = cv2.resize(ground(1, (90, 120, 90)), (960, 640), interpolation=cv2.INTER_CUBIC)
    passing = cv2.resize(ground(3, (160, 150, 60), coarseness=5), (480, 400))
    frames = [painted(still, (470, 310)) for _ in range(6)]
    masks = [mask for _, mask in frames]
    frames[3][0][120:520, 240:720] = passing
    masks[3] = np.zeros_like(masks[3])
    answers = tracked(ArrayClip(np.stack([frame for frame, _ in frames])), masks[0])
    assert not answers[3].mask.any()
    assert iou(answers[5].mask, masks[5]) > 0.8


def test_a_stray_frame_of_something_else_does_not_end_a_track() -> None:
    """A broken frame, or a single one of another camera."""
    clip, masks = clip_of([(80 + 2 * k, 60) for k in range(8)])
    frames = [clip[i] for i in range(8)]
    frames[3] = np.random.default_rng(0).integers(0, 255, frames[3].shape).astype(np.uint8)
    answers = tracked(ArrayClip(np.stack(frames)), masks[0])
    assert not answers[3].mask.any() and answers[3].certainty == 0
    assert min(iou(t.mask, masks[t.frame_index]) for t in answers[4:]) > 0.9


@pytest.mark.parametrize("pace", [25, 50])
def test_a_camera_that_turns_fast_is_no_cut(pace: int) -> None:
    wide = cv2.resize(ground(5, (90, 120, 90)), (1600, 160))
    pairs = [painted(wide[:, k * pace : k * pace + 240].copy(), (200 - k * pace, 60)) for k in range(4)]
    answers = tracked(ArrayClip(np.stack([frame for frame, _ in pairs])), pairs[0][1])
    assert min(iou(t.mask, pairs[t.frame_index][1]) for t in answers) > 0.9


def test_what_stops_half_hidden_is_not_looked_for_farther_on() -> None:
    """Its outline does not go on without it, and takes nothing else for what comes out."""
    bar, places = slice(120, 150), [(80 + 2 * min(k, 14), 60) for k in range(22)]
    clip, masks = clip_of(places, also_at=(200, 60))
    frames = [clip[i].copy() for i in range(len(places))]
    for frame, mask in zip(frames, masks, strict=True):
        frame[:, bar] = ground(7, (50, 50, 140))[:, bar]
        mask[:, bar] = False
    answers = tracked(ArrayClip(np.stack(frames)), masks[0])
    assert min(iou(t.mask, masks[t.frame_index]) for t in answers) > 0.8
