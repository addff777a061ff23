"""Computes the input of a step from a sample, at every step: pictures, depth, occluders, latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np

from vas_tool.engines import registry
from vas_tool.errors import FormatError
from vas_tool.training.diffusion_vas.frozen_encoders import Encoders
from vas_tool.training.diffusion_vas.object_samples import (
    Colours,
    Floats,
    Sample,
    SampleSource,
    amodal_pictures,
    content_pictures,
)
from vas_tool.training.diffusion_vas.pasted_occluders import OccluderSource, paste_occluders
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.step_draws import Draws
from vas_tool.training.diffusion_vas.training_step import Encoded, Pictures, encode
from vas_tool.types import ArrayClip

DepthOf = Callable[[Colours], Floats]
"""A function: (T, H, W, 3) RGB frames -> (T, H, W) depth; larger is nearer, in any unit."""
RATE = 8.0


class Examples(Protocol):
    """The training examples of a run, by number."""

    def __len__(self) -> int: ...

    def encoded(self, index: int, draws: Draws, random: Random) -> Encoded:
        """Return an example with the draws of a step. ``random`` chooses occluders, or stored noisy versions."""
        ...


@dataclass(frozen=True)
class FreshExamples:
    """Examples that are computed at every step, as in the released scripts."""

    source: SampleSource
    recipe: Recipe
    encoders: Encoders
    depth: DepthOf | None = None
    """Depth for samples without their own. Needed in the amodal stage with both conditions."""
    occluders: OccluderSource | None = None
    """The occluders of the content stage."""

    def __len__(self) -> int:
        return len(self.source)

    def encoded(self, index: int, draws: Draws, random: Random) -> Encoded:
        """Return an example with the draws of a step. Raises FormatError, which names the sample."""
        both = self.recipe.conditions == "both"
        return encode(self.pictures(index, random), draws, encoders=self.encoders, both=both)

    def pictures(self, index: int, random: Random, *, depth: Floats | None = None) -> Pictures:
        """Return the pictures of a sample, with pasted occluders in the content stage. ``depth`` is the known (T, H, W)
        depth.
        """
        sample = self.source.sample(index)
        if len(sample.modal) != self.recipe.num_frames:
            raise FormatError(f"{self.source.name(index)} has {len(sample.modal)} frames, not {self.recipe.num_frames}")
        if self.recipe.stage == "content":
            return self._content(sample, random)
        return amodal_pictures(sample, self.depth_of(sample) if depth is None else depth)

    def _content(self, sample: Sample, random: Random) -> Pictures:
        modal = sample.modal
        if self.occluders is not None:
            modal = paste_occluders(
                modal, sample.amodal, self.occluders, random=random, how=self.recipe.occluders
            ).modal
        known = sample.modal if self.recipe.occlude_hidden else None
        return content_pictures(sample, modal, known=known)

    def depth_of(self, sample: Sample) -> Floats:
        """Return the (T, H, W) depth of a sample: its own, or an engine's; zeros when the model does not use depth."""
        if self.recipe.conditions == "first":
            return np.zeros(sample.modal.shape, np.float32)
        if sample.depth is not None:
            return sample.depth
        if self.depth is None:
            raise FormatError("the sample has no depth; name a depth engine")
        return self.depth(sample.frames)


def depth_by(engine: str) -> DepthOf:
    """Return a function that computes depth with an engine, in float32 at the model's size, as in the released
    training.

    Raises EngineError when it is not there.
    """
    loaded = registry.load("depth", engine)

    def depth(frames: Colours) -> Floats:
        with loaded.lock:
            disparities = getattr(loaded.engine, "disparities", None)
            if disparities is not None:
                return np.stack(disparities(list(frames), settings={"number_format": "float32"}))
            found = loaded.engine.estimate(ArrayClip(frames, fps=RATE), range(len(frames)))
            return np.stack([one for _, one in found])

    return depth
