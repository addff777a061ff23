import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools.coco import COCO

from vas_tool.errors import Cancelled, FormatError
from vas_tool.formats.coco import write_coco
from vas_tool.formats.coco_reading import read_coco
from vas_tool.formats.kins import write_kins
from vas_tool.formats.notes import worded
from vas_tool.formats.verify import verify
from vas_tool.planning.fingerprint import Fingerprint
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.types import AmodalBox, Stroke

SIZE = (64, 48)
Make = Callable[..., Project]


def exported(path: Path) -> dict[str, Any]:
    report = verify(path)
    assert report.problems == ()
    data: dict[str, Any] = json.loads(path.read_text())
    return data


def load(path: Path) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_pycocotools_decodes_the_very_masks(small_project: Project, tmp_path: Path) -> None:
    modal = rectangle(SIZE, 10, 10, 20, 20)
    amodal = rectangle(SIZE, 10, 10, 30, 20)
    amodal[12, 28] = False  # a hole, which polygons would lose
    annotate(small_project, modal={1: modal}, amodal={1: amodal})
    write_coco([small_project], tmp_path / "out.json")
    coco = load(tmp_path / "out.json")
    (annotation,) = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(["car"])))
    assert np.array_equal(coco.annToMask(annotation), amodal)
    assert np.array_equal(coco.annToMask({**annotation, "segmentation": annotation["visible_mask"]}), modal)
    assert np.array_equal(coco.annToMask({**annotation, "segmentation": annotation["invisible_mask"]}), amodal & ~modal)
    assert annotation["bbox"] == [10, 10, 20, 10] and annotation["inmodal_bbox"] == [10, 10, 10, 10]
    assert annotation["area"] == 199 and annotation["occlude_rate"] == round(99 / 199, 6)
    assert annotation["visibility"] == round(100 / 199, 6) and annotation["amodal_bbox"] == annotation["bbox"]
    assert coco.loadImgs(annotation["image_id"])[0]["file_name"] == "clip/frames/00001.png"
    assert (small_project.folder.parent / "clip/frames/00001.png").is_file()


def test_where_it_comes_from_travels_along(small_project: Project, tmp_path: Path) -> None:
    mask = rectangle(SIZE, 0, 0, 9, 9)
    stroke = Stroke(2, layer="modal", adds=True, radius=2, points=((5, 5),))
    annotate(small_project, modal={2: mask, 3: mask}, amodal={2: mask, 3: mask}, accepted=[3], strokes=[stroke])
    write_coco([small_project], tmp_path / "out.json")
    first, second = exported(tmp_path / "out.json")["annotations"]
    assert (first["frame_index"], first["source_index"], first["pts_seconds"]) == (2, 2, 0.25)
    assert first["engine"]["modal"] == {
        "engine": "builtin",
        "revision": "1",
        "seed": 3,
        "certainty": 0.9,
        "strokes": 1,
    }
    assert first["engine"]["amodal"]["revision"] == "2" and first["engine"]["amodal"]["strokes"] == 0
    assert (first["review"], second["review"]) == ("unseen", "accepted")
    assert not first["amodal_is_uncertain"] and not first["out_of_frame"]


def test_how_a_mask_came_about_is_told(small_project: Project, tmp_path: Path) -> None:
    mask = rectangle(SIZE, 10, 10, 30, 20)
    object_id = annotate(small_project, modal={i: mask for i in range(3)}, amodal={0: mask})
    boxes = (AmodalBox(0, 10, 10, 30, 20), AmodalBox(2, -10, 10, 30, 20))
    obj = replace(small_project.truth.object(object_id), amodal_boxes=boxes)
    small_project.edit("boxes", small_project.truth.with_object(obj))
    stamp = Stamp("builtin", "2", seed=1, how="majority", seeds=(1, 2, 3), made_from=Fingerprint(source="abc"))
    small_project.layers(object_id).amodal.put(1, mask, stamp)
    first, second, third = exported_with(small_project, tmp_path)
    assert first["engine"]["amodal"].keys() == {"engine", "revision", "seed", "certainty", "strokes"}
    assert second["engine"]["amodal"]["how"] == "majority" and second["engine"]["amodal"]["seeds"] == [1, 2, 3]
    assert "inputs" not in second["engine"]["amodal"]
    assert first["given_box"] == {"amodal_bbox": [10, 10, 20, 10], "interpolated": False, "iou": 1.0}
    assert second["given_box"]["amodal_bbox"] == [0, 10, 30, 10] and second["given_box"]["interpolated"]
    assert third["given_box"]["iou"] == 0.5


