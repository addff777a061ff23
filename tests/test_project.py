import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from conftest import write_images
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vas_tool.errors import Cancelled, ProjectBusy, ProjectDamaged, ProjectError, PromptError, VasToolError, VideoError
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.project import project as project_module
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import Stamp
from vas_tool.types import Click, Mask

SIZE = (64, 48)
ROOT = Path(__file__).parent.parent


def block(i: int) -> Mask:
    return rectangle(SIZE, i, i, i + 10, i + 10)


def state(project: Project) -> tuple[Any, dict[str, int]]:
    """The truth, and how much is set in every picture of every layer."""
    areas = {}
    for path in sorted((project.folder / "objects").rglob("*.png")):
        layers = project.layers(int(path.parts[-3]))
        layer: Any = getattr(layers, path.parts[-2])
        areas[str(path.relative_to(project.folder))] = int(layer[int(path.stem)].sum())
    return project.truth, areas


def reopened(project: Project) -> Project:
    project.close()
    return Project.open(project.folder)


@pytest.fixture
def closing() -> Iterator[Callable[[Project], Project]]:
    """Closes what a test opened by itself."""
    opened: list[Project] = []

    def remember(project: Project) -> Project:
        opened.append(project)
        return project

    yield remember
    for project in opened:
        project.close()


# --- creating and opening ------------------------------------------------------------------------------------------


def test_a_new_project_is_its_clip(small_project: Project) -> None:
    project = small_project
    assert project.name == "clip" and len(project.clip) == len(project.ledger) == 5
    assert [r.source_index for r in project.ledger] == [0, 1, 2, 3, 4]
    assert project.ledger[4].pts_seconds == 0.5 and project.clip.fps == 8
    assert project.canvas.size_wh == project.clip.size_wh == SIZE and project.source.kind == "images"
    assert project.truth.objects == () and project.undo_label is None and project.redo_label is None
    assert project.undo() is None and project.redo() is None and project.last_edit_id is None


def test_everything_comes_back(small_project: Project, closing: Callable[[Project], Project]) -> None:
    pad(small_project, 0.25)
    annotate(small_project, "cat", modal={0: block(1)}, accepted=[0])
    small_project.edit("seed", replace(small_project.truth, seed=7, engines={"depth": "builtin"}))
    before = state(small_project), small_project.ledger, small_project.source
    again = closing(reopened(small_project))
    assert (state(again), again.ledger, again.source) == before
    assert again.undo_label == "seed"


def test_a_failed_import_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    for source in (tmp_path / "empty", tmp_path / "text.mp4", tmp_path / "nowhere"):
        with pytest.raises(VideoError):
            create_project(tmp_path / "project", source)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "text.mp4"]


def test_a_cancelled_import_leaves_nothing(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", 5, SIZE)

    def cancel(done: int, total: int, what: str) -> None:
        if done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        create_project(tmp_path / "project", images, progress=cancel)
    assert [p.name for p in tmp_path.iterdir()] == ["images"]


def test_an_existing_folder_is_not_touched(tmp_path: Path, small_project: Project) -> None:
    images = write_images(tmp_path / "images", 2, SIZE)
    before = (small_project.folder / "project.json").read_bytes()
    with pytest.raises(ProjectError, match="exists already"):
        create_project(small_project.folder, images)
    assert (small_project.folder / "project.json").read_bytes() == before
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "project"):
        with pytest.raises(ProjectError):
            create_project(place, images)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_may_become_a_project(tmp_path: Path, closing: Callable[[Project], Project]) -> None:
    (tmp_path / "project").mkdir()
    closing(create_project(tmp_path / "project", write_images(tmp_path / "images", 2, SIZE)))


def test_what_is_no_project_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ProjectError, match="is no project"):
            Project.open(folder)


