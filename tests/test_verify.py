import copy
import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from vas_tool.exports import export
from vas_tool.formats import zips
from vas_tool.formats.coco import write_coco
from vas_tool.formats.sequences import write_sequences
from vas_tool.formats.verify import verify
from vas_tool.masks import to_rle
from vas_tool.project import Project

SIZE = (64, 48)
Data = dict[str, Any]
Damage = Callable[[Data], Any]


@pytest.fixture
def sound(make_project: Callable[..., Project], tmp_path: Path) -> Data:
    """Two videos, three objects, one of which reaches beyond the picture."""
    first, second = make_project(2, name="a"), make_project(2, name="b")
    canvas = pad(first, 0.5)
    seen, whole = rectangle(SIZE, 0, 10, 20, 30), rectangle(SIZE, 0, 10, 40, 30)
    beyond = canvas.to_canvas(whole) | rectangle(canvas.size_wh, 10, 34, 40, 54)
    annotate(first, "car", modal={0: seen, 1: seen}, amodal={0: canvas.to_canvas(whole), 1: beyond}, accepted=[0])
    annotate(first, "cat", modal={0: whole}, amodal={0: canvas.to_canvas(whole)})
    annotate(second, "car", modal={0: seen}, amodal={0: whole})
    write_coco([first, second], tmp_path / "out.json")
    data: Data = json.loads((tmp_path / "out.json").read_text())
    return data


def problems(tmp_path: Path, data: Any) -> str:
    path = tmp_path / "damaged.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return "\n".join(verify(path).problems)


def test_a_sound_file_has_no_problems(tmp_path: Path, sound: Data) -> None:
    report = verify(tmp_path / "out.json")
    assert report.ok and (report.num_images, report.num_annotations) == (4, 4)


def item(name: str, position: int, **changes: Any) -> Damage:
    return lambda data: data[name][position].update(changes)


def without(name: str, position: int, key: str) -> Damage:
    return lambda data: data[name][position].pop(key)


def rle(key: str, mask: Any, position: int = 0) -> Damage:
    return item("annotations", position, **{key: to_rle(mask)})


def counts(text: str) -> Damage:
    return item("annotations", 0, segmentation={"size": [48, 64], "counts": text})


