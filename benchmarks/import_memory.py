"""How much memory and time it takes to import a long 1080p video.

    python benchmarks/import_memory.py [SECONDS]        600 seconds unless said otherwise

Makes the video in a temporary folder (about 3 MB a minute), imports it in a process of its own, and prints that
process's peak memory and its speed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

SIZE_WH = (1920, 1080)
RATE = 30
LIMIT_MB = 600
"""What a ten-minute 1080p import may take (issue 2)."""


def pictures(num: int) -> Iterator[np.ndarray]:
    """A gradient with a square that moves: cheap to make and to encode, but not empty."""
    width, height = SIZE_WH
    background = np.empty((height, width, 3), np.uint8)
    background[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    background[..., 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    background[..., 2] = 90
    for index in range(num):
        picture = background.copy()
        left = index * 7 % (width - 200)
        picture[400:600, left : left + 200] = 255
        yield picture


def make(path: Path, seconds: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "28"})
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        for picture in pictures(seconds * RATE):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def peak_memory_mb() -> float:
    """The most memory this process had at once, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss would count what the parent had when it started this process
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def measure(path: Path, frames_dir: Path) -> None:
    """Import in this process and print what it took."""
    from vas_tool.video import import_frames

    start = time.perf_counter()
    clip = import_frames(path, frames_dir)
    seconds = time.perf_counter() - start
    peak = peak_memory_mb()
    source_frames = round((clip.source.fps or 0) * (clip.ledger[-1].pts_seconds + 1 / 8))
    print(f"clip frames            {len(clip.ledger)}")
    print(f"time                   {seconds:.1f} s")
    print(f"clip frames a second   {len(clip.ledger) / seconds:.1f}")
    print(f"source frames a second {source_frames / seconds:.0f}")
    print(f"peak memory            {peak:.0f} MB (limit {LIMIT_MB} MB)")
    sys.exit(peak > LIMIT_MB)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=int, default=600)
    parser.add_argument("--import-only", nargs=2, type=Path, metavar=("VIDEO", "FRAMES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.import_only:
        measure(*arguments.import_only)
    with tempfile.TemporaryDirectory() as folder:
        video, frames = Path(folder) / "long.mp4", Path(folder) / "frames"
        make(video, arguments.seconds)
        print(f"video                  {arguments.seconds} s, 1920 x 1080, {RATE} frames a second")
        command = [sys.executable, __file__, "--import-only", str(video), str(frames)]
        sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
