"""SAM2 in a project answers as one track over the whole clip does, from all that was said.

Between two prompted frames, tracking both ways goes from each of them to the middle ("forwards and backwards from
every prompted frame"). So a half is what one track from its own end gives; a single pass from the first prompt alone
would hand its drift on up to the second.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sam2_models import SIZE_WH, TINY, skip_without_sam2, write_checkpoint, write_clip

from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.sam2 import Sam2Segmenter
from vas_tool.imports.new_project import create_project
from vas_tool.planning.plan import Request, plan
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.planning.spans import Direction
from vas_tool.project.object_layers import prompts_of
from vas_tool.session import Session
from vas_tool.types import Click, Mask

skip_without_sam2()

NUM_FRAMES = 12
FIRST, SECOND = 2, 7
CLICKS = (
    Click(FIRST, 30, 25),
    Click(SECOND, 48, 24),
    Click(SECOND, 44, 50, positive=False),
    Click(FIRST, 50.5, 40, positive=False),
)
FORWARD, BACKWARD = range(FIRST, NUM_FRAMES), range(SECOND, -1, -1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "toy.pt", TINY["sam2.1"])


@pytest.fixture
def session(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    options = (("checkpoint", str(checkpoint)),)
    toy = EngineSpec("segment", "toy", "sam2_models", "open_toy", "1", "ours", "none", "a toy", options=options)
    others = [spec for spec in registry.ENGINES if spec.stage != "segment"]
    monkeypatch.setattr(registry, "ENGINES", (toy, *others))
    write_clip(tmp_path / "jpegs", NUM_FRAMES)
    session = Session(create_project(tmp_path / "project", tmp_path / "jpegs"))
    assert session.project.clip.size_wh == SIZE_WH
    yield session
    session.close()


def clicked(session: Session) -> int:
    object_id = None
    for click in CLICKS:
        object_id = session.prompts.click(click, object_id=object_id)
    session.prompts.settle()
    assert object_id is not None
    return object_id


def tracked(session: Session, object_id: int, frame_index: int, direction: Direction) -> None:
    session.runs.track(object_id, frame_index, direction=direction)
    status = session.runs.wait()
    assert status is not None and status.error is None


def one_track(session: Session, object_id: int, checkpoint: Path, frames: range) -> dict[int, Mask]:
    """A fresh engine over all the frames at once."""
    engine = Sam2Segmenter.from_checkpoint(TINY["sam2.1"], checkpoint, device="cpu")
    prompts = prompts_of(session.project.modal(object_id))
    return {t.frame_index: t.mask for t in engine.track(session.project.clip, prompts, frames)}


def assert_same(session: Session, object_id: int, wanted: dict[int, Mask]) -> None:
    masks = session.project.modal(object_id)
    differing = [f for f in wanted if not np.array_equal(masks[f], wanted[f])]
    assert differing == []
    assert sum(0 < mask.mean() < 1 for mask in wanted.values()) > len(wanted) // 2, "equality would prove nothing"


def test_forwards_over_a_second_prompted_frame(session: Session, checkpoint: Path) -> None:
    object_id = clicked(session)
    tracked(session, object_id, FIRST, "forward")
    assert_same(session, object_id, one_track(session, object_id, checkpoint, FORWARD))


def test_backwards_over_a_second_prompted_frame(session: Session, checkpoint: Path) -> None:
    object_id = clicked(session)
    tracked(session, object_id, SECOND, "backward")
    assert_same(session, object_id, one_track(session, object_id, checkpoint, BACKWARD))


def test_both_ways_meets_in_the_middle(session: Session, checkpoint: Path) -> None:
    object_id = clicked(session)
    tracked(session, object_id, FIRST, "both")
    forward = one_track(session, object_id, checkpoint, FORWARD)
    backward = one_track(session, object_id, checkpoint, BACKWARD)
    after = one_track(session, object_id, checkpoint, range(SECOND, NUM_FRAMES))
    before = one_track(session, object_id, checkpoint, range(FIRST, -1, -1))
    halves = {f: forward[f] if f < 5 else backward[f] for f in range(FIRST, SECOND + 1)}
    assert_same(session, object_id, before | halves | after)
    assert any(not np.array_equal(forward[f], backward[f]) for f in (5, 6)), "either way would do"


def test_one_click_both_ways_is_one_track_each_way(session: Session, checkpoint: Path) -> None:
    object_id = session.prompts.click(CLICKS[0])
    session.prompts.settle()
    tracked(session, object_id, FIRST, "both")
    before = one_track(session, object_id, checkpoint, range(FIRST, -1, -1))
    assert_same(session, object_id, before | one_track(session, object_id, checkpoint, FORWARD))


def spans_to_track(session: Session, object_id: int) -> list[range]:
    request = Request((object_id,), ("segment",), frame_index=FIRST, direction="forward")
    (run,) = plan(snapshot_of(session.project, [object_id]), request)
    return list(run.spans)


def test_spans_are_bridged_over_settled_frames_alone(session: Session) -> None:
    object_id = clicked(session)
    spans = spans_to_track(session, object_id)
    assert spans == [range(3, NUM_FRAMES)]
    tracked(session, object_id, FIRST, "forward")
    session.accept(object_id, 9)
    session.prompts.click(Click(4, 36, 25), object_id=object_id)
    session.prompts.settle()
    # 5 and 6 lie between the prompted 4 and 7; what follows from 7 and 9 is up to date.
    assert spans_to_track(session, object_id) == [range(3, 7)]
