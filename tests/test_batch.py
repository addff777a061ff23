"""Batches in this process: manifests, resuming, failures, and the same masks as one run after the other."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from conftest import square_at, write_images
from fake_engines import SAMPLED, use_fake_engines
from pyarrow import parquet

from vas_tool.batch import BatchOptions, run_batch
from vas_tool.batch.batch_files import read_failures
from vas_tool.batch.clip_work import work_of
from vas_tool.batch.deaths import FOLDER, note_of
from vas_tool.batch.manifest import clip_tasks, read_manifest
from vas_tool.batch.queue import read_queue
from vas_tool.batch.rows import Row
from vas_tool.cli import main
from vas_tool.errors import FormatError, NothingToDo
from vas_tool.exports import export, export_folders
from vas_tool.formats.batch_rows import read_rows
from vas_tool.formats.video_stream import VideoStream
from vas_tool.project import Project
from vas_tool.types import AmodalBox, Click, NoBox
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.opening import Opener
from vas_tool.ui.queue_of_projects import ProjectQueue

SIZE = (64, 48)
TAO_MADE = Path(__file__).parent.parent / "assets/tao_made"


@pytest.fixture(autouse=True)
def _fake_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)


def click(frame_index: int = 0) -> list[int]:
    rows, columns = square_at(frame_index, SIZE)
    return [frame_index, columns.start + 4, rows.start + 4]


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two clips, the first with two objects."""
    for name in ("one", "two"):
        write_images(tmp_path / "videos" / name, 5, SIZE)
    rows = [
        {"id": "a", "source": "videos/one", "clicks": [click()], "label": "car"},
        {"id": "b", "source": "videos/two", "clicks": [[*click(2), "+"], [2, 1, 1, "-"]], "ids": {"mine": 7}},
        {"id": "c", "source": "videos/one", "boxes": [[1, 0, 0, 40, 40]], "label": "lorry"},
    ]
    return write_rows(tmp_path / "rows.jsonl", rows)


def pictures(project: Path) -> dict[str, bytes]:
    return {str(p.relative_to(project)): p.read_bytes() for p in project.glob("[do][eb][pj]*/**/*.png")}


def test_a_named_engine_makes_the_results_of_another_engine_again(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_fake_engines(monkeypatch, first=(SAMPLED, replace(SAMPLED, name="plain", parameters=())))
    projects, stages = tmp_path / "p", ("segment", "depth", "amodal")
    run_batch(manifest, projects, BatchOptions(stages), rows=["b"])
    named = ["batch", str(manifest), "--projects", str(projects), "--stages", ",".join(stages), "--row", "b"]
    capsys.readouterr()
    assert main([*named, "--dry-run"]) == 0 and "nothing to make" in capsys.readouterr().out
    named += ["--engine", "amodal=plain"]
    assert main([*named, "--dry-run"]) == 0 and "amodal 5 frames" in capsys.readouterr().out
    again = BatchOptions(stages, {"amodal": "plain"})
    for num_frames in (5, 0):  # the second time, nothing is left to make
        assert run_batch(manifest, projects, again, rows=["b"]).status.stages["amodal"].frames == num_frames


def test_a_batch_makes_what_single_runs_make(manifest: Path, tmp_path: Path) -> None:
    done = run_batch(manifest, tmp_path / "p")
    assert (done.status.done, done.status.failed, done.status.left) == (3, 0, 0)
    one, x_y = str(tmp_path / "run-one"), ",".join(map(str, click()))
    assert main(["run", str(tmp_path / "videos/one"), "--project", one, "--click", x_y, "--label", "car"]) == 0
    assert main(["run", one, "--box", "1,0,0,40,40", "--label", "lorry"]) == 0
    made = pictures(tmp_path / "p/one")
    assert len(made) == 5 + 2 * 15 and made == pictures(Path(one))
    two, sign = str(tmp_path / "run-two"), ["--click", ",".join(map(str, click(2))), "--click", "2,1,1,-"]
    assert main(["run", str(tmp_path / "videos/two"), "--project", two, *sign]) == 0
    assert pictures(tmp_path / "p/two") == pictures(Path(two))


def test_a_second_batch_makes_nothing_again(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p")
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "p").glob("*/**/*") if p.is_file() and p.name != ".lock"}
    done = run_batch(manifest, tmp_path / "p")
    assert done.status.done == 3 and not any(c.frames for c in done.status.stages.values())
    assert files == {p: p.stat().st_mtime_ns for p in files}


