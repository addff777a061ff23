"""Keys of stored results: the tuned weights of an object and the painted latents of a chunk.

A key is a digest of all inputs. Both stages compute the same keys, so the content stage finds the results of the amodal
stage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from vas_tool.engines.tabe.canvas import ModelInput
from vas_tool.engines.tabe.clip_plan import ClipPlan
from vas_tool.engines.tabe.settable import TabeOptions
from vas_tool.work import WindowKey

TUNED = range(0)
"""Window in the key of tuned weights, which belong to the whole clip."""
TUNING_QUIRKS = ("inpaint_masks", "loss_mean")
"""Quirks that change the tuning. The levels and the network's inputs hold the effect of the others."""


def tuned_key(plan: ClipPlan, options: TabeOptions, *, made_by: str, before_frame: Callable[[], None]) -> WindowKey:
    """Return the key of the object's tuned weights. Reads every frame and calls ``before_frame`` before each.

    ``made_by`` names the weights before tuning, the device and the number format.
    """
    sizes = options.sizes
    facts = [made_by, options.num_tuning_steps, sizes.tuned, sizes.num_tuned_frames]
    facts += [getattr(options.quirks, name) for name in TUNING_QUIRKS]
    digest = _digest(facts)
    for position, index in enumerate(plan.seen.frames):
        before_frame()
        mask = plan.seen.mask(index)
        digest.update(np.packbits(mask).tobytes() + plan.seen.clip[index][mask].tobytes())
        digest.update(bytes([plan.levels[position]]))
    return WindowKey(TUNED, 0, digest.hexdigest())


def painted_keys(
    tuned: WindowKey,
    shown: Sequence[ModelInput],
    *,
    seeds: Sequence[int],
    options: TabeOptions,
    frames: range,
    made_by: str,
) -> dict[int, WindowKey]:
    """Return, for each seed, the key of the latents painted on ``frames``."""
    digest = _digest([made_by, tuned.made_from, options.num_steps, options.guidance, options.quirks.lora_dropout])
    for one in shown:
        digest.update(one.image.tobytes() + np.packbits(one.mask).tobytes())
    return {seed: WindowKey(frames, seed, digest.hexdigest()) for seed in seeds}


def _digest(facts: Sequence[object]) -> hashlib.blake2b:
    return hashlib.blake2b(repr(facts).encode(), digest_size=16)
