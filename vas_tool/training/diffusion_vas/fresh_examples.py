"""From a sample to what a step is given, computed anew each time: pictures, depth, occluders, latents."""

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
"""(T, H, W, 3) red, green, blue -> (T, H, W), larger = nearer, in any unit."""
RATE = 8.0


class Examples(Protocol):
    """What a run learns from, by number."""

    def __len__(self) -> int: ...

    def encoded(self, index: int, draws: Draws, random: Random) -> Encoded:
        """With the draws of a step; ``random`` is what occluders, or kept draws, are chosen by."""
        ...


@dataclass(frozen=True)
class FreshExamples:
    """Everything computed at every step, as the released scripts do it."""

    source: SampleSource
    recipe: Recipe
    encoders: Encoders
    depth: DepthOf | None = None
    """Amodal, both conditions: for samples without depth of their own."""
    occluders: OccluderSource | None = None
    """Content."""

    def __len__(self) -> int:
        return len(self.source)

    def encoded(self, index: int, draws: Draws, random: Random) -> Encoded:
        """See ``Examples``. Raises FormatError, naming the sample."""
        both = self.recipe.conditions == "both"
        return encode(self.pictures(index, random), draws, encoders=self.encoders, both=both)

    def pictures(self, index: int, random: Random, *, depth: Floats | None = None) -> Pictures:
        """What the sample shows, with occluders pasted over it in the content stage. ``depth``: where it is known."""
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
        """(T, H, W) of the sample: its own, or an engine's; zeros where the model does not look at it."""
        if self.recipe.conditions == "first":
            return np.zeros(sample.modal.shape, np.float32)
        if sample.depth is not None:
            return sample.depth
        if self.depth is None:
            raise FormatError("the sample has no depth; name a depth engine")
        return self.depth(sample.frames)


def depth_by(engine: str) -> DepthOf:
    """Of a depth engine by name, computed in float32 at the model's size, as in the released training.

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
