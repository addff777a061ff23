from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from video_files import make_video

from vas_tool.errors import FormatError
from vas_tool.exports import EXPORTS, default_out, export
from vas_tool.formats.notes import worded
from vas_tool.formats.verify import verify
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project

SIZE = (64, 48)
MakeProject = Callable[..., Project]
BLOCK = rectangle(SIZE, 3, 3, 20, 20)


@pytest.fixture(autouse=True)
def _small_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vas_tool.formats.sv4d.SIDE", 96)  # takes a tenth of the time


@pytest.mark.parametrize("name", list(EXPORTS))
def test_every_format_writes_where_it_says_and_may_be_repeated(make_project: MakeProject, name: str) -> None:
    count = 26 if name == "diffusion-vas" else 6  # a sample has 25
    project = make_project(count)
    canvas = pad(project, 0.25)
    beyond = rectangle(canvas.size_wh, 5, 5, 40, 32)
    annotate(project, modal={i: BLOCK for i in range(count)}, amodal={i: beyond for i in range(4)}, accepted=[2, 3])
    folder = project.folder / "exports"
    folder.mkdir()
    written = []
    for _ in range(2):
        done = export([project], name, default_out(name, folder))
        (path,) = done.paths
        assert (
            path.exists()
            and path.parent == folder
            and any(worded(n).startswith(f"clip, object 1 (car): {count - 2} frames not accepted") for n in done.notes)
        )
        report = verify(path)
        assert report.problems == () and report.kind.startswith(name) and report.num_annotations
        files = sorted(p for p in [path, *path.rglob("*")] if p.is_file())
        written.append([(p.name, p.read_bytes()) for p in files])
    assert written[0] == written[1]


@pytest.mark.parametrize("name", list(EXPORTS))
def test_what_nobody_accepted_can_be_left_out(small_project: Project, tmp_path: Path, name: str) -> None:
    annotate(small_project, modal={i: BLOCK for i in range(5)}, accepted=[1, 2])
    annotate(small_project, "cat", modal={0: BLOCK})
    if name == "diffusion-vas":  # two frames are no sample
        done = export([small_project], name, tmp_path / "out.json", only_accepted=True)
        assert any("2 frames in no sample" in worded(note) for note in done.notes)
        return
    done = export([small_project], name, default_out(name, tmp_path), only_accepted=True)
    report = verify(done.paths[0])
    pictures_of_an_object = {"tabe": 2, "layers": 3}  # modal, overlay, and for TABE the whole object's
    if name == "scene":  # one picture for each frame of the clip
        assert report.ok and report.num_images == 5
        return
    if name == "sv4d":  # always 21 pictures
        assert report.ok and report.num_annotations == 21 and report.num_images == 2
        return
    if name in ("sequences", "tabe"):
        assert "clip, object 2 (cat): left out, no frame is accepted" in map(worded, done.notes)
    assert report.ok and report.num_annotations == 2 * pictures_of_an_object.get(name, 1) - 2 * (name == "layers")


def test_what_the_person_should_know(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: BLOCK, 1: BLOCK, 2: np.zeros_like(BLOCK)}, accepted=[1])
    notes = [worded(note) for note in export([small_project], "coco", tmp_path / "out.json").notes]
    assert notes[0] == "2 annotations on 5 images, 1 accepted."
    assert notes[1].startswith("2 amodal masks are the modal ones")
    assert "1 frame not accepted (0)" in notes[2] and "3 frames without a mask" in notes[3]
    note, unreviewed = map(worded, export([small_project], "sequences", tmp_path / "out").notes)
    assert note == "clip: 5 frames of car; 2 frames were never segmented, their masks are black."
    assert unreviewed == "clip, object 1 (car): 2 frames not accepted (0, 2)"


def test_projects_of_one_name_do_not_replace_one_another(make_project: Callable[..., Project], tmp_path: Path) -> None:
    projects = [make_project(1, name="a/clip"), make_project(1, name="b/clip")]
    for project in projects:
        annotate(project, modal={0: BLOCK})
    for name in ("sequences", "layers"):
        with pytest.raises(FormatError, match="same name"):
            export(projects, name, tmp_path / "out")
    assert verify(export(projects, "coco", tmp_path / "out.json").paths[0]).ok


def test_what_cannot_be_done_is_said(small_project: Project, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"choose one of coco, youtube-vis, .*, sequences, layers"):
        export([small_project], "gltf", tmp_path / "out")
    with pytest.raises(FormatError, match="no object to write"):
        export([small_project], "sequences", tmp_path / "out")
    annotate(small_project, modal={0: BLOCK})
    for name in ("layers", "sequences", "tabe"):
        with pytest.raises(FormatError, match=r"accepted|complete it first"):
            export([small_project], name, tmp_path / "out", only_accepted=True)


@pytest.mark.parametrize("name", list(EXPORTS))
def test_a_project_without_objects_is_told_to_click_one_first(
    small_project: Project, tmp_path: Path, name: str
) -> None:
    with pytest.raises(FormatError, match="click"):
        export([small_project], name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_video_that_is_shorter_than_its_source_says_so(tmp_path: Path) -> None:
    times = [i / 8 + (2 if i >= 3 else 0) for i in range(6)]
    source = make_video(tmp_path / "held.mkv", [np.zeros((48, 64, 3), np.uint8)] * 6, rate=8, times=times)
    project = create_project(tmp_path / "held", source)
    annotate(project, modal={i: BLOCK for i in range(6)}, amodal={0: BLOCK})
    done = export([project], "layers", tmp_path / "out")
    assert any("held: videos last 0.75 s, of 2.75 s of the source" in worded(note) for note in done.notes)
    project.close()
