"""How good the builtin amodal masks are on a scene of which the truth is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scene import Scene, make_scene, turning

from vas_tool.engines.builtin.amodal import BuiltinAmodal
from vas_tool.engines.builtin.small_frames import FRAMES_KEPT, SmallFrames
from vas_tool.masks import iou
from vas_tool.types import ArrayClip, Canvas, Depth, Mask
from vas_tool.work import AmodalWork

SCENES = {
    "bar": lambda: make_scene(14, enlarged=2),
    "turning": lambda: make_scene(10, path=turning, enlarged=2),
    "hidden for a while": lambda: make_scene(20, bar=(60, 106), enlarged=2),
}


@pytest.fixture(scope="module", params=list(SCENES))
def scene(request: pytest.FixtureRequest) -> Scene:
    return SCENES[request.param]()


def completed(scene: Scene, canvas: Canvas | None = None, frames: range | None = None) -> dict[int, Mask]:
    frames = range(len(scene)) if frames is None else frames
    work = AmodalWork(scene.clip, scene.modal, scene.depth, canvas or scene.canvas, frames)
    return dict(BuiltinAmodal().complete(work))


@pytest.fixture(scope="module")
def masks(scene: Scene) -> dict[int, Mask]:
    return completed(scene)


def hull(mask: Mask) -> Mask:
    out = np.zeros(mask.shape, np.uint8)
    points = cv2.findNonZero(mask.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(out, cv2.convexHull(points), 1)
    return out > 0


def nearer_hull(mask: Mask, depth: Depth) -> Mask:
    return mask | (hull(mask) & (depth > np.median(depth[mask]))) if mask.any() else mask


def score(scene: Scene, masks: dict[int, Mask]) -> tuple[float, float]:
    """mIoU of the whole, and of what is hidden on the frames that hide more than a sliver."""
    whole = [iou(masks[i], scene.amodal[i]) for i in masks]
    hidden = {i: scene.amodal[i] & ~scene.modal[i] for i in masks}
    parts = [iou(masks[i] & ~scene.modal[i], truth) for i, truth in hidden.items() if truth.sum() > 100]
    return float(np.mean(whole)), float(np.mean(parts))


def test_it_beats_what_is_simpler(scene: Scene, masks: dict[int, Mask]) -> None:
    ours = score(scene, masks)
    hulls = {i: hull(mask) for i, mask in scene.modal.items()}
    nearer = {i: nearer_hull(mask, scene.depth[i]) for i, mask in scene.modal.items()}
    for simple in (scene.modal, hulls, nearer):
        assert all(mine > other + 0.1 for mine, other in zip(ours, score(scene, simple), strict=True))


def test_it_is_good(scene: Scene, masks: dict[int, Mask]) -> None:
    whole, hidden = score(scene, masks)
    assert whole > 0.9
    assert hidden > 0.8


def test_depth_upside_down_is_not_believed() -> None:
    scene = make_scene(14, enlarged=2)
    wrong = replace(scene, depth={i: 1 - d for i, d in scene.depth.items()})
    whole, hidden = score(scene, completed(wrong))
    assert whole > 0.9 and hidden > 0.8


@pytest.mark.parametrize("wrong", [(5,), (2, 3, 4, 6, 7, 8, 9, 10)])
def test_a_part_of_the_clip_is_answered_as_the_whole_would_be(wrong: tuple[int, ...]) -> None:
    scene = make_scene(12)
    scene = replace(scene, depth={i: 1 - d if i in wrong else d for i, d in scene.depth.items()})
    whole = completed(scene)
    for frames in (range(5, 6), range(11, 3, -1), range(2)):
        part = completed(scene, frames=frames)
        assert list(part) == list(frames) and all(np.array_equal(part[i], whole[i]) for i in frames)


def test_an_object_in_full_view_stays_as_it_is() -> None:
    scene = make_scene(8, bar=None)
    masks = completed(scene)
    assert all(iou(masks[i], scene.modal[i]) > 0.98 for i in range(8))


def test_gone_before_and_after_is_not_made_up() -> None:
    scene = make_scene(12, bar=None, gone=(0, 1, 9, 10, 11))
    masks = completed(scene)
    assert [bool(masks[i].any()) for i in range(12)] == [2 <= i <= 8 for i in range(12)]


def test_it_is_carried_on_for_half_a_second_when_it_goes_behind_something() -> None:
    scene = make_scene(14, bar=(60, 160), path=lambda i: (30 + 9.0 * i, 60.0, 1.0, 0.0), enlarged=2)
    masks = completed(scene)
    last = max(i for i in range(14) if scene.modal[i].any())
    areas = [int(masks[i].sum()) / int(scene.amodal[0].sum()) for i in range(last + 1, 14)]
    assert all(0.8 < area < 1.2 for area in areas[:3]) and not any(areas[4:])
    assert iou(masks[last], scene.amodal[last]) > 0.55  # of which a twentieth is seen
    assert iou(masks[last + 1], scene.amodal[last + 1]) > 0.3  # a guess: what was seen last had almost no features


def test_what_left_the_frame_is_completed_on_the_padding() -> None:
    scene = make_scene(10, bar=None, path=lambda i: (130 + 4.0 * i, 60.0, 1.0, 0.0), enlarged=2)
    canvas = Canvas.padded(scene.clip.size_wh, 0.25)
    masks = completed(scene, canvas)
    areas = [int(masks[i].sum()) for i in range(10)]
    full = int(scene.modal[0].sum())
    assert all(0.9 < area / full < 1.1 for area in areas)
    assert masks[9][:, canvas.window[1].stop :].sum() > 0.3 * full


def test_a_long_clip_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    short = make_scene(10)
    num_frames = 60
    frames = short.clip.frames[[i % 10 for i in range(num_frames)]]
    long = replace(
        short,
        clip=ArrayClip(frames),
        modal={i: short.modal[i % 10] for i in range(num_frames)},
        depth={i: short.depth[i % 10] for i in range(num_frames)},
    )
    made: list[SmallFrames] = []
    original = SmallFrames.__init__

    def remember(self: SmallFrames, clip: ArrayClip, **options: int) -> None:
        made.append(self)
        original(self, clip, **options)

    monkeypatch.setattr(SmallFrames, "__init__", remember)
    assert len(completed(long)) == num_frames
    assert made and all(s.num_kept <= FRAMES_KEPT for s in made)
