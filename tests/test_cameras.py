"""A clip's intrinsics: what a person can say, where they are kept, how crops see them, and what they make stale."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import write_images

from vas_tool.boxes.cropping import CroppedClip, CropPlan
from vas_tool.boxes.crops import Crop
from vas_tool.errors import FormatError, InputError
from vas_tool.formats.intrinsics import camera_of, give_camera
from vas_tool.imports.new_project import create_project
from vas_tool.planning.setup import setups
from vas_tool.project.truth import Truth, truth_from_json, truth_json
from vas_tool.types import AmodalBox, ArrayClip, Canvas, Intrinsics, intrinsics_on
from vas_tool.video import FolderClip

SIZE = (640, 480)
KUBRIC = {"camera": {"K": [[35 / 32, 0, -0.5], [0, -1.5, -0.5], [0, 0, -1]]}}
CALIBRATION = "P0: 1\nP1: 1\nP2: 721.5 0 609.6 44.9 0 722.5 172.9 0.2 0 0 1 0.003\nR0_rect: 1\n"
PLAIN = {"fx": 700, "fy": 710, "cx": 320, "cy": 240}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("metadata.json", json.dumps(KUBRIC), Intrinsics(700, 720, 320, 240)),
        ("000001.txt", CALIBRATION, Intrinsics(721.5, 722.5, 609.6, 172.9)),
        ("calib_cam_to_cam.txt", CALIBRATION.replace("P2:", "P_rect_02:"), Intrinsics(721.5, 722.5, 609.6, 172.9)),
        ("camera.json", json.dumps(PLAIN), Intrinsics(700, 710, 320, 240)),
        ("half.json", json.dumps({**PLAIN, "width": 1280, "height": 960}), Intrinsics(350, 355, 160, 120)),
    ],
)
def test_files_that_say_intrinsics(tmp_path: Path, name: str, text: str, expected: Intrinsics) -> None:
    (tmp_path / name).write_text(text)
    assert camera_of(str(tmp_path / name))(SIZE) == expected


@pytest.mark.parametrize(
    "text", ['{"fx": 1}', "[]", '{"camera": {"K": [[1]]}}', '{"fx": -1, "fy": 1, "cx": 0, "cy": 0}']
)
def test_a_file_without_them_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "camera.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"camera\.json"):
        camera_of(str(path))


def test_numbers_can_be_said_and_nonsense_is_refused() -> None:
    assert camera_of("700,710,320,240")(SIZE) == Intrinsics(700, 710, 320, 240)
    for text in ("700,710,320", "a,b,c,d", "0,1,2,3", "missing.json"):
        with pytest.raises(InputError, match="--intrinsics"):
            camera_of(text)


def test_a_crop_shifts_and_scales_them() -> None:
    crops = {0: Crop(10, 20, 42, 36, (64, 64)), 1: Crop(-4, 0, 28, 16, (64, 64))}
    clip = ArrayClip(np.zeros((2, 48, 64, 3), np.uint8), intrinsics=Intrinsics(70, 80, 32, 24))
    plan = CropPlan({i: AmodalBox(i, *crop.corners) for i, crop in crops.items()}, crops, (64, 64))
    cropped = CroppedClip(clip, plan)
    assert intrinsics_on(cropped, 0) == Intrinsics(140, 320, 44, 16)
    assert intrinsics_on(cropped, 1) == Intrinsics(140, 320, 72, 96)
    assert intrinsics_on(CroppedClip(replace(clip, intrinsics=None), plan), 0) is None


def test_a_project_keeps_them_and_older_ones_open() -> None:
    truth = Truth(Canvas(SIZE), intrinsics=Intrinsics(700, 710, 320, 240))
    data = json.loads(json.dumps(truth_json(truth)))
    assert truth_from_json(data, SIZE) == truth
    del data["intrinsics"]
    assert truth_from_json(data, SIZE).intrinsics is None


def test_a_camera_reaches_the_clip_is_undone_and_counts_for_eoras_alone(tmp_path: Path) -> None:
    project = create_project(tmp_path / "project", write_images(tmp_path / "frames", 2, (64, 48)))
    camera = camera_of("700,710,80,60")

    def settings(engine: str) -> dict[str, object]:
        return dict(setups(project.truth, "amodal", 2)(engine).settings)

    before = {name: settings(name) for name in ("eoras-movi-d", "eoras-kitti", "learned", "diffusion-vas")}
    give_camera(project, camera)
    assert intrinsics_on(project.clip, 1) == Intrinsics(700, 710, 80, 60)
    changed = [name for name, kept in before.items() if settings(name) != kept]
    assert changed == ["eoras-movi-d"]  # KITTI's weights see nothing by any camera
    give_camera(project, camera)
    assert project.undo_label == "camera of the clip"
    project.undo()
    assert project.undo_label is None  # the same camera again was no edit
    assert isinstance(project.clip, FolderClip)
    assert project.clip.intrinsics is None
    project.close()
