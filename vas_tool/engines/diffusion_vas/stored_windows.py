"""Windows computed once: what a finished one gave is kept, and a run that comes again takes it from there.

Frames that two windows share are blended from both. A run that was stopped between the two, or that has to make one of
them again, needs what the other one gave; computing it anew would repeat a window. What is kept is the model's answer
in the 0..255 of the released code's pictures, before thresholds and blending, so that neither a resumed run nor another
threshold changes a bit or costs a window.
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
    """For each seed the answer (T, ...) of a window: the kept one, else computed (all seeds together) and kept.

    ``convert`` makes it of the model's pictures (T, h, w, 3) in 0..1. Raises Cancelled between steps.
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
