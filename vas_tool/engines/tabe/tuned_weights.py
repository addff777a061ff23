"""The tuned weights of one object: kept in the project's cache, and a tuning that was stopped goes on from there."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from vas_tool.engines.tabe.settable import TabeOptions
from vas_tool.engines.tabe.tuning import Tuner, tune
from vas_tool.engines.tabe.tuning_samples import TunedClip
from vas_tool.work import WindowAnswer, WindowKey, WindowStore

KEEP_EVERY = 100
"""Steps between two states that are kept while the tuning goes on: 84 MB each, with the optimiser's numbers."""

State = dict[str, Any]
"""What ``Tuner.state`` gives; without the optimiser's numbers when the tuning is finished."""


def kept_state(store: WindowStore, key: WindowKey) -> State | None:
    """What was kept of the object's tuning, finished or not."""
    answer = store.read(key)
    return None if answer is None else torch.load(io.BytesIO(answer.tobytes()), weights_only=True)


def is_finished(state: State | None, options: TabeOptions) -> bool:
    """Whether nothing is left to be tuned."""
    return state is not None and int(state["num_steps"]) >= options.num_tuning_steps


def tuned_on(
    tuner: Tuner,
    clip: TunedClip,
    *,
    key: WindowKey,
    options: TabeOptions,
    store: WindowStore,
    told: Callable[[int], None],
) -> State:
    """The finished state, from where the tuner is. What is reached is kept now and then, and when it is stopped.

    ``told`` gets the number of steps done before each step, and may stop the tuning by raising Cancelled.
    """
    sizes, first, reached = options.sizes, tuner.num_steps, tuner.num_steps

    def keep_and_tell(num_done: int) -> None:
        nonlocal reached
        reached = num_done
        if first < num_done < options.num_tuning_steps and num_done % KEEP_EVERY == 0:
            store.keep(key, packed(tuner.state()))
        told(num_done)

    try:
        tune(
            tuner,
            clip,
            num_steps=options.num_tuning_steps,
            side=sizes.tuned,
            num_frames=sizes.num_tuned_frames,
            told=keep_and_tell,
        )
    except BaseException:
        if first < reached < options.num_tuning_steps:
            store.keep(key, packed(tuner.state()))
        raise
    state = tuner.state()
    del state["optimizer"]
    store.keep(key, packed(state))
    return state


def packed(state: State) -> WindowAnswer:
    """A state as bytes."""
    file = io.BytesIO()
    torch.save(state, file)
    return np.frombuffer(file.getvalue(), np.uint8)
