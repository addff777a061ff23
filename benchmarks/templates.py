"""How good amodal masks from templates are: ``python benchmarks/templates.py``.

On the bundled sample, whose hidden parts are known. Modal masks are the true ones. The outline of the first frame is
the template of the first half, that of the last frame of the second half. Each is fitted, without a person, on every
so many frames, and moves evenly between them; where too little is seen to fit, it stays where the nearest fit has it.
Printed is the mean IoU of the hidden part over the frames with one, beside that of the hull of what is seen. "By hand"
fits to the whole object's true edge instead, as somebody places it who knows where the object is. The last column is
seconds.
"""

from __future__ import annotations

import math
import time

import cv2
import numpy as np

from vas_tool.masks import iou
from vas_tool.project.template_fit import fitted
from vas_tool.project.templates import Template
from vas_tool.sample import sample_clip
from vas_tool.types import Canvas, Mask

FEWEST_HIDDEN = 50
"""Pixels from which a frame has a hidden part."""


def read(layer: str) -> list[Mask]:
    """Return the true masks of a layer, one a frame."""
    files = sorted((sample_clip().parent / "truth" / layer).glob("*.png"))
    return [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) > 0 for file in files]


def hull(mask: Mask) -> Mask:
    """Return the convex hull of a mask."""
    out, points = np.zeros(mask.shape, np.uint8), cv2.findNonZero(mask.astype(np.uint8))
    if points is None:
        return mask
    return cv2.fillConvexPoly(out, cv2.convexHull(points), 1).astype(bool)


def placed_from(clear: int, edges: list[Mask], frames: list[int]) -> dict[int, Mask]:
    """Return frame_index -> the template of a frame, fitted to masks on other frames, on all frames."""
    canvas = Canvas(edges[0].shape[::-1])
    template = Template.taken(edges[clear], canvas, clear)
    for frame in sorted(frames, key=lambda f: abs(f - clear)):
        pose = fitted(template, template.nearest(frame), edges[frame], reach=math.inf)
        template = template.posed(pose) if pose else template
    return {f: template.placed(template.nearest(f), canvas) for f in range(len(edges))}


def main() -> None:
    modal, amodal = read("modal"), read("amodal")
    hidden_parts = [whole & ~seen for whole, seen in zip(amodal, modal, strict=True)]
    hidden = [f for f, part in enumerate(hidden_parts) if part.sum() >= FEWEST_HIDDEN]
    middle, last = len(modal) // 2, len(modal) - 1

    def mean_iou(answers: dict[int, Mask]) -> float:
        return 100 * sum(iou(answers[f] & ~modal[f], hidden_parts[f]) for f in hidden) / len(hidden)

    print(f"{sample_clip().name}: {len(modal)} frames, {len(hidden)} with a hidden part")
    print(f"{'key frames':>12} {'fitted':>8} {'by hand':>8} {'s a fit':>8}")
    print(f"{'hull':>12} {mean_iou({f: hull(modal[f]) for f in hidden}):7.1f}%")
    for step in (16, 8, 4, 2, 1):
        halves, scores = (range(step, middle, step), range(last - step, middle, -step)), []
        number, start = 2 + sum(map(len, halves)), time.perf_counter()
        for edges in (modal, amodal):
            first, second = (
                placed_from(clear, edges, list(half)) for clear, half in zip((0, last), halves, strict=True)
            )
            scores.append(mean_iou({f: (first if f < middle else second)[f] | modal[f] for f in hidden}))
        took = (time.perf_counter() - start) / 2 / (number - 2)
        print(f"{number:12d} {scores[0]:7.1f}% {scores[1]:7.1f}% {took:8.3f}")


if __name__ == "__main__":
    main()
