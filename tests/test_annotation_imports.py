"""Projects out of other tools' annotations with masks, and out of this tool's own exports."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotating import annotate, rectangle
from PIL import Image
from video_files import make_video

from vas_tool.cli import main
from vas_tool.exports import export
from vas_tool.formats.origin import read_origin
from vas_tool.formats.video_stream import video_of
from vas_tool.imports.new_project import create_project
from vas_tool.masks import to_rle
from vas_tool.project import Project
from vas_tool.types import Mask

SIZE = (32, 24)
Make = Callable[..., Project]


@dataclass
class Outcome:
    """What one run of ``vas-tool import`` did."""

    projects: dict[str, Project]
    status: int
    said: str


@pytest.fixture
def imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run ``vas-tool import`` and open what it made; the projects are closed at the end."""
    opened: list[Project] = []

    def run(*arguments: Any) -> Outcome:
        out = tmp_path / f"imported{len(opened)}"
        status = main(["import", *map(str, arguments), "--projects", str(out)])
        projects = {p.name: Project.open(p) for p in sorted(out.glob("*")) if (p / "project.json").is_file()}
        opened.extend(projects.values())
        return Outcome(projects, status, capsys.readouterr().err)

    yield run
    for project in opened:
        project.close()


def pictures(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", SIZE, (40 * number, 90, 90)).save(folder / name)
    return folder


def written(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def box(*corners: int) -> Mask:
    return rectangle(SIZE, *corners)


def masks_of(project: Project, object_id: int, layer: str = "modal") -> dict[int, Mask]:
    masks = project.modal(object_id) if layer == "modal" else project.amodal(object_id)
    return dict(masks.items())


def same(found: dict[int, Mask], expected: dict[int, Mask]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[i], m) for i, m in expected.items())


# --- this tool's exports --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["coco", "kins", "cocoa", "youtube-vis", "burst"])
def test_an_export_comes_back(name: str, tmp_path: Path, imported: Any) -> None:
    source = create_project(tmp_path / "work" / "shop", pictures(tmp_path / "in", "0.png", "1.png", "2.png"), fps=5.0)
    ring = box(4, 4, 14, 14) & ~box(7, 7, 11, 11)
    masks: list[dict[str, Any]] = [
        {"modal": {0: ring, 1: box(4, 4, 9, 14)}, "amodal": {0: ring, 1: box(4, 4, 14, 14)}},
        {"modal": {i: box(9, 2, 20, 20) for i in range(3)}, "amodal": {i: box(9, 2, 20, 20) for i in range(3)}},
        {"modal": {1: box(0, 0, 0, 0), 2: box(1, 1, 3, 3)}, "amodal": {1: box(10, 4, 14, 8), 2: box(1, 1, 3, 3)}},
    ]
    labels = ["car", "person", "car"]
    for label, given in zip(labels, masks, strict=True):
        annotate(source, label, **given)
    done = export([source], name, tmp_path / "out.json").paths[0]
    outcome = imported(name, done, "--frames", tmp_path / "work", "--with-amodal")
    assert outcome.status == 0 and "problem" not in outcome.said
    (project,) = outcome.projects.values()
    assert project.name == "shop" and project.clip.fps == 5 and len(project.clip) == 3
    assert [r.pts_seconds for r in project.ledger] == [r.pts_seconds for r in source.ledger]
    for before, (label, given) in enumerate(zip(labels, masks, strict=True), 1):
        (after,) = [o for o in project.truth.objects if same(masks_of(project, o.id), given["modal"])]
        assert after.label == label and same(masks_of(project, after.id, "amodal"), given["amodal"])
        origin = read_origin(project.folder)
        assert origin is not None and origin.tracks[after.id].track_id == before
    if name in ("cocoa", "kins"):  # the person hides both cars on frame 1
        by_label = {o.label: o.id for o in project.truth.objects}
        orders = [(o.front, o.first, o.last) for o in project.truth.in_front]
        assert orders.count((by_label["person"], 1, 1)) == 2
        assert len(orders) == {"cocoa": 2, "kins": 3}[name]  # kins orders all of a group: the cars, too
    again = json.loads(export([project], "coco", tmp_path / "again.json").paths[0].read_text())
    first = json.loads(export([source], "coco", tmp_path / "first.json").paths[0].read_text())
    kept = ("image_id", "visibility", "occlude_rate", "area", "segmentation", "visible_mask", "pts_seconds")
    rows = [sorted(json.dumps([a[key] for key in kept]) for a in data["annotations"]) for data in (first, again)]
    assert rows[0] == rows[1] and len(video_of(project).tracks) == 3
    source.close()


def test_orders_that_contradict_themselves_are_told(tmp_path: Path, imported: Any) -> None:
    frames = pictures(tmp_path / "f", "a.png", "b.png", "c.png")
    regions = [{"name": name, "segmentation": [2, 2, 8, 2, 8, 8, 2, 8]} for name in ("cup", "box", "lid")]
    images = [{"id": i, "file_name": f"{name}.png", "width": 32, "height": 24} for i, name in enumerate("abc")]
    said = ["1-2,1-3", "1-2,2-1", "1-4"]
    annotations = [
        {"id": i, "image_id": i, "regions": regions, "depth_constraint": text} for i, text in enumerate(said)
    ]
    source = written(tmp_path / "c.json", {"images": images, "annotations": annotations})
    outcome = imported("cocoa", source, "--frames", frames)
    orders = {name: [(o.front, o.behind) for o in p.truth.in_front] for name, p in outcome.projects.items()}
    assert orders == {"a": [(1, 2), (1, 3)], "b": [], "c": []}
    assert "annotation 1: depth_constraint has 1-2 and 2-1" in outcome.said
    assert "annotation 2: depth_constraint has 1-4, and there are the regions 1 to 3" in outcome.said


def test_the_order_of_kins_leaves_out_records_that_are_refused(tmp_path: Path, imported: Any) -> None:
    frames = pictures(tmp_path / "f", "a.png")
    square = [[2, 2, 12, 2, 12, 12, 2, 12]]
    shared = {
        "image_id": 1,
        "category_id": 1,
        "a_segm": square,
        "i_segm": square,
        "a_bbox": [2, 2, 10, 10],
        "oco_id": 1,
    }
    records = [{"track_id": 7, "ico_id": 1}, {"track_id": 7, "ico_id": 2}, {"track_id": 8, "ico_id": 3}]
    records.append({"track_id": 9, "ico_id": 4, "iscrowd": 1})
    source = written(
        tmp_path / "k.json",
        {
            "images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 24}],
            "categories": [{"id": 1, "name": "car"}],
            "annotations": [{"id": i, **shared, **record} for i, record in enumerate(records)],
        },
    )
    outcome = imported("kins", source, "--frames", frames)
    (project,) = outcome.projects.values()
    assert [(o.front, o.behind) for o in project.truth.in_front] == [(1, 2)]
    assert "has a mask on image 1 already" in outcome.said and "iscrowd" in outcome.said


# --- other tools' files ---------------------------------------------------------------------------------------------


def test_plain_coco_and_its_wrong_records(tmp_path: Path, imported: Any) -> None:
    frames = pictures(tmp_path / "f", "a.jpg", "b.jpg")
    size = {"width": 32, "height": 24}
    square = [2, 2, 8, 2, 8, 8, 2, 8]
    records: list[dict[str, Any]] = [
        {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [square]},
        {"id": 2, "image_id": 1, "category_id": 3, "segmentation": {"size": [24, 32], "counts": [48, 24, 696]}},
        {"id": 3, "image_id": 2, "category_id": 3, "segmentation": to_rle(box(0, 0, 5, 5)[:20])},
        {"id": 4, "image_id": 2, "category_id": 9, "segmentation": [square]},
        {"id": 5, "image_id": 2, "category_id": 3, "segmentation": [square], "iscrowd": 1},
        {"id": 6, "image_id": 2, "category_id": 3, "segmentation": [[1, 2, 3]]},
    ]
    data = {
        "images": [{"id": 1, "file_name": "a.jpg", **size}, {"id": 2, "file_name": "b.jpg", **size}],
        "categories": [{"id": 3, "name": "cup"}],
        "annotations": records,
    }
    outcome = imported("coco", written(tmp_path / "c.json", data), "--frames", frames)
    assert list(outcome.projects) == ["a"] and outcome.status == 0
    project = outcome.projects["a"]
    assert same(masks_of(project, 1), {0: box(2, 2, 8, 8)}) and same(masks_of(project, 2), {0: box(2, 0, 3, 24)})
    for wrong in ("annotation 3: the mask's size is [20, 32]", "annotation 4: category_id 9 is not in categories"):
        assert wrong in outcome.said
    assert "annotation 5: iscrowd is 1" in outcome.said and "annotation 6: a polygon must be" in outcome.said
    moved = imported("coco", tmp_path / "c.json", "--frames", tmp_path / "elsewhere")
    assert moved.status == 1 and "a.jpg is not below" in moved.said
    assert imported("cocoa", written(tmp_path / "no.json", {}), "--frames", frames).status == 1


def test_where_no_modal_mask_is_given_the_whole_object_is_seen(tmp_path: Path, imported: Any) -> None:
    whole, seen = to_rle(box(2, 2, 10, 10)), to_rle(box(2, 2, 6, 10))
    data = {
        "images": [{"id": 7, "file_name": "a.png", "width": 32, "height": 24}],
        "categories": [{"id": 1, "name": "box"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "segmentation": whole, "visible_mask": seen},
            {"id": 2, "image_id": 7, "category_id": 1, "segmentation": whole, "occlude_rate": 0},
            {"id": 3, "image_id": 7, "category_id": 1, "segmentation": whole, "occlude_rate": 0.4},
        ],
    }
    frames = pictures(tmp_path / "f", "a.png")
    outcome = imported("coco", written(tmp_path / "d2sa.json", data), "--frames", frames, "--with-amodal")
    project = outcome.projects["a"]
    assert "annotation 3: occlude_rate is 0.4" in outcome.said and len(project.truth.objects) == 2
    assert same(masks_of(project, 1), {0: box(2, 2, 6, 10)}) and same(masks_of(project, 2), {0: box(2, 2, 10, 10)})
    assert all(same(masks_of(project, i, "amodal"), {0: box(2, 2, 10, 10)}) for i in (1, 2))


def test_youtube_vis_states_where_an_object_is_not_seen(tmp_path: Path, imported: Any) -> None:
    frames = pictures(tmp_path / "f" / "v1", "00.jpg", "05.jpg")
    video = {"id": 4, "width": 32, "height": 24, "length": 2, "file_names": ["v1/00.jpg", "v1/05.jpg"]}
    track = {"id": 11, "video_id": 4, "category_id": 2, "iscrowd": 0}
    data = {
        "videos": [video],
        "categories": [{"id": 2, "name": "ape"}],
        "annotations": [
            {**track, "segmentations": [None, {"size": [24, 32], "counts": [48, 24, 696]}]},
            {**track, "id": 12, "segmentations": [None]},
        ],
    }
    outcome = imported("youtube-vis", written(tmp_path / "y.json", data), "--frames", frames.parent)
    assert "annotation 12: segmentations has 1 entries, its video 2 frames" in outcome.said
    assert same(masks_of(outcome.projects["v1"], 1), {0: box(0, 0, 0, 0), 1: box(2, 0, 3, 24)})


def test_burst_keeps_the_pictures_between_the_annotated_ones(tmp_path: Path, imported: Any) -> None:
    names = [f"{i:02d}.jpg" for i in range(9)]
    frames = pictures(tmp_path / "f" / "LaSOT" / "bear", *names)
    rle = to_rle(box(2, 2, 8, 8))["counts"]
    sequence = {
        "id": 5,
        "dataset": "LaSOT",
        "seq_name": "bear",
        "width": 32,
        "height": 24,
        "fps": 4,
        "all_image_paths": names,
        "annotated_image_paths": [names[0], names[4], names[8]],
        "track_category_ids": {"1": 6, "2": 7},
        "segmentations": [{"1": {"rle": rle}}, {}, {"1": {"rle": rle}}],
    }
    data = {"sequences": [sequence], "categories": [{"id": 6, "name": "bear"}], "split": "val"}
    arguments = ("burst", written(tmp_path / "b.json", data), "--frames", frames.parent.parent, "--fps", 2)
    outcome = imported(*arguments)
    assert "sequence 5 (bear), track 2: category 7 is not in categories" in outcome.said
    project = outcome.projects["LaSOT_bear"]
    assert [r.source_index for r in project.ledger] == [0, 2, 4, 6, 8] and project.ledger[2].pts_seconds == 1
    seen = box(2, 2, 8, 8)
    assert same(masks_of(project, 1), {0: seen, 2: box(0, 0, 0, 0), 4: seen}) and project.clip.fps == 2


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><meta><task><id>3</id><name>street</name><size>2</size></task></meta>
<track id="0" label="car"><polygon frame="4" keyframe="1" outside="0" points="2.0,2.0;8.0,2.0;8.0,8.0;2.0,8.0"/>
<polygon frame="6" keyframe="1" outside="1" points="2,2;8,2;8,8"/></track>
<track id="1" label="bus"><box frame="4" outside="0" xtl="-1" ytl="3" xbr="9.5" ybr="9"/>
<box frame="6" outside="1" xtl="1" ytl="3" xbr="9" ybr="9"/><points frame="6" points="1,1"/></track>
<track id="2" label="cat"><mask frame="6" outside="0" rle="1, 3" left="5" top="6" width="2" height="2"/>
<mask frame="5" outside="0" rle="4" left="5" top="6" width="2" height="2"/></track></annotations>"""


def test_cvat_tracks(tmp_path: Path, imported: Any) -> None:
    frames = pictures(tmp_path / "images", "frame_000004.PNG", "frame_000006.PNG")
    outcome = imported("cvat", written(tmp_path / "annotations.xml", CVAT), "--frames", frames)
    project = outcome.projects["street"]
    assert [o.label for o in project.truth.objects] == ["car", "bus", "cat"]
    assert same(masks_of(project, 1), {0: box(2, 2, 8, 8), 1: box(0, 0, 0, 0)})
    assert [(b.frame_index, b.x0, b.x1) for b in project.truth.object(2).boxes] == [(0, 0, 9.5)]
    assert same(masks_of(project, 3), {1: box(5, 6, 7, 8) & ~box(5, 6, 6, 7)})
    assert "track 1 (bus), frame 6, points: only polygons" in outcome.said
    assert "track 2 (cat), frame 5, mask: there is no picture of this frame" in outcome.said
    entity = written(tmp_path / "bad.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>')
    assert "DOCTYPE" in imported("cvat", entity, "--frames", frames).said
    odd = CVAT.replace('left="5"', 'left="5.5"', 1).replace('xtl="-1"', 'xtl="nan"')
    said = imported("cvat", written(tmp_path / "odd.xml", odd), "--frames", frames).said
    assert "its box [5.5, 6.0, 2.0, 2.0] is not of whole pixels" in said and "xtl is 'nan', which is no number" in said
    encoded = written(tmp_path / "encoded.xml", CVAT.replace("utf-8", "nonsense"))
    assert "is no XML (unknown encoding" in imported("cvat", encoded, "--frames", frames).said
    others = pictures(tmp_path / "others", "a.png", "b.png", "c.png")
    assert "is of 2 frames" in imported("cvat", tmp_path / "annotations.xml", "--frames", others).said


def test_cvat_tracks_of_a_video(tmp_path: Path, imported: Any) -> None:
    video = make_video(tmp_path / "street.mp4", [np.full((24, 32, 3), 9 * i, np.uint8) for i in range(16)], rate=16)
    text = CVAT.replace(
        "<size>2</size>", "<size>16</size><original_size><width>32</width><height>24</height></original_size>"
    )
    source = written(tmp_path / "annotations.xml", text)
    outcome = imported("cvat", source, "--frames", video)
    project = outcome.projects["street"]
    assert [r.source_index for r in project.ledger] == list(range(0, 16, 2)) and project.source.kind == "video"
    assert same(masks_of(project, 1), {2: box(2, 2, 8, 8), 3: box(0, 0, 0, 0)})
    assert [b.frame_index for b in project.truth.object(2).boxes] == [2] and same(
        masks_of(project, 3), {3: box(5, 6, 7, 8) & ~box(5, 6, 6, 7)}
    )
    assert "1 shape is on frames that the clip has not at 8 frames a second" in outcome.said
    project.close()
    wide = written(tmp_path / "wide.xml", text.replace("<width>32", "<width>64").replace("street", "wide"))
    outcome = imported("cvat", wide, "--frames", video)
    assert outcome.status == 1 and "is of a video of (64, 24)" in outcome.said and not outcome.projects
    assert "states no original_size" in imported("cvat", written(tmp_path / "no.xml", CVAT), "--frames", video).said


def test_labelme_shapes(tmp_path: Path, imported: Any) -> None:
    folder = pictures(tmp_path / "desk", "1.png", "2.png")
    polygon = {"label": "cup", "points": [[2, 2], [8, 2], [8, 8], [2, 8]], "shape_type": "polygon"}
    drawn = io.BytesIO()
    Image.fromarray(np.full((2, 3), 255, np.uint8)).save(drawn, "PNG")
    mask = {"label": "cup", "points": [[20, 4], [22, 5]], "shape_type": "mask", "group_id": 1}
    shapes = [
        {**polygon, "group_id": 1},
        {**mask, "mask": base64.b64encode(drawn.getvalue()).decode()},
        {"label": "pen", "points": [[9, 9], [3, 4]], "shape_type": "rectangle"},
        {"label": "pen", "points": [[9, 9], [3, 4]], "shape_type": "line", "group_id": 2},
        {**polygon, "group_id": [1]},
    ]
    size = {"imageWidth": 32, "imageHeight": 24}
    written(folder / "1.json", {"shapes": shapes, "imagePath": "1.png", **size})
    written(folder / "2.json", {"shapes": [polygon, polygon], "imagePath": "2.png", **size})
    written(folder / "3.json", {"shapes": [], "imagePath": "3.png", **size})
    outcome = imported("labelme", folder)
    project = outcome.projects["desk"]
    assert [o.label for o in project.truth.objects] == ["cup 1", "pen"]
    assert same(masks_of(project, 1), {0: box(2, 2, 8, 8) | box(20, 4, 23, 6)})
    (prompt,) = project.truth.object(2).boxes
    assert (prompt.x0, prompt.y0, prompt.x1, prompt.y1) == (3, 4, 9, 9)
    assert "1.json, shape 4: its type is line" in outcome.said and "shape 5: group_id is [1]" in outcome.said
    assert "3.json has no picture" in outcome.said
    assert "2.json, shape 1: 2 shapes are 'cup' without group_id" in outcome.said


def test_davis_and_youtube_vos_folders(tmp_path: Path, imported: Any) -> None:
    root = tmp_path / "set"
    pictures(root / "JPEGImages" / "480p" / "bear", "00000.jpg", "00001.jpg", "00002.jpg")
    first, second = box(2, 2, 8, 8), box(10, 2, 20, 8)
    (root / "Annotations" / "480p" / "bear").mkdir(parents=True)
    for number, parts in {0: [first, second], 2: [first]}.items():
        numbers = sum(part.astype(np.uint8) * i for i, part in enumerate(parts, 1))
        picture = Image.fromarray(np.asarray(numbers, np.uint8), "P")
        picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        picture.save(root / "Annotations" / "480p" / "bear" / f"{number:05d}.png")
    (project,) = imported("davis", root, "--video", "bear").projects.values()
    assert [o.label for o in project.truth.objects] == ["bear 1", "bear 2"] and project.name == "480p_bear"
    assert same(masks_of(project, 1), {0: first, 2: first})
    assert same(masks_of(project, 2), {0: second, 2: box(0, 0, 0, 0)})
    objects = {"1": {"category": "bear"}, "2": {"category": "tree"}}
    written(root / "meta.json", {"videos": {"480p/bear": {"objects": objects}}})
    outcome = imported("davis", root, "--category", "tree")
    (project,) = outcome.projects.values()
    assert [o.label for o in project.truth.objects] == ["tree"] and same(
        masks_of(project, 1), {0: second, 2: box(0, 0, 0, 0)}
    )
    written(root / "meta.json", {"videos": {"480p/bear": {"objects": {"1": {"category": "bear"}}}}})
    assert "meta.json names the objects ['1']" in imported("davis", root).said
