"""youtube-vis, kins, cocoa, diffusion-vas and TAO-Amodal predictions: written, read, equal; damaged, and told."""

import copy
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

from vas_tool.errors import FormatError
from vas_tool.exports import FILES, export
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile
from vas_tool.formats.annotations.cocoa_regions import read_cocoa_regions
from vas_tool.formats.annotations.image_level import read_image_level
from vas_tool.formats.annotations.video_level import read_video_level
from vas_tool.formats.coco import write_coco
from vas_tool.formats.coco_reading import coco_file, read_coco
from vas_tool.formats.cocoa import write_cocoa
from vas_tool.formats.diffusion_vas import write_samples
from vas_tool.formats.kins import write_kins
from vas_tool.formats.notes import worded
from vas_tool.formats.origin import Origin, TrackOrigin, write_origin
from vas_tool.formats.sample_reading import read_samples
from vas_tool.formats.tao_predictions import read_predictions, write_predictions
from vas_tool.formats.verify import verify
from vas_tool.formats.youtube_vis import as_coco, write_youtube_vis
from vas_tool.masks import area, from_rle, to_rle
from vas_tool.project import Project
from vas_tool.types import AmodalBox, Mask

SIZE = (64, 48)
Make = Callable[..., Project]
Data = Any
Damage = Callable[[Data], Any]

MASKS = arrays.arrays(bool, (48, 64), fill=st.booleans())
BEYOND = arrays.arrays(bool, (72, 96), fill=st.just(False))


@pytest.fixture
def two_videos(make_project: Make) -> list[Project]:
    """Three objects; the car is hidden by the cat and reaches beyond the picture."""
    first, second = make_project(3, name="a"), make_project(2, name="b")
    canvas = pad(first, 0.5)
    seen, whole = rectangle(SIZE, 0, 10, 20, 30), rectangle(SIZE, 0, 10, 40, 30)
    beyond = canvas.to_canvas(whole) | rectangle(canvas.size_wh, 10, 34, 40, 54)
    annotate(first, "car", modal={0: seen, 1: seen}, amodal={0: canvas.to_canvas(whole), 1: beyond}, accepted=[0])
    annotate(first, "cat", modal={0: rectangle(SIZE, 20, 5, 45, 40)})
    annotate(second, "car", modal={0: seen}, amodal={0: whole})
    return [first, second]


def problems(tmp_path: Path, data: Any) -> str:
    path = tmp_path / "damaged.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return "\n".join(verify(path).problems)


def exported(projects: list[Project], name: str, path: Path) -> Data:
    export(projects, name, path)
    return json.loads(path.read_text())


# --- written, read, equal -------------------------------------------------------------------------------------------


def test_video_level_says_what_image_level_says(two_videos: list[Project], tmp_path: Path) -> None:
    write_coco(two_videos, tmp_path / "coco.json")
    write_youtube_vis(two_videos, tmp_path / "vis.json")
    data = json.loads((tmp_path / "vis.json").read_text())
    assert coco_file(as_coco(data)) == read_coco(tmp_path / "coco.json")
    car = data["annotations"][0]
    assert car["segmentations"][2] is None and car["review"] == ["accepted", "unseen", None]
    assert car["occluder_ids"][0] == [2] and car["out_of_frame"] == [False, True, None]
    assert data["videos"][0]["file_names"][1] == "a/frames/00001.png" and car["length"] == 3


READERS: dict[str, Callable[[Path], AnnotatedFile]] = {
    "youtube-vis": read_video_level,
    "kins": read_image_level,
    "cocoa": read_cocoa_regions,
}
"""Format -> what reads it for an import."""


def masks_in(file: AnnotatedFile) -> list[tuple[str, str, Mask, Mask]]:
    """(file of the frame, label, amodal mask, modal mask) of each object on each frame."""
    assert file.problems == ()
    return [
        (video.files[frame], track.label, draw(), track.modal[frame]())
        for video in file.videos
        for track in video.tracks
        for frame, draw in track.amodal.items()
    ]


