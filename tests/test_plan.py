"""A plan says what a run makes, before it runs: the same for the page, the command line and a dry run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import square_at, write_images
from fake_engines import SAMPLED, WINDOWED, use_fake_engines

from vas_tool.cli import main
from vas_tool.hypotheses import Recipe
from vas_tool.planning.plan import Plan, Request, plan
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.project_store import carry_out
from vas_tool.types import AmodalBox, Click, Stroke

SIZE = (64, 48)
FRAMES = 10


@pytest.fixture
def project(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """One object, clicked on frame 0; nothing is made."""
    use_fake_engines(monkeypatch, first=(WINDOWED, SAMPLED))
    project = make_project(num_frames=FRAMES)
    rows, columns = square_at(0, SIZE)
    click = Click(0, columns.start + 4, rows.start + 4)
    project.edit("click", project.truth.with_object(AnnotatedObject(1, "car", clicks=(click,))))
    yield project


EVERYTHING = Request((1,), ("segment", "depth", "amodal", "content"), ask=True)


def planned(project: Project, request: Request = EVERYTHING) -> Plan:
    return tuple(run for run in plan(snapshot_of(project, [1]), request) if run.frames or run.kept)


def shape(made: Plan) -> list[tuple[str, list[int], tuple[range, ...]]]:
    return [(run.layer, sorted(run.frames), run.spans) for run in made]


def test_everything_is_planned_from_one_click_and_then_nothing_is_left(project: Project) -> None:
    every = list(range(FRAMES))
    made = planned(project)
    assert [run.prompted for run in made] == [(0,), (), (), ()]
    assert shape(made) == [
        ("modal", every, (range(1, FRAMES),)),
        ("depth", every, (range(FRAMES),)),
        ("amodal", every, (range(FRAMES),)),
        ("content", every, (range(FRAMES),)),
    ]
    assert {run.reason for run in made} == {"missing"}
    carry_out(project, EVERYTHING, edit_id=project.edit("run"))
    assert planned(project) == ()


def test_a_change_plans_what_follows_from_it_with_its_reason(project: Project) -> None:
    carry_out(project, EVERYTHING, edit_id=project.edit("run"))
    stroke = Stroke(1, layer="modal", adds=True, radius=3, points=((60.0, 44.0),))
    obj = project.truth.object(1)
    painted = AnnotatedObject(1, "car", clicks=obj.clicks, strokes=(stroke,))
    project.edit("stroke", project.truth.with_object(painted))
    made = planned(project, Request((1,)))
    assert [(run.layer, sorted(run.frames)) for run in made] == [
        ("amodal", [0, 1, 2, 3]),
        ("content", [*range(FRAMES)]),
    ]
    assert made[0].reason == "the modal mask has changed, frames around it have changed"
    assert made[0].cost.num_windows == 2  # windows 0-3 and 3-6: frame 3 lies in both
    carry_out(project, Request((1,)), edit_id=project.edit("run"))
    assert planned(project, Request((1,))) == ()


def test_boxed_frames_are_runs_of_their_own_through_crops_and_without(project: Project) -> None:
    obj = project.truth.object(1)
    boxed = AnnotatedObject(1, "car", clicks=obj.clicks, amodal_boxes=(AmodalBox(8, 2, 2, 40, 40),))
    project.edit("box", project.truth.with_object(boxed))
    made = [run for run in planned(project) if run.stage == "amodal"]
    assert [(run.layer, sorted(run.frames), run.crops) for run in made] == [
        ("uncropped", [8], False),
        ("amodal", [8], True),
        ("amodal", [*range(8), 9], False),
    ]


def test_hypotheses_that_are_there_are_taken(project: Project) -> None:
    carry_out(project, Request((1,), ("segment",), ask=True), edit_id=project.edit("track"))
    carry_out(project, Request((1,), ("depth", "amodal"), seeds=(0, 3)), edit_id=project.edit("hypotheses"))
    made = planned(project, Request((1,), ("amodal",)))
    assert [(run.recipe, len(run.kept), run.spans) for run in made] == [(Recipe.of_seed(0), FRAMES, ())]
    more = planned(project, Request((1,), ("amodal",), seeds=(3, 4)))
    assert [(run.layer, run.seeds, len(run.frames)) for run in more] == [("hypotheses", (4,), FRAMES)]


def test_a_dry_run_prints_the_plan_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_fake_engines(monkeypatch, first=(WINDOWED,))
    images = write_images(tmp_path / "frames", FRAMES, SIZE)
    rows, columns = square_at(0, SIZE)
    run = ["run", str(images), "--project", str(tmp_path / "p"), "--label", "car"]
    click = ["--click", f"0,{columns.start + 4},{rows.start + 4}"]
    assert main([*run, *click, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "car: segment 10 frames by fake (missing); not yet timed at this size",
        "clip: depth 10 frames by fake (missing); not yet timed at this size",
        "car: amodal 3 windows (10 frames) by fake-windowed (missing); not yet timed at this size",
        "car: content 10 frames by fake (missing); not yet timed at this size",
    ]
    assert not (tmp_path / "p").exists()
    assert main([*run, *click]) == 0
    before = {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main([*run, "--dry-run"]) == 0
    assert capsys.readouterr().out == "nothing to make\n"
    assert main([*run, "--set", "amodal.stretch=2", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" by ")[0] for line in lines[:2]] == [
        "car: amodal 3 windows (10 frames)",
        "car: content 10 frames",
    ]
    assert "settings, depth, seed or canvas have changed" in lines[0] and lines[-1].startswith("in all: about ")
    assert {path: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()} == before
