"""How much memory SAM2 takes to track through a short clip and a long one: it must not follow the length.

    python benchmarks/sam2_memory.py [FRAMES ...]       200 and 2000 frames unless said otherwise

The tiny model with random weights on small pictures, on the CPU: the networks are the real ones, and what is kept a
frame is what counts here. Every length runs in a process of its own; its peak memory is printed. About ten frames a
second.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

IMAGE_SIZE = 128
SIZE_WH = (160, 120)
LIMIT = 1.10
"""The longest clip's peak over the shortest's (issue 3)."""


class MovingSquare:
    """Frames made when they are asked for: a bright square on a textured ground."""

    size_wh = SIZE_WH

    def __init__(self, num_frames: int) -> None:
        self._num_frames = num_frames
        self._ground = np.random.default_rng(1).integers(0, 120, (SIZE_WH[1], SIZE_WH[0], 3), np.uint8)

    def __len__(self) -> int:
        return self._num_frames

    def __getitem__(self, index: int) -> np.ndarray:
        frame = self._ground.copy()
        left = index * 2 % (SIZE_WH[0] - 30)
        frame[40:70, left : left + 30] = 230
        return frame


def peak_memory_mb() -> float:
    """The most memory this process had at once, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss would count what the parent had when it started this process
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def measure(num_frames: int) -> None:
    """Track two objects in this process, one forwards from frame 0 and one backwards from the end."""
    import torch

    from sam_integration.checkpoints import build_model
    from sam_integration.predictor import Predictor
    from sam_integration.presets import EXACT
    from sam_integration.prompts import FramePrompt, Point
    from sam_integration.sam2_network import Network
    from sam_integration.zoo import MODELS

    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec = next(spec for spec in MODELS if spec.name == "sam2.1-tiny")
    predictor = Predictor(Network(build_model(spec, replace(EXACT, image_size=IMAGE_SIZE), device="cpu")))
    frames, half = MovingSquare(num_frames), num_frames // 2
    start = time.perf_counter()
    for prompted, span in ((0, range(half)), (num_frames - 1, range(num_frames - 1, half - 1, -1))):
        for _ in predictor.track(frames, {prompted: FramePrompt((Point(15, 55),))}, span):
            pass
    seconds = time.perf_counter() - start
    print(f"{num_frames} {peak_memory_mb():.0f} {num_frames / seconds:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", nargs="*", type=int, default=[200, 2000])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
        return
    peaks = []
    for num_frames in sorted(arguments.frames):
        command = [sys.executable, __file__, "--measure", str(num_frames)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        length, peak, speed = out.split()[-3:]
        peaks.append(float(peak))
        print(f"{length:>6} frames   peak memory {peak} MB   {speed} frames a second", flush=True)
    print(f"longest over shortest  {peaks[-1] / peaks[0]:.3f} (limit {LIMIT})")
    sys.exit(peaks[-1] > LIMIT * peaks[0])


if __name__ == "__main__":
    main()
