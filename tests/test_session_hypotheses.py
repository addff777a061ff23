"""Several answers for the hidden part: made in one run, compared, chosen, taken back, exported."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import SQUARE, square_at
from fake_engines import SAMPLED, SampledAmodal, use_fake_engines

from vas_tool.errors import PromptError
from vas_tool.exports import export
from vas_tool.formats.verify import verify
from vas_tool.hypotheses import Recipe
from vas_tool.planning.review import FrameState, frame_states
from vas_tool.project import Project
from vas_tool.project.frame_facts import needs_look
from vas_tool.session import Session
from vas_tool.types import Click, Stroke

SIZE = (64, 48)
FRAMES = 6


@pytest.fixture
def session(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    use_fake_engines(monkeypatch, first=(SAMPLED,))
    monkeypatch.setattr(SampledAmodal, "runs", [])
    session = Session(make_project(num_frames=FRAMES))
    yield session
    session.close()


def tracked(session: Session) -> int:
    rows, columns = square_at(0, SIZE)
    object_id = session.prompts.click(Click(0, columns.start + 4, rows.start + 4))
    session.prompts.settle()
    session.runs.track(object_id, 0)
    done(session)
    return object_id


def done(session: Session) -> None:
    status = session.runs.wait()
    assert status is not None and status.error is None and not status.cancelled


def with_hypotheses(session: Session, *seeds: int) -> int:
    object_id = tracked(session)
    session.runs.make_hypotheses(object_id, seeds or 3)
    done(session)
    return object_id


def pick(session: Session, object_id: int, recipe: Recipe, frames: range | None = None) -> None:
    session.runs.choose_hypothesis(object_id, recipe, frames)
    done(session)


def reach(session: Session, object_id: int, frame_index: int) -> int:
    """How many pixels the amodal mask reaches beyond the modal one: the fake's seed."""
    amodal, modal = session.project.amodal(object_id), session.project.modal(object_id)
    return round((int(amodal[frame_index].sum()) - int(modal[frame_index].sum())) / SQUARE)


def stale(session: Session, object_id: int) -> list[int]:
    return [f for f, s in enumerate(frame_states(session.project, object_id)) if FrameState.STALE in s]


def test_they_are_made_in_one_run_and_lie_beside_the_amodal_masks(session: Session) -> None:
    object_id = with_hypotheses(session)
    layers = session.project.layers(object_id)
    assert SampledAmodal.runs == [(0, 1, 2)] and len(layers.amodal) == 0
    for seed in range(3):
        stamp = layers.hypothesis(seed).stamp(4)
        assert (layers.folder / "hypotheses" / str(seed) / "00004.png").exists()
        assert stamp is not None and (stamp.engine, stamp.seed, stamp.among) == ("fake-sampled", seed, 3)
    assert layers.disagreement(4) == pytest.approx(1 - (12 / 13 + 12 / 14 + 13 / 14) / 3, abs=0.01)


def test_what_is_there_is_not_made_again(session: Session) -> None:
    object_id = with_hypotheses(session)
    session.runs.make_hypotheses(object_id, (1, 5))
    done(session)
    assert SampledAmodal.runs == [(0, 1, 2), (5,)]
    assert {c.stage: c.num_frames for c in session.runs.completion_cost(object_id)}["amodal"] == 0
    assert {s.among for s in session.project.layers(object_id).hypotheses_on(2).values()} == {3, 4}
    session.runs.complete(object_id)
    done(session)
    assert SampledAmodal.runs == [(0, 1, 2), (5,)] and reach(session, object_id, 2) == 0
    session.undo()
    session.undo()
    assert sorted(session.project.layers(object_id).hypotheses_on(2)) == [0, 1, 2]
    assert session.project.layers(object_id).disagreement(2) == pytest.approx(
        1 - (12 / 13 + 12 / 14 + 13 / 14) / 3, abs=0.01
    )


def test_an_amodal_mask_that_was_made_before_is_one_of_them(session: Session) -> None:
    object_id = tracked(session)
    session.runs.complete(object_id)
    done(session)
    session.runs.make_hypotheses(object_id, 2)
    done(session)
    assert SampledAmodal.runs == [(0,), (1,)]
    assert session.project.layers(object_id).disagreement(0) == pytest.approx(1 / 13, abs=0.01)


def test_one_is_chosen_for_the_object_and_another_for_a_span_and_undone(session: Session) -> None:
    object_id = with_hypotheses(session, 0, 2, 4)
    pick(session, object_id, Recipe.of_seed(2))
    pick(session, object_id, Recipe.of_seed(4), range(1, 3))
    assert [reach(session, object_id, f) for f in range(FRAMES)] == [2, 4, 4, 2, 2, 2]
    assert stale(session, object_id) == []
    assert session.project.undo_label == "seed 4 for object 1, frames 1 to 2"
    session.undo()
    assert [reach(session, object_id, f) for f in range(FRAMES)] == [2] * FRAMES
    session.redo()
    assert reach(session, object_id, 1) == 4


