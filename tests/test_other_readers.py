"""The COCO export as the loaders of torchvision and supervision read it: the same masks, boxes and names."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotating import annotate, pad, rectangle

from vas_tool.exports import export
from vas_tool.formats.polygons import from_polygons
from vas_tool.project import Project

SIZE = (64, 48)


@pytest.fixture
def projects(make_project: Callable[..., Project]) -> list[Project]:
    """Two videos; the cat's mask has a hole, the car reaches beyond the picture."""
    first, second = make_project(2, name="a"), make_project(1, name="b")
    canvas = pad(first, 0.5)
    ring = rectangle(SIZE, 20, 5, 45, 40) & ~rectangle(SIZE, 25, 10, 30, 20)
    whole = rectangle(canvas.size_wh, 10, 34, 70, 54)
    annotate(first, "car", modal={0: rectangle(SIZE, 0, 10, 20, 30)}, amodal={0: whole})
    annotate(first, "cat", modal={0: ring, 1: ring})
    annotate(second, "car", modal={0: rectangle(SIZE, 3, 3, 9, 9)})
    return [first, second]


def truth(projects: list[Project]) -> dict[tuple[str, str], Any]:
    """(file name, label) -> the amodal mask, cut to the picture."""
    first, second = projects
    names = [f"a/frames/0000{i}.png" for i in range(2)]
    cat = first.modal(2)
    return {
        (names[0], "car"): first.canvas.to_frame(first.amodal(1)[0]),
        (names[0], "cat"): cat[0],
        (names[1], "cat"): cat[1],
        ("b/frames/00000.png", "car"): second.modal(1)[0],
    }


@pytest.mark.parametrize("name", ["coco", "kins"])
def test_torchvision(projects: list[Project], tmp_path: Path, name: str) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    path = export(projects, name, tmp_path / "out.json").paths[0]
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = datasets.CocoDetection(str(tmp_path), str(path))
    labels = {c["id"]: c["name"] for c in dataset.coco.loadCats(dataset.coco.getCatIds())}
    found = {}
    for image_id, (image, targets) in zip(dataset.ids, dataset, strict=True):
        assert image.size == SIZE
        file_name = dataset.coco.loadImgs(image_id)[0]["file_name"]
        found |= {(file_name, labels[t["category_id"]]): dataset.coco.annToMask(t).astype(bool) for t in targets}
    expected = truth(projects)
    assert found.keys() == expected.keys() and all(np.array_equal(found[key], expected[key]) for key in expected)


def test_supervision(projects: list[Project], tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision")
    path = export(projects, "coco", tmp_path / "out.json").paths[0]
    dataset = supervision.DetectionDataset.from_coco(str(tmp_path), str(path), force_masks=True)
    found = {}
    for image_path, image, detections in dataset:
        assert image.shape == (48, 64, 3)
        file_name = Path(image_path).relative_to(tmp_path).as_posix()
        for mask, xyxy, class_id in zip(detections.mask, detections.xyxy, detections.class_id, strict=True):
            found[file_name, dataset.classes[class_id]] = mask
            rows, columns = np.nonzero(mask)
            assert xyxy.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    expected = truth(projects)
    assert found.keys() == expected.keys() and all(np.array_equal(found[key], expected[key]) for key in expected)


def test_kins_as_its_loaders_read_it(projects: list[Project], tmp_path: Path) -> None:
    """As readers of KINS do: frPyObjects of ``segmentation`` is the amodal mask; ``inmodal_seg`` is decoded."""
    from pycocotools import mask as coco
    from pycocotools.coco import COCO

    path = export(projects, "kins", tmp_path / "out.json").paths[0]
    with contextlib.redirect_stdout(io.StringIO()):
        file = COCO(str(path))
    (item,) = file.loadAnns(file.getAnnIds(imgIds=[1], catIds=file.getCatIds(["cat"])))
    expected = truth(projects)["a/frames/00000.png", "cat"]
    assert np.array_equal(from_polygons(item["segmentation"], SIZE), expected)
    assert np.array_equal(coco.decode(item["inmodal_seg"]).astype(bool), expected)


def test_what_lies_wholly_beyond_the_picture_stops_no_reader(projects: list[Project], tmp_path: Path) -> None:
    datasets, supervision = pytest.importorskip("torchvision.datasets"), pytest.importorskip("supervision")
    first = projects[0]
    gone = rectangle(first.canvas.size_wh, 0, 0, 10, 10)
    annotate(first, "dog", amodal={0: gone, 1: gone})
    path = export(projects, "coco", tmp_path / "out.json").paths[0]
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = datasets.CocoDetection(str(tmp_path), str(path))
    beyond = [t for _, targets in dataset for t in targets if t["area"] == 0]
    assert len(beyond) == 2 and all(t["amodal_bbox"][0] < 0 and t["out_of_frame"] for t in beyond)
    assert not any(dataset.coco.annToMask(t).any() for t in beyond)
    found = supervision.DetectionDataset.from_coco(str(tmp_path), str(path), force_masks=True)
    assert sum(len(detections) for _, _, detections in found) == 6