def test_a_bad_row_costs_itself_alone(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with manifest.open("a") as file:
        for row in (
            {"id": "gone", "source": "videos/three", "clicks": [click()]},
            {"id": "broken", "source": "broken.mp4", "clicks": [click()]},
            {"id": "outside", "source": "videos/one", "clicks": [[0, 500, 9]]},
            {"id": "typo", "source": "videos/one", "klicks": []},
            {"id": "silent", "source": "videos/two"},
        ):
            file.write(json.dumps(row) + "\n")
    assert main(["batch", str(manifest), "--projects", str(tmp_path / "p"), "--address", "local"]) == 1
    failed = read_failures(tmp_path / "p")
    assert set(failed) == {"gone", "broken", "outside", "typo", "silent"}
    assert "500" in failed["outside"]["reason"] and "unknown key klicks" in failed["typo"]["reason"]
    assert "3 of 8 rows done, 5 failed" in capsys.readouterr().out
    again = failed["outside"]["again"].split()
    assert again[:2] == ["vas-tool", "batch"] and again[-2:] == ["--row", "outside"]
    write_images(tmp_path / "videos/three", 3, SIZE)
    assert main([*again[1:-2], "--row", "gone"]) == 0
    assert "gone" not in read_failures(tmp_path / "p") and len(read_failures(tmp_path / "p")) == 4
    assert run_batch(manifest, tmp_path / "p", only_failed=True).status.total == 4


def test_an_engine_that_fails_is_tried_again(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fake_engines

    complete, calls = fake_engines.DilatedAmodal.complete, []

    def unsteady(self, work, **keywords):
        calls.append(work)
        if len(calls) == 1 or work.clip[0][0, 0, 0] < 0:
            raise MemoryError("no room")
        return complete(self, work, **keywords)

    monkeypatch.setattr(fake_engines.DilatedAmodal, "complete", unsteady)
    assert run_batch(manifest, tmp_path / "p").status.done == 3
    calls.clear()
    done = run_batch(manifest, tmp_path / "q", BatchOptions(retries=0))
    assert [(f.row_id, f.stage, f.reason) for f in done.failures] == [("a", "amodal", "MemoryError: no room")]
    assert run_batch(manifest, tmp_path / "q", only_failed=True).status.done == 1


def test_what_kills_its_process_is_given_up(manifest: Path, tmp_path: Path) -> None:
    note = note_of(tmp_path / "p" / FOLDER, work_of("a", "amodal"))
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"times": 3}))
    done = run_batch(manifest, tmp_path / "p")
    assert [f.row_id for f in done.failures] == ["a"] and "3 processes died at the stage amodal" in done.failures[
        0
    ].reason
    assert run_batch(manifest, tmp_path / "p", only_failed=True).status.done == 1
    note.write_text(json.dumps({"times": 2}))
    assert run_batch(manifest, tmp_path / "p").status.done == 3 and not note.exists()