@pytest.mark.parametrize("how, pixels", [("majority", 2), ("union", 4)])
def test_majority_and_union(session: Session, how: str, pixels: int) -> None:
    object_id = with_hypotheses(session, 0, 2, 4)
    recipe = Recipe(how, (0, 2, 4))  # type: ignore[arg-type]
    pick(session, object_id, recipe, range(2, 3))
    stamp = session.project.layers(object_id).amodal.stamp(2)
    assert reach(session, object_id, 2) == pixels
    assert stamp is not None and (stamp.how, stamp.seeds) == (how, (0, 2, 4))
    assert stale(session, object_id) == []


def test_accepted_frames_and_strokes_stay(session: Session) -> None:
    object_id = with_hypotheses(session)
    pick(session, object_id, Recipe.of_seed(1))
    session.accept(object_id, 3)
    session.prompts.stroke(Stroke(4, layer="amodal", adds=True, radius=3, points=((60.0, 44.0),)), object_id=object_id)
    pick(session, object_id, Recipe.of_seed(2))
    assert [reach(session, object_id, f) for f in (2, 3)] == [2, 1]
    assert session.project.amodal(object_id)[4][44, 60]


def test_a_later_change_is_made_again_by_what_was_chosen(session: Session) -> None:
    object_id = with_hypotheses(session, 0, 2, 4)
    pick(session, object_id, Recipe("majority", (0, 2, 4)), range(2, 3))
    pick(session, object_id, Recipe.of_seed(4), range(3, 4))
    session.set_parameter("amodal", "stretch", 2)
    assert stale(session, object_id) == [2, 3]
    session.runs.complete(object_id)
    done(session)
    assert [reach(session, object_id, f) for f in range(FRAMES)] == [0, 0, 4, 8, 0, 0]
    assert stale(session, object_id) == []
    assert SampledAmodal.runs[0] == (0, 2, 4) and sorted(SampledAmodal.runs[1:]) == [(0,), (0, 2, 4), (4,)]


def test_choosing_from_outdated_hypotheses_shows_them_and_says_so(session: Session) -> None:
    object_id = with_hypotheses(session, 1, 2)
    session.set_parameter("amodal", "stretch", 3)
    pick(session, object_id, Recipe.of_seed(2))
    assert reach(session, object_id, 0) == 2 and stale(session, object_id) == list(range(FRAMES))


def test_frames_that_differ_much_need_a_look_until_one_is_chosen(session: Session) -> None:
    object_id = with_hypotheses(session, 0, 8)
    assert "the hypotheses differ by 4" in needs_look(session.project, object_id)[3]
    pick(session, object_id, Recipe.of_seed(8), range(3, 4))
    looks = needs_look(session.project, object_id)
    assert 3 not in looks and 4 in looks


def test_an_engine_with_one_answer_gives_one(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)
    object_id = with_hypotheses(session)
    assert sorted(session.project.layers(object_id).hypotheses_on(0)) == [0]
    assert session.project.layers(object_id).disagreement(0) is None


def test_what_cannot_be_chosen_is_refused_and_changes_nothing(session: Session) -> None:
    object_id = with_hypotheses(session)
    label = session.project.undo_label
    with pytest.raises(PromptError, match="make hypotheses first"):
        session.runs.choose_hypothesis(object_id, Recipe.of_seed(9))
    with pytest.raises(PromptError, match="not in the clip"):
        session.runs.choose_hypothesis(object_id, Recipe.of_seed(1), range(0, 99))
    with pytest.raises(PromptError, match="1 to 16"):
        session.runs.make_hypotheses(object_id, 0)
    assert session.project.undo_label == label


def test_they_are_there_after_reopening(session: Session) -> None:
    object_id = with_hypotheses(session)
    pick(session, object_id, Recipe("union", (0, 1)), range(0, 2))
    session.close()
    again = Session(Project.open(session.project.folder))
    assert sorted(again.project.layers(object_id).hypotheses_on(5)) == [0, 1, 2]
    assert again.project.truth.object(object_id).pick_on(1) is not None
    assert again.undo() == "union of seeds 0, 1 for object 1, frames 0 to 1"
    again.undo()
    assert not again.project.layers(object_id).hypotheses_on(5)
    again.redo()
    assert sorted(again.project.layers(object_id).hypotheses_on(5)) == [0, 1, 2]
    again.close()


def test_the_choice_is_exported(session: Session, tmp_path: Path) -> None:
    object_id = with_hypotheses(session)
    session.runs.complete(object_id)
    done(session)
    pick(session, object_id, Recipe.of_seed(2), range(1, 2))
    pick(session, object_id, Recipe("majority", (0, 1, 2)), range(2, 3))
    file = tmp_path / "coco.json"
    export([session.project], "coco", file)
    assert verify(file).problems == ()
    chosen = {a["frame_index"]: a["hypothesis"] for a in json.loads(file.read_text())["annotations"]}
    assert chosen == {0: None, 1: 2, 2: {"majority": [0, 1, 2]}, 3: None, 4: None, 5: None}
    export([session.project], "youtube-vis", file)
    assert verify(file).problems == ()
    (track,) = json.loads(file.read_text())["annotations"]
    assert track["hypotheses"] == [None, 2, {"majority": [0, 1, 2]}, None, None, None]
    assert [by["amodal"]["seed"] for by in track["engine"][:2]] == [0, 2]