@pytest.mark.parametrize("name", READERS)
def test_other_forms_say_what_run_lengths_say(two_videos: list[Project], tmp_path: Path, name: str) -> None:
    write_coco(two_videos, tmp_path / "coco.json")
    export(two_videos, name, tmp_path / "out.json")
    back, coco = READERS[name](tmp_path / "out.json"), read_coco(tmp_path / "coco.json")
    images = [(file, video.size_wh) for video in back.videos for file in video.files]
    assert images == [(i.file_name, i.size_wh) for i in coco.images]
    if name != "youtube-vis":
        assert [i for video in back.videos for i in video.image_ids.values()] == [i.id for i in coco.images]
    file_names = {i.id: i.file_name for i in coco.images}
    expected = ((file_names[a.image_id], a.label, a.amodal, a.modal) for a in coco.annotations)

    def key(o: tuple[str, str, Mask, Mask]) -> tuple[str, str, str, str]:
        return o[0], o[1], to_rle(o[2])["counts"], to_rle(o[3])["counts"]

    assert sorted(map(key, masks_in(back))) == sorted(map(key, expected))


def test_every_file_says_what_to_trust(two_videos: list[Project], tmp_path: Path) -> None:
    first = two_videos[0]
    obj = replace(first.truth.object(1), amodal_boxes=(AmodalBox(0, 0, 10, 40, 30), AmodalBox(2, 0, 10, 50, 30)))
    first.edit("boxes", first.truth.with_object(obj))
    box = {"amodal_bbox": [0, 10, 45, 20], "interpolated": True, "iou": round(800 / 1340, 6)}
    coco = exported(two_videos, "coco", tmp_path / "c.json")["annotations"][2]
    vis = exported(two_videos, "youtube-vis", tmp_path / "v.json")["annotations"][0]
    cocoa = exported(two_videos, "cocoa", tmp_path / "r.json")["annotations"][1]["regions"][0]
    (prediction,) = [p for p in exported(two_videos, "tao-amodal", tmp_path / "p.json") if p["image_id"] == 2]
    assert coco["given_box"] == vis["given_boxes"][1] == cocoa["given_box"] == prediction["given_box"] == box
    for key in ("engine", "review", "hypothesis", "amodal_is_uncertain"):
        assert coco[key] == cocoa[key] == prediction[key]
    assert vis["given_boxes"][2] is None and vis["hypotheses"] == [None] * 3
    assert "agrees only" in vis["needs_work"][1] and vis["review"][1] == "needs_work"


def test_who_is_in_front_is_told(two_videos: list[Project], tmp_path: Path) -> None:
    kins = exported(two_videos, "kins", tmp_path / "k.json")["annotations"]
    assert [(a["obj_id"], a["oco_id"], a["ico_id"]) for a in kins] == [(1, 1, 2), (2, 1, 1), (1, 1, 0), (1, 1, 0)]
    cocoa = exported(two_videos, "cocoa", tmp_path / "c.json")["annotations"]
    assert cocoa[0]["depth_constraint"] == "1-2" and [r["name"] for r in cocoa[0]["regions"]] == ["cat", "car"]
    assert "visible_mask" in cocoa[0]["regions"][1] and "visible_mask" not in cocoa[0]["regions"][0]
    assert read_cocoa_regions(tmp_path / "c.json").videos[0].in_front == ((2, 1, 0),)


def test_what_lies_beyond_the_picture_has_no_polygon(small_project: Project, tmp_path: Path) -> None:
    canvas = pad(small_project, 0.5)
    gone = rectangle(canvas.size_wh, 0, 0, 20, 20)
    annotate(small_project, modal={}, amodal={1: gone})
    for write in (write_kins, write_cocoa):
        summary = write([small_project], tmp_path / "out.json")
        assert summary.num_annotations == 0 and "lies beyond the picture" in worded(summary.left_out[-1])
        assert verify(tmp_path / "out.json").ok
    write_predictions([small_project], tmp_path / "p.json")
    assert read_predictions(tmp_path / "p.json")[0].box_xywh == (-32, -24, 20, 20)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(modal=MASKS, beyond=BEYOND, accepted=st.booleans())
