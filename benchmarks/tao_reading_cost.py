"""What it takes to read a TAO-Amodal annotation file with as many videos, objects and boxes as the real ones have.

    python benchmarks/tao_reading_cost.py [--videos 2907] [--boxes 331000]

Prints seconds by the wall and of processor time, and the peak memory of the process that reads. The boxes are drawn at
random, 20 an object as in TAO (17,000 objects); the real files say more of each box and are larger.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from import_memory import peak_memory_mb

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from tao_writing import write_tao_amodal

from vas_tool.formats.tao_amodal import TaoAmodalFile, TaoBox, TaoImage, TaoTrack, TaoVideo
from vas_tool.formats.tao_reading import read_tao_amodal

FRAMES = 40
"""Annotated, in a video."""

SEEN_ON = 20
"""Of them, an object."""

SIZE_WH = (1280, 720)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=2907)
    parser.add_argument("--boxes", type=int, default=331_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations.json"
        write_tao_amodal(_drawn(options.videos, options.boxes), path)
        with get_context("spawn").Pool(1) as pool:  # its peak is the reading's alone
            print(pool.apply(_read, (path,)))


def _read(path: Path) -> str:
    started, busy = time.perf_counter(), time.process_time()
    file = read_tao_amodal(path)
    wall, used = time.perf_counter() - started, time.process_time() - busy
    boxes = sum(len(track.boxes) for track in file.tracks)
    return (
        f"{len(file.videos)} videos, {len(file.tracks)} objects, {boxes} boxes, {path.stat().st_size / 1e6:.0f} MB: "
        f"{wall:.1f} s, {used:.1f} s of processor time, {peak_memory_mb():.0f} MB of memory"
    )


def _drawn(num_videos: int, num_boxes: int) -> TaoAmodalFile:
    """As many boxes as asked for, to the object."""
    random = np.random.default_rng(0)
    videos = tuple(_video(number) for number in range(num_videos))
    tracks = [_track(number, videos[number % num_videos], random) for number in range(-(-num_boxes // SEEN_ON))]
    return TaoAmodalFile(videos, tuple(tracks))


def _video(number: int) -> TaoVideo:
    name = f"val/made/video{number}"
    images = (TaoImage(number * FRAMES + i, number, f"{name}/frame{30 * i:04d}.jpg", 30 * i) for i in range(FRAMES))
    return TaoVideo(number, name, SIZE_WH, tuple(images))


def _track(number: int, video: TaoVideo, random: np.random.Generator) -> TaoTrack:
    places = np.round(random.uniform((-50, -50, 20, 20), (900, 500, 400, 300), (SEEN_ON, 4)), 2).tolist()
    first = int(random.integers(FRAMES - SEEN_ON + 1))
    boxes = (
        TaoBox(number * SEEN_ON + i, image.id, (x, y, w, h), (max(x, 0), max(y, 0), w / 2, h / 2), visibility=0.5)
        for i, (image, (x, y, w, h)) in enumerate(zip(video.images[first : first + SEEN_ON], places, strict=True))
    )
    return TaoTrack(number, video.id, number % 800, f"thing{number % 800}", tuple(boxes))


if __name__ == "__main__":
    main()
