"""How long a TAO-Amodal annotation file takes to write and to read: as many videos, tracks and boxes as the real ones.

    python benchmarks/tao_reading.py [--videos 2907] [--boxes 331000]

Prints seconds by the wall and of processor time. The boxes are drawn at random; forty frames a video, as many as TAO's
have at one a second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from vas_tool.formats.tao_amodal import TaoAmodalFile, TaoBox, TaoImage, TaoTrack, TaoVideo, write_tao_amodal
from vas_tool.formats.tao_reading import read_tao_amodal

T = TypeVar("T")

FRAMES = 40
SIZE_WH = (1280, 720)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=2907)
    parser.add_argument("--boxes", type=int, default=331_000)
    options = parser.parse_args()
    file = _drawn(options.videos, options.boxes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations.json"
        _timed("write", lambda: write_tao_amodal(file, path))
        read = _timed("read", lambda: read_tao_amodal(path))
        boxes = sum(len(track.boxes) for track in read.tracks)
        print(
            f"{len(read.videos)} videos, {len(read.tracks)} tracks, {boxes} boxes, {len(read.problems)} problems; ",
            end="",
        )
        print(f"{path.stat().st_size / 1e6:.0f} MB")


def _timed(what: str, work: Callable[[], T]) -> T:
    started, busy = time.perf_counter(), time.process_time()
    done = work()
    wall, used = time.perf_counter() - started, time.process_time() - busy
    print(f"{what:5s} {wall:6.1f} s, {used:6.1f} s of processor time")
    return done


def _drawn(num_videos: int, num_boxes: int) -> TaoAmodalFile:
    """As many boxes as asked for, to the track: each object is on all annotated frames of its video."""
    random = np.random.default_rng(0)
    videos = tuple(_video(number) for number in range(num_videos))
    tracks = [_track(number, videos[number % num_videos], random) for number in range(-(-num_boxes // FRAMES))]
    return TaoAmodalFile(videos, tuple(tracks))


def _video(number: int) -> TaoVideo:
    name = f"val/made/video{number}"
    images = (TaoImage(number * FRAMES + i, number, f"{name}/frame{30 * i:04d}.jpg", 30 * i) for i in range(FRAMES))
    return TaoVideo(number, name, SIZE_WH, tuple(images))


def _track(number: int, video: TaoVideo, random: np.random.Generator) -> TaoTrack:
    places = np.round(random.uniform((-50, -50, 20, 20), (900, 500, 400, 300), (FRAMES, 4)), 2).tolist()
    boxes = (
        TaoBox(number * FRAMES + i, image.id, (x, y, w, h), (max(x, 0), max(y, 0), w / 2, h / 2), visibility=0.5)
        for i, (image, (x, y, w, h)) in enumerate(zip(video.images, places, strict=True))
    )
    return TaoTrack(number, video.id, number % 800, f"thing{number % 800}", tuple(boxes))


if __name__ == "__main__":
    main()
