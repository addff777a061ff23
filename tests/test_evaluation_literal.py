"""The formulas of the published scripts, literally, on whole arrays, against ours, on files of random masks.

Slow, plain, and independent of the code under test: only the reading of pixels is shared, by pycocotools and Pillow.
"""

import itertools
import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from evaluation_files import sail_results, sail_sample, written
from PIL import Image
from pycocotools import mask as coco

from vas_tool.evaluation import Order, evaluate
from vas_tool.evaluation.tables import Cell
from vas_tool.masks import box_xywh, to_rle
from vas_tool.types import Mask

SIZE_HW = (48, 64)
SEEDS = pytest.mark.parametrize("seed", range(3))

Numbers = dict[str, float]


def blob(random: np.random.Generator) -> Mask:
    """A few ellipses near one another."""
    picture = np.zeros(SIZE_HW, np.uint8)
    x, y = random.integers(8, 56), random.integers(8, 40)
    for _ in range(3):
        centre = int(x + random.normal(0, 5)), int(y + random.normal(0, 4))
        axes = int(random.uniform(3, 12)), int(random.uniform(3, 10))
        cv2.ellipse(picture, centre, axes, float(random.uniform(0, 180)), 0, 360, 1, cv2.FILLED)
    return picture > 0


def seen_of(random: np.random.Generator, whole: Mask, hides: float = 30) -> Mask:
    """Without a bar; sometimes with pixels beyond the whole, as annotations have them."""
    left = random.integers(0, SIZE_HW[1])
    columns = np.arange(SIZE_HW[1])
    seen: Mask = whole & ~((columns >= left) & (columns < left + random.uniform(0, hides)))
    return seen | blob(random) if random.random() < 0.15 else seen


def answer_of(random: np.random.Generator, whole: Mask, seen: Mask) -> Mask:
    """Right, missed altogether, or moved."""
    kind = random.random()
    if kind < 0.2:
        return whole
    return seen if kind < 0.35 else np.roll(whole, tuple(random.integers(-3, 4, 2)), (0, 1))


def means(row: dict[str, Cell]) -> Numbers:
    return {measure: cell.mean for measure, cell in row.items()}


def agree(ours: dict[str, Cell], literal: Numbers) -> None:
    assert means(ours) == pytest.approx(literal, abs=1e-12, nan_ok=True)


