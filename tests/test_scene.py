"""Scenes: objects reordered, moved, scaled, hidden, frozen, over a filled background."""

import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from annotating import annotate, rectangle
from conftest import square_at

from vas_tool.cli import main
from vas_tool.errors import FormatError, PromptError
from vas_tool.formats.layered_frames import ObjectLayer
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.scene.composing import composed, filled, ordered, placed, vacated
from vas_tool.scene.rendering import Scene
from vas_tool.scene_edits import LayerEdit, SceneEdits, scene_from_json
from vas_tool.session import Session
from vas_tool.storage import Stamp
from vas_tool.types import Content, Mask
from vas_tool.ui.routes import answer_to

SIZE = (40, 30)
RED, BLUE = (200, 10, 20), (10, 20, 200)
GROUND = (90, 90, 90)


def picture(mask: Mask, colour: tuple[int, int, int]) -> Content:
    out = np.zeros((*mask.shape, 4), np.uint8)
    out[mask] = (*colour, 255)
    return out


def layer(
    object_id: int, colour: tuple[int, int, int], *, seen: Mask, whole: Mask | None = None, depth: float = 0
) -> ObjectLayer:
    whole = seen if whole is None else whole
    return ObjectLayer(AnnotatedObject(object_id, "thing"), picture(whole, colour), seen, whole, depth)


FRONT = rectangle(SIZE, 10, 10, 20, 20)
BEHIND = rectangle(SIZE, 15, 10, 30, 20)
LAYERS = (layer(2, BLUE, seen=BEHIND & ~FRONT, whole=BEHIND), layer(1, RED, seen=FRONT))
"""From back to front."""
STOOD = FRONT | BEHIND


def ground() -> Content:
    out = picture(np.ones(SIZE[::-1], np.bool_), GROUND)
    for mask, colour in ((BEHIND, BLUE), (FRONT, RED)):
        out[mask, :3] = colour
    return out


def shown(edits: SceneEdits, below: Content | None = None) -> Content:
    return composed(ground() if below is None else below, LAYERS, edits, stood=STOOD)


def test_a_scene_without_edits_is_the_frame() -> None:
    assert np.array_equal(shown(SceneEdits()), ground())


def test_the_order_can_be_changed() -> None:
    out = shown(SceneEdits(order=(2,)))
    assert (out[BEHIND][:, :3] == BLUE).all() and (out[FRONT & ~BEHIND][:, :3] == RED).all()
    assert [one.obj.id for one in ordered(LAYERS, SceneEdits(order=(1, 2)))] == [2, 1]


def test_what_is_no_object_stays_in_front_of_an_object_without_an_edit() -> None:
    hider = rectangle(SIZE, 25, 10, 35, 20)  # no object
    frame = ground()
    frame[hider, :3] = (1, 2, 3)
    hidden = layer(2, BLUE, seen=BEHIND & ~FRONT & ~hider, whole=BEHIND)
    stood = hidden.modal | FRONT
    out = composed(frame, (hidden, LAYERS[1]), SceneEdits(), stood=stood)
    assert np.array_equal(out, frame)
    raised = composed(frame, (hidden, LAYERS[1]), SceneEdits(order=(2,)), stood=stood)
    assert (raised[BEHIND][:, :3] == BLUE).all()


def test_hidden_objects_leave_the_background_and_what_they_hid() -> None:
    edits = SceneEdits().having(LayerEdit(1, hidden=True))
    hole = vacated(LAYERS, edits, margin=0)
    background = np.full((*SIZE[::-1], 3), GROUND, np.uint8)
    out = shown(edits, filled(ground(), hole, background))
    assert (out[BEHIND][:, :3] == BLUE).all() and (out[FRONT & ~BEHIND][:, :3] == GROUND).all()
    assert vacated(LAYERS, SceneEdits(order=(2, 1))) is None


def test_an_object_is_moved_and_scaled_about_its_foot() -> None:
    moved = placed(picture(FRONT, RED), LayerEdit(1, dx=5, dy=-3))
    assert np.array_equal(moved, picture(rectangle(SIZE, 15, 7, 25, 17), RED))
    larger = placed(picture(FRONT, RED), LayerEdit(1, scale=2.0))
    assert np.array_equal(larger[..., 3] > 127, rectangle(SIZE, 5, 0, 25, 20))
    smaller = placed(picture(FRONT, RED), LayerEdit(1, scale=0.5))
    inside = smaller[..., 3] > 200
    assert (smaller[inside][:, :3] == RED).all() and abs(int((smaller[..., 3] > 127).sum()) - 25) <= 12
    beyond = placed(picture(FRONT, RED), LayerEdit(1, dx=-12))
    assert np.array_equal(beyond[..., 3] > 0, rectangle(SIZE, 0, 10, 8, 20))


def test_edits_are_checked() -> None:
    for wrong in ({"dx": float("nan")}, {"scale": 0.0}, {"scale": 100.0}, {"freeze": -1}, {"dy": 1e9}):
        with pytest.raises(PromptError):
            LayerEdit(1, **wrong)
    with pytest.raises(PromptError, match="twice"):
        SceneEdits(order=(1, 1))
    edits = SceneEdits(order=(2,)).having(LayerEdit(3, hidden=True))
    for ids, said in (([2], "no object 3"), ([3], "no object 2")):
        with pytest.raises(PromptError, match=said):
            edits.require(ids, 5)
    with pytest.raises(PromptError, match="frames 0 to 4"):
        SceneEdits().having(LayerEdit(1, freeze=5)).require([1], 5)
    assert edits.having(LayerEdit(3)).layers == ()


