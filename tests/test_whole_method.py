"""The whole road on the made data set: a TAO-Amodal file in, its answers and a trainer's COCO file out, to the pixel.

The masks are the data set's truth, put where engines would have put theirs: what is tested is that nothing on the way
moves a box or a mask.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tao_made import ROOT, Track, tracks

from vas_tool.boxes.keyframes import box_iou
from vas_tool.exports import EXPORTS, default_out, export
from vas_tool.formats.coco_reading import read_coco
from vas_tool.formats.origin import read_origin
from vas_tool.formats.tao_predictions import read_predictions
from vas_tool.formats.tao_reading import read_tao_amodal
from vas_tool.formats.verify import verify
from vas_tool.imports.tao_amodal import import_tao_amodal
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.types import Mask

ANNOTATIONS = ROOT / "amodal_annotations" / "validation.json"


@pytest.fixture(scope="module")
def truth() -> dict[str, Track]:
    """Track id -> its exact masks."""
    return {track.name.split()[1]: track for track in tracks()}


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory, truth: dict[str, Track]) -> Iterator[list[Project]]:
    """Every clip, imported, with the true masks; all accepted."""
    done = import_tao_amodal(ANNOTATIONS, tmp_path_factory.mktemp("road"), frames=ROOT / "frames")
    assert done.problems == () and len(done.projects) == 4
    opened = [Project.open(path) for path in done.projects]
    for project in opened:
        origin = read_origin(project.folder)
        assert origin is not None
        for object_id, record in origin.tracks.items():
            _put(project, object_id, truth[str(record.track_id)])
    yield opened
    for project in opened:
        project.close()


def _put(project: Project, object_id: int, track: Track) -> None:
    layers = project.layers(object_id)
    for i in range(len(project.clip)):
        layers.modal.put(i, track.modal[i], Stamp("true"))
        layers.amodal.put(i, on_canvas(track, i, project), Stamp("true"))
        project_truth = project.truth.with_object(project.truth.object(object_id).accepting(i, True))
        project.edit("accept", project_truth)


def on_canvas(track: Track, frame_index: int, project: Project) -> Mask:
    """The true amodal mask, cut to the project's canvas: that may be smaller than the data set's."""
    whole, canvas = track.amodal[frame_index], project.canvas
    top, left = track.canvas.pad_top - canvas.pad_top, track.canvas.pad_left - canvas.pad_left
    width, height = canvas.size_wh
    return whole[top : top + height, left : left + width]


def test_the_answers_are_the_annotated_boxes(projects: list[Project], tmp_path: Path) -> None:
    export(projects, "tao-amodal", tmp_path / "prediction.json")
    found = {(p.image_id, p.track_id): p for p in read_predictions(tmp_path / "prediction.json")}
    file = read_tao_amodal(ANNOTATIONS)
    asked = {(box.image_id, track.id): (track, box) for track in file.tracks for box in track.boxes}
    assert asked.keys() == found.keys() and len(asked) == 24
    for key, (track, box) in asked.items():
        assert found[key].category_id == track.category_id and found[key].video_id == track.video_id
        x, y, w, h = box.amodal_xywh
        px, py, pw, ph = found[key].box_xywh
        assert box_iou((x, y, x + w, y + h), (px, py, px + pw, py + ph)) > 0.95, key
    assert any(min(p.box_xywh[:2]) < 0 for p in found.values())  # beyond the picture


def test_a_trainer_reads_the_very_masks(projects: list[Project], truth: dict[str, Track], tmp_path: Path) -> None:
    export(projects, "coco", tmp_path / "coco.json", only_accepted=True)
    names = {p.name: p for p in projects}
    file = read_coco(tmp_path / "coco.json")
    assert len(file.annotations) > 100
    for annotation in file.annotations:
        project = names[file.video_names[annotation.video_id]]
        origin = read_origin(project.folder)
        assert origin is not None and annotation.review == "accepted"
        track = truth[str(origin.tracks[annotation.object_id].track_id)]
        assert np.array_equal(annotation.modal, track.modal[annotation.frame_index])
        assert np.array_equal(annotation.amodal, track.canvas.to_frame(track.amodal[annotation.frame_index]))


PICTURES = ("openraster", "psd", "exr", "prores", "webm", "sv4d", "scene")
"""Formats that hold every frame's pictures: two clips have all kinds of objects, one of them leaves the picture."""


@pytest.mark.parametrize("name", [name for name in EXPORTS if name != "layers"])  # videos of four clips take long
def test_every_format_is_sound(projects: list[Project], tmp_path: Path, name: str) -> None:
    written = [p for p in projects if p.name.endswith(("car_leaves", "kick"))] if name in PICTURES else projects
    assert len(written) == (2 if name in PICTURES else 4)
    done = export(written, name, default_out(name, tmp_path))
    report = verify(done.paths[0])
    assert report.problems == () and report.num_annotations >= 24
    if name == "diffusion-vas":
        samples = json.loads(done.paths[0].read_text())
        assert {len(sample["image_file_names"]) for sample in samples} == {25}
