"""SaVos's measure of KITTI, against its script read literally, with the data's own truth and with KINS's."""

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_files import written
from pycocotools import mask as coco
from test_evaluation_literal import SIZE_HW, Numbers, agree, answer_of, blob

from vas_tool.cli import main
from vas_tool.errors import FormatError
from vas_tool.evaluation import Order, evaluate
from vas_tool.evaluation.overlap import FrameMasks, savos_hidden_iou
from vas_tool.masks import to_rle
from vas_tool.types import Mask

SEEDS = pytest.mark.parametrize("seed", range(3))
VIDEO = "2011_09_26_drive_0001"


def iou(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first.astype(np.int32), second.astype(np.int32)
    return float(((first & second).sum() + 1e-6) / ((first | second).sum() + 1e-6))


def of_object(vm: np.ndarray, all_vm: np.ndarray, answer: np.ndarray, whole: np.ndarray) -> tuple[float, float]:
    """IoU and invisible IoU of one object, in whole numbers as the script has them."""
    other = all_vm - vm
    fixed = vm * (1 - other) + other * answer
    return iou(fixed, whole), iou(fixed * other, whole * other)


def literal(pictures: Sequence[Sequence[tuple[float, float]]]) -> Numbers:
    """Both IoUs of all objects, picture by picture -> the means of the script."""
    found: Numbers = {}
    for place, name in enumerate(("miou", "miou_inv")):
        kept = [[pair[place] for pair in objects if pair[place] != 1] for objects in pictures]
        every = [value for values in kept for value in values]
        found[name] = float(np.mean([np.mean(values) for values in kept if values])) if every else math.nan
        found[f"{name}_objects"] = float(np.mean(every)) if every else math.nan
    return found


class Made:
    """A small data set in memory: three objects, of which none is there on every picture."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.vm: dict[tuple[int, int], Mask] = {}
        self.fm: dict[tuple[int, int], Mask] = {}
        self.answer: dict[tuple[int, int], Mask] = {}
        for t in range(9):
            nearer = np.zeros(SIZE_HW, bool)
            for obj in (4, 7, 12):
                whole = blob(random)
                seen = whole & ~nearer
                nearer |= whole
                if seen.any() and (t + obj) % 5:
                    self.vm[obj, t], self.fm[obj, t] = seen, whole
                    self.answer[obj, t] = answer_of(random, whole, seen)

    def written(self, folder: Path) -> None:
        (folder / "car_data").mkdir(parents=True)
        for name, key, masks in (
            ("car_data/test_data", "VM", self.vm),
            ("car_data/test_data_full_mask", "FM", self.fm),
            ("out", "FM", self.answer),
        ):
            data: dict[int, dict[int, Any]] = {}
            for (obj, t), mask in masks.items():
                data.setdefault(obj, {})[t] = {key: coco.encode(np.asfortranarray(mask.astype(np.uint8)))}
            (folder / f"{name}.pkl").write_bytes(pickle.dumps({VIDEO: data}))

    def here(self, t: int) -> dict[int, np.ndarray]:
        return {obj: mask.astype(int) for (obj, time), mask in self.vm.items() if time == t}


@SEEDS
def test_with_the_full_masks_of_the_data(tmp_path: Path, seed: int) -> None:
    made = Made(seed)
    made.written(tmp_path)
    pictures = []
    for t in range(9):
        here = made.here(t)
        pictures.append(
            [
                of_object(vm, sum(here.values(), start=np.zeros(SIZE_HW, int)), made.answer[i, t], made.fm[i, t])
                for i, vm in here.items()
            ]
        )
    evaluation = evaluate("kitti-savos", Order(tmp_path, (tmp_path / "out.pkl",))).evaluation
    assert not evaluation.problems and evaluation.num_frames == len(made.vm)
    agree(evaluation.tables["reference"]["out"], literal(pictures))
    plain = np.mean([np.mean([(made.answer[k] & made.fm[k]).sum() / (made.answer[k] | made.fm[k]).sum()
                              for k in made.vm if k[0] == obj]) for obj in (4, 7, 12)])  # fmt: skip
    assert evaluation.tables["strict"]["out"]["miou"].mean == pytest.approx(plain), "strictly nothing is corrected"


def triangle(random: np.random.Generator) -> list[float]:
    return [float(n) for n in random.uniform((0, 0) * 3, (SIZE_HW[1], SIZE_HW[0]) * 3)]


@SEEDS
def test_with_the_annotations_of_kins(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    made, random = Made(seed), np.random.default_rng(seed)
    made.written(tmp_path)
    raw, kins = tmp_path / "Kitti/raw_video/2011_09_26" / VIDEO, tmp_path / "Kins"
    (kins / "training/image_2").mkdir(parents=True)
    raw.mkdir(parents=True)
    images, annotations, pictures = [], list[dict[str, Any]](), []
    for t in range(9):
        (raw / f"{t:010d}.png").write_bytes(bytes([t]) * (5 + t % 2))
        if t == 4:
            continue  # KINS lacks this picture
        (kins / f"training/image_2/{90 - t:06d}.png").write_bytes(bytes([t]) * (5 + t % 2))
        images.append({"id": 500 + t, "file_name": f"{90 - t:06d}.png"})
        here = made.here(t)
        everything = sum(here.values(), start=np.zeros(SIZE_HW, int))
        objects = []
        for obj in range(4):
            # Near the visible mask of an object, or of something that no object is.
            known = list(here)[obj : obj + 1]
            own = np.roll(here[known[0]] > 0, 1, 1) if known else blob(random)
            polygons = [triangle(random) for _ in range(1 + obj % 2)]
            annotations.append({"id": len(annotations), "image_id": 500 + t, "inmodal_seg": to_rle(own)})
            annotations[-1]["segmentation"] = polygons
            candidates = sorted(([iou(vm, own), i] for i, vm in here.items()), key=lambda pair: pair[0])
            if candidates[-1][0] < 0.5:
                continue
            found = int(candidates[-1][1])
            whole = coco.decode(coco.frPyObjects(polygons, *SIZE_HW))[:, :, 0].astype(int)
            objects.append(of_object(here[found], everything, made.answer[found, t].astype(int), whole))
        pictures.append(objects)
    written(kins / "instances_train.json", {"images": images, "annotations": annotations})
    evaluation = evaluate("kitti-savos", Order(tmp_path, (tmp_path / "out.pkl",), kins=kins)).evaluation
    assert not evaluation.problems
    assert evaluation.num_frames == sum(map(len, pictures)) > 8
    agree(evaluation.tables["reference"]["out"], literal(pictures))
    arguments = ["evaluate", "kitti-savos", "--truth", str(tmp_path), "--predictions", str(tmp_path / "out.pkl")]
    assert main([*arguments, "--kins", str(kins)]) == 0
    assert "miou_inv_objects" in capsys.readouterr().out


def test_folders_that_share_no_picture_are_told(tmp_path: Path) -> None:
    Made(0).written(tmp_path)
    (tmp_path / "Kins").mkdir()
    written(tmp_path / "Kins/instances_train.json", {"images": [], "annotations": []})
    with pytest.raises(FormatError, match="raw_video"):
        evaluate("kitti-savos", Order(tmp_path, kins=tmp_path / "Kins"))
    written(tmp_path / "Kins/instances_train.json", {"images": [{}], "annotations": []})
    with pytest.raises(FormatError, match="KINS's own folder"):
        evaluate("kitti-savos", Order(tmp_path, kins=tmp_path / "Kins"))


def test_only_what_lies_behind_others_counts() -> None:
    whole, seen, others = np.zeros((3, 4, 6), bool)
    whole[:, :4], seen[:, :2], others[:, 2:3] = True, True, True
    right = FrameMasks(whole, seen, seen | (whole & others), others=others)
    assert savos_hidden_iou(right) == 1
    assert savos_hidden_iou(FrameMasks(whole, seen, seen, others=others)) == pytest.approx(0, abs=1e-6)
    assert savos_hidden_iou(FrameMasks(whole, seen, seen)) == 1, "nobody else is seen"
