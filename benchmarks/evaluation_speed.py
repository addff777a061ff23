"""How long the metrics take: SAIL-VOS in RLE, answers of 256 x 512, the modal and the convex row.

    python benchmarks/evaluation_speed.py [--frames 10000]

Prints seconds for reading and measuring; the target is two minutes for ten thousand frames on two cores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vas_tool.evaluation import Order, evaluate
from vas_tool.masks import box_xywh, to_rle
from vas_tool.types import Mask

SIZE_HW = (800, 1280)
FRAMES_A_CLIP = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--no-baselines", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        truth, predictions = Path(folder) / "truth.json", Path(folder) / "predictions.json"
        samples, results = _made(options.frames // FRAMES_A_CLIP)
        truth.write_text(json.dumps(samples))
        predictions.write_text(json.dumps(results))
        started, busy = time.perf_counter(), time.process_time()
        order = Order(truth, (predictions,), baselines=not options.no_baselines)
        evaluation = evaluate("sail-vos", order).evaluation
        print(
            f"{evaluation.num_frames} frames, {len(evaluation.tables['strict'])} rows: "
            f"{time.perf_counter() - started:.1f} s, {time.process_time() - busy:.1f} s of processor time"
        )


def _made(num_clips: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Blobs of many sizes, cut by a bar, with ragged outlines as annotated masks have them."""
    random = np.random.default_rng(0)
    samples, results = [], {}
    for clip in range(num_clips):
        frames = [_frame(random) for _ in range(FRAMES_A_CLIP)]
        images = [clip * FRAMES_A_CLIP + i for i in range(FRAMES_A_CLIP)]
        samples.append(
            {
                "segmentation": [to_rle(amodal) for amodal, _, _ in frames],
                "visible_mask": [to_rle(modal) for _, modal, _ in frames],
                "bbox": [box_xywh(amodal) for amodal, _, _ in frames],
                "image_ids": images,
                "image_file_names": [f"{i}.bmp" for i in images],
                "obj_id": 1,
                "category_id": clip % 20,
            }
        )
        answers = [{"diffvas_res_rle": to_rle(answer)} for _, _, answer in frames]
        results |= {str((image, 1)): answer for image, answer in zip(images, answers, strict=True)}
    return samples, results


def _frame(random: np.random.Generator) -> tuple[Mask, Mask, Mask]:
    height, width = SIZE_HW
    centre = random.integers(100, width - 100), random.integers(100, height - 100)
    points = _blob(random, centre, random.uniform(40, 300))
    amodal = _filled(points, (width, height))
    modal = amodal.copy()
    modal[:, centre[0] : centre[0] + int(random.uniform(10, 150))] = False
    answer = _filled(points * (512 / width, 256 / height) + random.normal(0, 2, 2), (512, 256))
    return amodal, modal, answer


def _blob(random: np.random.Generator, centre: tuple[int, int], radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    reach = radius * (1 + 0.2 * np.cos(3 * angles + random.uniform(0, 6)) + random.normal(0, 0.02, 200))
    return np.stack([centre[0] + reach * np.cos(angles), centre[1] + reach * np.sin(angles)], axis=1)


def _filled(points: np.ndarray, size_wh: tuple[int, int]) -> Mask:
    picture = np.zeros(size_wh[::-1], np.uint8)
    cv2.fillPoly(picture, [np.round(points).astype(np.int32)], 1)
    return picture > 0


if __name__ == "__main__":
    main()