def test_any_masks_come_back_as_they_were(
    small_project: Project, tmp_path: Path, modal: Mask, beyond: Mask, accepted: bool
) -> None:
    small_project.edit("start again", replace(small_project.truth, objects=()))
    canvas = pad(small_project, 0.25)
    amodal = canvas.to_canvas(modal) | beyond
    annotate(small_project, modal={2: modal}, amodal={2: amodal}, accepted=[2] if accepted else [])
    whole = canvas.to_frame(amodal)
    for name, read in READERS.items():
        export([small_project], name, tmp_path / "out.json")
        assert verify(tmp_path / "out.json").problems == ()
        found = masks_in(read(tmp_path / "out.json"))
        assert len(found) == (amodal.any() if name == "youtube-vis" else whole.any())
        assert all(np.array_equal(back, modal) and np.array_equal(whole_back, whole) for *_, whole_back, back in found)
    export([small_project], "tao-amodal", tmp_path / "out.json")
    predictions = read_predictions(tmp_path / "out.json")
    rows, columns = np.nonzero(amodal)
    assert len(predictions) == amodal.any()
    for prediction in predictions:
        x, y, w, h = prediction.box_xywh
        assert (x + 16, y + 12) == (columns.min(), rows.min()) and (w, h) == (np.ptp(columns) + 1, np.ptp(rows) + 1)


# --- samples of 25 frames -------------------------------------------------------------------------------------------


@pytest.fixture
def long_video(make_project: Make) -> Project:
    """60 frames: nothing is seen on frame 3, and the amodal masks end with frame 54."""
    project = make_project(60, name="long")
    seen, whole = rectangle(SIZE, 5, 5, 20, 20), rectangle(SIZE, 5, 5, 30, 20)
    modal = {i: seen for i in range(60)} | {3: np.zeros_like(seen)}
    annotate(project, "car", modal=modal, amodal={i: whole for i in range(55)}, accepted=range(4, 30))
    return project


def test_samples_are_windows_without_an_empty_mask(long_video: Project, tmp_path: Path) -> None:
    summary = write_samples([long_video], tmp_path / "out.json")
    first, second = json.loads((tmp_path / "out.json").read_text())
    assert first["frame_indices"] == list(range(4, 29)) and second["frame_indices"] == list(range(29, 54))
    assert first["image_ids"] == list(range(5, 30)) and first["image_file_names"][0] == "long/frames/00004.png"
    assert {len(first[key]) for key in ("segmentation", "visible_mask", "bbox", "review", "amodal_bboxes")} == {25}
    assert first["bbox"][0] == [5, 5, 25, 15] and (first["obj_id"], first["category_id"]) == (1, 1)
    assert "10 frames in no sample" in worded(summary.left_out[-1]) and "(0-3, 54-59)" in worded(summary.left_out[-1])
    assert summary.num_annotations == 50 and summary.num_accepted == 26


def test_samples_are_read_back(long_video: Project, tmp_path: Path) -> None:
    write_samples([long_video], tmp_path / "out.json", only_accepted=True)
    back = read_samples(tmp_path / "out.json")
    (sample,) = back.samples
    assert back.problems == () and back.form == "sail-vos" and sample.category == "car"
    assert sample.size_wh == SIZE and sample.amodal_rles is not None
    for place, frame_index in enumerate(range(4, 29)):
        assert np.array_equal(from_rle(sample.modal_rles[place]), long_video.modal(1)[frame_index])
        assert np.array_equal(from_rle(sample.amodal_rles[place]), long_video.amodal(1)[frame_index])
        assert sample.file_names[place] == f"long/frames/{frame_index:05d}.png"
        assert sample.amodal_boxes_xywh[place] == (5, 5, 25, 15)


