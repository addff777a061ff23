"""Runs windows in turn and fades their results into each other where they overlap. Memory stays constant.

Results are faded after decoding. Blending during denoising would make every window depend on all others: no frame would
be final before the whole clip is, and one changed frame would change all. Its seams are not smaller: where windows
meet, pictures change from frame to frame 0.90 times as much as elsewhere when faded, and 0.92 times when blended during
denoising (tiny random weights, ``benchmarks/diffusion_vas_windows.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from vas_tool.engines.diffusion_vas.window_plan import fade
from vas_tool.work import windows_with

Floats = npt.NDArray[np.float32]
Answer = Callable[[int], Floats | None]
"""A function: number of a window -> (length, ...) result, or None for a window that is not run."""


def run_windows(
    windows: Sequence[range], frame_indices: Sequence[int], answer: Answer
) -> Iterator[tuple[int, Floats | None]]:
    """Yield (frame_index, blended result) for each of ``frame_indices``, in their order, as soon as its windows are
    done.

    Only windows with a requested frame are run, in the order of the frames. The result is None if none of them was run.
    """
    order = windows_with(frame_indices, windows)
    if len(frame_indices) > 1 and frame_indices[0] > frame_indices[-1]:
        order = order[::-1]
    waiting, done = list(frame_indices), set[int]()
    parts: dict[int, list[tuple[float, Floats]]] = {index: [] for index in waiting}
    for number in order:
        window, found = windows[number], answer(number)
        done.add(number)
        if found is not None:
            for index in parts.keys() & set(window):
                parts[index].append((fade(window, index), found[index - window.start]))
        while waiting and done.issuperset(windows_with(waiting[:1], windows)):
            index = waiting.pop(0)
            yield index, blended(parts.pop(index))


def blended(parts: Sequence[tuple[float, Floats]]) -> Floats | None:
    """Return the weighted mean; a single result unchanged, bit for bit."""
    if len(parts) < 2:
        return parts[0][1] if parts else None
    total = sum(weight for weight, _ in parts)
    mean = sum(np.float32(weight / total) * array for weight, array in parts)
    return np.asarray(mean, np.float32)
