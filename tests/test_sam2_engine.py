"""SAM2 behind the Segmenter Protocol, with a small model of random weights: shapes, prompts, caches, errors."""

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sam2_models import SIZE_WH, TINY, skip_without_sam2, write_checkpoint, write_clip
from waiting import until

from vas_tool.engines import registry
from vas_tool.engines.base import TrackedFrame
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.sam2 import FramePrompts, PresetName, Sam2Segmenter
from vas_tool.errors import Cancelled, EngineError, PromptError
from vas_tool.run_warnings import collected_warnings
from vas_tool.types import ArrayClip, Box, Click, Mask, Prompts
from vas_tool.video.clip import FolderClip

skip_without_sam2()

from sam_integration.features import FeatureCache, FrameFeatures  # noqa: E402
from sam_integration.object_memory import ObjectMemory, Remembered  # noqa: E402
from sam_integration.predictor import Predictor  # noqa: E402

NUM_FRAMES = 9
CLICK = Prompts(clicks=(Click(3, 32, 25),))
DISC: Mask = (np.mgrid[:64, :96][0] - 30) ** 2 + (np.mgrid[:64, :96][1] - 40) ** 2 < 15**2


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "toy.pt", TINY["sam2.1"])


@pytest.fixture(scope="module")
def segmenter(checkpoint: Path) -> Sam2Segmenter:
    return Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, device="cpu")


@pytest.fixture
def clip(tmp_path: Path) -> FolderClip:
    return write_clip(tmp_path / "jpegs", NUM_FRAMES)


