"""What every engine of a stage must answer, whichever it is: one contract, a table of engines."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from depth_models import TINY as TINY_DEPTH
from depth_models import skip_without_transformers, write_original
from sam2_models import TINY, skip_without_sam2, write_checkpoint
from scene import BAR_DEPTH, Scene, make_scene
from video_models import skip_without_transformers as skip_without_video_models
from video_models import write_folder

from vas_tool.engines.base import (
    AmodalCompleter,
    ContentCompleter,
    DepthEstimator,
    Progress,
    Segmenter,
    TrackedFrame,
    silent,
)
from vas_tool.engines.builtin.amodal import BuiltinAmodal
from vas_tool.engines.builtin.content import BuiltinContent
from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.engines.builtin.segment import BuiltinSegmenter
from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.errors import Cancelled, EngineError, PromptError
from vas_tool.masks import centre_of
from vas_tool.types import ArrayClip, Box, Canvas, Click, Clip, Content, Depth, Mask, Prompts
from vas_tool.work import AmodalWork, ContentWork

NUM_FRAMES = 10
GONE = (8, 9)
SPANS = [range(NUM_FRAMES), range(NUM_FRAMES - 1, -1, -1), range(4, 7), range(6, 3, -1), range(5, 6), range(0)]
CANVASES = [Canvas((160, 120)), Canvas.padded((160, 120), 0.25), Canvas((160, 120), 7, 0, 3, 11)]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(NUM_FRAMES, gone=GONE)


def stop_at(step: int) -> Callable[[int, int, str], None]:
    def progress(done: int, total: int, what: str) -> None:
        assert 0 <= done <= total and what
        if done >= step:
            raise Cancelled("enough")

    return progress


def one_frame(scene: Scene, index: int = 0) -> ArrayClip:
    return ArrayClip(scene.clip.frames[index : index + 1])


def amodal_work(scene: Scene, span: range, canvas: Canvas | None = None) -> AmodalWork:
    return AmodalWork(scene.clip, scene.modal, scene.depth, canvas or scene.canvas, span, seed=3)


def content_work(scene: Scene, span: range, canvas: Canvas | None = None) -> ContentWork:
    canvas = canvas or scene.canvas
    amodal = {index: canvas.to_canvas(mask) for index, mask in scene.amodal.items()}
    return ContentWork(scene.clip, scene.modal, amodal, canvas, span, seed=3)


def test_no_builtin_engine_takes_a_setting_it_does_not_know(scene: Scene) -> None:
    frames, unknown = range(1), {"steps": 3}
    for answers in (
        BuiltinDepth().estimate(scene.clip, frames, settings=unknown),
        BuiltinAmodal().complete(replace(amodal_work(scene, frames), settings=unknown)),
        BuiltinContent().complete(replace(content_work(scene, frames), settings=unknown)),
    ):
        with pytest.raises(EngineError, match="no parameter steps; it has none"):
            next(iter(answers))


# --- segment ----------------------------------------------------------------------------------------------------------


def sam2_toy(folder: Path) -> Segmenter:
    """Random weights: it keeps the contract, but it sees nothing."""
    from vas_tool.engines.sam2 import Sam2Segmenter

    checkpoint = folder / "toy.pt"
    if not checkpoint.exists():
        write_checkpoint(checkpoint, TINY["sam2.1"])
    return Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, device="cpu")


def edgetam_toy(folder: Path) -> Segmenter:
    """Random weights: it keeps the contract, but it sees nothing."""
    from vas_tool.engines.video_sessions.engine import from_folder
    from vas_tool.engines.video_sessions.released import EDGETAM

    if not (folder / "model.safetensors").exists():
        write_folder(folder, "edgetam")
    return from_folder(EDGETAM, folder, device="cpu")


SEGMENTERS: dict[str, Callable[[Path], Segmenter]] = {
    "builtin": lambda _: BuiltinSegmenter(),
    "sam2": sam2_toy,
    "edgetam": edgetam_toy,
}
UNTRAINED = ("sam2", "edgetam")

POINTS = [(40, 70, True), (40, 46, False), (100, 30, True), (30, 70, False), (0, 0, True), (159, 119, False)]


@pytest.fixture(scope="module", params=list(SEGMENTERS))
def make_segmenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Segmenter]:
    if request.param == "sam2":
        skip_without_sam2()
    if request.param == "edgetam":
        skip_without_video_models()
    folder = tmp_path_factory.mktemp("weights")
    return lambda: SEGMENTERS[request.param](folder)


@pytest.fixture(scope="module")
def segmenter(make_segmenter: Callable[[], Segmenter]) -> Segmenter:
    return make_segmenter()


@pytest.fixture(params=[name for name in SEGMENTERS if name not in UNTRAINED])
def seeing(request: pytest.FixtureRequest, tmp_path: Path) -> Segmenter:
    return SEGMENTERS[request.param](tmp_path)


def clicked(scene: Scene, frame_index: int = 0) -> Prompts:
    return Prompts(clicks=(Click(frame_index, *middle(scene, frame_index)),))


def middle(scene: Scene, frame_index: int) -> tuple[int, int]:
    point = centre_of(scene.modal[frame_index])
    assert point is not None
    return point


def every_prompt(scene: Scene) -> list[Prompts]:
    box = Box(0, 18, 38, 62, 82)
    clicks = clicked(scene).clicks
    return [
        Prompts(clicks=clicks),
        Prompts(clicks=(*clicks, Click(0, 40, 46, positive=False))),
        Prompts(boxes=(box,)),
        Prompts(clicks=clicks, boxes=(box,)),
        Prompts(clicks=clicks, masks={0: scene.modal[0]}),
        Prompts(boxes=(box,), masks={0: scene.modal[0]}),
    ]


@pytest.mark.parametrize("quick", [False, True])
def test_segment_answers_a_mask_of_the_frame_for_every_prompt(segmenter: Segmenter, scene: Scene, quick: bool) -> None:
    for prompts in every_prompt(scene):
        mask = segmenter.segment(scene.clip, 0, prompts, quick=quick)
        assert mask.shape == (120, 160) and mask.dtype == np.bool_


def test_two_fresh_segmenters_answer_the_same(make_segmenter: Callable[[], Segmenter], scene: Scene) -> None:
    one, other = make_segmenter(), make_segmenter()
    for prompts in reversed(every_prompt(scene)):  # what was asked before must not matter
        one.segment(scene.clip, 0, prompts)
    for prompts in every_prompt(scene):
        assert np.array_equal(one.segment(scene.clip, 0, prompts), other.segment(scene.clip, 0, prompts))
    tracked = [list(engine.track(scene.clip, clicked(scene), range(4))) for engine in (one, other)]
    assert same(*tracked)


def same(first: list[TrackedFrame], second: list[TrackedFrame]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(a.certainty == b.certainty and np.array_equal(a.mask, b.mask) for a, b in pairs)


@pytest.mark.parametrize("quick", [False, True])
def test_clicked_pixels_are_inside_or_outside_as_said(seeing: Segmenter, scene: Scene, quick: bool) -> None:
    clicks: tuple[Click, ...] = ()
    for x, y, positive in POINTS:
        clicks = (*clicks, Click(0, x, y, positive))
        mask = seeing.segment(scene.clip, 0, Prompts(clicks=clicks), quick=quick)
        assert [bool(mask[int(c.y), int(c.x)]) for c in clicks] == [c.positive for c in clicks]


def test_only_negative_clicks_show_nothing_there(seeing: Segmenter, scene: Scene) -> None:
    assert not seeing.segment(scene.clip, 0, Prompts(clicks=(Click(0, 40, 70, positive=False),)))[70, 40]


def test_a_given_mask_without_clicks_is_the_answer(segmenter: Segmenter, scene: Scene) -> None:
    given = np.random.default_rng(0).random((120, 160)) > 0.5
    assert np.array_equal(segmenter.segment(scene.clip, 2, Prompts(masks={2: given})), given)
    tracked = {t.frame_index: t.mask for t in segmenter.track(scene.clip, Prompts(masks={2: given}), range(1, 4))}
    assert np.array_equal(tracked[2], given)


def test_clicks_change_a_given_mask_without_changing_the_prompts(seeing: Segmenter, scene: Scene) -> None:
    given = scene.modal[0].copy()
    prompts = Prompts(clicks=(Click(0, *middle(scene, 0), positive=False),), masks={0: given})
    mask = seeing.segment(scene.clip, 0, prompts)
    assert not np.array_equal(mask, given)
    assert np.array_equal(given, scene.modal[0])


def test_what_is_not_prompted_is_not_answered(segmenter: Segmenter, scene: Scene) -> None:
    with pytest.raises(PromptError, match="3"):
        segmenter.segment(scene.clip, 3, clicked(scene))
    with pytest.raises(PromptError):
        list(segmenter.track(scene.clip, Prompts(), range(3)))


@pytest.mark.parametrize("span", SPANS)
def test_track_answers_every_frame_in_its_order(segmenter: Segmenter, scene: Scene, span: range) -> None:
    tracked = list(segmenter.track(scene.clip, Prompts(masks={2: scene.modal[2]}), span))
    assert [t.frame_index for t in tracked] == list(span)
    assert all(t.mask.shape == (120, 160) and t.mask.dtype == np.bool_ and 0 <= t.certainty <= 1 for t in tracked)
    assert all(t.predicted_iou is None or 0 <= t.predicted_iou <= 1 for t in tracked)


def test_a_prompted_frame_inside_is_answered_from_its_prompts(segmenter: Segmenter, scene: Scene) -> None:
    prompts = replace(clicked(scene, 4), masks={1: scene.modal[1]}, boxes=(Box(6, 50, 40, 95, 90),))
    tracked = {t.frame_index: t.mask for t in segmenter.track(scene.clip, prompts, range(NUM_FRAMES))}
    for index in prompts.frame_indices:
        assert np.array_equal(tracked[index], segmenter.segment(scene.clip, index, prompts))


def test_the_mask_is_empty_while_the_object_is_gone(seeing: Segmenter, scene: Scene) -> None:
    tracked = list(seeing.track(scene.clip, Prompts(masks={0: scene.modal[0]}), range(NUM_FRAMES)))
    assert [bool(t.mask.any()) for t in tracked] == [i not in GONE for i in range(NUM_FRAMES)]


def test_an_empty_reference_says_that_nothing_is_seen(seeing: Segmenter, scene: Scene) -> None:
    nothing = np.zeros((120, 160), bool)
    assert not any(t.mask.any() for t in seeing.track(scene.clip, Prompts(masks={8: nothing}), range(3)))


def test_cancelled_ends_tracking_and_keeps_what_came_before(segmenter: Segmenter, scene: Scene) -> None:
    answers = segmenter.track(scene.clip, clicked(scene), range(NUM_FRAMES), progress=stop_at(3))
    assert came_before_cancelled(answers) == 3


def came_before_cancelled(answers: Iterator[object]) -> int:
    count = 0
    with pytest.raises(Cancelled):
        for _ in answers:
            count += 1
    return count


def test_one_frame_is_a_clip(segmenter: Segmenter, scene: Scene) -> None:
    tracked = list(segmenter.track(one_frame(scene), clicked(scene), range(1)))
    assert len(tracked) == 1
    assert np.array_equal(tracked[0].mask, segmenter.segment(one_frame(scene), 0, clicked(scene)))


def test_prepare_changes_no_answer(make_segmenter: Callable[[], Segmenter], scene: Scene) -> None:
    prepared, plain = make_segmenter(), make_segmenter()
    for index in (NUM_FRAMES - 1, 0):
        prepared.prepare(scene.clip, index)
    prepared.prepare(one_frame(scene, 3), 0)  # another clip's frame 0 must not be taken for this one's
    masks = [engine.segment(scene.clip, 0, clicked(scene)) for engine in (prepared, plain)]
    assert np.array_equal(*masks)


# --- depth ------------------------------------------------------------------------------------------------------------


class DepthToy:
    """Depth Anything V2 with random weights, looking at five patches: it keeps the contract, but it sees nothing."""

    def __init__(self, folder: Path) -> None:
        from vas_tool.engines.depth_anything.engine import DepthAnything

        path = write_original(folder / "toy.pth")
        self.engine = DepthAnything.from_weights(path, architecture=TINY_DEPTH, device="cpu", batch=3)

    def estimate(
        self, clip: Clip, frame_indices: range, *, settings: Settings = NO_SETTINGS, progress: Progress = silent
    ) -> Iterator[tuple[int, Depth]]:
        return self.engine.estimate(clip, frame_indices, settings={"short_side": 70, **settings}, progress=progress)


@pytest.fixture(scope="module", params=["builtin", "depth-anything-v2"])
def depth_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DepthEstimator:
    if request.param == "builtin":
        return BuiltinDepth()
    skip_without_transformers()
    return DepthToy(tmp_path_factory.mktemp("depth"))


@pytest.mark.parametrize("span", SPANS)
def test_depth_is_float32_in_0_to_1_and_in_order(depth_engine: DepthEstimator, scene: Scene, span: range) -> None:
    answers = list(depth_engine.estimate(scene.clip, span))
    assert [index for index, _ in answers] == list(span)
    assert all(d.shape == (120, 160) and d.dtype == np.float32 for _, d in answers)
    assert all(np.isfinite(d).all() and d.min() >= 0 and d.max() <= 1 for _, d in answers)


def test_depth_of_one_frame_twice_and_cancelled(depth_engine: DepthEstimator, scene: Scene) -> None:
    once, again = (list(depth_engine.estimate(one_frame(scene), range(1))) for _ in range(2))
    assert len(once) == 1 and np.array_equal(once[0][1], again[0][1])
    assert came_before_cancelled(depth_engine.estimate(scene.clip, range(NUM_FRAMES), progress=stop_at(2))) == 2


# --- amodal -----------------------------------------------------------------------------------------------------------


def diffusion_amodal(folder: Path) -> AmodalCompleter:
    """Random weights, small pictures, short windows."""
    from tiny_diffusion_vas import SMALL, tiny_pipeline

    from vas_tool.engines.diffusion_vas.amodal import DiffusionVasAmodal

    return DiffusionVasAmodal(tiny_pipeline(folder), SMALL)


def learned_amodal(_: Path) -> AmodalCompleter:
    """The shipped weights."""
    from vas_tool.engines.learned.engine import LearnedAmodal

    return LearnedAmodal()


def eoras_amodal(_: Path) -> AmodalCompleter:
    """Random weights, few channels."""
    from tiny_eoras import tiny_network

    from vas_tool.engines.eoras.engine import EorasAmodal

    return EorasAmodal(tiny_network())


def tabe_amodal(folder: Path) -> AmodalCompleter:
    """Random weights, small pictures, no tuning, any number of whole frames."""
    from tiny_tabe import SMALL, not_white, tiny_model

    from vas_tool.engines.tabe.engine import TabeAmodal

    return TabeAmodal(tiny_model(folder), replace(SMALL, num_tuning_steps=0), segmenters=not_white)


def own_amodal(folder: Path) -> AmodalCompleter:
    """A command that paints boxes, on windows of ten frames."""
    from own_methods import write_method

    from vas_tool.engines.external.engine import ExternalAmodal
    from vas_tool.engines.external.methods import read_method

    (method,) = read_method(write_method(folder, window=10, overlap=2))
    return ExternalAmodal(method)


AMODAL_ENGINES: dict[str, Callable[[Path], AmodalCompleter]] = {
    "learned": learned_amodal,
    "builtin": lambda _: BuiltinAmodal(),
    "diffusion-vas": diffusion_amodal,
    "eoras": eoras_amodal,
    "tabe": tabe_amodal,
    "a method of one's own": own_amodal,
}


@pytest.fixture(scope="module", params=list(AMODAL_ENGINES))
def amodal_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AmodalCompleter:
    return AMODAL_ENGINES[request.param](tmp_path_factory.mktemp("weights"))


def wholes(engine: AmodalCompleter, scene: Scene, span: range, canvas: Canvas | None = None) -> list[tuple[int, Mask]]:
    return list(engine.complete(amodal_work(scene, span, canvas)))


@pytest.mark.parametrize("span", SPANS)
def test_amodal_answers_in_order(amodal_engine: AmodalCompleter, scene: Scene, span: range) -> None:
    assert [index for index, _ in wholes(amodal_engine, scene, span)] == list(span)


@pytest.mark.parametrize("canvas", CANVASES)
def test_amodal_masks_have_the_canvas_and_cover_the_modal_ones(
    amodal_engine: AmodalCompleter, scene: Scene, canvas: Canvas
) -> None:
    for index, mask in wholes(amodal_engine, scene, range(NUM_FRAMES), canvas):
        assert mask.shape == canvas.size_wh[::-1] and mask.dtype == np.bool_
        assert not (scene.modal[index] & ~canvas.to_frame(mask)).any()


def test_the_same_seed_gives_the_same_amodal_masks(amodal_engine: AmodalCompleter, scene: Scene) -> None:
    one, other = (wholes(amodal_engine, scene, range(NUM_FRAMES)) for _ in range(2))
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, other, strict=True))


# 12 and 13 are whole windows here (of Diffusion-VAS and EoRaS); the builtin engine chooses among more than 24 frames.
@pytest.mark.parametrize("num_frames", [1, 2, 12, 13, 14, 26])
def test_amodal_of_clips_of_any_length(amodal_engine: AmodalCompleter, num_frames: int) -> None:
    scene = make_scene(num_frames)
    answers = wholes(amodal_engine, scene, range(num_frames))
    assert [index for index, _ in answers] == list(range(num_frames))
    assert all(not (scene.modal[index] & ~mask).any() for index, mask in answers)


@pytest.mark.parametrize("held", [range(NUM_FRAMES), range(0), range(3)])
def test_without_anything_seen_there_is_nothing_whole(
    amodal_engine: AmodalCompleter, scene: Scene, held: range
) -> None:
    empty = replace(scene, modal={i: np.zeros((120, 160), bool) for i in held})
    answers = wholes(amodal_engine, empty, range(NUM_FRAMES))
    assert len(answers) == NUM_FRAMES and not any(mask.any() for _, mask in answers)


def test_amodal_takes_frames_that_were_never_looked_at(amodal_engine: AmodalCompleter, scene: Scene) -> None:
    some = replace(scene, modal={i: scene.modal[i] for i in (1, 2, 5, 7)})
    answers = dict(wholes(amodal_engine, some, range(NUM_FRAMES)))
    assert list(answers) == list(range(NUM_FRAMES))
    assert all(not (mask & ~answers[index]).any() for index, mask in some.modal.items())


@pytest.mark.parametrize("held", [range(0), range(4), range(7, NUM_FRAMES)])
def test_amodal_takes_frames_without_depth(amodal_engine: AmodalCompleter, scene: Scene, held: range) -> None:
    some = replace(scene, depth={i: scene.depth[i] for i in held})
    answers = wholes(amodal_engine, some, range(NUM_FRAMES))
    assert all(not (scene.modal[index] & ~mask).any() for index, mask in answers)


def test_cancelled_ends_amodal(amodal_engine: AmodalCompleter, scene: Scene) -> None:
    answers = amodal_engine.complete(amodal_work(scene, range(NUM_FRAMES)), progress=stop_at(4))
    assert came_before_cancelled(answers) <= 4


# --- content ----------------------------------------------------------------------------------------------------------


def diffusion_content(folder: Path) -> ContentCompleter:
    from tiny_diffusion_vas import SMALL, tiny_pipeline

    from vas_tool.engines.diffusion_vas.content import DiffusionVasContent

    return DiffusionVasContent(tiny_pipeline(folder, seed=2), SMALL)


def tabe_content(folder: Path) -> ContentCompleter:
    from tiny_tabe import SMALL, tiny_model

    from vas_tool.engines.tabe.engine import TabeContent

    return TabeContent(tiny_model(folder), replace(SMALL, num_tuning_steps=0))


def own_content(folder: Path) -> ContentCompleter:
    """A command that copies the pictures, frame by frame."""
    from own_methods import write_method

    from vas_tool.engines.external.engine import ExternalContent
    from vas_tool.engines.external.methods import read_method

    (method,) = read_method(write_method(folder, stage="content", window=1))
    return ExternalContent(method)


CONTENT_ENGINES: dict[str, Callable[[Path], ContentCompleter]] = {
    "builtin": lambda _: BuiltinContent(),
    "diffusion-vas": diffusion_content,
    "tabe": tabe_content,
    "a method of one's own": own_content,
}


@pytest.fixture(scope="module", params=list(CONTENT_ENGINES))
def content_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ContentCompleter:
    return CONTENT_ENGINES[request.param](tmp_path_factory.mktemp("weights"))


def contents(
    engine: ContentCompleter, scene: Scene, span: range, canvas: Canvas | None = None
) -> list[tuple[int, Content]]:
    return list(engine.complete(content_work(scene, span, canvas)))


@pytest.mark.parametrize("span", SPANS)
def test_content_answers_in_order(content_engine: ContentCompleter, scene: Scene, span: range) -> None:
    assert [index for index, _ in contents(content_engine, scene, span)] == list(span)


@pytest.mark.parametrize("canvas", CANVASES)
def test_content_is_exact_where_it_has_to_be(content_engine: ContentCompleter, scene: Scene, canvas: Canvas) -> None:
    for index, content in contents(content_engine, scene, range(NUM_FRAMES), canvas):
        assert content.shape == (*canvas.size_wh[::-1], 4) and content.dtype == np.uint8
        whole = canvas.to_canvas(scene.amodal[index])
        assert np.array_equal(content[..., 3], whole * np.uint8(255))
        assert not content[~whole].any()
        seen = scene.modal[index]
        assert np.array_equal(canvas.to_frame(content)[seen][:, :3], scene.clip[index][seen])


def test_an_object_partly_on_the_padding_has_content_there(content_engine: ContentCompleter, scene: Scene) -> None:
    canvas = CANVASES[1]
    amodal = {i: canvas.to_canvas(m) for i, m in scene.amodal.items()}
    amodal[3][50:70, :90] = True
    answers = content_engine.complete(ContentWork(scene.clip, scene.modal, amodal, canvas, range(3, 4)))
    assert (next(iter(answers))[1][50:70, :90, 3] == 255).all()


def test_the_same_seed_gives_the_same_content(content_engine: ContentCompleter, scene: Scene) -> None:
    one, other = (contents(content_engine, scene, range(NUM_FRAMES)) for _ in range(2))
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, other, strict=True))


@pytest.mark.parametrize("held", [(), (0, 1, 2), (1, 5)])
def test_content_takes_masks_that_are_missing(
    content_engine: ContentCompleter, scene: Scene, held: tuple[int, ...]
) -> None:
    some = replace(scene, modal={i: scene.modal[i] for i in held})
    for index, content in contents(content_engine, some, range(NUM_FRAMES)):
        assert np.array_equal(content[..., 3] > 0, scene.amodal[index])
    nothing = replace(scene, amodal={i: scene.amodal[i] for i in held})
    assert all(c.any() == (i in held) for i, c in contents(content_engine, nothing, range(NUM_FRAMES)))


def test_content_of_one_frame_and_cancelled(content_engine: ContentCompleter, scene: Scene) -> None:
    assert len(contents(content_engine, replace(scene, clip=one_frame(scene)), range(1))) == 1
    answers = content_engine.complete(content_work(scene, range(NUM_FRAMES)), progress=stop_at(4))
    assert came_before_cancelled(answers) <= 4


def test_the_scene_hides_something(scene: Scene) -> None:
    """Or the contract above would be kept by engines that do nothing."""
    assert any((scene.amodal[i] & ~scene.modal[i]).sum() > 200 for i in range(NUM_FRAMES))
    assert any((scene.depth[i] == np.float32(BAR_DEPTH)).any() for i in range(NUM_FRAMES))
