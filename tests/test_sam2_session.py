"""A person at work with SAM2: clicks, tracking both ways, corrections, objects added later; nothing is ever reset."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_engines import use_fake_engines
from sam2_models import skip_without_sam2, write_checkpoint
from waiting import until

from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.sam2 import Sam2Segmenter
from vas_tool.planning.review import FrameState, frame_states
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import Click, Mask, Prompts, Stroke

skip_without_sam2()

from sam2_models import TINY  # noqa: E402

NUM_FRAMES = 10


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "toy.pt", TINY["sam2.1"])


@pytest.fixture
def session(
    make_project: Callable[..., Project],
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Session]:
    use_fake_engines(monkeypatch)
    toy = EngineSpec(
        stage="segment",
        name="sam2-toy",
        module="sam2_models",
        attribute="open_toy",
        revision="1",
        licence="ours",
        size="30 MB",
        note="a toy",
        options=(("checkpoint", str(checkpoint)),),
    )
    monkeypatch.setattr(registry, "ENGINES", (toy, *registry.ENGINES))
    session = Session(make_project(num_frames=getattr(request, "param", NUM_FRAMES), size_wh=(96, 64)))
    yield session
    session.close()


def track(session: Session, object_id: int, frame_index: int) -> None:
    session.prompts.settle()
    session.runs.track(object_id, frame_index)
    job = session.runs.wait(60)
    assert job is not None and job.finished and job.error is None


def masks(session: Session, object_id: int) -> dict[int, Mask]:
    return {i: mask.copy() for i, mask in session.project.modal(object_id).items()}


def changed(before: dict[int, Mask], after: dict[int, Mask]) -> set[int]:
    return {i for i in after if i not in before or not np.array_equal(before[i], after[i])}


def test_one_click_tracked_both_ways_is_what_the_model_says(session: Session, checkpoint: Path) -> None:
    object_id = session.prompts.click(Click(4, 30, 20))
    track(session, object_id, 4)
    found = masks(session, object_id)
    assert list(found) == list(range(NUM_FRAMES))
    alone = Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, device="cpu")
    prompts = Prompts(clicks=(Click(4, 30, 20),))
    for span in (range(4, NUM_FRAMES), range(4, -1, -1)):
        for tracked in alone.track(session.project.clip, prompts, span):
            assert np.array_equal(found[tracked.frame_index], tracked.mask), tracked.frame_index
            stamp = session.project.layers(object_id).modal.stamp(tracked.frame_index)
            assert stamp is not None and stamp.engine == "sam2-toy"
            assert stamp.object_score == tracked.object_score and stamp.predicted_iou == tracked.predicted_iou
            assert stamp.object_score is not None and stamp.predicted_iou is not None
            assert stamp.certainty == (1.0 if tracked.frame_index == 4 else tracked.certainty)


def test_objects_and_corrections_come_later_and_touch_only_what_they_can_change(session: Session) -> None:
    first = session.prompts.click(Click(1, 30, 20))
    track(session, first, 1)
    session.accept(first, 8)
    before = masks(session, first)

    second = session.prompts.click(Click(6, 60, 40))  # an object after tracking
    session.prompts.stroke(
        Stroke(3, layer="modal", adds=True, radius=6, points=((20.0, 20.0), (40.0, 30.0))), object_id=second
    )
    track(session, second, 6)
    assert not changed(before, masks(session, first)), "the other object was touched"
    assert set(masks(session, second)) == set(range(NUM_FRAMES))

    session.prompts.click(Click(4, 34, 24, positive=False), object_id=first)  # a correction after tracking
    session.prompts.settle()
    corrected = masks(session, first)
    assert changed(before, corrected) <= {4}, "a click must not take tracked masks away"
    stale = {i for i, state in enumerate(frame_states(session.project, first)) if state & FrameState.STALE}
    track(session, first, 4)
    after = masks(session, first)
    assert changed(corrected, after) <= stale == {2, 3, 5, 6, 7}, "between the prompted 1 and the accepted 8"
    assert np.array_equal(after[8], before[8]), "an accepted frame was overwritten"

    while session.undo():
        pass
    assert session.project.truth.objects == ()


def as_tracked(session: Session, checkpoint: Path, prompts: Prompts, span: range) -> dict[int, Mask]:
    """What a fresh engine makes of a span."""
    alone = Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, device="cpu")
    return {t.frame_index: t.mask for t in alone.track(session.project.clip, prompts, span)}


def same(found: dict[int, Mask], wanted: dict[int, Mask]) -> bool:
    return all(np.array_equal(found[i], mask) for i, mask in wanted.items())


def test_what_was_erased_is_not_brought_back_by_the_click_before_it(session: Session, checkpoint: Path) -> None:
    object_id = session.prompts.click(Click(4, 30, 20))
    session.prompts.settle()
    y, x = np.argwhere(masks(session, object_id)[4])[0].tolist()
    session.prompts.stroke(Stroke(4, layer="modal", adds=False, radius=14, points=((x, y),)), object_id=object_id)
    track(session, object_id, 4)
    found = masks(session, object_id)
    assert found[4].any() and not found[4][y, x]
    span, click = range(5, NUM_FRAMES), (Click(4, 30, 20),)
    assert same(found, as_tracked(session, checkpoint, Prompts(masks={4: found[4]}), span))
    corrected_again = as_tracked(session, checkpoint, Prompts(clicks=click, masks={4: found[4]}), span)
    assert not same(found, corrected_again), "either way would do"


def test_an_accepted_frame_is_a_prompt_for_the_frames_around_it(session: Session, checkpoint: Path) -> None:
    object_id = session.prompts.click(Click(1, 30, 20))
    track(session, object_id, 1)
    session.accept(object_id, 6)
    accepted = masks(session, object_id)[6]
    session.prompts.click(Click(3, 60, 40), object_id=object_id)
    track(session, object_id, 3)
    found = masks(session, object_id)
    assert np.array_equal(found[6], accepted)
    start = session.project.layers(object_id).given[3]
    said = Prompts(clicks=(Click(1, 30, 20), Click(3, 60, 40)), masks={3: start, 6: accepted})
    without = Prompts(clicks=said.clicks, masks={3: start})
    for span, frame_index in ((range(2, 5), 4), (range(5, 4, -1), 5)):
        wanted, other = (as_tracked(session, checkpoint, p, span)[frame_index] for p in (said, without))
        assert np.array_equal(found[frame_index], wanted)
        assert not np.array_equal(found[frame_index], other), "it would not matter"


def test_what_the_model_knows_of_itself_is_there_after_reopening(session: Session) -> None:
    object_id = session.prompts.click(Click(4, 30, 20))
    track(session, object_id, 4)
    stamp = session.project.layers(object_id).modal.stamp(7)
    session.close()
    reopened = Project.open(session.project.folder)
    found = reopened.layers(object_id).modal.stamp(7)
    reopened.close()
    assert found == stamp and found is not None and found.object_score is not None


@pytest.mark.parametrize("session", [60], indirect=True)
def test_a_stop_keeps_the_frames_that_are_done(session: Session) -> None:
    object_id = session.prompts.click(Click(0, 30, 20))
    session.prompts.settle()
    session.runs.track(object_id, 0)
    until(lambda: session.runs.job is None or session.runs.job.done >= 2)
    session.runs.cancel()
    job = session.runs.wait(60)
    assert job is not None and job.cancelled
    done = set(masks(session, object_id))
    assert {0, 1, 2} <= done and len(done) < 60
