"""Finished windows are kept: a run that was stopped, or has to mend one window, computes no other again."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import square_at
from fake_engines import use_fake_engines
from scene import Scene, make_scene
from test_session_diffusion_vas import FRAMES, SIZE, done, tiny
from tiny_diffusion_vas import SMALL, tiny_pipeline, write_checkpoint

from vas_tool.engines import registry
from vas_tool.engines.diffusion_vas.amodal import DiffusionVasAmodal
from vas_tool.engines.diffusion_vas.content import DiffusionVasContent
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.settable import AMODAL_PARAMETERS
from vas_tool.engines.diffusion_vas.window_model import ONLY_AFTERWARDS, WindowModel
from vas_tool.engines.weights import Weights
from vas_tool.errors import Cancelled
from vas_tool.planning import windows
from vas_tool.planning.cost import in_words
from vas_tool.project import Project
from vas_tool.project.window_cache import WindowCache
from vas_tool.run_warnings import collected_warnings
from vas_tool.session import Session
from vas_tool.types import AmodalBox, Canvas, Click, Stroke
from vas_tool.work import AmodalWork, ContentWork, WindowKey

KEY = WindowKey(range(3), 5, "abc")
NUM_FRAMES = 15
"""Three windows: 0..6, 6..12, 8..14."""
NUM_WINDOWS = 3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def pipeline(checkpoint: Path) -> DiffusionVasPipeline:
    return tiny_pipeline(checkpoint)


@pytest.fixture
def calls(pipeline: DiffusionVasPipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return counting_calls(pipeline, monkeypatch)


def counting_calls(pipeline: DiffusionVasPipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Filled with the number of answers in each call of the network."""
    counted: list[int] = []
    unet = pipeline.parts.unet
    network = unet.stock.forward

    def count(sample, *args, **kwargs):
        counted.append(len(sample))
        return network(sample, *args, **kwargs)

    monkeypatch.setattr(unet.stock, "forward", count)
    return counted


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(NUM_FRAMES)


class StoppedAt:
    """A progress that stops a run at a step of a window."""

    def __init__(self, window: int, step: int) -> None:
        self.where = window, step

    def __call__(self, done: int, total: int, what: str) -> None:
        window, step = self.where
        if f"window {window} of" in what and done == (window - 1) * SMALL.num_steps + step:
            raise Cancelled("enough")


def amodal_work(scene: Scene, span: range, **more) -> AmodalWork:
    options = {"canvas": scene.canvas, "settings": {"threshold": 380}, "seed": 3} | more
    return AmodalWork(scene.clip, scene.modal, scene.depth, frame_indices=span, **options)


def content_work(scene: Scene, span: range, **more) -> ContentWork:
    options = {"canvas": Canvas(scene.clip.size_wh), "seed": 3} | more
    return ContentWork(scene.clip, scene.modal, scene.amodal, frame_indices=span, **options)


RUNS = [(DiffusionVasAmodal, amodal_work), (DiffusionVasContent, content_work)]


@pytest.fixture(scope="module")
def whole_runs(pipeline: DiffusionVasPipeline, scene: Scene) -> dict:
    """Engine -> the answers of a run that nobody stops, and how often it called the network."""
    found = {}
    for engine_of, work in RUNS:
        with pytest.MonkeyPatch.context() as patch:
            counted = counting_calls(pipeline, patch)
            found[engine_of] = dict(engine_of(pipeline, SMALL).complete(work(scene, range(NUM_FRAMES)))), len(counted)
    return found


@pytest.mark.parametrize(("engine_of", "work"), RUNS)
@pytest.mark.parametrize("stop", [(2, 1), (3, 0)])
def test_a_resumed_run_computes_each_window_once_and_gives_the_same_bits(
    pipeline: DiffusionVasPipeline,
    scene: Scene,
    whole_runs: dict,
    calls: list[int],
    tmp_path: Path,
    engine_of,
    work,
    stop,
) -> None:
    whole, num_calls = whole_runs[engine_of]
    assert num_calls == NUM_WINDOWS * SMALL.num_steps
    engine, store = engine_of(pipeline, SMALL), WindowCache(tmp_path)
    got = {}
    with pytest.raises(Cancelled):
        for index, answer in engine.complete(work(scene, range(NUM_FRAMES), store=store), progress=StoppedAt(*stop)):
            got[index] = answer
    assert got and max(got) == {2: 5, 3: 7}[stop[0]]
    another, store = engine_of(pipeline, SMALL), WindowCache(tmp_path)  # as after a new start of the tool
    got |= dict(another.complete(work(scene, range(max(got) + 1, NUM_FRAMES), store=store)))
    assert len(calls) == NUM_WINDOWS * SMALL.num_steps + stop[1]  # the steps of the window that was broken off
    assert whole.keys() == got.keys() and all(np.array_equal(whole[i], got[i]) for i in whole)