def array_clip(num_frames: int, seed: int = 0) -> ArrayClip:
    frames = np.random.default_rng(seed).integers(0, 255, (num_frames, SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    return ArrayClip(frames)


def same(first: list[TrackedFrame], second: list[TrackedFrame]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(a.frame_index == b.frame_index and np.array_equal(a.mask, b.mask) for a, b in pairs)


@pytest.mark.parametrize("span", [range(NUM_FRAMES), range(NUM_FRAMES - 1, -1, -1), range(5, 8), range(0), range(3, 4)])
def test_every_frame_is_answered_in_its_order(segmenter: Sam2Segmenter, clip: FolderClip, span: range) -> None:
    tracked = list(segmenter.track(clip, CLICK, span))
    assert [t.frame_index for t in tracked] == list(span)
    assert all(t.mask.shape == SIZE_WH[::-1] and t.mask.dtype == np.bool_ for t in tracked)
    assert all(0 <= t.certainty <= 1 for t in tracked)


def test_a_prompted_frame_is_answered_from_its_own_prompts(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    prompts = Prompts(clicks=(Click(3, 32, 25), Click(6, 44, 25), Click(6, 10, 50, positive=False)))
    tracked = {t.frame_index: t.mask for t in segmenter.track(clip, prompts, range(NUM_FRAMES))}
    for frame_index in (3, 6):
        assert np.array_equal(tracked[frame_index], segmenter.segment(clip, frame_index, prompts))


def test_every_kind_of_prompt_changes_the_mask(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    masks = [
        segmenter.segment(clip, 3, prompts)
        for prompts in (
            CLICK,
            Prompts(clicks=(*CLICK.clicks, Click(3, 60, 50, positive=False))),
            Prompts(clicks=(*CLICK.clicks, Click(3, 60, 50))),
            Prompts(boxes=(Box(3, 20, 15, 45, 36),)),
            Prompts(clicks=CLICK.clicks, masks={3: DISC}),
        )
    ]
    assert all(not np.array_equal(a, b) for i, a in enumerate(masks) for b in masks[:i])


def test_a_given_mask_is_true_and_a_start(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    given = Prompts(masks={3: DISC})
    assert np.array_equal(segmenter.segment(clip, 3, given), DISC)
    tracked = {t.frame_index: t for t in segmenter.track(clip, given, range(2, 5))}
    assert np.array_equal(tracked[3].mask, DISC) and tracked[3].certainty == 1.0
    tracked[3].mask[:] = False
    assert DISC.any(), "the caller's mask must not be handed out"
    other = {t.frame_index: t.mask for t in segmenter.track(clip, Prompts(masks={3: ~DISC}), range(2, 5))}
    assert not np.array_equal(other[4], tracked[4].mask), "the mask on frame 3 does not reach frame 4"


def test_a_prompt_outside_the_span_is_a_reference(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    alone = list(segmenter.track(clip, CLICK, range(4, 7)))
    corrected = Prompts(clicks=(*CLICK.clicks, Click(8, 52, 25)))
    assert not same(alone, list(segmenter.track(clip, corrected, range(4, 7))))


def test_an_empty_given_mask_means_hidden(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    hidden = Prompts(clicks=CLICK.clicks, masks={5: np.zeros_like(DISC)})
    assert len(list(segmenter.track(clip, hidden, range(NUM_FRAMES)))) == NUM_FRAMES


@pytest.mark.parametrize("num_frames", [1, 2])
def test_shortest_clips(segmenter: Sam2Segmenter, num_frames: int) -> None:
    clip = array_clip(num_frames)
    tracked = list(segmenter.track(clip, Prompts(boxes=(Box(0, 0, 0, 96, 64),)), range(num_frames)))
    assert len(tracked) == num_frames


def test_the_same_question_has_the_same_answer(segmenter: Sam2Segmenter, checkpoint: Path, clip: FolderClip) -> None:
    prompts = Prompts(clicks=(Click(3, 32, 25), Click(3, 60, 50, positive=False)))
    first = list(segmenter.track(clip, prompts, range(NUM_FRAMES)))
    fresh = Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, device="cpu")
    assert same(first, list(segmenter.track(clip, prompts, range(NUM_FRAMES))))
    assert same(first, list(fresh.track(clip, prompts, range(NUM_FRAMES))))


def test_two_clips_do_not_share_answers(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    prompts = Prompts(clicks=(Click(1, 32, 25),))
    other = array_clip(4)
    assert not np.array_equal(segmenter.segment(clip, 1, prompts), segmenter.segment(other, 1, prompts))


def test_calls_between_two_answers_change_nothing(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    alone = list(segmenter.track(clip, CLICK, range(NUM_FRAMES)))
    other = array_clip(4)
    mixed = []
    for tracked in segmenter.track(clip, CLICK, range(NUM_FRAMES)):
        mixed.append(tracked)
        segmenter.segment(other, 1, Prompts(clicks=(Click(1, 5, 5),)))
        list(segmenter.track(clip, Prompts(clicks=(Click(4, 60, 40),)), range(3, 6)))
    assert same(alone, mixed)


def test_progress_and_a_stop_that_keeps(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    told: list[tuple[int, int]] = []

    def stop_at_four(done: int, total: int, what: str) -> None:
        told.append((done, total))
        if done == 4:
            raise Cancelled("enough")

    kept = []
    with pytest.raises(Cancelled):
        for tracked in segmenter.track(clip, CLICK, range(NUM_FRAMES), progress=stop_at_four):
            kept.append(tracked.frame_index)
    assert kept == [0, 1, 2, 3] and told == [(i, NUM_FRAMES) for i in range(5)]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s, c: s.segment(c, 2, CLICK), "frame 2"),
        (lambda s, c: s.segment(c, 2, Prompts()), "frame 2"),
        (lambda s, c: s.track(c, Prompts(), range(3)), "nothing is prompted"),
        (lambda s, c: s.track(c, Prompts(clicks=(Click(99, 1, 1),)), range(3)), "frame 99"),
        (lambda s, c: s.segment(c, 2, Prompts(masks={2: DISC[:10]})), r"\(10, 96\)"),
    ],
)
def test_prompts_that_do_not_fit(
    segmenter: Sam2Segmenter, clip: FolderClip, ask: Callable[[Sam2Segmenter, FolderClip], object], message: str
) -> None:
    with pytest.raises(PromptError, match=message):
        ask(segmenter, clip)


def test_prompts_keep_the_order_in_which_frames_were_named(clip: FolderClip) -> None:
    prompts = Prompts((Click(6, 1, 1), Click(2, 1, 1), Click(6, 2, 2)), (Box(4, 0, 0, 9, 9),), {0: DISC, 2: DISC})
    by_frame = FramePrompts(prompts, clip)
    assert list(by_frame) == [6, 2, 4, 0]
    assert [(p.x, p.y) for p in by_frame[6].points] == [(1, 1), (2, 2)]


def test_prepare_works_ahead_and_is_not_waited_for(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    predictor = segmenter.predictor
    assert not predictor.is_ready(clip, 4)
    segmenter.prepare(clip, 4)
    assert predictor.finish(30)
    assert all(predictor.is_ready(clip, i) for i in (3, 4, 5)) and not predictor.is_ready(clip, 6)
    segmenter.prepare(clip, 0)
    segmenter.prepare(clip, NUM_FRAMES - 1)  # the latest wish counts; neither may reach outside the clip
    assert predictor.finish(30) and predictor.is_ready(clip, NUM_FRAMES - 1)


def test_nothing_is_begun_ahead_while_somebody_waits(segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    with segmenter.predictor.ahead.paused():
        segmenter.prepare(clip, 4)
        assert not segmenter.predictor.finish(0.1)
        assert not segmenter.predictor.is_ready(clip, 4)
    assert segmenter.predictor.finish(30) and segmenter.predictor.is_ready(clip, 4)


def slow_encoder(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], threading.Event]:
    """The names of the frames' encodings in the order they began; those of background threads last until the event."""
    begun: list[str] = []
    release, encode = threading.Event(), predictor.features.encode

    def slow(picture: Mask) -> FrameFeatures:
        begun.append(f"{threading.current_thread().name.removesuffix('-ahead')} {int(picture[0, 0, 0])}")
        if threading.current_thread().name == "sam2-encode-ahead":
            assert release.wait(30)
        return encode(picture)

    monkeypatch.setattr(predictor.features, "encode", slow)
    return begun, release


def numbered_clip(num_frames: int) -> ArrayClip:
    """The first pixel of every frame is the frame's index."""
    frames = np.stack(array_clip(num_frames)[0:num_frames])
    frames[:, 0, 0] = np.arange(num_frames)[:, None]
    return ArrayClip(frames)


def test_a_click_waits_for_no_frame_that_is_encoded_ahead(
    segmenter: Sam2Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder takes seconds on a CPU. One frame is under way when the click comes, two more are wanted."""
    clip = numbered_clip(9)
    begun, release = slow_encoder(segmenter.predictor, monkeypatch)
    segmenter.prepare(clip, 4)
    until(lambda: begun)
    segmenter.segment(clip, 0, Prompts(clicks=(Click(0, 32, 25),)))  # comes back though nothing else can
    assert begun == ["sam2-encode 4", "MainThread 0"]
    release.set()
    assert segmenter.predictor.finish(30)
    assert begun[2:] == ["sam2-encode 5", "sam2-encode 3"]


def test_what_others_look_at_is_still_encoded_ahead(segmenter: Sam2Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, mine = array_clip(3, seed=1), array_clip(9, seed=2)
    with segmenter.predictor.ahead.paused():
        segmenter.prepare(theirs, 1)
        segmenter.prepare(mine, 0)
        segmenter.prepare(mine, 5)
    assert segmenter.predictor.finish(30)
    assert all(segmenter.predictor.is_ready(theirs, i) for i in range(3))
    assert [segmenter.predictor.is_ready(mine, i) for i in (0, 4, 5, 6)] == [False, True, True, True]


def test_a_step_reads_nothing_back_before_its_answer(
    segmenter: Sam2Segmenter, clip: FolderClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU every number that is read makes the processor wait until all work before it is done."""
    import torch

    network, read = segmenter.predictor.network, []
    list(segmenter.track(clip, CLICK, range(3, 6)))  # what is made once is made
    follow = network.follow

    def watched(*args: object, **kwargs: object) -> Remembered:
        with monkeypatch.context() as patch:
            for name in ("item", "__float__", "__int__", "__bool__", "cpu", "numpy", "tolist"):
                patch.setattr(torch.Tensor, name, lambda *_, name=name: read.append(name))
            return follow(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(network, "follow", watched)
    assert len(list(segmenter.track(clip, CLICK, range(3, 8)))) == 5 and read == []


class CountingEncoder:
    """Frames -> features of four bytes; counts, and can be held up."""

    def __init__(self) -> None:
        self.num_calls = 0
        self.open = threading.Event()
        self.open.set()

    def __call__(self, picture: object) -> FrameFeatures:
        import torch

        self.num_calls += 1
        assert self.open.wait(30)
        return FrameFeatures((torch.zeros(1),), position=None, sizes_hw=((1, 1),))


def test_the_cache_keeps_within_its_bound_and_the_frames_used_last() -> None:
    encoder, clip = CountingEncoder(), array_clip(5)
    cache = FeatureCache(encoder, max_bytes=12, max_frames=99)
    for frame_index in (0, 1, 2, 0, 3, 0):
        cache.get(clip, frame_index)
    assert encoder.num_calls == 4 and cache.num_bytes == 12
    assert [cache.holds(clip, i) for i in range(5)] == [True, False, True, True, False]


def test_the_cache_is_bound_in_frames_too() -> None:
    clip = array_clip(5)
    cache = FeatureCache(CountingEncoder(), max_bytes=100, max_frames=2)
    for frame_index in range(5):
        cache.get(clip, frame_index)
    assert [cache.holds(clip, i) for i in range(5)] == [False, False, False, True, True]


def test_two_threads_share_one_encoding() -> None:
    encoder, clip = CountingEncoder(), array_clip(1)
    cache = FeatureCache(encoder, max_bytes=100, max_frames=99)
    encoder.open.clear()
    threads = [threading.Thread(target=cache.get, args=(clip, 0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    encoder.open.set()
    for thread in threads:
        thread.join(30)
    assert encoder.num_calls == 1 and cache.holds(clip, 0)


def test_a_clip_that_ended_leaves_the_cache() -> None:
    cache = FeatureCache(CountingEncoder(), max_bytes=100, max_frames=99)
    clip: ArrayClip | None = array_clip(3)
    for frame_index in range(3):
        cache.get(clip, frame_index)  # type: ignore[arg-type]
    clip = None
    gc.collect()
    cache.get(array_clip(1), 0)
    assert cache.num_bytes == 4


def test_a_number_is_never_given_to_another_clip() -> None:
    cache = FeatureCache(CountingEncoder(), max_bytes=100, max_frames=99)
    numbers = [cache.number_of(array_clip(1)) for _ in range(50)]  # each ends before the next begins
    assert len(set(numbers)) == 50


def test_a_frame_that_does_not_encode_can_be_asked_for_again() -> None:
    clip, calls = array_clip(1), []

    def encode(picture: object) -> FrameFeatures:
        calls.append(1)
        raise OSError("gone")

    cache = FeatureCache(encode, max_bytes=100, max_frames=99)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            cache.get(clip, 0)
    assert len(calls) == 2


@pytest.mark.parametrize("step", [1, -1])
def test_what_tracking_remembers_does_not_grow(segmenter: Sam2Segmenter, step: int) -> None:
    memory = ObjectMemory(segmenter.predictor.network.reach, prompted=[0], recall=lambda i: Remembered(0, 0, 0, 0.0, 0))
    sizes = []
    for i in range(0, 100 * step, step):
        memory.remember(i, Remembered(0, 0, 0, 0.0, spatial=i))
        passed = memory.view(i).passed
        sizes.append((len(passed), sum(r.spatial is not None for r in passed.values())))
    assert sizes[-1] == sizes[30] == (16, 7)


@pytest.mark.parametrize("kind", ["OutOfMemoryError", "RuntimeError"])  # CUDA's and MPS's
def test_a_full_gpu_is_named(
    segmenter: Sam2Segmenter, checkpoint: Path, clip: FolderClip, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import torch

    def full(*_: object, **__: object) -> None:
        raise {"OutOfMemoryError": torch.OutOfMemoryError, "RuntimeError": RuntimeError}[kind](
            "MPS backend out of memory (MPS allocated: 9 GB)"
        )

    monkeypatch.setattr(segmenter.predictor.network, "ask", full)
    with pytest.raises(EngineError, match="smaller model"):
        segmenter.segment(clip, 3, CLICK)
    with pytest.raises(EngineError, match="smaller model"):
        list(segmenter.track(clip, CLICK, range(5)))
    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(EngineError, match="smaller model"):
        Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, device="cpu")


@pytest.mark.parametrize(("preset", "told"), [("exact", 1), ("fast", 0)])
def test_a_run_at_full_size_without_a_gpu_says_what_is_quicker(
    checkpoint: Path, clip: FolderClip, monkeypatch: pytest.MonkeyPatch, preset: PresetName, told: int
) -> None:
    monkeypatch.setattr("vas_tool.engines.sam2.best_device", lambda: "cpu")
    segmenter = Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, preset=preset)
    with collected_warnings() as heard:
        for span in (range(3, 5), range(2, 1, -1)):
            list(segmenter.track(clip, CLICK, span))
    assert len(heard.words) == told and all("sam2.1-tiny-toy-fast" in words for words in heard.words)


def test_what_a_mac_gpu_lacks_is_computed_on_the_processor(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch reads the variable when it is imported, which no engine does before it is loaded."""
    options = (("checkpoint", str(checkpoint)),)
    variable = "PYTORCH_ENABLE_MPS_FALLBACK"
    for name, system, before, after in (
        ("a", "linux", None, None),
        ("b", "darwin", None, "1"),
        ("c", "darwin", "0", "0"),
    ):
        toy = EngineSpec("segment", name, "sam2_models", "open_toy", "1", "ours", "none", "a toy", options=options)
        monkeypatch.setattr(registry, "ENGINES", (toy,))
        monkeypatch.setattr("sys.platform", system)
        monkeypatch.delenv(variable, raising=False)
        if before is not None:
            monkeypatch.setenv(variable, before)
        registry.load("segment", name)
        assert os.environ.get(variable) == after
    monkeypatch.setenv(variable, "")  # what was set is forgotten with the test


def test_bfloat16_answers_nearly_the_same(checkpoint: Path, segmenter: Sam2Segmenter, clip: FolderClip) -> None:
    from sam_integration.checkpoints import load_model
    from sam_integration.predictor import Predictor
    from sam_integration.presets import EXACT
    from sam_integration.sam2_network import Network

    rounded = Sam2Segmenter(
        Predictor(Network(load_model(TINY["sam2.1"], checkpoint, EXACT, device="cpu"), bfloat16=True))
    )
    first, second = ([*s.track(clip, CLICK, range(1, 7))] for s in (segmenter, rounded))
    agreement = np.mean([np.mean(a.mask == b.mask) for a, b in zip(first, second, strict=True)])
    assert agreement > 0.8 and not same(first, second), agreement


def test_fast_is_smaller_and_still_answers(checkpoint: Path, clip: FolderClip, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from sam_integration.presets import FAST

    monkeypatch.setitem(
        __import__("vas_tool.engines.sam2", fromlist=["PRESETS"]).PRESETS, "fast", replace(FAST, image_size=32)
    )
    fast = Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, preset="fast", device="cpu")
    assert fast.predictor.network.model.image_size == 32
    tracked = list(fast.track(clip, CLICK, range(NUM_FRAMES)))
    assert len(tracked) == NUM_FRAMES and all(t.mask.shape == SIZE_WH[::-1] for t in tracked)
