"""Time and memory of EoRaS at full size on clips of several lengths. Random weights: numbers are not results.

    python benchmarks/eoras_speed.py [--frames 24 96] [--side 256] [--threads 2]

One object, crops of 128 x 128, as the engine takes them from frames of SIDE x SIDE. Each length runs in a process of
its own; memory is the process's highest. Of each frame 1 MB of tokens is kept, of no more than 512 frames.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import torch

from vas_tool.engines.eoras.engine import EorasAmodal
from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.engines.eoras.options import EorasOptions
from vas_tool.types import Canvas, Frame, Intrinsics, Mask
from vas_tool.work import AmodalWork


class DrawnClip:
    """Frames made when asked for: a square that moves over noise."""

    fps = 8.0
    intrinsics = Intrinsics(280.0, 280.0, 128.0, 128.0)

    def __init__(self, num_frames: int, side: int) -> None:
        self._num_frames, self._side = num_frames, side

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height."""
        return self._side, self._side

    def __len__(self) -> int:
        return self._num_frames

    def __getitem__(self, index: int) -> Frame:
        noise = np.random.default_rng(index).integers(0, 255, (self._side, self._side, 3), dtype=np.uint8)
        noise[self.mask(index)] = 200
        return noise

    def mask(self, index: int) -> Mask:
        """Where the square is."""
        mask = np.zeros((self._side, self._side), np.bool_)
        first = self._side // 4 + index % (self._side // 4)
        mask[first : first + self._side // 4, first : first + self._side // 4] = True
        return mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[24, 96])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="measure in this process")
    options = parser.parse_args()
    if options.alone:
        measure(options.frames[0], options.side, options.threads)
        return
    for count in options.frames:
        told = ["--alone", "--frames", str(count), "--side", str(options.side), "--threads", str(options.threads)]
        subprocess.run([sys.executable, __file__, *told], check=True)


def measure(num_frames: int, side: int, threads: int) -> None:
    torch.set_num_threads(threads)
    engine, clip = EorasAmodal(EorasNetwork(EorasOptions()).eval()), DrawnClip(num_frames, side)
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    modal = {index: clip.mask(index) for index in range(num_frames)}
    wall, spent = time.perf_counter(), time.process_time()
    answers = engine.complete(AmodalWork(clip, modal, {}, Canvas(clip.size_wh), range(num_frames)))
    count = sum(1 for _ in answers)
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} frames: {wall:.0f} s on the clock, {spent:.0f} s of processor time, {spent / count:.2f} s a frame; "
        f"highest memory {highest:.0f} MB, {highest - loaded:.0f} MB of it beyond the loaded network"
    )


if __name__ == "__main__":
    main()
