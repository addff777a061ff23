"""The tuned weights of one object in the project's store, from which a stopped tuning resumes."""

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
"""Steps between two stored states of an unfinished tuning. A state with the optimiser's takes 84 MB."""

State = dict[str, Any]
"""The value of ``Tuner.state``, without the optimiser's state when the tuning is finished."""


def kept_state(store: WindowStore, key: WindowKey) -> State | None:
    """Return the stored state of the object's tuning, finished or not; None when there is none."""
    answer = store.read(key)
    return None if answer is None else torch.load(io.BytesIO(answer.tobytes()), weights_only=True)


def is_finished(state: State | None, options: TabeOptions) -> bool:
    """Return whether the tuning has all its steps."""
    return state is not None and int(state["num_steps"]) >= options.num_tuning_steps


def tuned_on(
    tuner: Tuner,
    clip: TunedClip,
    *,
    key: WindowKey,
    options: TabeOptions,
    store: WindowStore,
    on_step: Callable[[int], None],
) -> State:
    """Tune from the tuner's step to the last one and return the state. Intermediate states are stored.

    ``on_step`` receives the number of finished steps before each step and may raise Cancelled; the state is
    stored then.
    """
    sizes, first, reached = options.sizes, tuner.num_steps, tuner.num_steps

    def keep_and_report(num_done: int) -> None:
        nonlocal reached
        reached = num_done
        if first < num_done < options.num_tuning_steps and num_done % KEEP_EVERY == 0:
            store.keep(key, packed(tuner.state()))
        on_step(num_done)

    try:
        tune(
            tuner,
            clip,
            num_steps=options.num_tuning_steps,
            side=sizes.tuned,
            num_frames=sizes.num_tuned_frames,
            on_step=keep_and_report,
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
    """Return a state as bytes."""
    file = io.BytesIO()
    torch.save(state, file)
    return np.frombuffer(file.getvalue(), np.uint8)
