"""The occlusion gate: frames on which nothing can hide the object take the modal mask, and no engine runs for them."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import fake_engines
import numpy as np
import pytest
from conftest import square_at
from fake_engines import WINDOWED, FlatDepth, SampledAmodal, use_fake_engines

from vas_tool.batch.batch_options import BatchOptions
from vas_tool.batch.entering import with_options
from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.settings import NO_SETTINGS, Settings
from vas_tool.planning.cost import in_words
from vas_tool.planning.plan import Request, costs_of, plan
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.project.depth_order import InFront
from vas_tool.project.object_stamps import CLEAR
from vas_tool.project.truth import AnnotatedObject
from vas_tool.project_store import carry_out
from vas_tool.session import Session
from vas_tool.types import AmodalBox, Canvas, Click, Clip, Depth, Mask, Stroke
from vas_tool.ui.choice_views import cost_view

SIZE = (64, 48)
FRAMES = 10
BAR = slice(32, 44)
CLEAR_FRAMES, HIDDEN_FRAMES = range(7), range(7, 10)
"""The square comes from the left, and touches the bar from frame 7 on."""
EVERYTHING = Request((1,), ("segment", "depth", "amodal", "content"), ask=True)
COMPLETION = Request((1,))


class BarDepth(FlatDepth):
    def estimate(
        self, clip: Clip, frame_indices: range, *, settings: Settings = NO_SETTINGS, progress: Progress = silent
    ) -> Iterator[tuple[int, Depth]]:
        for index, depth in super().estimate(clip, frame_indices):
            depth[:, BAR] = 0.9
            yield index, depth


@pytest.fixture
def project(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    """One object, clicked on frame 0; the gate is on; nothing is made."""
    monkeypatch.setattr(SampledAmodal, "runs", [])
    monkeypatch.setattr(SampledAmodal, "asked", [])
    monkeypatch.setattr(fake_engines, "BarDepth", BarDepth, raising=False)
    use_fake_engines(monkeypatch, first=(WINDOWED,))
    depth = replace(registry.spec_of("depth", "fake"), name="bar", attribute="BarDepth")
    monkeypatch.setattr(registry, "ENGINES", (depth, *registry.ENGINES))
    project = make_project(num_frames=FRAMES)
    rows, columns = square_at(0, SIZE)
    obj = AnnotatedObject(1, "car", clicks=(Click(0, columns.start + 4, rows.start + 4),))
    project.edit("click", replace(project.truth.with_object(obj), gate=True))
    return project


def run(project: Project, request: Request = COMPLETION) -> None:
    carry_out(project, request, edit_id=project.edit("run"))


def change(project: Project, **fields: Any) -> None:
    project.edit("change", replace(project.truth, **fields))


def todo(project: Project) -> list[tuple[str, list[int], list[int]]]:
    runs = plan(snapshot_of(project, [1], priced=True), COMPLETION)
    return [(run.layer, sorted(run.frames), sorted(run.clear)) for run in runs if run.makes_any]


def makers(project: Project, layer: str = "amodal") -> dict[int, str]:
    return dict(sorted(getattr(project.layers(1), layer).stamps().by_frame("engine").items()))


def expected(clear: range = CLEAR_FRAMES, engine: str = "fake-windowed") -> dict[int, str]:
    return {f: CLEAR if f in clear else engine for f in range(FRAMES)}


def test_clear_frames_take_the_modal_mask_and_cost_no_run(project: Project) -> None:
    run(project, EVERYTHING)
    assert makers(project) == expected() and makers(project, "content") == expected(engine="fake")
    assert SampledAmodal.asked == [range(7, 10)]
    modal, amodal, content = project.modal(1), project.amodal(1), project.layers(1).content
    for f in CLEAR_FRAMES:
        assert np.array_equal(amodal[f], modal[f])
        assert np.array_equal(content[f][..., 3], modal[f] * np.uint8(255))
        assert np.array_equal(content[f][..., :3], project.clip[f] * modal[f][..., None])
    assert todo(project) == [] and not staleness_of(project, 1).amodal.frames
    assert not staleness_of(project, 1).content.frames and not staleness_of(project, 1).made_by_others("amodal")


def test_the_switch_asks_an_engine_and_back_again_everything_holds(project: Project) -> None:
    run(project, EVERYTHING)
    change(project, gate=False)
    assert todo(project)[0] == ("amodal", [*CLEAR_FRAMES], [])
    assert staleness_of(project, 1).amodal.stale == staleness_of(project, 1).content.stale == set(CLEAR_FRAMES)
    run(project)
    assert set(makers(project).values()) == {"fake-windowed"} and todo(project) == []
    change(project, gate=True)
    assert todo(project) == []


def test_masks_that_are_there_stay_when_the_gate_comes_on(project: Project) -> None:
    change(project, gate=False)
    run(project, EVERYTHING)
    change(project, gate=True)
    assert todo(project) == [] and set(makers(project).values()) == {"fake-windowed"}


def test_the_plan_says_what_the_gate_saves(project: Project) -> None:
    """Once it is known of a frame that nothing can hide the object there: after a run that was taken back."""
    run(project, replace(EVERYTHING, stages=("segment", "depth")))
    assert todo(project)[0] == ("amodal", [*range(FRAMES)], [])
    run(project)
    project.undo()
    assert todo(project)[:2] == [("amodal", [*HIDDEN_FRAMES], []), ("amodal", [], [*CLEAR_FRAMES])]
    costs = costs_of(plan(snapshot_of(project, [1], priced=True), Request((1,), ("amodal",))))
    assert "amodal 1 window (3 frames): about" in in_words(costs)
    assert "amodal 7 frames with nothing in front: no run (saves 2 windows, about 1 s)" in in_words(costs)


def test_only_what_changed_is_asked_again(project: Project) -> None:
    run(project, EVERYTHING)
    change(project, seed=1)
    assert todo(project)[0] == ("amodal", [*HIDDEN_FRAMES], [])
    change(project, seed=0)
    project.edit("mend", project.truth.with_object(replace(project.truth.object(1), strokes=(dot(1),))))
    assert todo(project)[0] == ("amodal", [1], [])  # a frame with strokes is no concern of the gate


def dot(frame_index: int) -> Stroke:
    return Stroke(frame_index, layer="modal", adds=True, radius=3, points=((60.0, 44.0),))


def test_another_object_beside_it_makes_frames_stale(project: Project) -> None:
    run(project, EVERYTHING)
    other = AnnotatedObject(2, "tree")
    project.edit("tree", project.truth.with_object(other))
    box: Mask = np.zeros((48, 64), bool)
    rows, columns = square_at(2, SIZE)
    box[rows.start : rows.stop, columns.stop : columns.stop + 3] = True
    project.layers(2).modal.put(2, box, replace(project.layers(1).modal.stamps()[2], box=None))
    assert todo(project)[0] == ("amodal", [2], [])
    run(project)
    assert makers(project) == expected() | {2: "fake-windowed"}


def test_other_depth_is_looked_at_again(project: Project) -> None:
    run(project, EVERYTHING)
    with project.under(project.edit("depth")):
        depth = project.depth[1].copy()
        depth[:, 0:6] = 0.9
        project.depth.put(1, depth, project.depth.stamps()[1])
    assert todo(project)[0] == ("amodal", [1], [])
    run(project)
    assert makers(project) == expected() | {1: "fake-windowed"}


def test_depth_without_anything_in_front_clears_every_frame(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vas_tool.planning.gate.GUESSING_ENGINE", "none of these")
    change(project, engines={"depth": "fake"}, canvas=Canvas(SIZE, 8, 8, 8, 8))
    run(project, EVERYTHING)
    assert makers(project) == expected(range(FRAMES)) and SampledAmodal.asked == []
    with project.under(project.edit("at the edge")):
        at_edge = np.zeros((48, 64), bool)
        at_edge[10:20, 0:10] = True
        project.layers(1).modal.put(3, at_edge, project.layers(1).modal.stamps()[3])
    assert todo(project)[0] == ("amodal", [3], [])


def test_an_object_that_a_person_put_in_front_counts(project: Project) -> None:
    change(project, objects=(*project.truth.objects, AnnotatedObject(2, "tree")), next_object_id=3)
    change(project, in_front=(InFront(front=2, behind=1, first=2, last=3),))
    run(project, EVERYTHING)
    assert makers(project) == expected() | {2: "fake-windowed", 3: "fake-windowed"}


def test_boxes_and_guessed_depth_leave_the_frame_to_the_engine(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxed = replace(project.truth.object(1), amodal_boxes=(AmodalBox(2, 0, 0, 30, 30), AmodalBox(3, 0, 0, 30, 30)))
    project.edit("boxes", project.truth.with_object(boxed))
    run(project, EVERYTHING)
    assert makers(project) == expected() | {f: "fake-windowed" for f in makers(project) if f in (2, 3)}
    monkeypatch.setattr("vas_tool.planning.gate.GUESSING_ENGINE", "bar")
    assert todo(project)[0][1] == [f for f in CLEAR_FRAMES if f not in (2, 3)]


def test_hypotheses_are_made_only_where_something_may_be_hidden(project: Project) -> None:
    run(project, replace(EVERYTHING, stages=("segment", "depth")))
    run(project, Request((1,), ("amodal",), seeds=(0, 1)))
    assert sorted(project.layers(1).hypothesis(1)) == [*HIDDEN_FRAMES]
    run(project)
    assert makers(project) == expected() and todo(project) == []


def test_a_project_opened_again_has_nothing_stale_and_undo_takes_it_back(project: Project) -> None:
    run(project, EVERYTHING)
    folder = project.folder
    project.close()
    with closing(Project.open(folder)) as again:
        assert again.truth.gate and todo(again) == []
        again.undo()
        assert makers(again) == {}


def test_the_page_measures_in_the_background_what_the_gate_saves(project: Project) -> None:
    run(project, replace(EVERYTHING, stages=("segment", "depth")))
    with closing(Session(project)) as session:
        cost_view(session, 1, None)
        assert session.wait_measured(30)
        assert "7 frames with nothing in front: no run" in cost_view(session, 1, None)["words"]
        session.set_gate(False)
        assert "nothing in front" not in cost_view(session, 1, None)["words"]


def test_a_batch_turns_it_on(project: Project) -> None:
    change(project, gate=False)
    assert not with_options(project.truth, BatchOptions()).gate
    assert with_options(project.truth, BatchOptions(gate=True)).gate


def test_the_command_line_turns_it_on_and_off(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(project.folder)
    project.edit("off", replace(project.truth, gate=False))
    project.close()
    assert main(["run", folder, "--gate", "--stages", "segment,depth,amodal"]) == 0
    assert main(["run", folder, "--no-gate", "--stages", "amodal", "--dry-run"]) == 0
    assert "amodal 3 windows (7 frames) by fake-windowed" in capsys.readouterr().out
    with closing(Project.open(project.folder)) as again:
        assert again.truth.gate and makers(again) == expected()
