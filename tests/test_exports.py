from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, rectangle

from vas_tool.errors import FormatError
from vas_tool.exports import EXPORTS, default_out, export
from vas_tool.formats.verify import verify
from vas_tool.project import Project

SIZE = (64, 48)
BLOCK = rectangle(SIZE, 3, 3, 20, 20)


@pytest.mark.parametrize("name", list(EXPORTS))
def test_every_format_writes_where_it_says_and_may_be_repeated(small_project: Project, name: str) -> None:
    annotate(small_project, modal={0: BLOCK})
    folder = small_project.folder / "exports"
    folder.mkdir()
    for _ in range(2):
        done = export([small_project], name, default_out(name, folder))
        (path,) = done.paths
        assert path.exists() and path.parent == folder and done.notes
    if name != "layers":
        assert verify(path).problems == ()


def test_what_the_person_should_know(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: BLOCK, 1: BLOCK, 2: np.zeros_like(BLOCK)}, accepted=[1])
    notes = export([small_project], "coco", tmp_path / "out.json").notes
    assert notes[0] == "2 annotations on 5 images, 1 accepted."
    assert notes[1].startswith("2 amodal masks are the modal ones")
    assert "1 frame not accepted (0)" in notes[2] and "3 frames without a mask" in notes[3]
    (note,) = export([small_project], "sequences", tmp_path / "out").notes
    assert note == "clip: 5 frames of car; 2 frames were never segmented, their masks are black."


def test_projects_of_one_name_do_not_replace_one_another(make_project: Callable[..., Project], tmp_path: Path) -> None:
    projects = [make_project(1, name="a/clip"), make_project(1, name="b/clip")]
    for project in projects:
        annotate(project, modal={0: BLOCK})
    for name in ("sequences", "layers"):
        with pytest.raises(FormatError, match="same name"):
            export(projects, name, tmp_path / "out")
    assert verify(export(projects, "coco", tmp_path / "out.json").paths[0]).ok


def test_what_cannot_be_done_is_said(small_project: Project, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="choose one of coco, sequences, layers"):
        export([small_project], "gltf", tmp_path / "out")
    with pytest.raises(FormatError, match="no object to write"):
        export([small_project], "sequences", tmp_path / "out")
    with pytest.raises(FormatError, match="accepted"):
        export([small_project], "layers", tmp_path / "out", only_accepted=True)