def tao_sample(**changes: Any) -> dict[str, Any]:
    """One in the form of diffusion_vas_tao_amodal_val.json of Diffusion-VAS."""
    counts = to_rle(rectangle(SIZE, 5, 5, 20, 20))["counts"]
    names = [f"val/LaSOT/clip/frame{i:04d}.jpg" for i in range(25)]
    sample = {"track_id": 5123, "category_id": 805, "video_id": 88, "file_names": names, "rles": [counts] * 25}
    return {**sample, "height": 48, "width": 64, "amodal_bboxes": [[-12.0, 4.0, 40.0, 30.0]] * 25, **changes}


def test_the_form_of_tao_amodal_is_read(tmp_path: Path) -> None:
    (tmp_path / "val.json").write_text(json.dumps([tao_sample()]))
    back = read_samples(tmp_path / "val.json")
    (sample,) = back.samples
    assert back.form == "tao-amodal" and back.problems == () and verify(tmp_path / "val.json").kind == "diffusion-vas"
    assert area(from_rle(sample.modal_rles[7])) == 225 and sample.amodal_rles is None
    assert sample.amodal_boxes_xywh[0] == (-12, 4, 40, 30) and (sample.object_id, sample.video_id) == (5123, 88)


NOTHING = to_rle(rectangle(SIZE, 0, 0, 0, 0))["counts"]
SAMPLE_DAMAGES: list[tuple[dict[str, Any], str, bool]] = [
    ({"rles": ["0"] * 24}, "rles is ['0', '0'", True),
    ({"rles": ["0"] * 25}, "frame 0: its modal mask does not decode", True),
    ({"file_names": ["a"] * 25}, "it names a frame twice", True),
    ({"amodal_bboxes": [[0, 0, 0, 4]] * 25}, "frame 24: its amodal box [0, 0, 0, 4] has no size", True),
    ({"height": 47}, "does not decode", True),
    ({"video_id": None}, "video_id is None", True),
    ({"rles": [NOTHING] * 25}, "its modal mask is empty", False),
]


@pytest.mark.parametrize(("damage", "expected", "lost"), SAMPLE_DAMAGES)
def test_a_damaged_sample_is_told_and_the_others_load(
    tmp_path: Path, damage: dict[str, Any], expected: str, lost: bool
) -> None:
    (tmp_path / "val.json").write_text(json.dumps([tao_sample(**damage), 3, tao_sample()]))
    back = read_samples(tmp_path / "val.json")
    assert expected in "\n".join(back.problems) and "sample 1 is a int" in "\n".join(back.problems)
    assert all(p.startswith("sample 0 (") for p in back.problems if "sample 1" not in p)
    assert len(back.samples) == 2 - lost


# --- predictions for TAO-Amodal -------------------------------------------------------------------------------------


def origin(**changes: Any) -> Origin:
    given: dict[str, Any] = {
        "format": "tao-amodal",
        "file_name": "validation.json",
        "sha256": "1",
        "video_id": 88,
        "image_ids": {0: 900, 1: 908},
        "tracks": {1: TrackOrigin(5123, 805)},
    }
    return Origin(**{**given, **changes})


def test_an_imported_project_answers_with_the_ids_of_its_file(two_videos: list[Project], tmp_path: Path) -> None:
    first, second = two_videos
    write_origin(first.folder, origin(image_ids={1: 908}))
    summary = write_predictions([first], tmp_path / "p.json")
    (prediction,) = read_predictions(tmp_path / "p.json")
    assert (prediction.image_id, prediction.category_id, prediction.track_id) == (908, 805, 5123)
    assert (
        prediction.video_id == 88 and prediction.box_xywh == (-22, 10, 62, 20) and prediction.score == 0.9
    )  # the tracker's
    assert "has no image" in "".join(map(worded, summary.left_out)) and summary.num_annotations == 1
    assert "the object is none of the TAO-Amodal file's" in "".join(map(worded, summary.left_out))
    with pytest.raises(FormatError, match="different annotation files"):
        write_predictions([first, second], tmp_path / "p.json")
    write_origin(second.folder, origin(video_id=89))
    assert write_predictions([first, second], tmp_path / "p.json").num_annotations == 2