def paths_into(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path] * bool(path) + [p for key, value in inner for p in paths_into(value, (*path, key))]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"schema": 1}', "\x00", "[" * 100_000, '{"schema": "one"}', '{"schema": null}'],
)
def test_a_damaged_file_stops_the_open_and_stays_as_it_is(small_project: Project, text: str) -> None:
    small_project.close()
    file = small_project.folder / "project.json"
    file.write_text(text)
    names = sorted(os.listdir(small_project.folder))
    for _ in range(2):  # and lets go of the lock
        with pytest.raises(ProjectDamaged, match=r"project\.json"):
            Project.open(small_project.folder)
    assert file.read_text() == text and sorted(os.listdir(small_project.folder)) == names


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), junk=st.sampled_from([None, True, -1, 0, 1e300, float("inf"), "", "x", [], [1], {}, 2**70]))
def test_damage_anywhere_opens_or_is_said_and_nothing_is_written(
    small_project: Project, draw: st.DataObject, junk: Any
) -> None:
    small_project.close()
    file = small_project.folder / "project.json"
    whole = file.read_bytes()
    data = json.loads(whole)
    *path, last = draw.draw(st.sampled_from(paths_into(data)))
    inner = data
    for key in path:
        inner = inner[key]
    inner[last] = junk
    file.write_text(json.dumps(data))
    damaged = file.read_bytes()
    with suppress(VasToolError):
        Project.open(small_project.folder).close()
    assert file.read_bytes() == damaged
    file.write_bytes(whole)


def test_a_newer_schema_is_not_opened(small_project: Project) -> None:
    small_project.close()
    file = small_project.folder / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": project_module.SCHEMA + 1}))
    with pytest.raises(ProjectDamaged, match="newer version"):
        Project.open(small_project.folder)


def test_missing_frames_are_said(small_project: Project) -> None:
    small_project.close()
    small_project.clip.frame_path(4).unlink()
    with pytest.raises(ProjectDamaged, match=r"4 frames, project\.json lists 5"):
        Project.open(small_project.folder)