def exported_with(project: Project, tmp_path: Path) -> Any:
    write_coco([project], tmp_path / "out.json")
    return exported(tmp_path / "out.json")["annotations"]


def test_what_needs_work_is_told(small_project: Project, tmp_path: Path) -> None:
    mask, empty = rectangle(SIZE, 10, 10, 30, 30), rectangle(SIZE, 0, 0, 0, 0)
    small = rectangle(SIZE, 10, 10, 19, 19)
    annotate(small_project, modal={0: mask, 1: mask, 2: small, 3: mask, 4: empty}, accepted=[3])
    summary = write_coco([small_project], tmp_path / "out.json")
    items = exported(tmp_path / "out.json")["annotations"]
    assert [a["review"] for a in items] == ["unseen", "unseen", "needs_work", "accepted"]
    assert "shrinks" in items[2]["needs_work"] and "needs_work" not in items[3]
    assert worded(summary.unreviewed[1]) == "clip, object 1 (car): 1 frame in need of work (2)"


def test_overlapping_objects_do_not_cut_one_another(small_project: Project, tmp_path: Path) -> None:
    left, right = rectangle(SIZE, 5, 5, 30, 30), rectangle(SIZE, 20, 10, 50, 40)
    annotate(small_project, "a", modal={0: left}, amodal={0: left})
    annotate(small_project, "b", modal={0: right}, amodal={0: right})
    write_coco([small_project], tmp_path / "out.json")
    first, second = read_coco(tmp_path / "out.json").annotations
    assert np.array_equal(first.modal, left) and np.array_equal(second.modal, right)
    assert np.array_equal(first.amodal, left) and np.array_equal(second.amodal, right)


def test_wholly_hidden_frames_have_an_empty_visible_mask(small_project: Project, tmp_path: Path) -> None:
    empty, whole = rectangle(SIZE, 0, 0, 0, 0), rectangle(SIZE, 3, 4, 13, 14)
    annotate(small_project, modal={0: empty}, amodal={0: whole, 1: whole})
    write_coco([small_project], tmp_path / "out.json")
    hidden, unlooked = exported(tmp_path / "out.json")["annotations"]
    assert hidden["inmodal_bbox"] == [0, 0, 0, 0] and hidden["occlude_rate"] == 1 and hidden["visibility"] == 0
    assert hidden["engine"]["modal"]["engine"] == "builtin"
    assert unlooked["engine"]["modal"] is None


def test_frames_without_a_mask_have_no_annotation_and_are_counted(small_project: Project, tmp_path: Path) -> None:
    empty, whole = rectangle(SIZE, 0, 0, 0, 0), rectangle(SIZE, 3, 4, 13, 14)
    annotate(small_project, modal={0: empty, 1: empty, 4: whole}, amodal={1: empty, 4: whole})
    summary = write_coco([small_project], tmp_path / "out.json")
    assert (summary.num_images, summary.num_annotations) == (5, 1)
    assert list(map(worded, summary.left_out)) == [
        "clip, object 1 (car): 4 frames without a mask, so without an annotation (0-3)"
    ]
    assert len(exported(tmp_path / "out.json")["images"]) == 5


def test_the_modal_mask_stands_in_where_no_amodal_one_was_made(small_project: Project, tmp_path: Path) -> None:
    whole = rectangle(SIZE, 3, 4, 13, 14)
    annotate(small_project, modal={0: whole}, accepted=[0])
    summary = write_coco([small_project], tmp_path / "out.json")
    (item,) = exported(tmp_path / "out.json")["annotations"]
    assert item["segmentation"] == item["visible_mask"] and item["occlude_rate"] == 0
    assert item["amodal_is_uncertain"] and item["engine"]["amodal"] is None
    assert summary.num_modal_only == 1


