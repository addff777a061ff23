"""Whether memory stays flat with the clip's length: ``python benchmarks/clip_memory.py [SHORT LONG [WIDTH HEIGHT]]``.

Runs ``whole_job.py`` in a process of its own on a short and on a long clip, and prints the peak memory of each.
Measured on 320 x 180 with the engines of a computer without weights and GPU, import to COCO file; about 500 MB of it is
torch, which the learned amodal engine loads:

  frames   peak MB
      25       800
    2500       795
"""

from __future__ import annotations

import resource
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path


def peak_of(arguments: list[str]) -> float:
    """Peak memory in MB of one run."""
    subprocess.run([sys.executable, str(Path(__file__).parent / "whole_job.py"), *arguments], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main(arguments: list[str]) -> None:
    """Measure both lengths, each in a fresh process, and print the table."""
    defaults = ["25", "2500", "320", "180"]
    short, long, *size = arguments + defaults[len(arguments) :]
    print(f"{'frames':>8}{'peak MB':>10}")
    for frames in (short, long):
        with get_context("spawn").Pool(1) as pool:  # a fresh parent: ru_maxrss of children is the largest so far
            peak = pool.apply(peak_of, ([frames, *size],))
        print(f"{frames:>8}{peak:>10.0f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