def test_other_projects_have_the_ids_of_their_coco_export(two_videos: list[Project], tmp_path: Path) -> None:
    write_coco(two_videos, tmp_path / "coco.json")
    write_predictions(two_videos, tmp_path / "p.json")
    annotations = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    ids = ("image_id", "category_id", "track_id", "video_id")
    expected = [(*(a[key] for key in ids), tuple(a["amodal_bbox"])) for a in annotations]
    assert [(*(getattr(p, key) for key in ids), p.box_xywh) for p in read_predictions(tmp_path / "p.json")] == expected


# --- damaged, and told ----------------------------------------------------------------------------------------------


def at(name: str, position: int, **changes: Any) -> Damage:
    return lambda data: data[name][position].update(changes)


def region(**changes: Any) -> Damage:
    return lambda data: data["annotations"][0]["regions"][0].update(changes)


def prediction(**changes: Any) -> Damage:
    return lambda data: data[0].update(changes)


DAMAGES: list[tuple[str, Damage, str]] = [
    ("youtube-vis", at("annotations", 0, areas=[1, 2, None]), "annotation 1, frame 0: area is 1, its mask's is 800"),
    ("youtube-vis", at("annotations", 0, areas=[1, 2]), "annotation 1: areas is [1, 2]; it must be: 3 items"),
    ("youtube-vis", at("annotations", 0, areas=[None] * 3), "annotation 1: frame 0 is null in some of the lists"),
    ("youtube-vis", at("annotations", 0, video_id=7), "annotation 1: video_id 7 is not in videos"),
    ("youtube-vis", at("annotations", 0, category_id=7), "category_id 7 is not in categories"),
    ("youtube-vis", at("annotations", 0, length=4), "annotation 1: length is 4, its video's is 3"),
    ("youtube-vis", at("annotations", 1, id=1), "track 1: its id is there 2 times"),
    ("youtube-vis", at("videos", 1, id=1), "video 1: its id is there twice"),
    ("youtube-vis", at("videos", 0, file_names=["a"]), "video 1: file_names is ['a']"),
    ("youtube-vis", at("videos", 0, file_names=["a", "a", "b"]), "all have the file_name 'a'"),
    ("youtube-vis", lambda data: data.pop("categories"), "categories is missing"),
    ("youtube-vis", lambda data: data["annotations"].append(3), "annotations[3] is a int"),
    (
        "kins",
        at("annotations", 0, segmentation=[[1, 1, 9, 1]]),
        "annotation 1: segmentation is [[1, 1, 9, 1]]; it must",
    ),
    ("kins", at("annotations", 0, segmentation=[[1, 1, 9e9, 1, 9, 9]]), "annotation 1: segmentation is"),
    ("kins", at("annotations", 0, segmentation=[[0, 0, 9, 0, 9, 9]]), "annotation 1: area is 800, its mask's is"),
    ("kins", at("annotations", 0, a_area=3), "annotation 1: a_area is not the area"),
    ("kins", at("annotations", 0, i_segm=None), "annotation 1: i_segm is not the visible_mask"),
    ("kins", at("annotations", 0, oco_id=None), "annotation 1: oco_id is None"),
    ("kins", at("images", 0, width="x"), "image 1: width is 'x'"),
    ("cocoa", region(area=3), "annotation 1, region 1: area is 3, its mask's is 875"),
    (
        "cocoa",
        region(segmentation=[1, 1]),
        "annotation 1, region 1: segmentation is [1, 1]; it must be: a polygon of three",
    ),
    ("cocoa", region(name=""), "annotation 1, region 1: name is ''"),
    ("cocoa", region(order=2), "annotation 1: the regions' order is [2, 2]"),
    ("cocoa", at("annotations", 0, depth_constraint="1-3"), "depth_constraint names 1-3, there are 2 regions"),
    ("cocoa", at("annotations", 0, depth_constraint="1,2"), "depth_constraint is '1,2'"),
    ("cocoa", at("annotations", 0, image_id=77), "annotation 1: it needs a list regions, and an image_id"),
    ("cocoa", at("annotations", 1, image_id=1), "annotation 2: image 1 has an annotation already"),
    ("tao-amodal", prediction(score=2), "prediction 0 (track_id 1, image_id 1): score is 2"),
    ("tao-amodal", prediction(bbox=[1, 2, 0, 4]), "bbox is [1, 2, 0, 4]; it must be"),
    ("tao-amodal", prediction(image_id=2), "its track has a box on that image already"),
    ("tao-amodal", prediction(category_id=2), "its video and category are"),
    ("tao-amodal", lambda data: data.append(None), "prediction 4 is a NoneType"),
]


