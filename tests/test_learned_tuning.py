"""Fine-tuning the learned engine on what a person accepted: samples, runs that go on, and the engine that comes out."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, rectangle

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.learned.engine import LearnedAmodal
from vas_tool.errors import InputError
from vas_tool.project import Project
from vas_tool.training import tune_amodal
from vas_tool.training.accepted_frames import accepted_objects, held_out, samples_of, score_of
from vas_tool.training.onnx_files import weights_in
from vas_tool.training.tune_amodal import Plan, tune

SIZE, FRAMES = (64, 48), 12


@pytest.fixture
def make_accepted(make_project: Callable[..., Project]) -> Callable[[str], Project]:
    """Projects of twelve frames in which a box passes behind a bar, all accepted."""

    def make(name: str) -> Project:
        project = make_project(num_frames=FRAMES, name=name)
        amodal = {f: rectangle(SIZE, 8 + 2 * f, 12, 32 + 2 * f, 36) for f in range(FRAMES)}
        modal = {f: mask & ~rectangle(SIZE, 30, 0, 38, 48) for f, mask in amodal.items()}
        annotate(project, "box", modal=modal, amodal=amodal, accepted=range(FRAMES))
        return project

    return make


def test_samples_show_the_accepted_mask_where_the_engine_looks(make_accepted: Callable[[str], Project]) -> None:
    (obj,) = accepted_objects(make_accepted("clip"))
    assert obj.hides(5) and obj.frames == tuple(range(FRAMES))
    found = samples_of(obj, np.random.default_rng(0), variants=2)
    assert len(found) == 2 * sum(obj.hides(f) for f in obj.frames)
    for sample in found:
        seen = sample.evidence.picture[0]
        assert (sample.truth >= seen - 0.35).mean() > 0.99  # the whole object covers what is seen of it
        assert sample.truth.sum() > seen.sum() + 20
    score = score_of(LearnedAmodal(), obj)
    assert score is not None and score.num_frames == len(found) // 2 and 0 <= score.hidden <= score.whole <= 1


def test_whole_videos_are_held_out(make_accepted: Callable[[str], Project]) -> None:
    objects = [replace(o, video=str(n)) for n in range(4) for o in accepted_objects(make_accepted(f"clip{n}"))]
    learned, out = held_out(objects, 0.25, 1)
    assert (len(learned), len(out)) == (3, 1)
    assert held_out(objects[:1], 0.25, 1) == (objects[:1], [])


def test_a_run_on_projects_gives_an_engine_and_says_what_it_gained(
    make_accepted: Callable[[str], Project], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    projects = [make_accepted(name) for name in ("one", "two")]
    for project in projects:
        project.close()
    told = ["train", "learned", "--data", *(str(p.folder) for p in projects), "--out", str(tmp_path / "mine")]
    assert main([*told, "--steps", "2", "--batch", "2", "--drawn", "0", "--hold-out", "0", "--from", "shipped"]) == 0
    said = capsys.readouterr().out
    assert "tuned-mine" in said and "nothing is held out" in said
    spec = registry.spec_of("amodal", "tuned-mine")
    engine = registry.load("amodal", spec.name).engine
    assert isinstance(engine, LearnedAmodal)
    shipped, own = weights_in(tune_amodal.WEIGHTS), weights_in(tmp_path / "mine" / "final" / "amodal.onnx")
    assert shipped.keys() == own.keys() and any(not (own[n] == w).all() for n, w in shipped.items())
    assert json.loads((tmp_path / "mine" / "final" / "vas_tool.json").read_text())["engine"] == "learned"
    with pytest.raises(InputError, match="--resume"):
        tune(Plan(tmp_path / "mine"), [])


def test_a_run_that_was_stopped_goes_on_to_the_bit(
    make_accepted: Callable[[str], Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = list(accepted_objects(make_accepted("clip")))
    written: dict[str, dict] = {}

    def kept(net, path: Path) -> None:
        written[path.parent.parent.name] = {name: value.clone() for name, value in net.state_dict().items()}
        path.write_bytes(b"")

    monkeypatch.setattr(tune_amodal, "export", kept)
    monkeypatch.setattr(tune_amodal, "LearnedAmodal", lambda weights: None)  # what scores a file that is empty here
    plan = Plan(tmp_path / "straight", steps=3, batch=2, every=1, hold_out=0, drawn=0.5)
    tune(plan, objects)

    def stop(done: int, total: int, what: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    stopped = replace(plan, out=tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        tune(stopped, objects, progress=stop)
    tune(replace(stopped, resume=True), objects)
    assert all((written["stopped"][name] == value).all() for name, value in written["straight"].items())


def test_too_little_is_told(make_accepted: Callable[[str], Project], tmp_path: Path) -> None:
    (obj,) = accepted_objects(make_accepted("clip"))
    with pytest.raises(InputError, match="accept more frames"):
        tune(Plan(tmp_path), [replace(obj, frames=(0, 1, 2, 3))])
