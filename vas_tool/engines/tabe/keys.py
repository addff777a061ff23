"""What TABE's work follows from, as digests: the tuned weights of an object, and the painted latents of a chunk.

Both stages compute the same digests, so the content stage finds what the amodal stage kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from vas_tool.engines.tabe.canvas import Shown
from vas_tool.engines.tabe.clip_plan import ClipPlan
from vas_tool.engines.tabe.settable import TabeOptions
from vas_tool.work import WindowKey

TUNED = range(0)
"""In place of the frames of a window, for the tuned weights: they belong to the whole clip."""
TUNING_QUIRKS = ("inpaint_masks", "loss_mean")
"""The quirks that change the tuning itself. What the others change shows in the levels or in what is painted."""


def tuned_key(plan: ClipPlan, options: TabeOptions, *, made_by: str, told: Callable[[], None]) -> WindowKey:
    """Of the weights that are tuned on the object. Reads every frame; ``told`` is called before each.

    ``made_by``: the weights before tuning, and the number format.
    """
    sizes = options.sizes
    said = [made_by, options.num_tuning_steps, sizes.tuned, sizes.num_tuned_frames]
    said += [getattr(options.quirks, name) for name in TUNING_QUIRKS]
    digest = _digest(said)
    for position, index in enumerate(plan.seen.frames):
        told()
        mask = plan.seen.mask(index)
        digest.update(np.packbits(mask).tobytes() + plan.seen.clip[index][mask].tobytes())
        digest.update(bytes([plan.levels[position]]))
    return WindowKey(TUNED, 0, digest.hexdigest())


def painted_keys(
    tuned: WindowKey, shown: Sequence[Shown], *, seeds: Sequence[int], options: TabeOptions, frames: range, made_by: str
) -> dict[int, WindowKey]:
    """Seed -> key of the latents that are painted on ``frames``."""
    digest = _digest([made_by, tuned.made_from, options.num_steps, options.guidance, options.quirks.lora_dropout])
    for one in shown:
        digest.update(one.image.tobytes() + np.packbits(one.mask).tobytes())
    return {seed: WindowKey(frames, seed, digest.hexdigest()) for seed in seeds}


def _digest(said: Sequence[object]) -> hashlib.blake2b:
    return hashlib.blake2b(repr(said).encode(), digest_size=16)
