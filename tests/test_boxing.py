"""Amodal boxes in a session and on the command line: stored, cropped to, outdated, compared, measured."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate
from conftest import write_images
from fake_engines import fake_specs, use_fake_engines

from vas_tool.boxes.box_files import read_boxes
from vas_tool.boxes.crops import CropRule
from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.settings import Parameter
from vas_tool.errors import InputError, PromptError
from vas_tool.exports import export
from vas_tool.formats.notes import worded
from vas_tool.formats.verify import verify
from vas_tool.planning.review import FrameState, frame_states
from vas_tool.project import Project
from vas_tool.project.agreements import box_agreements
from vas_tool.project.frame_facts import needs_look
from vas_tool.project.truth import object_from_json, object_json
from vas_tool.project.worktime import WorkClock, work_seconds
from vas_tool.project_store import crop_plan
from vas_tool.session import Session
from vas_tool.types import AmodalBox, Click, NoBox
from vas_tool.ui.actions import perform
from vas_tool.ui.choice_views import cost_view
from vas_tool.ui.views import state_view


@pytest.fixture
def session(small_project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    use_fake_engines(monkeypatch)
    session = Session(small_project)
    yield session
    session.close()


def block(project: Project) -> np.ndarray:
    mask = np.zeros(project.clip.size_wh[::-1], bool)
    mask[10:30, 10:22] = True
    return mask


def tracked(session: Session) -> int:
    width, height = session.project.clip.size_wh
    object_id = session.prompts.click(Click(0, width // 2, height // 2))
    assert session.prompts.settle()
    session.runs.track(object_id, 0)
    session.runs.wait()
    return object_id


def completed(session: Session) -> None:
    session.runs.complete()
    status = session.runs.wait()
    assert status is not None and status.error is None


def box_around(session: Session, object_id: int, frame_index: int, *, grow: float = 4) -> AmodalBox:
    x0, y0, x1, y1 = session.project.modal(object_id).box(frame_index) or (0, 0, 10, 10)
    return AmodalBox(frame_index, x0 - grow, y0 - grow, x1 + grow, y1 + grow)


def stale(session: Session, object_id: int) -> list[int]:
    return [f for f, s in enumerate(frame_states(session.project, object_id)) if FrameState.STALE in s]


# --- saying -----------------------------------------------------------------------------------------------------------


def test_a_box_is_stored_undone_and_removed(session: Session) -> None:
    object_id = session.amodal_boxes.set(AmodalBox(1, 2, 3, 12, 13))
    session.amodal_boxes.set(AmodalBox(3, 4, 3, 14, 13), object_id=object_id)
    session.amodal_boxes.set(AmodalBox(1, 0, 0, 5, 5), object_id=object_id)
    obj = session.project.truth.object(object_id)
    assert [b.frame_index for b in obj.amodal_boxes] == [1, 3] and obj.amodal_boxes[0].x1 == 5
    assert session.undo() == f"amodal box on {obj.label}, frame 1"
    assert session.project.truth.object(object_id).amodal_boxes[0].x1 == 12
    session.amodal_boxes.remove(object_id, 3)
    assert len(session.project.truth.object(object_id).amodal_boxes) == 1
    with pytest.raises(PromptError, match="no amodal box of its own"):
        session.amodal_boxes.remove(object_id, 2)
    with pytest.raises(PromptError, match="frame 99"):
        session.amodal_boxes.set(AmodalBox(99, 0, 0, 1, 1))


def test_where_a_box_ends_no_crop_is_made_and_it_is_kept_and_undone(session: Session) -> None:
    object_id = tracked(session)
    for f in (0, 3):
        session.amodal_boxes.set(box_around(session, object_id, f), object_id=object_id)
    perform(session, "end_amodal_box", {"object": object_id, "frame": 2})
    obj = session.project.truth.object(object_id)
    assert [k.frame_index for k in obj.amodal_boxes] == [0, 1, 2, 3]
    completed(session)
    layers = session.project.layers(object_id)
    cropped = {f for f in layers.amodal if (stamp := layers.amodal.stamp(f)) and stamp.crop}
    assert (
        cropped == {0, 1, 3} and 2 in layers.amodal and sorted(box_agreements(session.project, object_id)) == [0, 1, 3]
    )
    assert json.loads(json.dumps(object_json(obj)))["amodal_boxes"][2] == [2]
    assert object_from_json(object_json(obj)) == obj
    view = state_view(session, None)["objects"][0]["amodal_boxes"]
    assert view[2] == {"frame_index": 2} and view[3]["frame_index"] == 3
    assert session.undo() is not None  # the completion
    assert session.undo() == f"no amodal box of {obj.label} from frame 2 on"
    assert len(session.project.truth.object(object_id).amodal_boxes) == 2
    perform(session, "end_amodal_box", {"object": object_id, "frame": 3})
    perform(session, "remove_amodal_box", {"object": object_id, "frame": 3})
    assert len(session.project.truth.object(object_id).amodal_boxes) == 2  # frame 2 has become a keyframe
    with pytest.raises(PromptError, match="draw one first"):
        session.amodal_boxes.end(object_id, 0)


def test_the_canvas_grows_with_a_box_until_masks_lie_on_it(session: Session) -> None:
    width = session.project.clip.size_wh[0]
    session.amodal_boxes.set(AmodalBox(0, -width * 0.2, 0, 9, 9))
    assert session.project.canvas.pad_left == round(width * 0.25)
    session.undo()
    assert session.project.canvas.pad_left == 0
    tracked(session)
    completed(session)
    session.amodal_boxes.set(AmodalBox(0, -width * 0.4, 0, 9, 9))
    assert session.project.canvas.pad_left == 0  # masks lie on it: the page says that the box is cut, and what to do
    session.set_canvas(0.5)
    assert session.project.canvas.pad_left == round(width * 0.5)


def test_what_is_cut_is_said(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    object_id = tracked(session)
    width, height = session.project.clip.size_wh
    for f in (1, 3):
        session.amodal_boxes.set(AmodalBox(f, -width, 0, width / 2, height), object_id=object_id)
    assert session.project.canvas.pad_left == width / 2  # the largest work area
    completed(session)
    report = export([session.project], "coco", tmp_path / "out.json")
    assert any(
        "3 frames cut: the amodal box reaches beyond the work area (1-3)" in line for line in map(worded, report.notes)
    )
    by_frame = {a["frame_index"]: a for a in json.loads((tmp_path / "out.json").read_text())["annotations"]}
    assert [by_frame[f].get("given_box", {}).get("cut") for f in (0, 1, 2, 3)] == [None, True, True, True]
    assert by_frame[2]["given_box"]["iou"] < box_agreements(session.project, object_id)[2]  # that of the part left
    assert verify(tmp_path / "out.json").problems == ()
    session.close()
    run = ["run", "unused", "--project", str(session.project.folder), "--amodal-boxes", "project"]
    assert main([*run, "--stages", "depth"]) == 0
    assert "reaches beyond the work area on frames 1-3: masks are cut there" in capsys.readouterr().out


def test_the_page_says_the_same(session: Session) -> None:
    corners = {"x0": -3, "y0": 1.5, "x1": 20, "y1": 30}
    made = perform(session, "amodal_box", {"object": None, "frame": 2, **corners})
    assert session.project.truth.object(made["object"]).amodal_boxes == (AmodalBox(2, -3, 1.5, 20, 30),)
    perform(session, "crop", {"margin": 0.5, "span": True})
    assert session.project.truth.crop == CropRule(margin=0.5, span=True)
    perform(session, "remove_amodal_box", {"object": made["object"], "frame": 2})
    assert session.project.truth.object(made["object"]).amodal_boxes == ()


# --- making -----------------------------------------------------------------------------------------------------------


def test_boxed_frames_are_made_through_crops_and_say_so(session: Session) -> None:
    object_id = tracked(session)
    for f in (1, 3):
        session.amodal_boxes.set(box_around(session, object_id, f), object_id=object_id)
    completed(session)
    layers = session.project.layers(object_id)
    stamps = {f: layers.amodal.stamp(f) for f in range(len(session.project.clip))}
    boxed = [f for f, s in stamps.items() if s and s.crop]
    assert boxed == [1, 2, 3] and sorted(layers.uncropped) == [1, 2, 3]
    first = stamps[1]
    assert first is not None and first.crop is not None and len(first.crop) == 6
    assert first.given_box == box_around(session, object_id, 1).corners
    assert stale(session, object_id) == []
    times = {p: p.stat().st_mtime_ns for p in session.project.folder.rglob("*.png")}
    completed(session)
    assert times == {p: p.stat().st_mtime_ns for p in session.project.folder.rglob("*.png")}


def test_what_comparing_costs_is_told_by_itself(session: Session) -> None:
    object_id = tracked(session)
    for f in (1, 3):
        session.amodal_boxes.set(box_around(session, object_id, f), object_id=object_id)
    words = cost_view(session, object_id, None)["words"]
    assert "amodal 5 frames, amodal without the crop 3 frames" in words
    perform(session, "crop", {"compare": False})
    assert "without the crop" not in cost_view(session, object_id, None)["words"]
    completed(session)
    assert len(session.project.layers(object_id).uncropped) == 0


def test_the_uncropped_result_that_was_there_is_kept_not_made_again(session: Session) -> None:
    object_id = tracked(session)
    completed(session)
    before = session.project.layers(object_id).amodal[2].copy()
    session.amodal_boxes.set(box_around(session, object_id, 2, grow=1), object_id=object_id)
    assert stale(session, object_id) == [2]
    completed(session)
    layers = session.project.layers(object_id)
    assert np.array_equal(layers.uncropped[2], before)
    session.undo()
    assert 2 not in layers.uncropped and np.array_equal(layers.amodal[2], before)


def test_a_moved_box_outdates_only_the_frames_it_touches(session: Session) -> None:
    object_id = tracked(session)
    for f in (0, 1, 3):
        session.amodal_boxes.set(box_around(session, object_id, f), object_id=object_id)
    completed(session)
    session.amodal_boxes.set(box_around(session, object_id, 3, grow=9), object_id=object_id)
    assert stale(session, object_id) == [2, 3]
    session.amodal_boxes.set_crop(CropRule(margin=0.5))
    assert stale(session, object_id) == [0, 1, 2, 3]
    session.amodal_boxes.set_crop(replace(CropRule(margin=0.5), compare=False))
    completed(session)
    assert stale(session, object_id) == []


def test_the_crop_has_the_size_that_the_engine_says_its_model_sees(
    small_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing = Parameter("resolution", "32x64", "What the model sees.", choices=("32x64", "64x128"))
    spec = replace(next(s for s in fake_specs() if s.stage == "amodal"), parameters=(seeing,))
    assert registry.model_size(spec) == (64, 32)
    assert registry.model_size(spec, {"resolution": "64x128"}) == (128, 64)
    masks = {f: block(small_project) for f in range(4)}
    object_id = annotate(small_project, modal=masks)
    obj = replace(small_project.truth.object(object_id), amodal_boxes=(AmodalBox(1, 5, 5, 30, 30),))
    small_project.edit("box", small_project.truth.with_object(obj))
    plan = crop_plan(small_project, object_id, spec)
    assert plan is not None and plan.size_wh == (64, 32)
    assert plan.crops[3].size_wh == (64, 32) and list(plan.boxes) == [1]  # frame 3 helps, cropped to what is seen


# --- agreement --------------------------------------------------------------------------------------------------------


def test_the_frames_that_miss_their_box_come_worst_first(small_project: Project) -> None:
    masks = {f: block(small_project) for f in range(4)}
    object_id = annotate(small_project, modal=masks, amodal=masks)
    x0, y0, x1, y1 = small_project.modal(object_id).box(0) or (0, 0, 0, 0)
    obj = small_project.truth.object(object_id)
    boxes = tuple(AmodalBox(f, x0, y0, x0 + (x1 - x0) * k, y1) for f, k in enumerate((1, 2, 4, 1)))
    small_project.edit("boxes", small_project.truth.with_object(replace(obj, amodal_boxes=boxes)))
    assert list(box_agreements(small_project, object_id).values()) == pytest.approx([1, 0.5, 0.25, 1])
    looks = needs_look(small_project, object_id)
    assert looks[2] == "its box agrees only 25% with the given one"
    session = Session(small_project)
    order, frame = [], 0
    for _ in range(3):
        found = session.next_look(frame, object_id=object_id)
        assert found is not None
        frame = found[1]
        order.append(frame)
    assert order == [2, 1, 2]
    session.mark(object_id, 3)  # what a person marked comes after the boxes that are missed
    assert [session.next_look(f, object_id=object_id) or (0, 0) for f in (2, 1, 3)] == [
        (object_id, 1, looks[1]),
        (object_id, 3, "it was marked as needing work"),
        (object_id, 2, looks[2]),
    ]
    session.accept(object_id, 2)
    assert [f for f in needs_look(small_project, object_id) if f == 2] == []
    session.close()


def test_agreement_and_crop_are_exported(session: Session, tmp_path: Path) -> None:
    object_id = tracked(session)
    for f in (1, 3):
        session.amodal_boxes.set(box_around(session, object_id, f), object_id=object_id)
    completed(session)
    session.clock.tick(object_id, 0)
    session.clock.tick(object_id, 12)
    session.clock.write()
    export([session.project], "coco", tmp_path / "out.json")
    data = json.loads((tmp_path / "out.json").read_text())
    by_frame = {a["frame_index"]: a for a in data["annotations"]}
    assert "given_box" not in by_frame[0]
    assert [by_frame[f]["given_box"]["interpolated"] for f in (1, 2, 3)] == [False, True, False]
    assert by_frame[2]["given_box"]["iou"] == box_agreements(session.project, object_id)[2]
    assert len(by_frame[2]["engine"]["amodal"]["crop"]) == 6
    assert data["videos"][0]["work_seconds"] == {str(object_id): pytest.approx(12, abs=1)}


# --- seconds of work --------------------------------------------------------------------------------------------------


def test_work_is_measured_without_pauses_and_kept(tmp_path: Path) -> None:
    clock = WorkClock(tmp_path)
    for object_id, now in ((1, 100.0), (1, 104.0), (2, 110.0), (2, 500.0), (2, 501.0)):
        clock.tick(object_id, now)
    clock.write()
    assert work_seconds(tmp_path) == {1: 4.0, 2: 7.0}
    again = WorkClock(tmp_path)
    again.tick(1, 7.0)
    again.tick(1, 8.5)
    assert again.seconds == {1: 5.5, 2: 7.0}
    (tmp_path / "work.json").write_text("[]")
    assert work_seconds(tmp_path) == {}


# --- command line -----------------------------------------------------------------------------------------------------


def test_boxes_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    file.write_text("[[4, 0, 0, 9, 9], [2], [0, -5.5, 1, 8, 9]]")
    assert read_boxes(file, num_frames=5) == (AmodalBox(0, -5.5, 1, 8, 9), NoBox(2), AmodalBox(4, 0, 0, 9, 9))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "does not read"),
        ("[]", "at least one"),
        ("[[3]]", "no entry has a box"),
        ("[[0, 1, 2], [9, 0, 0, 1, 1], [1, 5, 5, 5, 9]]", "entry 0.*entry 1.*not in the clip.*entry 2.*x0 < x1"),
        ("[[0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]", "two boxes"),
    ],
)
def test_everything_wrong_with_a_file_is_told_at_once(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(text)
    with pytest.raises(InputError, match=wrong):
        read_boxes(file, num_frames=5)


def test_a_run_crops_to_the_boxes_of_a_file_or_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_fake_engines(monkeypatch)
    write_images(tmp_path / "frames", 5, (64, 48))
    file = tmp_path / "boxes.json"
    file.write_text("[[1, -9, 4, 30, 40], [3, -7, 4, 32, 40]]")
    run = ["run", str(tmp_path / "frames"), "--project", str(tmp_path / "p"), "--click", "0,32,24"]
    assert main([*run, "--amodal-boxes", "project"]) == 1
    assert "no amodal boxes of object 1" in capsys.readouterr().err
    assert main([*run, "--amodal-boxes", str(file), "--pad", "0.5", "--one-crop", "--no-uncropped"]) == 0
    project = Project.open(tmp_path / "p")
    layers, canvas = project.layers(1), project.canvas
    assert canvas.pad_left == 16 and project.truth.crop == CropRule(0.5, span=True, compare=False)
    crops = {f: stamp.crop for f in layers.amodal if (stamp := layers.amodal.stamp(f)) and stamp.crop}
    assert sorted(crops) == [1, 2, 3] and len(set(crops.values())) == 1 and len(layers.uncropped) == 0
    project.close()
    assert main([*run, "--amodal-boxes", "project", "--pad", "9"]) == 1
    assert "between 0 and 4" in capsys.readouterr().err
