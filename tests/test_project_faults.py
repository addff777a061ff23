"""What projects from strangers, damaged ones and disks that refuse cost: themselves, in words, and nothing else."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate, rectangle
from fake_engines import use_fake_engines

from vas_tool import files
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import ProjectDamaged, ProjectError, PromptError, VasToolError
from vas_tool.exports import export
from vas_tool.formats.notes import worded
from vas_tool.planning.fingerprint import Fingerprint
from vas_tool.planning.review import review_of
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.session import Session
from vas_tool.session.jobs import Job, JobStatus, LatestOnly
from vas_tool.session.prompt_edits import stroke_of
from vas_tool.storage import MASKS, LayerFolder, Stamp, read_stamp
from vas_tool.types import Click, Stroke
from vas_tool.ui.actions import perform
from vas_tool.ui.exporting import export_session
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.views import masks_view, state_view

SIZE = (64, 48)


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)


@pytest.fixture
def folder(small_project: Project) -> Path:
    """A closed project with one object that has masks on every frame."""
    masks = {f: rectangle(SIZE, 4, 4, 20 + f, 30) for f in range(5)}
    wholes = {f: rectangle(SIZE, 4, 4, 30 + f, 30) for f in range(5)}
    annotate(small_project, "car", modal=masks, amodal=wholes)
    small_project.close()
    return small_project.folder


def closed(folder: Path) -> None:
    """Somebody else can open it: nobody holds it."""
    files.FolderLock(folder).release()


# --- damaged pictures -----------------------------------------------------------------------------------------------

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "junk": lambda whole: b"no picture at all",
    "cut head": lambda whole: whole[:30],
    "cut pixels": lambda whole: whole[:-30],
    "no stamp": lambda whole: whole.replace(b"vas-tool", b"vos-tool"),
    "flipped bits": lambda whole: whole[:60] + bytes(255 - b for b in whole[60:70]) + whole[70:],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("layer", ["modal", "amodal", "hypotheses/3"])
def test_a_damaged_picture_costs_itself_and_is_named(folder: Path, tmp_path: Path, damage: str, layer: str) -> None:
    path = folder / "objects" / "001" / layer / "00002.png"
    if not path.exists():
        path.parent.mkdir(parents=True)
        shutil.copy(folder / "objects/001/amodal/00002.png", path)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    left = path.read_bytes()
    with closing(Session(Project.open(folder))) as session:
        state_view(session, None)
        for f in range(5):
            shown = masks_view(session, f)["objects"]["1"]
            assert f == 2 or (shown["modal"] and shown["amodal"])
        out = export([session.project], "coco", tmp_path / "out.json")
        if layer != "hypotheses/3":
            notes = state_view(session, None)["project"]["notes"]
            assert sum("00002.png does not read" in note for note in notes) == 1
            assert any("00002.png does not read" in worded(note) for note in out.notes)
            assert 2 not in getattr(session.project.layers(1), layer) and path.read_bytes() == left
    closed(folder)


def test_a_picture_that_is_damaged_under_way_does_not_stop_an_export(folder: Path, tmp_path: Path) -> None:
    with closing(Project.open(folder)) as project:
        assert 3 in project.modal(1) and 1 in project.modal(1)
        for f in (1, 3):
            path = project.layers(1).modal.path(f)
            path.write_bytes(path.read_bytes()[:-30])
        done = export([project], "youtube-vis", tmp_path / "out.json")
        assert sum("does not read" in worded(note) for note in done.notes) == 2
        assert json.loads((tmp_path / "out.json").read_text())["annotations"]


def test_pictures_that_do_not_fit_the_clip_are_none_of_it(folder: Path) -> None:
    other: LayerFolder[Any] = LayerFolder(folder / "objects" / "001" / "modal", MASKS)
    other.put(1, rectangle((20, 20), 0, 0, 5, 5), Stamp("given"))
    other.put(99, rectangle(SIZE, 0, 0, 5, 5), Stamp("given"))
    (other.folder / "²²²²².png").write_bytes(b"")
    with closing(Session(Project.open(folder))) as session:
        assert sorted(session.project.layers(1).modal) == [0, 2, 3, 4]
        said = " ".join(state_view(session, None)["project"]["notes"])
        assert "00001.png" in said and "00099.png" in said and "the clip has frames 0 to 4" in said


def test_a_damaged_click_mask_is_made_again_or_left_but_the_project_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Session(Project.open(folder))) as session:
        session.prompts.click(Click(0, 8, 8), object_id=1)
        session.prompts.settle()
    path = folder / "objects/001/modal/00000.png"
    path.write_bytes(b"")
    with closing(Session(Project.open(folder))) as session:
        assert 0 in session.project.modal(1), "what was clicked was answered again"
    path.write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr("vas_tool.session.prompt_edits.answer_click", lambda *_, **__: 1 / 0)
        with closing(Session(Project.open(folder))) as session:
            assert 0 not in session.project.layers(1).modal
    closed(folder)


def test_a_session_that_fails_lets_go_of_the_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vas_tool.session.session.WorkClock", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Session(Project.open(folder))
    closed(folder)
    rooms = OpenProjects(folder.parent)
    with pytest.raises(ZeroDivisionError):
        rooms.enter(folder)
    closed(folder)


def test_anything_that_an_opening_raises_lets_go_of_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError("no"), KeyboardInterrupt(), MemoryError(), OSError(5, "Input/output error")):
        with monkeypatch.context() as patch:
            patch.setattr("vas_tool.project.project.read_head", lambda folder, e=error: (_ for _ in ()).throw(e))
            with pytest.raises((type(error), ProjectDamaged)):
                Project.open(folder)
        closed(folder)


def test_a_job_goes_on_without_a_damaged_picture(folder: Path) -> None:
    with closing(Session(Project.open(folder))) as session:
        path = session.project.layers(1).modal.path(4)
        path.write_bytes(path.read_bytes()[:-30])
        session.runs.complete(1)
        done = session.runs.wait(60)
        assert done is not None and done.error is None and any("does not read" in said for said in done.warnings)


# --- the index ------------------------------------------------------------------------------------------------------


@pytest.fixture
def indexed(tmp_path: Path) -> LayerFolder[Any]:
    layer: LayerFolder[Any] = LayerFolder(tmp_path / "modal", MASKS)
    for f in range(70):
        layer.put(
            f,
            rectangle(SIZE, 0, 0, 1 + f % 40, 5),
            Stamp("builtin", made_from=Fingerprint(source=f"in{f}"), seeds=(1, 2)),
        )
    layer.flush()
    return layer


def stamps(layer: LayerFolder[Any]) -> dict[int, Stamp]:
    return dict(LayerFolder(layer.folder, layer.codec).stamps())


def test_stamps_come_from_the_index_and_are_the_same(
    indexed: LayerFolder[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vas_tool.storage.read_head", lambda path: 1 / 0)
    assert stamps(indexed) == indexed.stamps() and len(indexed) == 70


@pytest.mark.parametrize("how", ["in place", "replaced", "removed", "put", "half", "junk", "link", "old", "undone"])
def test_the_index_is_never_behind_the_pictures(indexed: LayerFolder[Any], how: str, tmp_path: Path) -> None:
    path, other, index = indexed.path(3), indexed.path(30), indexed.folder / ".stamps.json"
    if how == "in place":
        path.write_bytes(other.read_bytes())
    elif how == "replaced":
        shutil.copy(other, tmp_path / "copy")
        (tmp_path / "copy").replace(path)
    elif how == "removed":
        path.unlink()
    elif how == "put":  # killed before the index was written
        indexed.put(3, rectangle(SIZE, 0, 0, 9, 9), Stamp("later"))
    elif how == "undone":
        os.link(path, tmp_path / "kept")
        indexed.put(3, rectangle(SIZE, 0, 0, 9, 9), Stamp("later"))
        indexed.flush()
        (tmp_path / "kept").replace(path)
    elif how == "half":
        index.write_bytes(index.read_bytes()[:500])
    elif how == "junk":
        index.write_text('{"version": 1, "frames": [1], "mtime_ns": ["x"]}')
    elif how == "link":
        index.unlink()
        index.symlink_to("/etc/passwd")
    elif how == "old":
        index.unlink()
    there = [f for f in range(70) if indexed.path(f).exists()]
    assert stamps(indexed) == {f: read_stamp(indexed.path(f)) for f in there}


def test_a_large_project_opens_without_reading_a_picture(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(num_frames=70)
    annotate(
        project,
        modal={f: rectangle(SIZE, 2, 2, 20, 30) for f in range(70)},
        amodal={f: rectangle(SIZE, 4, 4, 30, 30) for f in range(70)},  # does not cover the modal mask
    )
    states = review_of(project, 1).states
    project.close()
    monkeypatch.setattr("vas_tool.storage.read_head", lambda path: 1 / 0)
    monkeypatch.setattr(LayerFolder, "__getitem__", lambda layer, f: 1 / 0)
    with closing(Project.open(project.folder)) as again:
        assert review_of(again, 1).states == states and not review_of(again, 1).estimates


def test_what_nobody_has_measured_is_estimated_at_first_and_then_told(folder: Path) -> None:
    with closing(Session(Project.open(folder))) as session:
        first = review_of(session.project, 1, until=0.0)
        assert first.estimates == 5
        version = session.changes.version
        session.measure_soon()
        assert session.wait_measured(20) and session.changes.version > version
        assert review_of(session.project, 1, until=0.0).estimates == 0


# --- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "inner",
    [
        *("project.json", ".lock", "place.json", "work.json", "origin.json", "exports", "frames", "frames/00001.png"),
        *("objects", "objects/001", "objects/001/modal", "objects/001/hypotheses", "history", "history/000001"),
        *("depth", "windows"),
    ],
)
def test_a_project_with_a_link_is_refused_and_nothing_outside_is_touched(
    folder: Path, tmp_path: Path, inner: str
) -> None:
    outside, path = tmp_path / "outside", folder / inner
    if path.is_dir() or path.exists():
        shutil.move(path, outside)
    else:
        outside.write_text("mine") if "." in inner else outside.mkdir()
    path.symlink_to(outside)
    before = sorted((p, p.stat().st_mtime_ns) for p in [outside, *outside.rglob("*")])
    with pytest.raises(ProjectError, match="link"):
        Project.open(folder)
    assert sorted((p, p.stat().st_mtime_ns) for p in [outside, *outside.rglob("*")]) == before
    path.unlink()
    shutil.move(outside, path)
    if inner not in (".lock", "history", "history/000001"):
        closed(folder)


def test_links_among_the_pictures_and_in_the_history_are_not_followed(folder: Path, tmp_path: Path) -> None:
    picture = folder / "objects/001/modal/00001.png"
    shutil.move(picture, tmp_path / "outside.png")
    picture.symlink_to(tmp_path / "outside.png")
    with closing(Project.open(folder)) as project:
        assert 1 not in project.layers(1).modal and "00001.png" in " ".join(project.notes)
        edit = project.edit("again")
        with project.under(edit):
            project.layers(1).modal.put(2, rectangle(SIZE, 0, 0, 5, 5), Stamp("builtin"))
        kept = folder / "history" / f"{edit:06d}" / "before"
        shutil.move(kept / "objects", tmp_path / "objects")
        (kept / "objects").symlink_to(tmp_path / "objects")
        with pytest.raises(ProjectError, match="link"):
            project.undo()
        assert project.last_edit_id == edit


def test_pipes_do_not_keep_an_opening_waiting(folder: Path) -> None:
    for inner in ("objects/001/modal/00001.png", "place.json", "work.json"):
        (folder / inner).unlink(missing_ok=True)
        os.mkfifo(folder / inner)
    with closing(Session(Project.open(folder))) as session:
        assert 1 not in session.project.layers(1).modal and session.place == {}


# --- what cannot be read back ---------------------------------------------------------------------------------------


def refused_strokes() -> Iterator[Callable[[], object]]:
    for radius in (float("nan"), float("inf"), 1e300, 0.0, -1.0):
        yield lambda radius=radius: stroke_of("modal", 0, adds=True, radius=radius, points=[[1, 1]])
    for x in (float("nan"), 1e300):
        yield lambda x=x: stroke_of("modal", 0, adds=True, radius=2, points=[[x, 1]])


def test_what_cannot_be_read_back_is_refused_before_it_is_stored(folder: Path) -> None:
    with closing(Session(Project.open(folder))) as session:
        before = (folder / "project.json").read_bytes()
        refused: list[Callable[[], object]] = [
            *refused_strokes(),
            *(lambda f=f: session.set_canvas(f) for f in (float("nan"), float("inf"), -0.1, 1e9)),
            lambda: session.rename(1, "car\ud800"),
            lambda: session.new_object("\udfff"),
            lambda: session.set_place({"frame": float("nan")}),
            lambda: session.set_place({"layers": "\ud800"}),
            lambda: perform(session, "crop", {"action": "crop", "seq": 1, "margin": 0.1, "colour": 2}),
            lambda: perform(session, "crop", {"action": "crop", "span": "yes"}),
            lambda: perform(session, "place", {"action": "place", "frame": 1, "zoom": 2}),
            lambda: session.project.edit("seed", replace(session.project.truth, seed=-1)),
            lambda: session.project.edit("seed", replace(session.project.truth, seed=2**70)),
            lambda: session.project.edit("id", session.project.truth.with_object(AnnotatedObject(0, "a"))),
            lambda: Click(True, 1, 1),
            lambda: Stroke(0, layer="modal", adds=True, radius=1e9, points=((0, 0),)),
        ]
        for act in refused:
            with pytest.raises(PromptError):
                act()
        assert (folder / "project.json").read_bytes() == before and not (folder / "place.json").exists()


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown key": lambda d: d.update(colour=1),
    "unknown key of an object": lambda d: d["objects"][0].update(colour=1),
    "half a character": lambda d: d["objects"][0].update(label="\ud800"),
    "label is no text": lambda d: d["objects"][0].update(label=5),
    "NaN": lambda d: d.update(fps=float("nan")),
    "a frame that is not there": lambda d: d["objects"][0].update(clicks=[[77, 1, 1, True]]),
    "half a frame": lambda d: d["objects"][0].update(accepted=[1.5]),
    "a brush as large as the world": lambda d: d["objects"][0].update(strokes=[[0, "modal", True, 1e300, [[1, 1]]]]),
    "the same number twice": lambda d: d["objects"].append(d["objects"][0]),
    "a huge work area": lambda d: d.update(canvas=[10**9] * 4),
    "a negative seed": lambda d: d.update(seed=-1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_truth_is_said_and_left_as_it_is(folder: Path, change: str) -> None:
    file = folder / "project.json"
    data = json.loads(file.read_bytes())
    CHANGES[change](data)
    file.write_text(json.dumps(data))
    before = file.read_bytes()
    with pytest.raises(VasToolError):
        Project.open(folder)
    assert file.read_bytes() == before
    closed(folder)


def test_files_beside_the_truth_never_stop_the_page(folder: Path) -> None:
    (folder / "place.json").write_text('{"frame": NaN, "layers": "\\ud800"}')
    (folder / "work.json").write_text('{"1": 1e999, "2": NaN, "x": 3}')
    with closing(Session(Project.open(folder))) as session:
        json.dumps(state_view(session, None), allow_nan=False).encode()


# --- damaged history ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk", [None, 5, "x", {}, {"done": 1}, {"done": [{}], "undone": [], "next": 1, "pending": None}]
)
def test_a_history_that_does_not_read_costs_undo_alone(folder: Path, junk: Any) -> None:
    file = folder / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "history": junk}))
    before = file.read_bytes()
    with closing(Project.open(folder)) as project:
        assert project.undo_label is None and sorted(project.modal(1)) == [0, 1, 2, 3, 4]
        assert junk is None or any("history" in note and "undone" in note for note in project.notes)
        edit = project.edit("more")
        assert edit > 1 or junk is None
        if junk is not None:
            assert (folder / "project.json.damaged-history").read_bytes() == before
    with closing(Project.open(folder)) as project:
        assert project.undo_label == "more" and project.undo() is not None


@pytest.mark.parametrize("splice", [{"path": ["objects", 7]}, {"at": 99}, {"path": "nowhere"}, {"removed": [1]}])
def test_a_patch_that_does_not_fit_costs_undo_alone(folder: Path, splice: dict[str, Any]) -> None:
    file = folder / "project.json"
    data = json.loads(file.read_bytes())
    data["history"]["done"][-1]["patch"][0].update(splice)
    file.write_text(json.dumps(data))
    with closing(Session(Project.open(folder))) as session:
        with pytest.raises(ProjectError, match="nothing was changed"):
            session.undo()
        session.rename(1, "cat")
        assert session.undo() == "rename car to cat"


def test_a_damaged_picture_in_the_history_does_not_lock_the_project(folder: Path) -> None:
    with closing(Project.open(folder)) as project:
        edit = project.edit("again")
        with project.under(edit):
            project.layers(1).modal.put(2, rectangle(SIZE, 0, 0, 5, 5), Stamp("builtin"))
        kept = folder / "history" / f"{edit:06d}" / "before/objects/001/modal/00002.png"
        kept.unlink()
        kept.write_bytes(b"junk")
        project.undo()
        assert 2 not in project.layers(1).modal and "00002.png" in " ".join(project.notes)
    with closing(Project.open(folder)) as project:
        assert sorted(project.layers(1).modal) == [0, 1, 3, 4]


# --- disks that refuse ----------------------------------------------------------------------------------------------


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[[int], None]:
    """refusing(errno): from now on nothing in the project can be opened to be written, or made."""

    def refuse(number: int) -> None:
        opening, making = os.open, os.mkdir

        def inside(path: Any) -> bool:
            return isinstance(path, str | os.PathLike) and Path(path).is_relative_to(folder)

        def guarded(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if inside(path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                raise OSError(number, os.strerror(number), str(path))
            return opening(path, flags, *rest, **more)

        def guarded_mkdir(path: Any, *rest: Any, **more: Any) -> None:
            if inside(path):
                raise OSError(number, os.strerror(number), str(path))
            making(path, *rest, **more)

        monkeypatch.setattr(os, "open", guarded)
        monkeypatch.setattr(os, "mkdir", guarded_mkdir)

    return refuse


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.EROFS, "writable"), (errno.EACCES, "writable"), (errno.ENOSPC, "make room")]
)
@pytest.mark.parametrize("when", ["before", "under way"])
def test_a_project_that_cannot_be_written_says_so_and_can_be_exported(
    folder: Path, refusing: Callable[[int], None], tmp_path: Path, number: int, remedy: str, when: str
) -> None:
    if when == "before":
        refusing(number)
    with closing(Session(Project.open(folder))) as session:
        refusing(number)
        session.set_place({"frame": 3})  # not worth a word
        for act in (
            lambda: session.rename(1, "dog"),
            lambda: session.prompts.click(Click(0, 8, 8), object_id=1),
            session.undo,
        ):
            with pytest.raises(ProjectError, match=remedy):
                act()
        assert session.project.truth.object(1).label == "car"
        view = state_view(session, None)
        assert when == "under way" or remedy in " ".join(view["project"]["notes"])
        report = export_session(session, "sequences", only_accepted=False, progress=silent)
        assert not report.folder.is_relative_to(folder) and (report.folder / report.files[0]).is_file()
        assert any("cannot be written" in note for note in report.notes) and session.exports == report.folder
        export([session.project], "coco", tmp_path / "out.json")
        shutil.rmtree(report.folder)


def test_a_project_that_was_moved_says_so_and_opens_where_it_is(folder: Path) -> None:
    rooms = OpenProjects(folder.parent)
    token = rooms.enter(folder)
    session = rooms.session(token)
    there = folder.with_name("moved")
    folder.rename(there)
    for act in (
        lambda: session.rename(1, "dog"),
        lambda: session.project.layers(1).modal.put(0, rectangle(SIZE, 0, 0, 5, 5), Stamp("builtin")),
        lambda: session.project.layers(1).modal[3],
    ):
        with pytest.raises(ProjectError, match=r"moved|not there any more"):
            act()
    session.set_place({"frame": 1})
    assert not folder.exists(), "nothing is made again at the old place"
    again = rooms.session(rooms.enter(there))
    again.rename(1, "dog")
    assert again.project.truth.object(1).label == "dog" and sorted(again.project.modal(1)) == [0, 1, 2, 3, 4]
    rooms.close()


# --- exports --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["coco", "sequences"])
def test_an_export_that_fails_leaves_the_one_before(folder: Path, name: str) -> None:
    with closing(Session(Project.open(folder))) as session:
        first = export_session(session, name, only_accepted=False, progress=silent)
        before = {p: p.read_bytes() for p in first.folder.rglob("*") if p.is_file()}

        def stop(done: int, total: int, what: str, /) -> None:
            raise PromptError("stopped")

        with pytest.raises(PromptError, match="stopped"):
            export_session(session, name, only_accepted=False, progress=stop)
        assert {p: p.read_bytes() for p in first.folder.rglob("*") if p.is_file()} == before
        (first.folder / f".{name}.0123abcd.part").mkdir()
        (first.folder / "mine.txt").write_text("mine")
        session.delete_object(1)
        session.new_object("other")
        session.prompts.click(Click(0, 8, 8), object_id=2)
        second = export_session(session, name, only_accepted=False, progress=silent)
        names = sorted(p.name for p in second.folder.rglob("*"))
        assert not [n for n in names if n.startswith(".")] and "mine.txt" in names
        assert name == "coco" or not [p for p in second.folder.glob("sequences/*") if "car" in p.name]


# --- what an engine may raise ---------------------------------------------------------------------------------------


class _Strange(BaseException):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError(), _Strange()])
def test_whatever_an_engine_raises_ends_its_job_with_words(error: BaseException) -> None:
    def work(progress: Progress) -> None:
        raise error

    job = Job(JobStatus("track", 1, "modal masks"))
    job.start(work)
    job.wait(20)
    assert job.now.finished and type(error).__name__ in (job.now.error or "")


def test_background_work_goes_on_after_a_task_that_tried_to_end_the_process() -> None:
    worker, done = LatestOnly("test"), threading.Event()

    def leave() -> None:
        raise SystemExit(1)

    worker.put("a", leave)
    worker.put("b", done.set)
    assert done.wait(20)
    worker.close()


def test_an_engine_that_leaves_at_a_click_is_told_and_the_click_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: Any, **__: Any) -> bool:
        raise SystemExit(1)

    with closing(Session(Project.open(folder))) as session:
        monkeypatch.setattr("vas_tool.session.prompt_edits.answer_click", leave)
        with pytest.raises(VasToolError, match="SystemExit"):
            session.prompts.click(Click(0, 8, 8), object_id=1)
        assert session.project.truth.object(1).clicks


# --- what a killed process leaves -----------------------------------------------------------------------------------


def test_what_a_killed_import_left_is_removed_at_the_next_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import os, sys
from pathlib import Path
from vas_tool.imports.new_project import create_project
def die(done, total, what): print("begun", flush=True); os.kill(os.getpid(), 9)
create_project(Path(sys.argv[1]), Path(sys.argv[2]), progress=die)
"""
    root = folder.parent / "root"
    root.mkdir()
    subprocess.run(
        [sys.executable, "-c", code, str(root / "clip"), str(folder / "frames")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        check=False,
        capture_output=True,
    )
    (left,) = root.iterdir()
    assert left.name.endswith(".import")
    (root / ".notes.12345.new").mkdir()
    (root / ".notes.12345.new" / "diary.txt").write_text("mine")  # our name, and not ours
    alive = root / ".other.1.2.import"
    alive.mkdir()
    held = files.FolderLock(alive)
    OpenProjects(root).close()
    assert left.is_dir()  # so new that its import might not have locked it yet
    monkeypatch.setattr(files, "LOCKED_AFTER_SECONDS", 0.0)
    OpenProjects(root).close()
    assert sorted(p.name for p in root.iterdir()) == [".notes.12345.new", ".other.1.2.import"]
    held.release()
    OpenProjects(root).close()
    assert [p.name for p in root.iterdir()] == [".notes.12345.new"]


def test_half_written_files_of_a_killed_process_are_removed_from_a_project(folder: Path) -> None:
    ours, theirs = folder / ".project.json.4242-99.part", folder / ".swp"
    ours.write_bytes(b"half")
    theirs.write_bytes(b"mine")
    (folder / "objects/001/modal/.00001.png.4242.part").write_bytes(b"half")
    with closing(Project.open(folder)) as project:
        assert len(project.modal(1)) == 5
    assert not ours.exists() and theirs.exists()
    assert not list((folder / "objects/001/modal").glob(".*.part"))


def test_the_folder_is_synced_after_a_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)) or sync(fd))
    files.write_atomically(tmp_path / "a.json", b"{}")
    assert synced == [False, True]