def test_a_second_process_is_told_and_does_not_write(small_project: Project) -> None:
    annotate(small_project)
    code = """
import sys
from pathlib import Path
from vas_tool.errors import ProjectBusy
from vas_tool.project import Project
try:
    Project.open(Path(sys.argv[1])).edit("intruding")
except ProjectBusy as error:
    print(error)
    sys.exit(3)
"""
    before = {p: p.read_bytes() for p in small_project.folder.rglob("*") if p.is_file()}
    other = subprocess.run(
        [sys.executable, "-c", code, str(small_project.folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert other.returncode == 3, other.stderr
    assert f"pid {os.getpid()}" in other.stdout
    assert {p: p.read_bytes() for p in small_project.folder.rglob("*") if p.is_file()} == before
    small_project.close()
    again = subprocess.run(
        [sys.executable, "-c", code, str(small_project.folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert again.returncode == 0


def test_one_process_opens_it_once(small_project: Project) -> None:
    with pytest.raises(ProjectBusy):
        Project.open(small_project.folder)


# --- undo ----------------------------------------------------------------------------------------------------------


def test_an_edit_is_on_disk_when_it_returns(small_project: Project) -> None:
    annotate(small_project, "cat", modal={0: block(1)})
    data = json.loads((small_project.folder / "project.json").read_text())
    assert data["objects"][0]["label"] == "cat" and data["history"]["done"][0]["what"] == "new object 1"


def test_undo_and_redo_restore_truth_and_layers(small_project: Project) -> None:
    object_id = annotate(small_project, modal={0: block(1), 1: block(1)})
    states = [state(small_project)]
    layers = small_project.layers(object_id)
    for step in range(2, 6):
        obj = small_project.truth.object(object_id)
        clicked = replace(obj, clicks=(*obj.clicks, Click(0, step, step)))
        edit = small_project.edit(f"click {step}", small_project.truth.with_object(clicked))
        with small_project.under(edit):
            layers.modal.put(0, block(step)[:, :], Stamp("builtin"))
            layers.modal.put(0, block(step) | block(step + 20), Stamp("builtin"))  # twice under one edit
            layers.amodal.put(step, block(step + 3), Stamp("builtin"))
            if step == 4:
                del layers.modal[1]
        assert small_project.touched(edit) == {0, step} | ({1} if step == 4 else set())
        states.append(state(small_project))
    for _ in range(2):
        for number in range(3, -1, -1):
            assert small_project.undo_label == f"click {number + 2}"
            undone = small_project.undo()
            assert undone is not None and undone.what == f"click {number + 2}"
            assert state(small_project) == states[number] and small_project.redo_label == undone.what
        for number in range(1, 5):
            small_project.redo()
            assert state(small_project) == states[number]
    assert small_project.redo() is None


def test_undo_and_redo_go_on_after_reopening(small_project: Project, closing: Callable[[Project], Project]) -> None:
    object_id = annotate(small_project, modal={0: block(1)})
    edit = small_project.edit("again")
    with small_project.under(edit):
        small_project.layers(object_id).modal.put(0, block(5), Stamp("builtin"))
    after = state(small_project)
    again = closing(reopened(small_project))
    again.undo()
    assert np.array_equal(again.modal(object_id)[0], block(1)) and not again.is_done(edit)
    once_more = closing(reopened(again))
    once_more.redo()
    assert state(once_more) == after and once_more.is_done(edit)


def test_a_new_edit_forgets_what_was_undone(small_project: Project) -> None:
    object_id = annotate(small_project, modal={0: block(1)})
    small_project.undo()
    assert list((small_project.folder / "history").iterdir())
    small_project.edit("other", small_project.truth.with_object(AnnotatedObject(9, "dog")))
    assert small_project.redo() is None and not list((small_project.folder / "history").iterdir())
    with pytest.raises(PromptError):
        small_project.modal(object_id)


def test_depth_is_undone_too(small_project: Project) -> None:
    with small_project.under(small_project.edit("depth")):
        small_project.depth.put(2, np.full((48, 64), 0.5, np.float32), Stamp("builtin"))
    small_project.undo()
    assert 2 not in small_project.depth
    small_project.redo()
    assert small_project.depth[2][0, 0] == pytest.approx(0.5, abs=1e-4)


def test_what_is_written_outside_an_edit_stays(small_project: Project) -> None:
    object_id = annotate(small_project, modal={0: block(1)})
    small_project.edit("nothing")
    small_project.layers(object_id).modal.put(0, block(7), Stamp("builtin"))
    small_project.undo()
    assert np.array_equal(small_project.modal(object_id)[0], block(7))


def test_edits_inside_one_another_keep_to_themselves(small_project: Project) -> None:
    object_id = annotate(small_project)
    modal = small_project.layers(object_id).modal
    outer, inner = small_project.edit("outer"), small_project.edit("inner")
    with small_project.under(outer):
        with small_project.under(inner):
            modal.put(0, block(1), Stamp("builtin"))
        modal.put(1, block(1), Stamp("builtin"))
    assert small_project.touched(outer) == {1} and small_project.touched(inner) == {0}


def test_only_so_many_edits_are_kept(small_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_module, "HISTORY_LIMIT", 3)
    object_id = annotate(small_project)
    edits = []
    for i in range(5):
        edits.append(small_project.edit(f"edit {i}"))
        with small_project.under(edits[-1]):
            small_project.layers(object_id).modal.put(0, block(i), Stamp("builtin"))
    kept = sorted(int(p.name) for p in (small_project.folder / "history").iterdir())
    assert kept == edits[2:] and not small_project.is_done(edits[1])
    assert [small_project.undo() is not None for _ in range(4)] == [True, True, True, False]
    assert np.array_equal(small_project.modal(object_id)[0], block(1))


class Killed(BaseException):
    """Stands for the process dying: nothing catches it."""


@pytest.mark.parametrize("going", ["undo", "redo"])
@pytest.mark.parametrize("moment", range(5))
def test_an_undo_that_was_cut_short_is_finished_at_the_next_open(
    small_project: Project,
    closing: Callable[[Project], Project],
    monkeypatch: pytest.MonkeyPatch,
    going: str,
    moment: int,
) -> None:
    object_id = annotate(small_project, modal={i: block(1) for i in range(3)})
    before = state(small_project)
    obj = small_project.truth.object(object_id)
    edit = small_project.edit("track", small_project.truth.with_object(replace(obj, label="dog")))
    with small_project.under(edit):
        for i in range(4):
            small_project.layers(object_id).modal.put(i, block(20), Stamp("builtin"))
    after = state(small_project)
    if going == "redo":
        small_project.undo()
        before, after = after, before
    restored = 0

    def dying(entry: Path, target: Path) -> None:
        nonlocal restored
        if restored == moment:
            raise Killed
        restored += 1
        restore(entry, target)

    restore = project_module.restore
    with monkeypatch.context() as patch:
        patch.setattr(project_module, "restore", dying)
        if moment < 4:
            with pytest.raises(Killed):
                getattr(small_project, going)()
        else:
            getattr(small_project, going)()
    again = closing(reopened(small_project))
    assert state(again) == before
    getattr(again, "redo" if going == "undo" else "undo")()
    assert state(again) == after


def test_an_undo_that_failed_is_finished_before_anything_else(
    small_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id = annotate(small_project, modal={0: block(1)})
    with small_project.under(small_project.edit("track")):
        small_project.layers(object_id).modal.put(0, block(20), Stamp("builtin"))

    def failing(entry: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(project_module, "restore", failing)
        with pytest.raises(ProjectError, match="No space left"):
            small_project.undo()
    small_project.edit("next")
    assert np.array_equal(small_project.modal(object_id)[0], block(1))


def test_what_cannot_be_kept_for_undo_is_not_replaced(small_project: Project) -> None:
    object_id = annotate(small_project, modal={0: block(1)})
    edit = small_project.edit("track")
    (small_project.folder / "history" / f"{edit:06d}").write_text("in the way")
    modal = small_project.layers(object_id).modal
    with small_project.under(edit):
        with pytest.raises(ProjectError, match="could not be changed"):
            modal.put(0, block(5), Stamp("builtin"))
        with pytest.raises(ProjectError, match="could not be changed"):
            del modal[0]
    assert np.array_equal(modal[0], block(1))


def test_a_full_disk_changes_nothing(small_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate(small_project, modal={0: block(1)})
    before, on_disk = state(small_project), (small_project.folder / "project.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProjectError):
        small_project.edit("lost", small_project.truth.without_object(1))
    with pytest.raises(ProjectError):
        small_project.undo()
    assert state(small_project) == before and small_project.undo_label == "new object 1"
    assert (small_project.folder / "project.json").read_bytes() == on_disk


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["edit", "edit", "write", "undo", "undo", "redo", "reopen", "die"]),
            st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.booleans()), max_size=3),
        ),
        max_size=15,
    )
)
def test_any_history_of_edits_undos_redos_reopenings_and_deaths(
    make_project: Callable[..., Project], steps: list[tuple[str, list[tuple[int, int, bool]]]]
) -> None:
    """A list of states and a place in it is all that undo and redo are about."""
    project = make_project(name=f"clip{next(NUMBERS)}")
    object_id = annotate(project, modal={0: block(1)})
    project.edit("start")
    states, place, first = [state(project)], 0, project.last_edit_id
    for step, writes in steps:
        if step in ("edit", "write"):
            obj = project.truth.object(object_id)
            clicked = replace(obj, clicks=(*obj.clicks, Click(0, len(states), 0)))
            edit = project.edit(step, project.truth.with_object(clicked) if step == "edit" else None)
            with project.under(edit):
                for frame_index, where, removes in writes:
                    modal = project.layers(object_id).modal
                    if removes and frame_index in modal:
                        del modal[frame_index]
                    else:
                        modal.put(frame_index, block(where) | block(where // 2), Stamp("builtin"))
            states, place = [*states[: place + 1], state(project)], place + 1
        elif step == "redo":
            place += project.redo() is not None
        elif project.last_edit_id != first and step in ("undo", "die"):
            if step == "die":
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(project_module, "restore", dying)
                    with suppress(Killed):
                        project.undo()
                project = reopened(project)
            else:
                project.undo()
            place -= 1
        elif step == "reopen":
            project = reopened(project)
        assert state(project) == states[place]
    project.close()


NUMBERS = itertools.count()


def dying(entry: Path, target: Path) -> None:
    raise Killed
