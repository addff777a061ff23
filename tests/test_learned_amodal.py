"""The learned amodal engine with its shipped weights, where the truth is known."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scene import Scene, make_scene, turning

from vas_tool.engines import registry
from vas_tool.engines.builtin.amodal import BuiltinAmodal
from vas_tool.engines.learned.clip_views import ClipViews
from vas_tool.engines.learned.engine import WEIGHTS, Guess, LearnedAmodal, Likely, can_hide, on_canvas
from vas_tool.engines.learned.evidence import CHANNELS, Window
from vas_tool.errors import EngineError
from vas_tool.evaluation.occlusion_cases import behind
from vas_tool.evaluation.silhouettes import silhouettes
from vas_tool.masks import box_xyxy, iou
from vas_tool.types import AmodalBox, Canvas, Mask, SizeWH
from vas_tool.work import AmodalWork

SHA256 = "5cc19510b0a104d572f4699d3a54e3c3649e6df052e03abfe1335032bc71103b"

SCENES = {
    "bar": lambda: make_scene(14, enlarged=2),
    "turning": lambda: make_scene(10, path=turning, enlarged=2),
    "hidden for a while": lambda: make_scene(20, bar=(60, 106), enlarged=2),
}


@pytest.fixture(scope="module")
def engine() -> LearnedAmodal:
    return LearnedAmodal()


@pytest.fixture(scope="module", params=list(SCENES))
def scene(request: pytest.FixtureRequest) -> Scene:
    return SCENES[request.param]()


def completed(engine: LearnedAmodal | BuiltinAmodal, scene: Scene, frames: range, **more: object) -> dict[int, Mask]:
    canvas = Canvas(scene.clip.size_wh)
    return dict(engine.complete(AmodalWork(scene.clip, scene.modal, scene.depth, canvas, frames, **more)))


def hidden_score(scene: Scene, masks: dict[int, Mask]) -> float:
    """Mean IoU of the hidden part on the frames that hide more than a sliver."""
    hidden = {i: scene.amodal[i] & ~scene.modal[i] for i in masks}
    return float(np.mean([iou(masks[i] & ~scene.modal[i], h) for i, h in hidden.items() if h.sum() > 100]))


def test_the_hidden_part_is_found(engine: LearnedAmodal, scene: Scene) -> None:
    assert hidden_score(scene, completed(engine, scene, range(len(scene)))) > 0.8


def test_a_part_of_the_clip_is_answered_as_the_whole_would_be(engine: LearnedAmodal, scene: Scene) -> None:
    whole, part = (completed(engine, scene, frames) for frames in (range(len(scene)), range(4, 8)))
    assert all(np.array_equal(whole[i], mask) for i, mask in part.items())


def test_on_deforming_things_it_is_better_than_what_has_not_learned(engine: LearnedAmodal) -> None:
    worm = next(view for view in silhouettes() if view.name == "worm")
    case = behind(worm, "bar", seed=0)

    def score(masks: dict[int, Mask]) -> float:
        hidden = {i: case.hidden(i) for i in masks}
        return float(np.mean([iou(masks[i] & ~case.modal[i], h) for i, h in hidden.items() if h.any()]))

    hiding = [i for i in range(len(case.clip)) if case.hidden(i).any()]  # the others have no score
    canvas, frames = Canvas(case.clip.size_wh), range(hiding[0], hiding[-1] + 1)
    work = AmodalWork(case.clip, case.modal, case.depth, canvas, frames)
    learned, voted = (score(dict(e.complete(work))) for e in (engine, BuiltinAmodal()))
    assert learned > voted + 0.05


def test_seeds_give_guesses_that_differ_only_where_nothing_is_seen(engine: LearnedAmodal) -> None:
    scene = SCENES["hidden for a while"]()
    frames, canvas = range(5, 12), Canvas(scene.clip.size_wh)  # on two of them nothing is seen
    work = AmodalWork(scene.clip, scene.modal, scene.depth, canvas, frames)
    seeds = (0, 3)
    sampled = dict(engine.sample(work, seeds))
    differing = {i: np.any([m != masks[0] for m in masks[1:]], axis=0) for i, masks in sampled.items()}
    assert sum(d.sum() for d in differing.values()) > 0
    assert not any((differing[i] & scene.modal[i]).any() for i in frames)
    for place, seed in enumerate(seeds):
        alone = completed(engine, scene, frames, seed=seed)
        assert all(np.array_equal(alone[i], sampled[i][place]) for i in frames)


def test_it_says_how_sure_it_is(engine: LearnedAmodal) -> None:
    scene = SCENES["hidden for a while"]()
    views = ClipViews.of(scene.clip, scene.modal, scene.depth, progress=lambda *_: None)
    for index, (likely,) in engine.probabilities(views, range(len(scene)), [Guess.of(0)]):
        assert likely is not None and likely.probability.min() >= 0 and likely.probability.max() <= 1.0001
        unsure = np.mean((likely.probability > 0.2) & (likely.probability < 0.8))
        gone = not scene.modal[index].any()
        assert unsure > 0.005 if gone else unsure < 0.25


def test_it_reads_boxes(engine: LearnedAmodal) -> None:
    modal = {0: np.zeros((60, 80), bool), 1: np.zeros((60, 80), bool)}
    modal[0][10:30, 10:30] = True
    boxes = {i: AmodalBox(i, 10.0 + 20 * i, 10.0, 30.0 + 20 * i, 30.0) for i in range(2)}
    outline = engine.outlines(modal, boxes, canvas=Canvas((80, 60)))
    assert np.array_equal(outline(1), np.roll(modal[0], 20, axis=1))


def test_it_is_what_auto_takes_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "has_gpu", lambda: False)
    assert registry.spec_of("amodal", "auto").name == "learned"


def test_its_weights_are_those_of_its_revision() -> None:
    """Other weights are another revision: what the old ones made is then told as outdated."""
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert {registry.spec_of("amodal", "learned").revision: digest} == {"2": SHA256}
    assert WEIGHTS.stat().st_size < 12e6


@pytest.mark.parametrize("clip_wh", [(1000, 333), (480, 270), (90, 70)])
def test_the_window_is_brought_back_to_its_place(clip_wh: SizeWH) -> None:
    canvas = Canvas(clip_wh, pad_left=7, pad_top=5, pad_right=3, pad_bottom=9)
    scale = min(1.0, 480 / max(clip_wh))
    small_wh = round(clip_wh[0] * scale), round(clip_wh[1] * scale)
    # the lower right quarter of the frame, as a square window in small pixels sees it
    window = Window(0, 0, max(small_wh))
    likely = np.zeros((256, 256), np.float32)
    rows, columns = (round(256 * side / max(small_wh)) for side in (small_wh[1], small_wh[0]))
    likely[rows // 2 : rows, columns // 2 : columns] = 1
    whole = on_canvas(
        Likely(window, likely), np.zeros(canvas.size_wh[::-1], bool), small_wh=small_wh, canvas=canvas, threshold=0.5
    )
    found = box_xyxy(whole)
    width, height = clip_wh
    expected = 7 + width / 2, 5 + height / 2, 7 + width, 5 + height
    pixel = max(small_wh) / 256 / scale  # of the window, in clip pixels
    assert found is not None and np.abs(np.subtract(found, expected)).max() <= pixel + 0.5


def test_nothing_hides_where_depth_says_so() -> None:
    picture = np.zeros((CHANNELS, 4, 4), np.float32)
    picture[0, 0], picture[1, 1], picture[3] = 1, 1, 1  # seen in the first row, something nearer in the second
    assert np.array_equal(can_hide(picture), [[1] * 4, [1] * 4, [0] * 4, [0] * 4])
    picture[3] = 0
    assert (can_hide(picture) == 1).all(), "a depth that is not trusted forbids nothing"


@pytest.mark.parametrize(
    ("depth", "trusted"), [("layers", True), ("upside down", False), ("flat", False), ("none", False)]
)
def test_depth_is_believed_where_it_tells_what_hides(depth: str, trusted: bool) -> None:
    scene = SCENES["bar"]()
    maps = {
        "layers": scene.depth,
        "upside down": {i: 1 - d for i, d in scene.depth.items()},
        "flat": {i: np.full_like(d, 0.5) for i, d in scene.depth.items()},
        "none": {},
    }[depth]
    assert ClipViews.of(scene.clip, scene.modal, maps).trusted is trusted


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "amodal.onnx"
    broken.write_bytes(WEIGHTS.read_bytes()[:1000])
    with pytest.raises(EngineError, match=r"amodal\.onnx.*install vas-tool anew"):
        LearnedAmodal(broken)
    with pytest.raises(EngineError, match=r"nowhere\.onnx"):
        LearnedAmodal(tmp_path / "nowhere.onnx")