def test_of_several_seeds_only_the_new_ones_are_computed(
    pipeline: DiffusionVasPipeline, scene: Scene, calls: list[int], tmp_path: Path
) -> None:
    engine, store, told = DiffusionVasAmodal(pipeline, SMALL), WindowCache(tmp_path), []
    dict(engine.complete(amodal_work(scene, range(7), store=store)))
    calls.clear()
    kept = amodal_work(scene, range(6), store=store)
    both = dict(engine.sample(kept, (3, 4), progress=lambda *said: told.append(said)))
    assert len(calls) == SMALL.num_steps and told[-1][0] == told[-1][1] == 2 * SMALL.num_steps
    fresh = dict(DiffusionVasAmodal(pipeline, SMALL).sample(amodal_work(scene, range(6)), (3, 4)))
    assert all(np.array_equal(a, b) for f in fresh for a, b in zip(fresh[f], both[f], strict=True))


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 4},
        {"settings": {"num_steps": 3}},
        {"settings": {"guidance": 2.0}},
        {"settings": {"clip_layout": "aligned"}},
        {"settings": {"mask_edges": "hard"}},
        {"canvas": Canvas((160, 120), pad_left=8)},
    ],
)
def test_what_changes_the_answer_is_computed_anew(
    pipeline: DiffusionVasPipeline, scene: Scene, calls: list[int], tmp_path: Path, changed: dict
) -> None:
    engine, store = DiffusionVasAmodal(pipeline, SMALL), WindowCache(tmp_path)
    dict(engine.complete(amodal_work(scene, range(6), store=store)))
    calls.clear()
    dict(engine.complete(amodal_work(scene, range(6), store=store, **changed)))
    assert calls


def test_another_threshold_costs_nothing_and_other_weights_are_told_apart(
    pipeline: DiffusionVasPipeline, scene: Scene, calls: list[int], tmp_path: Path
) -> None:
    engine, store = DiffusionVasAmodal(pipeline, SMALL), WindowCache(tmp_path)
    works = [amodal_work(scene, range(6), store=store, settings={"threshold": t}) for t in (380, 420)]
    low, high = (dict(engine.complete(work)) for work in works)
    assert len(calls) == SMALL.num_steps and any((low[i] != high[i]).any() for i in low)
    assert {p.name for p in AMODAL_PARAMETERS if p.afterwards} <= set(ONLY_AFTERWARDS)
    other = tiny_pipeline(tmp_path / "other", seed=2)
    assert other.weights_mark != pipeline.weights_mark
    one, another = (DiffusionVasPipeline(pipeline.parts) for _ in range(2))  # not from files: nobody knows which
    assert one.weights_mark != another.weights_mark


def test_the_cache_is_bounded_and_what_was_used_last_stays(tmp_path: Path) -> None:
    random = np.random.default_rng(0).integers(0, 255, (3, 100), np.uint8)
    cache, half_written = WindowCache(tmp_path, most_bytes=1300), tmp_path / ".x.npz.12.part"
    half_written.write_bytes(b"of a process that was killed")
    for seed in (1, 2, 3):
        cache.keep(WindowKey(range(3), seed, "abc"), random)
        os.utime(tmp_path / f"-{seed}-abc.npz", ns=(seed, seed))
        if seed == 2:
            assert cache.read(WindowKey(range(3), 1, "abc")) is not None
    assert cache.labelled() == {("", 1), ("", 3)} and not half_written.exists()
    assert cache.read(WindowKey(range(3), 2, "abc")) is None


def test_a_damaged_file_counts_as_none_and_a_full_disk_stops_no_run(tmp_path: Path) -> None:
    cache, answer = WindowCache(tmp_path), np.arange(6, dtype=np.uint16).reshape(3, 2)
    cache.keep(KEY, answer)
    kept = cache.read(KEY)
    assert kept is not None and kept.dtype == np.uint16 and np.array_equal(kept, answer)
    (file,) = tmp_path.glob("*.npz")
    whole = file.read_bytes()
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 9]) + whole[place + 1 :]):
            file.write_bytes(damaged)
            with collected_warnings() as heard:
                got = cache.read(KEY)  # bytes that nobody reads may differ
            if got is not None:
                assert np.array_equal(got, answer) and heard.words == ()
            else:
                assert not file.exists() and "damaged" in heard.words[0]
    (tmp_path / "no folder").write_bytes(b"")
    with collected_warnings() as heard:
        WindowCache(tmp_path / "no folder").keep(KEY, answer)
    assert "could not be kept" in heard.words[0]


@pytest.fixture
def session(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, checkpoint: Path, tmp_path: Path
) -> Iterator[Session]:
    (tmp_path / "tiny").symlink_to(checkpoint)  # another name, so that no engine of another test is taken
    use_fake_engines(monkeypatch, first=(tiny("amodal", tmp_path / "tiny"), tiny("content", tmp_path / "tiny")))
    session = Session(make_project(num_frames=FRAMES))
    rows, columns = square_at(0, SIZE)
    session.prompts.click(Click(0, columns.start + 4, rows.start + 4))
    session.prompts.settle()
    session.runs.track(1, 0)
    done(session)
    session.set_parameter("amodal", "threshold", 380)
    yield session
    session.close()


