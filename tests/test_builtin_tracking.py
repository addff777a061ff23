"""How well the builtin tracker follows on a scene of which the truth is known, and what it keeps."""

import weakref
from collections.abc import Sequence
from typing import overload

import cv2
import numpy as np
import pytest
from scene import Scene, make_scene, turning

from vas_tool.engines.base import TrackedFrame
from vas_tool.engines.builtin.encoded_frames import EncodedFrame
from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.masks import iou
from vas_tool.types import ArrayClip, Frame, Prompts


def tracked(scene: Scene, *references: int, span: range | None = None) -> list[TrackedFrame]:
    prompts = Prompts(masks={i: scene.modal[i] for i in references})
    return list(BuiltinSegmenter().track(scene.clip, prompts, span or range(len(scene))))


def overlaps(scene: Scene, answers: list[TrackedFrame]) -> list[float]:
    return [iou(t.mask, scene.modal[t.frame_index]) for t in answers]


def test_a_thing_in_full_view_is_followed() -> None:
    scene = make_scene(12, bar=None, enlarged=2)
    found = overlaps(scene, tracked(scene, 0))
    assert np.mean(found) > 0.95 and min(found) > 0.9


def test_it_is_followed_backwards_as_well() -> None:
    scene = make_scene(10, bar=None, path=turning, enlarged=2)
    found = overlaps(scene, tracked(scene, 9, span=range(9, -1, -1)))
    assert np.mean(found) > 0.9 and min(found) > 0.85


def test_what_goes_behind_something_gets_smaller() -> None:
    scene = make_scene(5, enlarged=2)
    found = overlaps(scene, tracked(scene, 0))
    assert min(found) > 0.9


def test_what_comes_out_on_the_other_side_belongs_to_it() -> None:
    """The thing is wider than the bar: it is seen on both sides at once."""
    scene = make_scene(14, enlarged=2)
    found = overlaps(scene, tracked(scene, 0))
    assert np.mean(found) > 0.95 and min(found) > 0.85


def test_the_next_reference_takes_over() -> None:
    """A mask on the other side of the bar is where it goes on from, both ways."""
    scene = make_scene(14)
    with_help = overlaps(scene, tracked(scene, 0, 10))
    assert with_help[10] == 1.0 and min(with_help[10:]) > 0.9
    backwards = overlaps(scene, tracked(scene, 13, span=range(13, 8, -1)))
    assert min(backwards) > 0.9


def test_what_is_gone_is_empty_and_found_where_it_went() -> None:
    scene = make_scene(12, bar=None, gone=(4, 5, 6), path=lambda i: (70 + 1.0 * i, 60.0, 1.0, 0.0), enlarged=2)
    answers = tracked(scene, 0)
    found = overlaps(scene, answers)
    assert not any(answers[i].mask.any() for i in (4, 5, 6))
    assert min(found[7:]) > 0.9


def test_it_is_found_on_the_other_side_of_what_hid_it() -> None:
    scene = make_scene(17, bar=(60, 106), enlarged=2)
    assert not scene.modal[8].any() and not scene.modal[9].any()
    answers = tracked(scene, 0)
    found = overlaps(scene, answers)
    assert not answers[8].mask.any() and not answers[9].mask.any()
    assert np.mean(found[14:]) > 0.8


def test_certainty_falls_where_the_object_is_lost() -> None:
    scene = make_scene(6, bar=None, enlarged=2)
    answers = tracked(scene, 0)
    assert answers[0].certainty == 1.0
    jump = make_scene(6, bar=None, path=lambda i: (40 + 5.0 * i + 35.0 * (i > 4), 60.0, 1.0, 0.0), enlarged=2)
    jumped = tracked(jump, 0)
    assert jumped[5].certainty < min(t.certainty for t in answers) - 0.1


def test_the_same_answers_whatever_else_is_tracked_in_between() -> None:
    scene, other = make_scene(4), make_scene(4, path=turning)
    engine = BuiltinSegmenter()
    ours, theirs = (engine.track(s.clip, Prompts(masks={0: s.modal[0]}), range(4)) for s in (scene, other))
    mixed = [mine for mine, _ in zip(ours, theirs, strict=True)]
    alone = tracked(scene, 0)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(mixed, alone, strict=True))


class LongClip:
    """A scene over and over, there and back; counts what is read."""

    fps = 8.0

    def __init__(self, scene: Scene, length: int) -> None:
        self.size_wh = (80, 60)
        self._frames = [cv2.resize(frame, self.size_wh, interpolation=cv2.INTER_AREA) for frame in scene.clip.frames]
        self._length = length
        self.reads = 0

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Frame]: ...
    def __getitem__(self, index: int | slice, /) -> Frame | Sequence[Frame]:
        if isinstance(index, slice):
            return [self[i] for i in range(self._length)[index]]
        self.reads += 1
        period = 2 * len(self._frames) - 2
        place = index % period
        return self._frames[min(place, period - place)]


def test_frames_are_read_once_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene(10, bar=None)
    clip = LongClip(scene, 24)
    alive: weakref.WeakSet[EncodedFrame] = weakref.WeakSet()
    original = EncodedFrame.__init__

    def remember(self: EncodedFrame, *arguments: object) -> None:
        alive.add(self)
        original(self, *arguments)

    monkeypatch.setattr(EncodedFrame, "__init__", remember)
    engine, seen = BuiltinSegmenter(), 0
    mask = SmallFrames(scene.clip, longest_side=80).mask(scene.modal[0])
    for answer in engine.track(clip, Prompts(masks={0: mask}), range(24)):
        seen += bool(answer.mask.any())
        assert len(alive) <= 3
    assert seen > 19 and clip.reads <= 24
    assert not engine.num_kept["frames"] and not engine.num_kept["answers"]


@pytest.mark.parametrize("size_wh", [(480, 20), (20, 480), (640, 28), (9, 7)])
def test_a_thing_in_a_narrow_strip_is_tracked(size_wh: tuple[int, int]) -> None:
    """OpenCV's flow alone crashes on some of them, and the whole server with it."""
    width, height = size_wh
    frames = np.random.default_rng(0).integers(0, 255, (3, height, width, 3)).astype(np.uint8)
    mask = np.zeros((height, width), bool)
    mask[: height // 2, : width // 2] = True
    found = list(BuiltinSegmenter().track(ArrayClip(frames), Prompts(masks={0: mask}), range(3)))
    assert [one.mask.shape for one in found] == [(height, width)] * 3
