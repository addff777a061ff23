"""How well the builtin engine paints what is hidden, beside inpainting alone.

    python benchmarks/content_quality.py [FOLDER ...] [--seeds 3]

The cases are those of ``vas-tool bench --masks``, with the true amodal masks given. PSNR in dB on the hidden pixels,
mean over the frames that hide something; what is visible is exact anyway.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from true_clips import cases

from vas_tool.engines.builtin.content import BuiltinContent
from vas_tool.evaluation.occlusion_cases import OcclusionCase
from vas_tool.types import Canvas, Frame
from vas_tool.work import ContentWork

INPAINT_RADIUS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for case in cases(options.folders, options.seeds):
        start = time.perf_counter()
        painted = _painted(case)
        seconds = time.perf_counter() - start
        frames = [i for i in range(len(case.clip)) if case.hidden(i).any()]
        row = [np.mean([_psnr(case, i, answer(i)) for i in frames]) for answer in (painted.get, _inpaint(case))]
        rows.append(row)
        print(
            f"{case.name:20s} {1000 * seconds / len(case.clip):5.0f} ms a frame  "
            f"builtin {row[0]:.1f} dB  inpainted only {row[1]:.1f} dB",
            flush=True,
        )
    print("mean: builtin {:.1f} dB, inpainted only {:.1f} dB".format(*np.mean(rows, axis=0)))


def _painted(case: OcclusionCase) -> dict[int, Frame]:
    """frame_index -> (H, W, 3)."""
    canvas, frames = Canvas(case.clip.size_wh), range(len(case.clip))
    work = ContentWork(case.clip, case.modal, dict(enumerate(case.amodal)), canvas, frames)
    return {index: content[..., :3] for index, content in BuiltinContent().complete(work)}


def _inpaint(case: OcclusionCase) -> Callable[[int], Frame]:
    """frame_index -> (H, W, 3): the hidden part grown in from what is seen of the object on the frame."""

    def answer(index: int) -> Frame:
        seen = case.modal[index]
        if not seen.any():
            return np.full_like(case.clip[index], 128)
        colours = case.clip[index] * seen[..., None].astype(np.uint8)
        # what surrounds the object must not flow in: it is a hole too
        return cv2.inpaint(colours, (~seen).astype(np.uint8), INPAINT_RADIUS, cv2.INPAINT_TELEA)

    return answer


def _psnr(case: OcclusionCase, index: int, colours: Frame) -> float:
    hidden = case.hidden(index)
    difference = colours[hidden].astype(np.float64) - case.whole[index][hidden]
    return float(10 * np.log10(255**2 / max(np.mean(difference**2), 1e-3)))


if __name__ == "__main__":
    main()
