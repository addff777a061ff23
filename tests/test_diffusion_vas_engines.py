"""The engines on a clip of several windows, with tiny random weights."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scene import Scene, make_scene
from tiny_diffusion_vas import SMALL, tiny_pipeline

from vas_tool.engines.base import SamplingCompleter
from vas_tool.engines.diffusion_vas import conversions, placement, window_model
from vas_tool.engines.diffusion_vas.amodal import DiffusionVasAmodal
from vas_tool.engines.diffusion_vas.content import DiffusionVasContent
from vas_tool.engines.diffusion_vas.denoising import draw_noise
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.placement import BatchSize
from vas_tool.engines.diffusion_vas.window_plan import plan_windows
from vas_tool.errors import Cancelled, EngineError
from vas_tool.planning.setup import reach_of
from vas_tool.project.window_cache import WindowCache
from vas_tool.types import Canvas, Mask
from vas_tool.work import AmodalWork, ContentWork

NUM_FRAMES = 15
"""Three windows: 0..6, 6..12, 8..14."""
LOW = {"threshold": 380}
"""About half of the pixels of random weights' answers exceed it."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(NUM_FRAMES)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> DiffusionVasPipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


class Counting:
    """Counts what the pipeline is asked."""

    def __init__(self, pipeline: DiffusionVasPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts = dict.fromkeys(("tokens", "condition_latents", "denoise", "decode"), 0)
        for name in self.counts:
            monkeypatch.setattr(pipeline, name, self._counted(name, getattr(pipeline, name)))

    def _counted(self, name, asked):
        def count(*args, **kwargs):
            self.counts[name] += 1
            return asked(*args, **kwargs)

        return count


@pytest.fixture
def counting(pipeline: DiffusionVasPipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    yield Counting(pipeline, monkeypatch)


def work_of(scene: Scene, span: range, **more) -> AmodalWork:
    options = {"canvas": scene.canvas, "settings": LOW, "seed": 3} | more
    return AmodalWork(scene.clip, scene.modal, scene.depth, frame_indices=span, **options)


def wholes(engine: DiffusionVasAmodal, scene: Scene, span: range = range(NUM_FRAMES), **more) -> dict[int, Mask]:
    return dict(engine.complete(work_of(scene, span, **more)))


def same(one: dict[int, Mask], other: dict[int, Mask]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[i], other[i]) for i in one)


def test_the_answers_are_neither_empty_nor_full(pipeline: DiffusionVasPipeline, scene: Scene) -> None:
    """Or the tests below would compare nothing."""
    masks = wholes(DiffusionVasAmodal(pipeline, SMALL), scene)
    assert 0.05 < np.mean([mask.mean() for mask in masks.values()]) < 0.95


def test_several_seeds_are_what_one_after_the_other_gives(
    pipeline: DiffusionVasPipeline, scene: Scene, counting: Counting
) -> None:
    engine = DiffusionVasAmodal(pipeline, SMALL)
    assert isinstance(engine, SamplingCompleter)
    sampled = dict(engine.sample(work_of(scene, range(NUM_FRAMES)), (3, 4, 23)))
    num_windows = len(plan_windows(NUM_FRAMES, length=7, overlap=1))
    assert counting.counts["tokens"] == num_windows and counting.counts["condition_latents"] == 2 * num_windows
    for position, seed in enumerate((3, 4, 23)):
        alone = wholes(DiffusionVasAmodal(pipeline, SMALL), scene, seed=seed)
        assert same({index: masks[position] for index, masks in sampled.items()}, alone)
    assert not np.array_equal(*[np.stack([masks[k] for masks in sampled.values()]) for k in (0, 1)])


def test_depth_is_encoded_once_for_all_objects(
    pipeline: DiffusionVasPipeline, scene: Scene, counting: Counting
) -> None:
    engine = DiffusionVasAmodal(pipeline, SMALL)
    wholes(engine, scene, range(6))
    assert counting.counts["condition_latents"] == 2
    other = {index: np.roll(mask, 9, axis=0) for index, mask in scene.modal.items()}
    wholes(engine, replace(scene, modal=other), range(6))
    assert counting.counts["condition_latents"] == 3


def test_depth_of_a_long_clip_is_encoded_once_for_all_objects_and_seeds(
    pipeline: DiffusionVasPipeline, scene: Scene, counting: Counting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where more windows lie between two objects than masks are kept, and with windows kept on disk."""
    monkeypatch.setattr(window_model, "CACHED", {"second": 3, "first": 1, "tokens": 1, "start": 1})
    engine = DiffusionVasAmodal(pipeline, SMALL)
    num_windows = len(plan_windows(NUM_FRAMES, length=7, overlap=1))
    for count in range(1, 4):
        modal = {index: np.roll(mask, 9 * count, axis=0) for index, mask in scene.modal.items()}
        work = work_of(replace(scene, modal=modal), range(NUM_FRAMES), store=WindowCache(tmp_path))
        dict(engine.sample(work, (3, 4)))
        assert counting.counts["condition_latents"] == (1 + count) * num_windows


def test_what_seeds_start_from_is_drawn_once_for_all_objects(
    pipeline: DiffusionVasPipeline, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def counted(seed: int, *args, **kwargs):
        drawn.append(seed)
        return window_noise(seed, *args, **kwargs)

    window_noise = window_model.window_noise
    monkeypatch.setattr(window_model, "window_noise", counted)
    engine = DiffusionVasAmodal(pipeline, SMALL)
    for shift in (0, 9):
        modal = {index: np.roll(mask, shift, axis=0) for index, mask in scene.modal.items()}
        dict(engine.sample(work_of(replace(scene, modal=modal), range(6)), (3, 4)))
    assert sorted(drawn) == [3, 4, 23, 23]  # 23: the noise on what is shown, of every object anew


def test_a_batch_that_does_not_fit_is_halved(pipeline: DiffusionVasPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU whose free memory said more than there was room for."""
    import torch

    asked: list[int] = []
    fits, unet = 2, pipeline.parts.unet

    class SmallMemory:
        stock, dtype = unet.stock, unet.dtype

        def __call__(self, sample, *args, **kwargs):
            asked.append(len(sample) // len(conditions.latents))
            if asked[-1] > fits:
                raise torch.OutOfMemoryError
            return unet(sample, *args, **kwargs)

    shown = np.zeros((3, 3, 32, 32), np.float32) - 1
    noise = draw_noise(torch.Generator().manual_seed(1), num_frames=3, size_hw=(32, 32))
    conditions = pipeline.encode(shown, shown, noise=noise, parameters=SMALL)
    start = torch.randn(5, 3, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    one_by_one = pipeline.denoise(conditions, start, parameters=SMALL)
    batch = BatchSize(torch.device("cuda"))
    monkeypatch.setattr(placement, "free_bytes", lambda _: 10)
    for name in ("reset_peak_memory_stats", "memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, lambda _: 0)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 1)
    with batch.learning(1):
        pass  # one answer takes a byte
    monkeypatch.setattr(pipeline, "batch", batch)
    monkeypatch.setattr(pipeline, "parts", replace(pipeline.parts, unet=SmallMemory()))
    together = pipeline.denoise(conditions, start, parameters=SMALL)
    assert asked == [5, 2, 2, 1, 2, 2, 1] and torch.allclose(together, one_by_one, rtol=1e-4, atol=1e-4)
    fits = 0
    with pytest.raises(EngineError, match="the GPU's memory is full; close what else uses it"):
        pipeline.denoise(conditions, start, parameters=SMALL)


def test_each_seed_draws_its_own_where_that_is_asked(
    pipeline: DiffusionVasPipeline, scene: Scene, counting: Counting
) -> None:
    engine = DiffusionVasAmodal(pipeline, SMALL)
    own = wholes(engine, scene, range(6), seed=23, settings={**LOW, "condition_noise": "by_seed"})
    assert same(own, wholes(engine, scene, range(6), seed=23))
    assert counting.counts["condition_latents"] == 2
    own = wholes(engine, scene, range(6), seed=5, settings={**LOW, "condition_noise": "by_seed"})
    assert not same(own, wholes(engine, scene, range(6), seed=5))


def test_a_part_of_the_clip_is_answered_as_the_whole_and_runs_its_windows_only(
    pipeline: DiffusionVasPipeline, scene: Scene, counting: Counting
) -> None:
    engine = DiffusionVasAmodal(pipeline, SMALL)
    whole = wholes(engine, scene)
    counting.counts["denoise"] = 0
    part = wholes(engine, scene, range(14, 11, -1))
    assert list(part) == [14, 13, 12] and same(part, {i: whole[i] for i in part})
    assert counting.counts["denoise"] == 2  # frame 12 is in two windows


def test_a_changed_mask_changes_the_frames_of_its_windows_only(pipeline: DiffusionVasPipeline, scene: Scene) -> None:
    engine = DiffusionVasAmodal(pipeline, SMALL)
    before = wholes(engine, scene)
    moved = {**scene.modal, 2: np.roll(scene.modal[2], 30, axis=1)}
    after = wholes(engine, replace(scene, modal=moved))
    changed = {i for i in before if not np.array_equal(before[i], after[i])}
    assert 2 in changed and changed <= {*reach_of(plan_windows(NUM_FRAMES, length=7, overlap=1), NUM_FRAMES)[2]}


def test_a_stop_keeps_what_finished_windows_gave(pipeline: DiffusionVasPipeline, scene: Scene) -> None:
    told: list[tuple[int, int, str]] = []

    def progress(done: int, total: int, what: str) -> None:
        told.append((done, total, what))
        if what.endswith("window 2 of 3") and done == 3:
            raise Cancelled("enough")

    engine, kept = DiffusionVasAmodal(pipeline, SMALL), []
    with pytest.raises(Cancelled):
        for index, _ in engine.complete(work_of(scene, range(NUM_FRAMES), settings={}, seed=0), progress=progress):
            kept.append(index)
    assert kept == list(range(6))  # frame 6 is also in the second window
    assert told[:3] == [(n, 6, "amodal masks, window 1 of 3") for n in range(3)]


def test_a_window_without_the_object_is_not_run(
    pipeline: DiffusionVasPipeline, scene: Scene, counting: Counting
) -> None:
    gone = {i: mask if i < 7 else np.zeros_like(mask) for i, mask in scene.modal.items()}
    masks = wholes(DiffusionVasAmodal(pipeline, SMALL), replace(scene, modal=gone))
    assert counting.counts["denoise"] == 2 and not masks[14].any() and masks[12].any()


def test_settings_that_do_not_exist_are_named(pipeline: DiffusionVasPipeline, scene: Scene) -> None:
    with pytest.raises(EngineError, match=r"no parameter steps; it has resolution, num_steps"):
        wholes(DiffusionVasAmodal(pipeline, SMALL), scene, settings={"steps": 3})


def test_content_continues_the_noise_of_the_first_stage(pipeline: DiffusionVasPipeline, scene: Scene) -> None:
    """As the demo does, whose one random generator serves both stages, the amodal stage first."""
    import torch

    span, canvas = range(7), Canvas(scene.clip.size_wh)
    small = replace(scene, clip=type(scene.clip)(scene.clip.frames[:7]))
    engine = DiffusionVasContent(pipeline, SMALL)
    got = dict(engine.complete(ContentWork(small.clip, small.modal, small.amodal, canvas, span, seed=23)))
    size_hw = SMALL.size_hw
    modal = [conversions.modal_condition(small.modal[i], canvas, size_hw) for i in span]
    colours = [conversions.colour_condition(small.clip[i], canvas, size_hw) for i in span]
    first = np.stack([conversions.modal_colours(c, m) for c, m in zip(colours, modal, strict=True)])
    second = np.stack(
        [conversions.amodal_condition(conversions.mask_for_model(small.amodal[i], size_hw)) for i in span]
    )
    generator = torch.Generator().manual_seed(23)
    for _ in range(2):
        said = pipeline(first, conversions.three_channels(second), generator=generator, num_steps=SMALL.num_steps)
    for i in span:
        hidden = small.amodal[i] & ~small.modal[i]
        assert np.array_equal(
            got[i][hidden][:, :3], conversions.colours_on_canvas(conversions.as_bytes(said.frames[i]), canvas)[hidden]
        )