@pytest.mark.parametrize(("name", "damage", "expected"), DAMAGES)
def test_every_damage_is_reported(
    two_videos: list[Project], tmp_path: Path, name: str, damage: Damage, expected: str
) -> None:
    data = exported(two_videos, name, tmp_path / "out.json")
    assert problems(tmp_path, data) == ""
    damage(data)
    assert expected in problems(tmp_path, data)


def paths_into(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path] * bool(path) + [p for key, value in inner for p in paths_into(value, (*path, key))]


JUNK = st.sampled_from([None, True, -1, 0, 3, 1e300, "", "x", [], [1], {}, {"a": 1}, 2**70])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), junk=JUNK)
@pytest.mark.parametrize("name", [name for name in FILES if name not in ("coco", "diffusion-vas")])
def test_no_value_anywhere_makes_verify_raise(
    two_videos: list[Project], tmp_path: Path, name: str, draw: st.DataObject, junk: Any
) -> None:
    if not (tmp_path / "out.json").exists():
        export(two_videos, name, tmp_path / "out.json")
    data = copy.deepcopy(json.loads((tmp_path / "out.json").read_text()))
    *path, last = draw.draw(st.sampled_from(paths_into(data)))
    inner = data
    for key in path:
        inner = inner[key]
    inner[last] = junk
    problems(tmp_path, data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), junk=JUNK)
def test_no_value_in_a_sample_makes_reading_raise(tmp_path: Path, draw: st.DataObject, junk: Any) -> None:
    data = copy.deepcopy([tao_sample()])
    *path, last = draw.draw(st.sampled_from(paths_into(data)))
    inner: Any = data
    for key in path:
        inner = inner[key]
    inner[last] = junk
    (tmp_path / "val.json").write_text(json.dumps(data))
    for sample in read_samples(tmp_path / "val.json").samples:
        for i, (x, y, w, h) in enumerate(sample.amodal_boxes_xywh):
            AmodalBox(i, x, y, x + w, y + h)
            assert from_rle(sample.modal_rles[i]).shape == sample.size_wh[::-1]


@pytest.mark.parametrize("read", [*READERS.values(), read_predictions, read_samples])
def test_reading_something_else_is_an_error_with_a_remedy(tmp_path: Path, read: Any) -> None:
    path, bad_records = tmp_path / "other.json", '{"categories": [], "videos": [3], "images": [3], "annotations": []}'
    for text in ("", "{}", "NaN", "3"):
        path.write_text(text)
        with pytest.raises(FormatError, match=r"other\.json"):
            read(path)
    path.write_text(bad_records)
    if read in READERS.values():
        file = read(path)
        assert file.videos == () and any("not a record" in problem for problem in file.problems)
    else:
        with pytest.raises(FormatError, match=r"other\.json"):
            read(path)
