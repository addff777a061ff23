"""The real Diffusion-VAS engines, with tiny random weights, at work in a session: hypotheses, settings, windows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from conftest import square_at
from fake_engines import use_fake_engines
from tiny_diffusion_vas import SMALL, tiny_pipeline, write_checkpoint

from vas_tool.engines import registry
from vas_tool.engines.diffusion_vas.amodal import DiffusionVasAmodal
from vas_tool.engines.diffusion_vas.content import DiffusionVasContent
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import Parameter
from vas_tool.errors import EngineError
from vas_tool.hypotheses import Recipe
from vas_tool.planning.review import FrameState, frame_states
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import Click, Stroke

SIZE = (64, 48)
FRAMES = 13
"""Two windows: 0..6 and 6..12."""


@lru_cache(maxsize=1)
def pipeline_in(folder: Path) -> DiffusionVasPipeline:
    return tiny_pipeline(folder)


def open_tiny_amodal(folder: str) -> DiffusionVasAmodal:
    return DiffusionVasAmodal(pipeline_in(Path(folder).resolve()), SMALL)


def open_tiny_content(folder: str) -> DiffusionVasContent:
    return DiffusionVasContent(pipeline_in(Path(folder).resolve()), SMALL)


def tiny(stage: str, folder: Path) -> EngineSpec:
    """The table's line, with weights that are made here and with shorter windows."""
    (spec,) = [s for s in registry.ENGINES if (s.stage, s.name) == (stage, "diffusion-vas")]
    return replace(
        spec,
        module=__name__,
        attribute=f"open_tiny_{stage}",
        options=(("folder", str(folder)),),
        weights=(),
        needs_gpu=False,
        parameters=tuple(short(p) for p in spec.parameters),
    )


def short(parameter: Parameter) -> Parameter:
    return replace(parameter, default=getattr(SMALL, parameter.name, parameter.default))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


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
    session.set_parameter("amodal", "threshold", 380)  # random weights paint grey
    yield session
    session.close()


def done(session: Session) -> None:
    status = session.runs.wait()
    assert status is not None and status.error is None and not status.cancelled


def stale(session: Session) -> list[int]:
    return [f for f, s in enumerate(frame_states(session.project, 1)) if FrameState.STALE in s]


def test_hypotheses_settings_and_windows_from_the_first_run_to_the_content(session: Session) -> None:
    (_, cost) = session.runs.hypotheses_cost(1, 2)
    assert (cost.num_frames, cost.num_windows, cost.seconds) == (13, 2, None)
    session.runs.make_hypotheses(1, 2)
    done(session)
    layers = session.project.layers(1)
    assert all((layers.disagreement(f) or 0) > 0 for f in range(FRAMES))

    # one is chosen for a part; the others are taken from the tray, and only content is computed
    session.runs.choose_hypothesis(1, Recipe.of_seed(1), range(3, 8))
    done(session)
    session.runs.complete(1)
    done(session)
    assert stale(session) == [] and len(layers.content) == FRAMES
    for frame_index, seed in ((2, 0), (5, 1)):
        assert np.array_equal(layers.amodal[frame_index], layers.hypothesis(seed)[frame_index])

    # a changed mask makes its window stale; the run that mends it makes that again, by what was chosen where
    before = {f: layers.amodal.path(f).stat().st_mtime_ns for f in range(FRAMES)}
    session.prompts.stroke(Stroke(10, layer="modal", adds=True, radius=4, points=((50.0, 40.0),)), object_id=1)
    amodal = {c.stage: c for c in session.runs.completion_cost(1)}["amodal"]
    assert (amodal.num_frames, amodal.num_windows) == (7, 1)  # frame 6 is blended with what the first one gave: kept
    assert amodal.seconds is not None
    session.runs.complete(1)
    done(session)
    touched = {f for f in range(FRAMES) if layers.amodal.path(f).stat().st_mtime_ns != before[f]}
    assert touched == set(range(6, FRAMES)) and stale(session) == []
    assert [layers.amodal.stamp(f).seed for f in (6, 7, 8)] == [1, 1, 0]  # type: ignore[union-attr]


def test_a_cancelled_run_keeps_its_finished_windows_and_the_next_goes_on(session: Session) -> None:
    session.runs.make_hypotheses(1, 1)
    layers = session.project.layers(1)
    while len(layers.hypothesis(0)) < 6 and not session.runs.job.finished:  # type: ignore[union-attr]
        session.runs.wait(0.005)
    session.runs.cancel()
    session.runs.wait()
    kept = sorted(layers.hypothesis(0))
    assert kept[:6] == list(range(6))
    session.runs.make_hypotheses(1, 1)
    done(session)
    assert sorted(layers.hypothesis(0)) == list(range(FRAMES))


def test_the_windows_are_those_that_are_set(session: Session) -> None:
    session.runs.complete(1)
    done(session)
    session.set_parameter("amodal", "window_length", 5)
    (amodal,) = [c for c in session.runs.completion_cost(1) if c.stage == "amodal"]
    assert (amodal.num_frames, amodal.num_windows) == (FRAMES, 3)  # 0..4, 4..8, 8..12
    session.runs.complete(1)
    done(session)
    assert stale(session) == []
    session.prompts.stroke(Stroke(10, layer="modal", adds=True, radius=4, points=((50.0, 40.0),)), object_id=1)
    assert {f for f in stale(session) if f >= 8} == set(range(8, FRAMES))
    (amodal,) = [c for c in session.runs.completion_cost(1) if c.stage == "amodal"]
    assert (amodal.num_frames, amodal.num_windows) == (5, 1)


def test_values_that_do_not_go_together_are_refused_and_change_nothing(session: Session) -> None:
    with pytest.raises(EngineError, match=r"window_overlap must be .* smaller than window_length, which is 7; got 9"):
        session.set_parameter("amodal", "window_overlap", 9)
    with pytest.raises(EngineError, match="window_length cannot be 65; it takes a whole number from 1 to 64"):
        session.set_parameter("amodal", "window_length", 65)
    with pytest.raises(EngineError, match=r"min_guidance must be 0 .*at most guidance, which is 1.5; got 2"):
        session.set_parameter("amodal", "min_guidance", 2)
    spec = registry.spec_of("amodal", "diffusion-vas")
    assert session.project.truth.settings_of("amodal", spec.name) == {"threshold": 380}
    session.set_parameter("amodal", "guidance", 3)
    session.set_parameter("amodal", "min_guidance", 2)
    assert session.project.truth.settings_of("amodal", spec.name)["min_guidance"] == 2