def average(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


# --- SAIL-VOS: Diffusion-VAS, metric_diffusion_vas_sailvos.py ---------------------------------------------------------

BORDERS = (0.0, 0.55, 0.7, 0.8, 1.0)


def sail_literal(truth: Any, answers: Sequence[Any], low: float = 0, high: float = 1) -> Numbers:
    kernel, miou, miou_occ = np.ones((5, 5), np.uint8), list[float](), list[float]()
    for sample in truth:
        whole, seen = ([coco.decode(rle) > 0 for rle in sample[key]] for key in ("segmentation", "visible_mask"))
        visible = np.mean([(a & m).sum() / ((a | m).sum() + 1e-6) for a, m in zip(whole, seen, strict=True)])
        if visible < low or visible > high:
            continue
        for a, m, image_id in zip(whole, seen, sample["image_ids"], strict=True):
            of_k = []
            for results in answers:
                p = coco.decode(results[str((image_id, sample["obj_id"]))]["diffvas_res_rle"])
                p = cv2.resize(p, SIZE_HW[::-1], interpolation=cv2.INTER_LINEAR).astype(bool) | m
                a_, p_ = (cv2.erode((x & ~m).astype(np.uint8), kernel, iterations=1) > 0 for x in (a, p))
                of_k.append([(x & y).sum() / ((x | y).sum() + 1e-6) for x, y in ((a, p), (a_, p_))])
            whole_iou, hidden_iou = np.max(of_k, axis=0)
            miou.append(whole_iou)
            miou_occ += [hidden_iou] if hidden_iou >= 1e-6 else []
    return {"miou": average(miou), "miou_occ": average(miou_occ)}


@SEEDS
def test_sail_vos(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    samples: list[Any] = []
    answers: list[dict[str, Any]] = [{}, {}, {}]
    for clip in range(6):
        whole = [blob(random) for _ in range(8)]
        seen = [seen_of(random, mask, hides=8 * clip) for mask in whole]
        samples.append(sail_sample(whole, seen, obj_id=clip, first_image=100 * clip) | {"category_id": clip % 2})
        for results in answers:
            given = [answer_of(random, a, m).astype(np.uint8) for a, m in zip(whole, seen, strict=True)]
            small = [cv2.resize(mask, (32, 16)) > 0 for mask in given]
            results |= sail_results(small, obj_id=clip, first_image=100 * clip)
    files = tuple(written(tmp_path / f"k{k}.json", results) for k, results in enumerate(answers))
    order = Order(written(tmp_path / "truth.json", samples), files, buckets=BORDERS)
    evaluation = evaluate("sail-vos", order).evaluation
    assert not evaluation.problems
    for k, row in enumerate(("k0", "top-2", "top-3"), 1):
        agree(evaluation.tables["reference"][row], sail_literal(samples, answers[:k]))
        for low, high in itertools.pairwise(BORDERS):
            agree(evaluation.curves["reference"][low, high][row], sail_literal(samples, answers[:k], low, high))
    filled = [table["k0"]["miou"].num_frames > 0 for table in evaluation.curves["reference"].values()]
    assert sum(filled) >= 2, "clips of more than one bucket"
    for category in (0, 1):
        chosen = [sample for sample in samples if sample["category_id"] == category]
        agree(evaluation.categories["reference"][str(category)]["k0"], sail_literal(chosen, answers[:1]))


# --- TAO-Amodal: Diffusion-VAS, metric_diffusion_vas_tao_amodal.py ----------------------------------------------------


def box_iou(first: Sequence[float], second: Sequence[float]) -> float:
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    inter = max(0.0, width) * max(0.0, height)
    union = first[2] * first[3] + second[2] * second[3] - inter
    return inter / union if union else 0.0


def modal_box(sample: Any, i: int) -> list[int]:
    rows, columns = np.nonzero(coco.decode({"size": [sample["height"], sample["width"]], "counts": sample["rles"][i]}))
    return [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def tao_literal(truth: Any, answers: Sequence[Any], low: float = 0, high: float = 1) -> Numbers:
    """Without ``answers``: of the modal boxes."""
    ious = []
    for sample in truth:
        modal = [modal_box(sample, i) for i in range(len(sample["rles"]))]
        visible = np.mean([box_iou(a, m) for a, m in zip(sample["amodal_bboxes"], modal, strict=True)])
        if visible < low or visible > high:
            continue
        for i, true in enumerate(sample["amodal_bboxes"]):
            name = sample["file_names"][i].split("/")[-1]
            key = str((sample["video_id"], name, str(sample["track_id"] - 5000 + 1)))
            given = [results[key]["diffvas_res_bbox"] for results in answers] or [modal[i]]
            ious.append(max(box_iou(true, box) for box in given))
    hits = {f"ap{int(100 * t)}": average([iou > t for iou in ious]) for t in (0.25, 0.5, 0.75)}
    return {"miou": average(ious)} | hits


@SEEDS
def test_tao_amodal(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    samples, answers = [], list[dict[str, Any]]([{}, {}])
    for clip in range(5):
        seen = [blob(random) for _ in range(8)]
        boxes = [np.array(box_xywh(mask)) + random.uniform(0, 4 * clip + 1, 4) * [-1, -1, 2, 2] for mask in seen]
        names = [f"val/LaSOT/clip/frame{i:04d}.jpg" for i in range(8)]
        sample = {"track_id": 5000 + clip, "category_id": 1, "video_id": 88, "file_names": names}
        sample |= {"rles": [to_rle(mask)["counts"] for mask in seen], "height": SIZE_HW[0], "width": SIZE_HW[1]}
        samples.append(sample | {"amodal_bboxes": [box.tolist() for box in boxes]})
        for results in answers:
            for i, box in enumerate(boxes):
                x, y, width, height = (int(n) for n in np.round(box + random.normal(0, 4, 4)))
                key = str((88, f"frame{i:04d}.jpg", str(clip + 1)))
                results[key] = {"diffvas_res_bbox": [x, y, max(0, width), max(0, height)]}
    samples[0]["amodal_bboxes"][0] = [0.0, 0.0, 20.0, 10.0]
    for results in answers:
        results[str((88, "frame0000.jpg", "1"))]["diffvas_res_bbox"] = [0, 0, 10, 10]  # exactly a half
    files = tuple(written(tmp_path / f"k{k}.json", results) for k, results in enumerate(answers))
    tracks, borders = written(tmp_path / "tracks.json", {"88": 5000}), (0.0, 0.3, 0.6, 1.0)
    order = Order(written(tmp_path / "truth.json", samples), files, track_map=tracks, buckets=borders)
    evaluation = evaluate("tao-amodal", order).evaluation
    assert not evaluation.problems
    table = evaluation.tables["reference"]
    agree(table["modal (convex: the same boxes)"], tao_literal(samples, []))
    agree(table["top-2"], tao_literal(samples, answers))
    for low, high in itertools.pairwise(borders):
        agree(evaluation.curves["reference"][low, high]["k0"], tao_literal(samples, answers[:1], low, high))
    filled = [curve["k0"]["miou"].num_frames > 0 for curve in evaluation.curves["reference"].values()]
    assert sum(filled) >= 2, "clips of more than one bucket"


# --- TABE-51: the evaluation of TABE (arXiv 2411.19210) ---------------------------------------------------------------

LEVELS = ("NO_OCCLUSION", "SLIGHT_OCCLUSION", "SEVERE_OCCLUSION", "NONE")
SPELT: dict[str, list[Any]] = {
    "NO_OCCLUSION": ["NO_OCCLUSION", 2, "2", "no", "None of it"],
    "SLIGHT_OCCLUSION": ["slight", 1, "1"],
    "SEVERE_OCCLUSION": ["Severe_Occlusion", 0, "0"],
    "NONE": ["NONE", None, 3, "3", "None"],
}


def save(path: Path, mask: Mask, value: int, edge: int | None = None) -> np.ndarray:
    """The mask in one value, its outline in another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    pixels = np.where(inside, value, np.where(mask, value if edge is None else edge, 0)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def tabe_iou(first: np.ndarray, second: np.ndarray) -> float:
    union = np.logical_or(first, second).sum()
    return float(np.logical_and(first, second).sum() / union) if union else 0.0


def tabe_literal(frames: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, str]]) -> list[float]:
    """mIOU, mIOUffo, mIOUfo, mIOUocc of one video and generation; (truth, visible, answer, level) a frame."""
    ious = [tabe_iou(gt, pred) for gt, _, pred, _ in frames]
    arrays = [np.stack(masks) for masks in list(zip(*frames, strict=True))[:3]]
    gts, viss, preds = (array // 255 if array.max() > 1 else array for array in arrays)
    hidden = [(gt - vis, pred - vis) for gt, vis, pred in zip(gts, viss, preds, strict=True)]
    occluded = [tabe_iou(gt != 0, pred != 0) for gt, pred in hidden if np.count_nonzero(gt)]
    gone = [iou for iou, (_, vis, _, _) in zip(ious, frames, strict=True) if not vis.any()]
    leveled = [iou for iou, (*_, level) in zip(ious, frames, strict=True) if level != "NO_OCCLUSION"]
    return [average(values) for values in (ious, gone, leveled, occluded)]


@SEEDS
def test_tabe_51(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    per_generation: list[list[list[float]]] = [[], [], []]
    for number, (video, length) in enumerate((("ball_roll", 12), ("goose_1", 6), ("goose_1-1", 3))):
        root, frames = tmp_path / "data" / video, [list[Any](), list[Any](), list[Any]()]
        for i in range(length):
            whole = blob(random)
            shown = seen_of(random, whole) if video != "goose_1-1" else whole  # nothing is hidden there
            if random.random() < 0.3 and video == "ball_roll":
                shown = whole & False
            level = str(random.choice(LEVELS)) if video != "goose_1-1" else LEVELS[0]
            ones = number == 1  # of one video, no mask exceeds 1
            values = [1] if ones else [1, 255, 255]
            gt = save(root / f"gt_masks/{i:05d}.png", whole, int(random.choice(values)), None if ones else 254)
            vis = save(root / f"visible_masks/{i:05d}.png", shown, int(random.choice(values)))
            (root / "frames").mkdir(exist_ok=True)
            Image.new("RGB", SIZE_HW[::-1]).save(root / f"frames/{i:05d}.jpg")
            for generation in range(3):
                value = 1 if ones and generation else int(random.choice([1, 255, 255, 200]))  # 200 // 255 is nothing
                path = tmp_path / f"vis/{video}/final_outputs/{generation}/masks/{i}.png"
                pred = save(path, answer_of(random, whole, shown), value, None if value == 1 else 100)
                frames[generation].append((gt, vis, pred, level))
        spelt = [SPELT[level][random.integers(len(SPELT[level]))] for *_, level in frames[0]]
        amounts: list[dict[str, Any]] = [{}, {"amount": None}, {"amount": 0.1}]
        levels = [{"level": level, **amounts[random.integers(3)]} for level in spelt]
        written(root / "annos.json", {"occlusion": levels})
        for generation in range(3):
            per_generation[generation].append(tabe_literal(frames[generation]))
    evaluation = evaluate("tabe-51", Order(tmp_path / "data", (tmp_path / "vis",))).evaluation
    assert not evaluation.problems
    table, names = evaluation.tables["reference"], ("miou", "miou_ffo", "miou_fo", "miou_occ")
    rows = np.array([np.nanmean(videos, axis=0) for videos in per_generation])
    for generation in range(3):
        agree(table[f"generation {generation}"], dict(zip(names, rows[generation], strict=True)))
    deviation = rows.std(axis=0, ddof=1)
    for row, values in (("mean of 3", rows.mean(axis=0)), ("std (ddof 1)", deviation), ("SEM", deviation / 3**0.5)):
        agree(table[row], dict(zip(names, values, strict=True)))


# --- MOVi and KITTI: the test scripts of EoRaS ------------------------------------------------------------------------


def eoras_iou(first: np.ndarray, second: np.ndarray) -> np.float32:
    inter, union = (np.float32(f(first > 0.5, second > 0.5).sum()) for f in (np.logical_and, np.logical_or))
    return np.float32(inter / (union + np.float32(1e-6)))


def eoras_literal(frames: Sequence[tuple[Mask, Mask, Mask]]) -> Numbers:
    full, occluded = list[float](), list[float]()
    for masks in frames:
        whole, seen, answer = (mask.astype(np.float32) for mask in masks)
        full.append(float(eoras_iou(answer, whole)))
        hidden = eoras_iou(answer - seen, whole - seen)
        occluded += [float(hidden)] if hidden != 1 else []
    return {"miou_full": average(full), "miou_occ": average(occluded)}


@SEEDS
def test_movi(tmp_path: Path, seed: int) -> None:
    random, split = np.random.default_rng(seed), tmp_path / "data/test"
    split.mkdir(parents=True)
    np.save(split / "instance_list.npy", np.array(["7-0", "7-1"]))
    frames, seen_on = [], list[list[int]]([[], []])
    for t in range(8):
        wholes, picture = [blob(random), blob(random)], np.zeros(SIZE_HW, np.uint8)
        for obj, whole in enumerate(wholes):  # the second stands before the first
            picture[whole] = obj + 1
        save_picture(split / f"7/segmentation_full_{t:05d}.png", picture)
        for obj, whole in enumerate(wholes):
            save(split / f"7/segmentation_{obj}_{t:05d}.png", whole, obj + 1)
            seen = picture == obj + 1
            if seen.any():
                answer = answer_of(random, whole, seen)
                save(tmp_path / f"out/7/segmentation_{obj}_{t:05d}.png", answer, obj + 1)
                frames.append((whole, seen, answer))
                seen_on[obj].append(t)
    written(split / "7/metadata.json", {"instances": [{"bbox_frames": times} for times in seen_on]})
    evaluation = evaluate("movi", Order(tmp_path / "data", (tmp_path / "out",))).evaluation
    assert not evaluation.problems
    agree(evaluation.tables["reference"]["out"], eoras_literal(frames))


def save_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def crop_of(box: Sequence[int]) -> tuple[slice, slice]:
    """EoRaS's crop, twice the modal box, of [row_min, row_max, col_min, col_max] (data/dataloader_MOViD.py)."""
    sides = []
    for first, last, size in zip(box[::2], box[1::2], SIZE_HW, strict=True):
        centre, length = (first + last) // 2, int((last - first) * 2.0)
        sides.append(slice(max(0, centre - length // 2), min(size, centre + length // 2) + 1))
    return sides[0], sides[1]


@SEEDS
def test_kitti(tmp_path: Path, seed: int) -> None:
    random, frames = np.random.default_rng(seed), []
    files: dict[str, dict[str, Any]] = {"test_data": {}, "test_data_full_mask": {}, "out": {}}
    for obj, length in ((3, 8), (11, 9), (12, 3), (13, 1), (14, 5)):
        padded = []
        for t in range(length):
            whole = blob(random) if t != 4 else np.zeros(SIZE_HW, dtype=bool)  # nobody annotated that one
            # Of others the annotation is of something elsewhere, or what is seen is far from it.
            seen = seen_of(random, whole) if t not in (0, 4) else blob(random)
            seen = seen if seen.any() else blob(random)
            answer = answer_of(random, whole, seen)
            rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
            box = [int(n) for n in (rows[0], rows[-1], columns[0], columns[-1])]
            for name, key, mask in (
                ("test_data", "VM", seen),
                ("test_data_full_mask", "FM", whole),
                ("out", "FM", answer),
            ):
                record: dict[str, Any] = {key: coco.encode(np.asfortranarray(mask.astype(np.uint8)))}
                if key == "VM" and obj != 11:
                    record["VM_bbox"] = [box, np.array(box)][obj % 2]
                files[name].setdefault("0001", {}).setdefault(obj, {})[t] = record
            padded.append((whole, seen, answer, bool(whole[crop_of(box)].any())))
        padded += [padded[-1]] * (8 - length)
        frames += [(whole, seen, answer) for whole, seen, answer, available in padded if available]
    (tmp_path / "car_data").mkdir()
    for name, data in files.items():
        folder = tmp_path if name == "out" else tmp_path / "car_data"
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(data))
    evaluation = evaluate("kitti", Order(tmp_path, (tmp_path / "out.pkl",))).evaluation
    assert not evaluation.problems
    agree(evaluation.tables["reference"]["out"], eoras_literal(frames))