@pytest.mark.parametrize(("certainty", "accepted", "uncertain"), [(0.3, [], True), (0.3, [0], False), (0.7, [], False)])
def test_unsure_masks_are_uncertain_until_accepted(
    small_project: Project, tmp_path: Path, certainty: float, accepted: list[int], uncertain: bool
) -> None:
    whole = rectangle(SIZE, 3, 4, 13, 14)
    annotate(small_project, modal={0: whole}, amodal={0: whole}, certainty=certainty, accepted=accepted)
    write_coco([small_project], tmp_path / "out.json")
    assert exported(tmp_path / "out.json")["annotations"][0]["amodal_is_uncertain"] is uncertain


def test_what_lies_beyond_the_picture_is_in_the_amodal_box_only(small_project: Project, tmp_path: Path) -> None:
    canvas = pad(small_project, 0.25)  # 16 pixels left and right, 12 above and below
    partly, wholly = rectangle(canvas.size_wh, 6, 20, 26, 40), rectangle(canvas.size_wh, 0, 20, 10, 40)
    annotate(small_project, modal={0: rectangle(SIZE, 0, 8, 10, 28)}, amodal={0: partly, 1: wholly})
    write_coco([small_project], tmp_path / "out.json")
    first, second = exported(tmp_path / "out.json")["annotations"]
    assert first["amodal_bbox"] == [-10, 8, 20, 20] and first["bbox"] == [0, 8, 10, 20]
    assert first["out_of_frame"] and first["occlude_rate"] == 0 and first["visibility"] == 0.5
    assert second["amodal_bbox"] == [-16, 8, 10, 20] and second["bbox"] == [0, 0, 0, 0] and second["area"] == 0


def test_only_accepted_leaves_the_others_out_and_says_so(small_project: Project, tmp_path: Path) -> None:
    whole = rectangle(SIZE, 3, 4, 13, 14)
    annotate(small_project, modal=dict.fromkeys(range(5), whole), amodal={}, accepted=[1])
    everything = write_coco([small_project], tmp_path / "all.json")
    assert everything.num_annotations == 5 and everything.num_accepted == 1 and not everything.left_out
    assert list(map(worded, everything.unreviewed)) == ["clip, object 1 (car): 4 frames not accepted (0, 2-4)"]
    some = write_coco([small_project], tmp_path / "some.json", only_accepted=True)
    assert some.num_annotations == 1
    assert list(map(worded, some.left_out)) == ["clip, object 1 (car): 4 frames left out because not accepted (0, 2-4)"]
    assert [a["frame_index"] for a in exported(tmp_path / "some.json")["annotations"]] == [1]


def test_ids_and_file_names_are_unique_over_videos(make_project: Make, tmp_path: Path) -> None:
    projects = [make_project(3, name="a/clip"), make_project(2, size_wh=(40, 30), name="b/clip")]
    for project in projects:
        whole = rectangle(project.clip.size_wh, 3, 4, 13, 14)
        annotate(project, "cat", modal={0: whole, 1: whole})
        annotate(project, "ant", modal={0: whole})
    write_coco(projects, tmp_path / "out.json")
    data = exported(tmp_path / "out.json")  # verify finds every repeated id and name
    assert [v["name"] for v in data["videos"]] == ["a/clip", "b/clip"]
    assert [i["id"] for i in data["images"]] == [1, 2, 3, 4, 5]  # 0 means "no image" to some readers
    assert [a["id"] for a in data["annotations"]] == [1, 2, 3, 4, 5, 6]
    assert [i["file_name"] for i in data["images"]][2:4] == ["a/clip/frames/00002.png", "b/clip/frames/00000.png"]
    assert [c["name"] for c in data["categories"]] == ["ant", "cat"]
    assert len({a["track_id"] for a in data["annotations"]}) == 4
    assert [a["obj_id"] for a in data["annotations"]] == [1, 2, 1, 1, 2, 1]