EMPTY = rectangle(SIZE, 0, 0, 0, 0)
DAMAGES: list[tuple[Damage, str]] = [
    # masks
    (rle("segmentation", rectangle(SIZE, 0, 10, 41, 30)), "annotation 1: area is 800, its mask's is 820"),
    (rle("segmentation", rectangle(SIZE, 0, 10, 41, 30)), "annotation 1: bbox is [0, 10, 40, 20]"),
    (rle("visible_mask", rectangle(SIZE, 0, 10, 20, 31)), "does not cover 20 pixels"),
    (rle("visible_mask", rectangle(SIZE, 0, 10, 20, 29)), "inmodal_seg is not the visible_mask"),
    (rle("visible_mask", rectangle(SIZE, 0, 10, 20, 29)), "inmodal_bbox is [0, 10, 20, 20], its visible mask's is"),
    (rle("invisible_mask", EMPTY), "invisible_mask is not segmentation without visible_mask"),
    (rle("segmentation", rectangle((48, 64), 0, 0, 9, 9)), "segmentation has the size [64, 48], its image is [48, 64]"),
    (rle("segmentation", EMPTY), "its amodal mask is empty"),
    (counts("0"), "annotation 1: segmentation does not decode"),
    (counts("`"), "segmentation does not decode: RLE text ends"),
    (counts("é"), "segmentation does not decode"),
    (counts(""), "segmentation does not decode"),
    (item("annotations", 0, segmentation=[[1, 1, 9, 1, 9, 9]]), "annotation 1: segmentation is [[1, 1, 9"),
    (item("annotations", 0, segmentation={"size": [48, 64], "counts": [0, 9]}), "annotation 1: segmentation is"),
    # numbers that follow from them
    (item("annotations", 0, area=801), "annotation 1: area is 801, its mask's is 800"),
    (item("annotations", 0, bbox=[0, 10, 40, 21]), "annotation 1: bbox"),
    (item("annotations", 0, occlude_rate=0.4), "annotation 1: occlude_rate is 0.4, the masks give 0.5"),
    (item("annotations", 0, visibility=0.4), "annotation 1: visibility is 0.4, the masks give 0.5"),
    (item("annotations", 2, visibility=0.9), "annotation 3: visibility is 0.9, the masks give at most"),
    (item("annotations", 0, visibility=1.5), "visibility is 1.5; it must be: a number from 0 to 1"),
    (item("annotations", 0, amodal_bbox=[0, 10, 41, 20]), "amodal_bbox is [0, 10, 41, 20], the mask's box is"),
    (item("annotations", 2, amodal_bbox=[-22, 10, 41, 20]), "does not hold the mask's box"),
    (item("annotations", 0, out_of_frame=True), "out_of_frame is True"),
    (item("annotations", 2, out_of_frame=False), "annotation 3: out_of_frame is False"),
    (item("annotations", 0, iscrowd=1), "iscrowd is 1"),
    (item("annotations", 0, area=800.5), "area is 800.5; it must be: an integer of 0 or more"),
    (item("annotations", 0, area=10**400), "annotation 1: area"),
    # references
    (item("annotations", 1, id=1), "annotation 1: its id is there 2 times"),
    (item("images", 1, id=1), "image 1: its id is there 2 times"),
    (item("annotations", 0, image_id=77), "image_id 77 is not in images"),
    (item("annotations", 0, image_id=2), "annotation 1: frame_index is 0, its image's is 1"),
    (item("annotations", 0, category_id=77), "category_id 77 is not in categories"),
    (item("annotations", 0, category_id=2), "category_id is 2, its track's is 1"),
    (item("annotations", 0, video_id=2), "video_id is 2, its image's is 1"),
    (item("annotations", 1, track_id=1), "track 1 is on image 1 already"),
    (item("annotations", 0, pts_seconds=1.0), "pts_seconds is 1.0, its image's is 0.0"),
    (item("images", 0, video_id=9), "image 1: video_id 9 is not in videos"),
    (item("tracks", 0, category_id=9), "track 1: category_id 9 is not in categories"),
    # images
    (
        item("images", 2, file_name="a/frames/00000.png"),
        "image 1, image 3: all have the file_name 'a/frames/00000.png'",
    ),
    (item("images", 0, file_name="../x.png"), "is not a plain relative path"),
    (item("images", 0, file_name="/x.png"), "is not a plain relative path"),
    (item("images", 0, width=65), "image 1: width is 65, its video's is 64"),
    (item("images", 0, width=100_000, height=100_000), "its masks were not decoded"),
    (item("images", 1, frame_index=0), "frame_index 0 is there twice in its video"),
    (item("images", 1, source_index=0), "image 2: source_index 0 is not after the 0 of the frame before"),
    (lambda data: data["images"].pop(), "video 2: length is 2, it has 1 images"),
    # what is missing or of another kind
    (without("annotations", 0, "area"), "annotation 1: area is missing"),
    (without("annotations", 0, "id"), "annotations[0]: id is missing"),
    (without("annotations", 0, "engine"), "annotation 1: engine is missing"),
    (without("annotations", 0, "review"), "annotation 1: review is missing"),
    (item("annotations", 0, review="perhaps"), "annotation 1: review is 'perhaps'"),
    (item("annotations", 0, engine={"modal": {}}), "annotation 1: engine is"),
    (item("annotations", 0, image_id="1"), "annotation 1: image_id is '1'"),
    (item("annotations", 0, image_id=[1]), "annotation 1: image_id is [1]"),
    (item("videos", 0, fps=None), "video 1: fps is None; it must be: a finite number"),
    (lambda data: data.pop("tracks"), "tracks is missing or not a list"),
    (lambda data: data.update(images={}), "images is missing or not a list"),
    (lambda data: data["annotations"].append(3), "annotations[4] is a int, not a record"),
]