def costs(session: Session) -> dict[str, tuple[int, int | None]]:
    return {c.stage: (c.num_frames, c.num_windows) for c in session.runs.completion_cost(1) if c.num_frames}


def test_a_changed_mask_costs_its_windows_alone(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two windows, 0..6 and 6..12: the frame that both share is made again, the first amodal window is not."""
    assert costs(session)["amodal"] == (FRAMES, 2)
    session.runs.complete(1)
    done(session)
    assert costs(session) == {}
    ran: list[tuple[str, int]] = []
    frames = WindowModel.frames

    def count(self, number, shown, seeds):
        ran.append(("content" if self.is_second_stage else "amodal", number))
        return frames(self, number, shown, seeds)

    monkeypatch.setattr(WindowModel, "frames", count)
    session.prompts.stroke(Stroke(10, layer="modal", adds=True, radius=4, points=((50.0, 40.0),)), object_id=1)
    assert costs(session)["amodal"] == (7, 1)
    session.runs.complete(1)
    done(session)
    assert ran == [("amodal", 1), ("content", 0), ("content", 1)]  # the shared frame's new amodal mask is in both
    session.set_parameter("amodal", "threshold", 400)
    assert costs(session)["amodal"] == (FRAMES, 0)
    assert f"amodal {FRAMES} frames from windows that are kept" in in_words(session.runs.completion_cost(1))
    ran.clear()
    session.runs.complete(1)
    done(session)
    assert costs(session) == {} and not any(stage == "amodal" for stage, _ in ran)
    session.set_parameter("amodal", "num_steps", 3)
    assert costs(session)["amodal"] == (FRAMES, 2)


def test_windows_count_as_kept_only_for_the_weights_and_the_computer_that_made_them(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session.runs.complete(1)
    done(session)
    assert list((session.project.folder / "windows").glob("amodal-1-*.npz"))
    session.set_parameter("amodal", "threshold", 400)
    assert costs(session)["amodal"] == (FRAMES, 0)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(registry, "has_gpu", lambda: True)
        assert costs(session)["amodal"] == (FRAMES, 2)
    with monkeypatch.context() as later:
        later.setattr(windows, "package_version", lambda package: "99.0")
        assert costs(session)["amodal"] == (FRAMES, 2)
    (tmp_path / "file").write_bytes(b"weights")
    weights = Weights("w", "", "file", 1, "MIT", other_names=(str(tmp_path / "file"),))
    specs = [replace(s, weights=(weights,)) if s.name == "diffusion-vas" else s for s in registry.ENGINES]
    monkeypatch.setattr(registry, "ENGINES", tuple(specs))
    assert costs(session)["amodal"] == (FRAMES, 2)


def test_a_damaged_window_is_told_in_the_outcome_of_the_run(session: Session) -> None:
    session.runs.complete(1)
    done(session)
    assert session.runs.job is not None and session.runs.job.warnings == ()
    for file in (session.project.folder / "windows").iterdir():
        file.write_bytes(b"PK")
    session.set_parameter("amodal", "threshold", 400)
    session.runs.complete(1)
    done(session)
    assert any("is damaged, and was computed again" in words for words in session.runs.job.warnings)


@pytest.mark.parametrize("after", [1, 3])
def test_a_stopped_job_and_the_next_one_compute_each_window_once(
    session: Session, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Stopped after the first window of the amodal stage, and after the first of the content stage."""
    finished: list[tuple[bool, int]] = []
    frames = WindowModel.frames

    def count(self, number, shown, seeds):
        answers = frames(self, number, shown, seeds)
        finished.append((self.is_second_stage, number))
        if len(finished) == after:
            session.runs.cancel()
        return answers

    monkeypatch.setattr(WindowModel, "frames", count)
    session.runs.complete(1)
    stopped = session.runs.wait()
    assert stopped is not None and stopped.cancelled and len(finished) == after
    session.runs.complete(1)
    done(session)
    assert costs(session) == {} and finished == [(False, 0), (False, 1), (True, 0), (True, 1)]


def test_windows_seen_through_crops_are_kept_too_and_apart_from_those_on_the_picture(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[bool, int]] = []
    frames = WindowModel.frames

    def count(self, number, shown, seeds):
        ran.append((self.is_second_stage, number))
        return frames(self, number, shown, seeds)

    monkeypatch.setattr(WindowModel, "frames", count)
    session.runs.complete(1)
    done(session)
    ran.clear()
    for frame_index in (0, FRAMES - 1):
        session.amodal_boxes.set(AmodalBox(frame_index, 2, 8, 40, 44), object_id=1)
    session.runs.complete(1)
    done(session)
    stamp = session.project.layers(1).amodal.stamp(3)
    assert stamp is not None and stamp.crop is not None
    assert [number for is_second, number in ran if not is_second] == [0, 1]  # through crops; without them, kept
    ran.clear()
    session.set_parameter("amodal", "threshold", 400)
    session.runs.complete(1)
    done(session)
    assert costs(session) == {} and not [number for is_second, number in ran if not is_second]