def test_two_exports_are_the_same_bytes(make_project: Make, tmp_path: Path) -> None:
    projects = [make_project(2, name="a"), make_project(2, name="b")]
    for project in projects:
        annotate(project, modal={0: rectangle(SIZE, 3, 4, 13, 14)})
    write_coco(projects, tmp_path / "first.json")
    write_coco(projects[::-1], tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


def test_the_old_file_is_replaced_not_written_over(small_project: Project, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("old")
    (tmp_path / "held").hardlink_to(tmp_path / "out.json")
    write_coco([small_project], tmp_path / "out.json")
    assert (tmp_path / "held").read_text() == "old" and (tmp_path / "out.json").read_text() != "old"


def test_kins_names_in_kins_files_alone(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: rectangle(SIZE, 3, 4, 13, 14)}, amodal={0: rectangle(SIZE, 3, 4, 23, 14)})
    write_kins([small_project], tmp_path / "out.json")
    (item,) = exported(tmp_path / "out.json")["annotations"]
    assert (item["a_bbox"], item["i_bbox"]) == ([3, 4, 20, 10], [3, 4, 10, 10])
    assert (item["a_area"], item["i_area"]) == (200, 100)
    write_coco([small_project], tmp_path / "out.json")
    (plain,) = exported(tmp_path / "out.json")["annotations"]
    assert item["a_segm"] == plain["segmentation"] and item["i_segm"] == item["visible_mask"] == plain["visible_mask"]
    assert "a_segm" not in plain


def test_a_project_without_objects_is_a_file_that_loads(small_project: Project, tmp_path: Path) -> None:
    assert write_coco([small_project], tmp_path / "new folder" / "out.json").num_annotations == 0
    assert len(load(tmp_path / "new folder" / "out.json").getImgIds()) == 5


def test_odd_labels_survive(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, 'Katze "é"\n\u2028', modal={0: rectangle(SIZE, 3, 4, 13, 14)})
    write_coco([small_project], tmp_path / "out.json")
    assert read_coco(tmp_path / "out.json").annotations[0].label == 'Katze "é"\n\u2028'
    (tmp_path / "out.json").read_bytes().decode("ascii")


def test_what_cannot_be_exported_is_said(small_project: Project, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no project"):
        write_coco([], tmp_path / "out.json")
    with pytest.raises(FormatError, match="listed twice"):
        write_coco([small_project, small_project], tmp_path / "out.json")
    with pytest.raises(FormatError, match="is a folder"):
        write_coco([small_project], tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(FormatError, match="could not be written"):
        write_coco([small_project], tmp_path / "file" / "out.json")
    assert not list(tmp_path.glob(".*part"))


def test_a_cancelled_export_leaves_the_old_file(small_project: Project, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("old")

    def cancel(done: int, total: int, what: str) -> None:
        if done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_coco([small_project], tmp_path / "out.json", progress=cancel)
    assert (tmp_path / "out.json").read_text() == "old"
    assert not list(tmp_path.glob(".*part"))


def test_progress_reaches_its_end(make_project: Make, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    projects = [make_project(2, name="a"), make_project(3, name="b")]
    write_coco(projects, tmp_path / "out.json", progress=lambda done, total, what: seen.append((done, total)))
    assert seen == [(i, 5) for i in range(6)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    modal=arrays.arrays(bool, (48, 64)),
    hidden=arrays.arrays(bool, (72, 96)),
    accepted=st.booleans(),
)
def test_any_masks_come_back_as_they_were(
    small_project: Project, tmp_path: Path, modal: np.ndarray, hidden: np.ndarray, accepted: bool
) -> None:
    small_project.edit("start again", replace(small_project.truth, objects=()))
    canvas = pad(small_project, 0.25)
    amodal = canvas.to_canvas(modal) | hidden
    annotate(small_project, modal={2: modal}, amodal={2: amodal}, accepted=[2] if accepted else [])
    write_coco([small_project], tmp_path / "out.json")
    assert verify(tmp_path / "out.json").problems == ()
    annotations = read_coco(tmp_path / "out.json").annotations
    assert len(annotations) == amodal.any()
    for annotation in annotations:
        assert np.array_equal(annotation.modal, modal)
        assert np.array_equal(annotation.amodal, canvas.to_frame(amodal))
        assert annotation.out_of_frame == (amodal.sum() > canvas.to_frame(amodal).sum())
        assert annotation.review == ("accepted" if accepted else "unseen")


def test_reading_something_else_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    for text in ("", "[1]", "{}", '{"categories": [], "videos": [], "images": [3], "annotations": []}', "NaN"):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(FormatError, match=r"other\.json"):
            read_coco(tmp_path / "other.json")
    with pytest.raises(FormatError, match="check the path"):
        read_coco(tmp_path / "nowhere.json")
