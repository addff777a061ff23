"""What TAO-Amodal's own figures cost at the size of its validation set, and with 331,000 boxes.

    python benchmarks/tao_boxes_speed.py [--boxes 331000]

Truth and answers are drawn at random, 20 boxes a track. Prints seconds of reading and measuring, and peak memory.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from import_memory import peak_memory_mb

from vas_tool.evaluation.tao_boxes import measure
from vas_tool.evaluation.tao_boxes.tao_files import read_answers, read_truth

IMAGES, TRACKS, SEEN_ON, NUM_CATEGORIES = 40, 6, 20, 833
"""Images and tracks of a video, boxes of a track, categories."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=331_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.boxes)
        with get_context("spawn").Pool(1) as pool:  # its peak is the measuring's alone
            print(pool.apply(_measured, (Path(folder),)))


def write(folder: Path, num_boxes: int) -> None:
    """``truth.json`` and ``answers.json``."""
    random = np.random.default_rng(0)
    videos, images, annotations, answers = [], [], [], []
    categories = [{"id": c, "name": str(c), "frequency": "rcf"[c % 3]} for c in range(NUM_CATEGORIES)]
    for video in range(-(-num_boxes // (TRACKS * SEEN_ON))):
        neg = [int(c) for c in random.integers(0, NUM_CATEGORIES, 5)]
        lists = {"neg_category_ids": neg, "not_exhaustive_category_ids": neg[:1]}
        videos.append({"id": video, "name": str(video), "width": 1280, "height": 720} | lists)
        images += [
            {"id": video * IMAGES + i, "video_id": video, "file_name": f"{i}.jpg", "frame_index": i} | lists
            for i in range(IMAGES)
        ]
        for track in range(TRACKS):
            category, box = int(random.integers(NUM_CATEGORIES)), random.uniform([0, 0, 40, 40], [900, 500, 300, 200])
            for i in range(SEEN_ON):
                common = {"image_id": video * IMAGES + i, "category_id": category, "track_id": video * TRACKS + track}
                here = box + random.normal(0, 2, 4)
                seen = {"visibility": float(random.random()), "out_of_frame": bool(random.random() < 0.3)}
                annotations.append(common | {"id": len(annotations), "bbox": here.tolist()} | seen)
                near = np.maximum(here + random.normal(0, 8, 4), [-500, -500, 1, 1]).tolist()
                answers.append(common | {"bbox": near, "score": float(random.random()), "video_id": video})
    truth = {"videos": videos, "images": images, "categories": categories, "annotations": annotations}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "answers.json").write_text(json.dumps(answers))


def _measured(folder: Path) -> str:
    started, busy = time.perf_counter(), time.process_time()
    truth = read_truth(folder / "truth.json")
    answers, _ = read_answers(folder / "answers.json", truth)
    read = time.process_time() - busy
    figures = measure(truth.image_table, truth.boxes, answers)
    wall, used = time.perf_counter() - started, time.process_time() - busy
    return (
        f"{len(truth.boxes)} true boxes, {len(answers)} answers: {wall:.1f} s, {used:.1f} s of processor time "
        f"({read:.1f} s of reading), {peak_memory_mb():.0f} MB of memory; AP50 {figures.detection['AP50']:.1f}"
    )


if __name__ == "__main__":
    main()
