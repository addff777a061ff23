"""Windows run one after the other; where they overlap, one answer fades into the next. Memory stays flat.

Faded after decoding. Blending while denoising would tie every window to all others: nothing would be final before the
whole clip is, and one changed frame would change all. Nor is its seam smaller: the pictures change from frame to frame
0.90 times as much where windows meet as elsewhere when they are faded, 0.92 times when they are blended (tiny random
weights, ``benchmarks/diffusion_vas_windows.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from vas_tool.engines.diffusion_vas.windows import fade, windows_with

Floats = npt.NDArray[np.float32]
Answer = Callable[[int], Floats | None]
"""The number of a window -> (its length, ...), or None when there is nothing to say of its frames."""


def run_windows(
    windows: Sequence[range], frame_indices: Sequence[int], answer: Answer
) -> Iterator[tuple[int, Floats | None]]:
    """(frame_index, blended answer) for each of ``frame_indices``, in their order, as soon as its windows are done.

    Runs only the windows that contain a frame that is asked for, in the order of the frames. None: no window said a
    thing.
    """
    order = windows_with(windows, frame_indices)
    if len(frame_indices) > 1 and frame_indices[0] > frame_indices[-1]:
        order = order[::-1]
    waiting, done = list(frame_indices), set[int]()
    parts: dict[int, list[tuple[float, Floats]]] = {index: [] for index in waiting}
    for number in order:
        window, said = windows[number], answer(number)
        done.add(number)
        if said is not None:
            for index in parts.keys() & set(window):
                parts[index].append((fade(window, index), said[index - window.start]))
        while waiting and done.issuperset(windows_with(windows, waiting[:1])):
            index = waiting.pop(0)
            yield index, blended(parts.pop(index))


def blended(parts: Sequence[tuple[float, Floats]]) -> Floats | None:
    """The weighted mean; a single answer as it is, to the bit."""
    if len(parts) < 2:
        return parts[0][1] if parts else None
    total = sum(weight for weight, _ in parts)
    mean = sum(np.float32(weight / total) * array for weight, array in parts)
    return np.asarray(mean, np.float32)
