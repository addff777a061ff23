"""From which of the given masks the builtin tracker goes on, what an empty one means, and what is done but once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scene import Scene, make_scene
from test_builtin_searching import clip_of

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.click_network import ClickNetwork, shipped
from vas_tool.engines.builtin.mask_tracking import track_masks
from vas_tool.engines.builtin.references import References
from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.engines.builtin.tracking_state import TrackingState
from vas_tool.errors import Cancelled, PromptError
from vas_tool.masks import iou
from vas_tool.types import Mask, Prompts

HIDDEN = (8, 9)


@pytest.fixture(scope="module")
def hiding() -> Scene:
    """A thing that goes behind a bar, is wholly hidden on HIDDEN, and comes out again."""
    return make_scene(20, bar=(60, 106), enlarged=2)


def tracked(scene: Scene, given: Mapping[int, Mask], span: range, *, progress: Progress = silent) -> list[TrackedFrame]:
    return list(track_masks(scene.clip, given, span, network=shipped(), progress=progress))


def starts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None]]:
    """Filled with each start's frame and the one that teaches beside it."""
    made: list[tuple[int, int | None]] = []
    original = References.start

    def remember(self: References, index: int, *, also: int | None) -> TrackingState:
        made.append((index, also))
        return original(self, index, also=also)

    monkeypatch.setattr(References, "start", remember)
    return made


@pytest.mark.parametrize(
    ("span", "begun"),
    [
        (range(5, 7), [(4, 8)]),
        (range(5, 2, -1), [(8, 4), (4, None)]),
        (range(2, 4), [(4, 4)]),
        (range(9, 11), [(8, None)]),
        (range(11, 9, -1), [(8, 8)]),
        (range(4, 6), [(4, 8)]),
        (range(3, 10), [(4, 4), (4, 8), (8, None)]),
        (range(1, 10, 4), [(4, 4), (4, 8), (8, None)]),
        (range(4, 9, 4), []),
    ],
)
def test_a_frame_is_reached_from_the_mask_behind_it(
    span: range, begun: list[tuple[int, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the way the range goes, and the one ahead teaches too; it is reached from there if none is behind."""
    scene, made = make_scene(12, bar=None), starts(monkeypatch)
    answers = tracked(scene, {i: scene.modal[i] for i in (4, 8)}, span)
    assert [t.frame_index for t in answers] == list(span) and made == begun
    assert min(iou(t.mask, scene.modal[t.frame_index]) for t in answers) > 0.85


def test_an_empty_mask_says_that_it_is_hidden_and_it_is_found_behind(hiding: Scene) -> None:
    empty = np.zeros_like(hiding.modal[0])
    answers = tracked(hiding, {0: hiding.modal[0], 8: empty}, range(16))
    assert not any(answers[i].mask.any() for i in HIDDEN)
    assert np.mean([iou(t.mask, hiding.modal[t.frame_index]) for t in answers[11:]]) > 0.9


def test_a_run_that_was_stopped_while_it_is_hidden_goes_on_as_if_it_had_not_been(hiding: Scene) -> None:
    first, empty = {0: hiding.modal[0]}, np.zeros_like(hiding.modal[0])
    whole, resumed = tracked(hiding, first, range(14)), tracked(hiding, first | {8: empty}, range(9, 14))
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(whole[9:], resumed, strict=True))


def test_an_empty_mask_ahead_teaches_nothing() -> None:
    clip, masks = clip_of([(20, 60), (20, 60), (62, 60), (104, 75), (146, 60), (188, 60), None])
    alone, with_empty = (
        list(track_masks(clip, {i: masks[i] for i in given}, range(6), network=shipped())) for given in ((0,), (0, 6))
    )
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(alone, with_empty, strict=True))


def test_where_nothing_was_ever_shown_nothing_is_found_and_somebody_should_look() -> None:
    scene = make_scene(5, bar=None)
    answers = tracked(scene, {2: np.zeros_like(scene.modal[0])}, range(5))
    assert not any(t.mask.any() for t in answers)
    assert [t.certainty for t in answers] == [0, 0, 1, 0, 0]


def test_frames_that_are_given_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene(8, bar=None)
    monkeypatch.setattr(ClickNetwork, "encode", None)
    answers = tracked(scene, {i: scene.modal[i] for i in range(8)}, range(8))
    assert all(np.array_equal(t.mask, scene.modal[t.frame_index]) for t in answers)


def test_a_box_is_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, read = make_scene(6, bar=None), []

    class Slow(dict[int, Mask]):
        def __getitem__(self, index: int) -> Mask:
            read.append(index)
            return super().__getitem__(index)

    tracked(scene, Slow({0: scene.modal[0], 5: scene.modal[5]}), range(6))
    assert sorted(read) == [0, 5]


def test_the_way_back_to_the_first_frame_is_gone_once() -> None:
    """What enters late is followed to where it came in; the answers on the way are those of tracking backwards."""
    scene, passed = make_scene(10, bar=None), []
    given = {7: scene.modal[7]}
    back = {t.frame_index: t for t in tracked(scene, given, range(6, -1, -1))}
    answers = tracked(scene, given, range(10), progress=lambda done, *_: passed.append(done))
    assert all(np.array_equal(answers[i].mask, back[i].mask) for i in range(7))
    assert [t.frame_index for t in answers] == list(range(10)) and passed.count(0) == 1 + 7


def test_a_long_way_to_the_range_can_be_cancelled() -> None:
    scene, passed = make_scene(12, bar=None), []

    def stop_at_the_third(*_: object) -> None:
        passed.append(1)
        if len(passed) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        tracked(scene, {0: scene.modal[0]}, range(11, 12), progress=stop_at_the_third)


@pytest.mark.parametrize("shape", [(60, 80), (300, 300)])
def test_a_given_mask_of_another_size_is_refused(shape: tuple[int, int]) -> None:
    scene = make_scene(3, bar=None)
    with pytest.raises(PromptError, match="give one of the clip's size"):
        list(BuiltinSegmenter().track(scene.clip, Prompts(masks={0: np.ones(shape, bool)}), range(3)))
