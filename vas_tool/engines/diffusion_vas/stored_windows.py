"""Stores the model's answer to each finished window, so that no window is computed twice.

Frames that two windows share are blended from both. A run that was stopped between the two windows, or that makes one
of them again, needs the answer to the other. The stored answer has the 0..255 of the released code's pictures, before
thresholds and blending. A resumed run therefore gives the same bits, and another threshold needs no window again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from vas_tool.engines.diffusion_vas.window_model import WindowInput, WindowModel
from vas_tool.work import WindowAnswer, WindowKey, WindowStore

Floats = npt.NDArray[np.float32]


def answers_of(
    model: WindowModel,
    number: int,
    window_input: WindowInput,
    *,
    seeds: Sequence[int],
    store: WindowStore | None,
    convert: Callable[[Floats], WindowAnswer],
) -> list[WindowAnswer]:
    """Return the answer (T, ...) of a window for each seed: the stored one, or else a new one, which is stored.

    The missing seeds are computed together. ``convert`` makes an answer of the model's (T, h, w, 3) pictures in 0..1.
    Raises Cancelled between steps.
    """
    window = model.windows[number]
    keys = {seed: WindowKey(window, seed, model.made_from(number, window_input, seed)) for seed in seeds}
    read = {seed: store.read(key) for seed, key in keys.items()} if store is not None else {}
    found = {seed: answer for seed, answer in read.items() if answer is not None}
    missing = [seed for seed in seeds if seed not in found]
    if found:
        model.progress.steps(model.parameters.num_steps * len(found))
    for seed, frames in zip(missing, model.frames(number, window_input, missing) if missing else (), strict=True):
        found[seed] = convert(frames[: len(window)])
        if store is not None:
            store.keep(keys[seed], found[seed])
    return [found[seed] for seed in seeds]