@pytest.fixture
def square(make_project: Callable[..., Project]) -> Project:
    """A textured square that moves two pixels a frame over a textured ground, tracked and complete on 12 frames."""
    project = make_project(12, (96, 64))
    masks = {}
    for i in range(12):
        masks[i] = np.zeros((64, 96), np.bool_)
        masks[i][square_at(i, (96, 64))] = True
    annotate(project, "square", modal=masks, amodal=masks)
    for i, mask in masks.items():
        colours = np.dstack([project.clip[i], np.full((64, 96, 1), 255, np.uint8)])
        project.layers(1).content.put(i, np.where(mask[..., None], colours, 0).astype(np.uint8), Stamp("builtin"))
    return project


def texture(project: Project) -> np.ndarray:
    """The ground without the square: the last frame where the square is not, the first frame elsewhere."""
    out = project.clip[11].copy()
    out[square_at(11, (96, 64))] = project.clip[0][square_at(11, (96, 64))]
    return out


def test_the_background_comes_from_frames_that_show_it(square: Project) -> None:
    frames = list(Scene(square, SceneEdits().having(LayerEdit(1, hidden=True))).frames())
    assert len(frames) == 12
    wrong = np.abs(frames[5].astype(int) - texture(square))[square_at(5, (96, 64))]
    assert wrong.mean() < 3  # the noise of the ground has a mean difference of 17


def test_a_frozen_object_stays_and_a_moved_one_goes(square: Project) -> None:
    edits = SceneEdits().having(LayerEdit(1, dx=30, freeze=2))
    (frame,) = Scene(square, edits, margin=0).frames(range(9, 10))
    rows, columns = square_at(2, (96, 64))
    moved = slice(columns.start + 30, columns.stop + 30)
    assert np.array_equal(frame[rows, moved], square.clip[2][rows, columns])
    assert np.abs(frame[square_at(9, (96, 64))].astype(int) - texture(square)[square_at(9, (96, 64))]).mean() < 30


def test_a_scene_needs_an_object(small_project: Project) -> None:
    with pytest.raises(FormatError, match="no object with a mask"):
        Scene(small_project, SceneEdits())


def test_the_command_renders_a_video(square: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    square.close()
    folder = shutil.copytree(square.folder, tmp_path / "copy")
    out = tmp_path / "scene.mp4"
    options = ["--out", str(out), "--order", "1", "--move", "1:-40,0", "--scale", "1:1.5", "--freeze", "1:3"]
    assert main(["scene", str(folder), *options]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    with av.open(str(out)) as container:
        assert container.streams.video[0].frames == 12
    for wrong, said in (
        (["--move", "1:3"], "--move needs ID:DX,DY, such as 1:40,-10"),
        (["--hide", "x"], "an object's id needs a whole number"),
        (["--scale", "1:big"], "--scale needs numbers"),
        (["--hide", "7"], "there is no object 7"),
        (["--margin", "-1"], "--margin needs 0 to 500"),
        (["--hide", "1", "--background", "magic"], "magic"),
    ):
        assert main(["scene", str(folder), "--out", str(out), *wrong]) == 1
        assert said in capsys.readouterr().err


def test_a_session_keeps_the_scene_and_undoes_it(square: Project) -> None:
    square.close()
    session = Session(Project.open(square.folder))
    try:
        answer = answer_to(session, {"action": "scene", "object": 1, "dx": 30.0, "freeze": 2, "seq": 1})
        layer = {"object_id": 1, "dx": 30.0, "dy": 0.0, "scale": 1.0, "hidden": False, "freeze": 2}
        assert answer["ok"] and answer["state"]["scene"] == {"order": [], "layers": [layer]}
        moved = session.scene.frame(9)
        rows, columns = square_at(2, (96, 64))
        there = slice(columns.start + 30, columns.stop + 30)
        assert np.array_equal(moved[rows, there], session.project.clip[2][rows, columns])
        session.scene.raise_to_front(1)
        kept = Project.open(shutil.copytree(square.folder, square.folder.with_name("copy")))
        kept.close()
        assert kept.truth.scene == session.project.truth.scene == SceneEdits((1,), (LayerEdit(1, dx=30, freeze=2),))
        for _ in range(2):
            session.undo()
        assert session.project.truth.scene == SceneEdits()
        assert np.array_equal(session.scene.frame(9), session.project.clip[9])
        session.redo()
        session.delete_object(1)
        assert session.project.truth.scene == SceneEdits()
        session.undo()
        session.scene.reset()
        assert session.project.truth.scene == SceneEdits()
        for wrong in ({"scale": 0}, {"dx": "far"}, {"freeze": 12}, {"colour": 3}):
            assert not answer_to(session, {"action": "scene", "object": 1, "seq": 2, **wrong})["ok"]
    finally:
        session.close()


def test_a_damaged_scene_is_told() -> None:
    for wrong in ({"order": ["1"]}, {"strange": 1}, {"layers": [{"object_id": 1, "hidden": "yes"}]}):
        with pytest.raises((TypeError, ValueError, PromptError)):
            scene_from_json(wrong)
    edits = SceneEdits((2, 1), (LayerEdit(1, scale=0.5),))
    assert scene_from_json(edits.json()) == edits