@pytest.mark.parametrize(("damage", "expected"), DAMAGES)
def test_every_damage_is_reported(tmp_path: Path, sound: Data, damage: Damage, expected: str) -> None:
    damage(sound)
    assert expected in problems(tmp_path, sound)


def test_all_problems_are_listed_not_the_first_only(tmp_path: Path, sound: Data) -> None:
    sound["annotations"][0]["area"] = 1
    sound["annotations"][3]["area"] = 2
    sound["images"][0]["file_name"] = sound["images"][1]["file_name"]
    assert len(problems(tmp_path, sound).splitlines()) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"x"', "[" * 100_000, '{"images": NaN}', "\x00\xff"])
def test_no_json_or_another_shape_is_a_problem_not_a_traceback(tmp_path: Path, text: str) -> None:
    assert "export it again" in problems(tmp_path, text)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    assert "check the path" in verify(tmp_path / "nowhere.json").problems[0]


def paths_into(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path] * bool(path) + [p for key, value in inner for p in paths_into(value, (*path, key))]


JUNK = st.sampled_from([None, True, -1, 0, 3, 1e300, "", "x", [], [1], {}, {"a": 1}, 2**70])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), junk=JUNK)
def test_no_value_anywhere_makes_it_raise(tmp_path: Path, sound: Data, draw: st.DataObject, junk: Any) -> None:
    data = copy.deepcopy(sound)
    *path, last = draw.draw(st.sampled_from(paths_into(data)))
    inner = data
    for key in path:
        inner = inner[key]
    inner[last] = junk
    problems(tmp_path, data)


def test_what_pycocotools_says_counts(tmp_path: Path, sound: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: COCO) -> None:
        raise KeyError("something new")

    with monkeypatch.context() as patch:
        patch.setattr(COCO, "createIndex", refuse)
        assert "pycocotools does not load it (KeyError: 'something new')" in problems(tmp_path, sound)
    monkeypatch.setattr(COCO, "getAnnIds", lambda self: [1])
    assert "pycocotools finds 4 images and 1 annotations; 4 and 4 are there" in problems(tmp_path, sound)


def test_pycocotools_stays_silent(tmp_path: Path, sound: Data, capfd: pytest.CaptureFixture[str]) -> None:
    verify(tmp_path / "out.json")
    assert capfd.readouterr() == ("", "")


def test_a_sequence_is_checked_too(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={i: rectangle(SIZE, 3, 3, 9, 9) for i in range(5)})
    folder = write_sequences(small_project, tmp_path / "out", object_id=1)
    for path in (folder, tmp_path / "out"):
        report = verify(path)
        assert report.ok and report.kind == "sequences" and (report.num_images, report.num_annotations) == (5, 5)
    cv2.imwrite(str(folder / "masks" / "frame_001.png"), rectangle(SIZE, 3, 3, 9, 9) * np.uint8(7))
    (folder / "masks" / "frame_002.png").unlink()
    whole = (folder / "rgbs" / "frame_003.png").read_bytes()
    (folder / "rgbs" / "frame_003.png").write_bytes(whole[:-300])
    cv2.imwrite(str(folder / "rgbs" / "frame_004.png"), np.zeros((48, 65, 3), np.uint8))
    problems = verify(tmp_path / "out").problems
    expected = ["frame_001.png has 1 values", "frame_002.png has no mask", "frame_003.png does not read", "is (65, 48)"]
    assert len(problems) == 4 and all(e in p for e, p in zip(expected, problems, strict=True))


def test_a_folder_that_is_no_export(tmp_path: Path) -> None:
    assert "no folders rgbs and masks" in verify(tmp_path).problems[0]
    (tmp_path / "rgbs").mkdir()
    (tmp_path / "masks").mkdir()
    assert "holds no images" in verify(tmp_path).problems[0]


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", root_dir=folder.parent, base_dir=folder.name))