def test_what_a_person_did_since_is_kept(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p")
    project = Project.open(tmp_path / "p/one")
    obj = project.truth.object(1)
    project.edit("by hand", project.truth.with_object(obj.accepting(0, True)).without_object(2))
    project.close()
    done = run_batch(manifest, tmp_path / "p")
    assert [f.row_id for f in done.failures] == ["c"] and "deleted by a person" in done.failures[0].reason
    project = Project.open(tmp_path / "p/one")
    assert project.truth.object(1).accepted == (0,) and len(project.truth.objects) == 1
    project.close()


def test_a_row_that_was_entered_by_half_makes_one_object(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment",)))
    rows_file = tmp_path / "p/one/rows.json"
    known = json.loads(rows_file.read_text())
    rows_file.write_text(json.dumps({**known, "c": {**known["c"], "entered": ""}}))
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment",)))
    project = Project.open(tmp_path / "p/one")
    assert [obj.label for obj in project.truth.objects] == ["car", "lorry"]
    project.close()
    assert {i: row.object_id for i, row in read_rows(tmp_path / "p/one").items()} == {"a": 1, "c": 2}


def test_a_project_in_use_is_waited_for_and_then_given_up(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p")
    project = Project.open(tmp_path / "p/one")
    done = run_batch(manifest, tmp_path / "p", BatchOptions(patience_seconds=0))
    project.close()
    assert {f.row_id for f in done.failures} == {"a", "c"} and "open in another process" in done.failures[0].reason


def test_another_video_of_the_same_name_is_refused(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p")
    write_images(tmp_path / "other/one", 4, SIZE)
    other = write_rows(tmp_path / "other.jsonl", [{"source": "other/one", "clicks": [click()]}])
    done = run_batch(other, tmp_path / "p")
    assert "was made from" in done.failures[0].reason


def test_projects_as_sources_are_worked_on_where_they_are(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment",)))
    made = tmp_path / "m.jsonl"
    assert main(["manifest", "projects", str(tmp_path / "p"), "--out", str(made)]) == 0
    assert "3 rows" in capsys.readouterr().err
    assert main(["batch", str(made), "--projects", str(tmp_path / "q"), "--dry-run"]) == 0
    assert "depth 5 frames, amodal 10 frames" in capsys.readouterr().out
    assert run_batch(made, tmp_path / "q").status.done == 3
    assert len(list((tmp_path / "p/one/objects/002/content").glob("*.png"))) == 5


def test_status_and_the_report(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_batch(manifest, tmp_path / "p")
    assert main(["batch", "status", str(tmp_path / "p")]) == 0
    told = capsys.readouterr().out
    assert "finished in this process" in told and "3 of 3 rows done" in told and "amodal: 3 rows, 15 frames" in told
    page = done.report.read_text()
    assert "3 objects in 2 projects" in page and "amodal</th><td>3</td><td>15</td>" in page
    assert main(["batch", "status", str(tmp_path)]) == 1


# --- manifests --------------------------------------------------------------------------------------------------


def test_the_same_rows_in_three_forms(manifest: Path, tmp_path: Path) -> None:
    records = [json.loads(line) for line in manifest.read_text().splitlines()]
    keys = sorted({key for record in records for key in record})
    texts = [
        {k: v if isinstance(v, str) else json.dumps(v) for k in keys if (v := r.get(k)) is not None} for r in records
    ]
    texts = [{k: text.get(k) for k in keys} for text in texts]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, keys)
        writer.writeheader()
        writer.writerows(texts)
    parquet.write_table(pyarrow.Table.from_pylist(texts), tmp_path / "rows.parquet")
    rows = read_manifest(manifest).rows
    assert rows == read_manifest(tmp_path / "rows.csv").rows == read_manifest(tmp_path / "rows.parquet").rows
    assert rows[1].clicks[1] == Click(2, 1.0, 1.0, positive=False)
    numbers = [{"id": 3, "source": "a.mp4", "boxes": [[0, 1.0, 2.0, 3.0, 4.0]], "fps": 4.0, "end": None}]
    parquet.write_table(pyarrow.Table.from_pylist(numbers), tmp_path / "n.parquet")
    assert read_manifest(tmp_path / "n.parquet").rows[0].boxes[0].x1 == 3.0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "source is missing"),
        ({"source": "a", "clicks": [[0, 1]]}, "clicks"),
        ({"source": "a", "clicks": [[0, 1, 2, "x"]]}, "is no click"),
        ({"source": "a", "clicks": "[[0, 1"}, "clicks"),
        ({"source": "a", "boxes": [[0, 5, 5, 1, 1]]}, "x0 < x1"),
        ({"source": "a", "amodal_boxes": [[0, 5]]}, "is no amodal box"),
        ({"source": "a", "fps": 0}, "above 0"),
        ({"source": "a", "start": -1}, "number from 0"),
        ({"source": "a", "project": "../x"}, "plain name"),
        ({"source": "a", "object": 1.5}, "whole number"),
        ({"source": "a", "mask_values": "odd"}, "one of auto"),
        ({"source": "a", "id": "first"}, "that of an earlier row"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(tmp_path: Path, row: dict, why: str) -> None:
    read = read_manifest(write_rows(tmp_path / "m.jsonl", [{"id": "first", "source": "a"}, row]))
    assert len(read.rows) == 1 and why in read.bad[0].reason and "row 2" in read.bad[0].reason


def test_manifests_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text("nonsense\n[1]\n")
    (tmp_path / "m.parquet").write_bytes(b"PAR")
    for name, why in (("m.jsonl", "no row"), ("m.parquet", "no parquet"), ("m.txt", "read"), ("gone.csv", "cannot be")):
        with pytest.raises(FormatError, match=why):
            read_manifest(tmp_path / name)
    (tmp_path / "m.txt").write_text("a\n")
    with pytest.raises(FormatError, match="name a"):
        read_manifest(tmp_path / "m.txt")


def test_names_of_projects_do_not_depend_on_the_order(tmp_path: Path) -> None:
    rows = [Row(str(i), tmp_path / folder / "a.mp4", fps=8.0) for i, folder in enumerate("xy")]
    rows += [Row("2", tmp_path / "x/a.mp4", fps=4.0), Row("3", tmp_path / "b.mp4"), Row("4", tmp_path / "x/a.mp4")]
    folders = {row.id: t.folder.name for t in clip_tasks(rows, tmp_path) for row in t.rows}
    assert folders == {row.id: t.folder.name for t in clip_tasks(rows[::-1], tmp_path) for row in t.rows}
    assert len(set(folders.values())) == 4 and folders["0"] == folders["4"] and folders["3"] == "b"


def test_a_manifest_of_tao_amodal_brings_its_ids_to_the_export(tmp_path: Path) -> None:
    annotations, made = TAO_MADE / "amodal_annotations/validation.json", tmp_path / "tao.jsonl"
    arguments = ["manifest", "tao-amodal", str(annotations), "--frames", str(TAO_MADE / "frames"), "--out", str(made)]
    assert main(arguments) == 0
    rows = read_manifest(made).rows
    assert rows and all(row.track and isinstance(row.amodal_boxes[0], AmodalBox | NoBox) for row in rows)
    assert main(["import", *arguments[1:5], "--projects", str(tmp_path / "imported")]) == 0
    done = run_batch(made, tmp_path / "p", BatchOptions(stages=("segment", "amodal")))
    name = next(path.name for path in (tmp_path / "imported").iterdir())
    origins = [json.loads((tmp_path / where / name / "origin.json").read_text()) for where in ("imported", "p")]
    assert origins[0] == origins[1] and not [f for f in done.failures if f.stage != "segment"]


def test_manifests_of_folders(tmp_path: Path, make_project: Callable[..., Project]) -> None:
    run = ["--out", str(tmp_path / "m.jsonl")]
    write_images(tmp_path / "videos/a", 3, SIZE)
    assert main(["manifest", "folder", str(tmp_path / "videos"), *run]) == 0
    assert json.loads((tmp_path / "m.jsonl").read_text())["clicks"] == []
    write_images(tmp_path / "seq/s/rgbs", 3, SIZE)
    write_images(tmp_path / "seq/s/masks", 3, SIZE)
    assert main(["manifest", "sequences", str(tmp_path / "seq"), *run, "--mask-values", "grey"]) == 0
    assert run_batch(tmp_path / "m.jsonl", tmp_path / "p").status.done == 1
    plain = write_rows(tmp_path / "plain.jsonl", [{"source": "seq/s", "mask_values": "grey"}])
    assert run_batch(plain, tmp_path / "q").status.done == 1
    assert pictures(tmp_path / "q/s") == pictures(tmp_path / "p/s")
    assert main(["manifest", "folder", str(tmp_path / "seq/s"), "--masks", str(tmp_path / "none"), *run]) == 1


def test_only_failed_without_failures_says_so(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment",)))
    with pytest.raises(NothingToDo, match=r"failed\.jsonl"):
        run_batch(manifest, tmp_path / "p", only_failed=True)


# --- one export of many projects --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["coco", "youtube-vis", "tao-amodal", "kins", "cocoa"])
def test_an_export_of_folders_is_that_of_open_projects(manifest: Path, tmp_path: Path, name: str) -> None:
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment", "amodal")))
    folders = sorted(path.parent for path in (tmp_path / "p").glob("*/project.json"))
    projects = [Project.open(folder) for folder in folders]
    export(projects, name, tmp_path / "open.json")
    for project in projects:
        project.close()
    done = export_folders(folders[::-1], name, tmp_path / "closed.json")
    text = (tmp_path / "open.json").read_text()
    assert (tmp_path / "closed.json").read_text() == text and done.notes
    everything = sorted(str(path) for path in (tmp_path / "p").glob("[!.]*"))
    assert main(["export", *everything[::-1], "--format", name, "--out", str(tmp_path / "all.json")]) == 0
    assert main(["export", str(tmp_path / "p"), "--format", name, "--out", str(tmp_path / "in.json")]) == 0
    assert (tmp_path / "all.json").read_text() == text == (tmp_path / "in.json").read_text()
    assert name not in ("coco", "youtube-vis", "tao-amodal") or '"row_id":"b","row_ids":{"mine":7}' in text
    assert main(["verify", str(tmp_path / "all.json")]) == 0


def test_of_many_projects_notes_are_counts(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment",)))
    monkeypatch.setattr("vas_tool.formats.video_stream.MANY", 1)
    capsys.readouterr()
    assert main(["export", str(tmp_path / "p"), "--format", "coco", "--out", str(tmp_path / "c.json")]) == 0
    assert "15 frames of 3 objects not accepted." in capsys.readouterr().err


def test_a_damaged_picture_counts_as_absent_in_a_stream(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment",)))
    picture = tmp_path / "p/one/objects/001/modal/00003.png"
    picture.write_bytes(picture.read_bytes()[:200])
    done = export_folders([tmp_path / "p/one", tmp_path / "p/two"], "coco", tmp_path / "c.json")
    assert len(json.loads((tmp_path / "c.json").read_text())["annotations"]) == 14
    assert any("00003" in note.text for note in done.notes)


def test_a_project_that_changes_during_an_export_stops_it(manifest: Path, tmp_path: Path) -> None:
    run_batch(manifest, tmp_path / "p", BatchOptions(stages=("segment",)))
    videos = VideoStream([tmp_path / "p/one", tmp_path / "p/two"])
    project = Project.open(tmp_path / "p/two")
    project.edit("by hand", project.truth.without_object(1))
    project.close()
    with pytest.raises(FormatError, match="was changed while it was exported"):
        list(videos)


# --- the queue of projects to look at ----------------------------------------------------------------------------


def mark(folder: Path, frames: list[int], *, needs_work: bool = True) -> None:
    project = Project.open(folder)
    obj = project.truth.object(1)
    for frame_index in frames:
        obj = obj.marking(frame_index, needs_work)
    project.edit("mark", project.truth.with_object(obj))
    project.close()


def test_the_queue_opens_what_needs_a_look_worst_first(manifest: Path, tmp_path: Path) -> None:
    projects = tmp_path / "p"
    run_batch(manifest, projects, BatchOptions(stages=("segment",)))
    mark(projects / "one", [2])
    mark(projects / "two", [1, 3])
    run_batch(manifest, projects, BatchOptions(stages=("segment",)))
    entries = read_queue(projects)
    assert [(Path(e.project).name, e.frame_index) for e in entries] == [("two", 1), ("one", 2)]
    assert "needing work" in entries[0].why
    open_projects = OpenProjects(projects)
    outside = replace(entries[0], project=str(tmp_path / "videos"))
    queue = ProjectQueue([outside, *entries], open_projects)
    opener = Opener(open_projects, queue=queue)
    session = open_projects.session(opener.arrive("", lambda *_: None))
    assert session.project.name == "two" and session.place == {"frame": 1, "object": 1}
    assert open_projects.session(queue.enter_next("two")).project.name == "one"
    with pytest.raises(NothingToDo, match="queue is done"):
        queue.enter_next("one")
    open_projects.close()
    mark(projects / "two", [1, 3], needs_work=False)
    assert open_projects.session(queue.enter_next("")).project.name == "one"
    open_projects.close()


def test_a_queue_is_asked_for_where_there_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, why in (([], "needs the folder"), ([str(tmp_path)], "has no queue")):
        assert main(["open", *arguments, "--queue", "--no-browser"]) == 1
        assert why in capsys.readouterr().err
