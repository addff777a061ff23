"""Data sets that the library ``datasets`` loads."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, pad, rectangle

from vas_tool.errors import FormatError
from vas_tool.exports import export, export_folders
from vas_tool.formats.verify import verify
from vas_tool.project import Project
from vas_tool.storage import Stamp

SIZE = (64, 48)


def test_datasets_loads_the_very_masks(make_project: Callable[..., Project], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    first, second = make_project(3, name="a"), make_project(2, name="b")
    canvas = pad(first, 0.25)
    seen, whole = rectangle(SIZE, 3, 3, 20, 20), rectangle(SIZE, 3, 3, 30, 20)
    car = annotate(first, modal={0: seen, 1: seen}, amodal={1: canvas.to_canvas(whole)}, accepted=[1])
    colours = np.zeros((*canvas.size_wh[::-1], 4), np.uint8)
    colours[canvas.to_canvas(whole)] = (9, 80, 200, 255)
    first.layers(car).content.put(1, colours, Stamp("builtin"))
    annotate(first, "cat", modal={1: whole})
    annotate(second, "cat", modal={1: whole})
    folder = export([first, second], "hf-dataset", tmp_path / "set").paths[0]
    frames = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert [(row["video"], row["frame_index"]) for row in frames] == [("a", 0), ("a", 1), ("b", 1)]
    row = frames[1]
    assert np.array_equal(np.asarray(row["image"]), first.clip[1])
    assert [(o["label"], o["obj_id"], o["track_id"]) for o in row["objects"]] == [("car", 1, 1), ("cat", 2, 2)]
    found = row["objects"][0]
    assert np.array_equal(np.asarray(found["modal_mask"]), seen * np.uint8(255))
    assert np.array_equal(np.asarray(found["amodal_mask"]), whole * np.uint8(255))
    assert (
        np.array_equal(np.asarray(found["content"])[..., 3] > 0, whole) and frames[0]["objects"][0]["content"] is None
    )
    assert (
        found["review"] == "accepted" and found["visibility"] == pytest.approx(17 / 27) and found["occluder_ids"] == [2]
    )
    assert found["amodal_bbox"] == [3, 3, 27, 17]
    assert "| objects on frames | 4 |" in (folder / "README.md").read_text()


@pytest.mark.parametrize("name", ["hf-dataset", "burst"])
def test_closed_projects_give_the_same_bytes(make_project: Callable[..., Project], tmp_path: Path, name: str) -> None:
    projects = [make_project(2, name=f"p/{name}") for name in ("a", "b", "c")]
    for project in projects[:2]:
        annotate(project, modal={0: rectangle(SIZE, 3, 3, 20, 20), 1: rectangle(SIZE, 3, 3, 9, 9)})
    out = [tmp_path / f"{when}.{'json' if name == 'burst' else 'set'}" for when in ("open", "closed")]
    export(projects, name, out[0])
    for project in projects:
        project.close()
    export_folders([project.folder for project in projects[::-1]], name, out[1])
    files = [sorted(p for p in (path, *path.rglob("*")) if p.is_file()) for path in out]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]] and verify(out[1]).ok
    assert len(files[0]) == (1 if name == "burst" else 4) and verify(out[1]).num_annotations == 4


def test_a_damaged_one_is_told(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: rectangle(SIZE, 3, 3, 20, 20)})
    folder = export([small_project], "hf-dataset", tmp_path / "set").paths[0]
    assert verify(folder).ok and verify(folder).num_annotations == 1
    (shard,) = (folder / "data").iterdir()
    shard.write_bytes(shard.read_bytes()[:-9])
    assert "does not read" in verify(folder).problems[0]


def test_without_pyarrow_the_command_is_named(
    small_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate(small_project, modal={0: rectangle(SIZE, 3, 3, 20, 20)})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FormatError, match=r"pip install 'vas-tool\[parquet\]'"):
        export([small_project], "hf-dataset", tmp_path / "set")