def test_a_zip_is_checked_as_its_folder(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={i: rectangle(SIZE, 3, 3, 9, 9) for i in range(5)})
    for name in ("sequences", "layers", "tabe"):
        export([small_project], name, tmp_path / name)
        report, plain = verify(zipped(tmp_path / name)), verify(tmp_path / name)
        assert report == replace(plain, path=tmp_path / f"{name}.zip") and report.ok and report.num_annotations
    next((tmp_path / "sequences").rglob("masks/frame_001.png")).unlink()
    (problem,) = verify(zipped(tmp_path / "sequences")).problems
    assert "frame_001.png has no mask" in problem and "vas-tool-" not in problem


def test_a_zip_of_a_file_is_checked_too(sound: Data, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.write(tmp_path / "out.json", "out.json")
    assert verify(tmp_path / "out.zip").kind == "coco" and verify(tmp_path / "out.zip").ok


@pytest.mark.parametrize("name", ["../out.png", "/out.png", "a/../../out.png", "C:/out.png", "a\\..\\out.png"])
def test_a_zip_that_would_leave_its_folder_is_not_unpacked(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("rgbs/frame_000.png", b"")
        archive.writestr(name, b"")
    assert "no plain file inside it" in verify(tmp_path / "bad.zip").problems[0]
    assert [p.name for p in tmp_path.iterdir()] == ["bad.zip"]


def test_a_zip_with_a_link_is_not_unpacked(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("masks")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(link, "/etc")
    assert "no plain file inside it" in verify(tmp_path / "bad.zip").problems[0]


def test_a_zip_that_is_too_large_or_damaged_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rgbs/frame_000.png", bytes(200_000))
    monkeypatch.setattr(zips, "MOST_BYTES", 100_000)
    assert "there is room for" in verify(path).problems[0]
    monkeypatch.setattr(zips, "MOST_FILES", 0)
    assert "unpack it and name the folder" in verify(path).problems[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "does not read as a .zip" in verify(path).problems[0]
    path.write_text("no zip")
    assert "does not read as a .zip" in verify(path).problems[0]


def test_a_folder_of_exported_files_is_checked(
    make_project: Callable[..., Project], sound: Data, tmp_path: Path
) -> None:
    project, out = make_project(2, name="c"), tmp_path / "folder"
    annotate(project, "car", modal={0: rectangle(SIZE, 0, 10, 20, 30)}, amodal={0: rectangle(SIZE, 0, 10, 40, 30)})
    export([project], "coco", out)
    assert verify(out).kind == "coco" and (verify(out).num_images, verify(out).num_annotations) == (2, 1)
    export([project], "sequences", out)
    export([project], "youtube-vis", out)
    (out / "notes.json").write_text('{"mine": 1}')
    report = verify(out)
    assert report.ok and report.kind == "several" and report.num_annotations == 4
    assert report.kinds == ("coco", "youtube-vis", "sequences")
    sound["annotations"][0]["area"] = 1
    (out / "damaged.json").write_text(json.dumps(sound))
    (out / "half.json").write_text("{")
    problems = verify(out).problems
    assert len(problems) == 2 and problems[0].startswith("damaged.json: annotation 1: area") and "half" in problems[1]


def test_exports_are_found_in_folders_of_folders(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={i: rectangle(SIZE, 3, 3, 9, 9) for i in range(5)})
    for name in ("coco", "tabe", "layers"):
        export([small_project], name, tmp_path / "out" / "inner" / name)
    report = verify(tmp_path / "out")
    assert report.ok and report.kinds == ("coco", "layers", "tabe") and report.num_images == 15
    (tmp_path / "out/inner/coco/coco.json").write_text('{"images": [], "annotations": [3]}')
    assert verify(tmp_path / "out").problems[0].startswith("inner/coco/coco.json: ")


def test_a_project_without_objects_is_right(small_project: Project) -> None:
    small_project.close()
    report = verify(small_project.folder)
    assert report.ok and (report.kind, report.num_images, report.num_annotations) == ("project", 5, 0)


def test_a_zip_of_many_folders_in_one_another_is_no_traceback(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        archive.writestr("a/" * 1500 + "x.png", b"")
    assert "no plain file inside it" in verify(tmp_path / "deep.zip").problems[0]
