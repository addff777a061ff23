"""The examples of a run: computed anew, or out of a cache; and the making of that cache."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from vas_tool.engines import registry
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.diffusion_vas.diffusion_pipeline import best_device
from vas_tool.engines.diffusion_vas.loading import read_config
from vas_tool.errors import InputError
from vas_tool.training.diffusion_vas.cached_examples import CachedExamples
from vas_tool.training.diffusion_vas.data_sources import Split, split_of
from vas_tool.training.diffusion_vas.fresh_examples import DepthOf, Examples, FreshExamples, depth_by
from vas_tool.training.diffusion_vas.frozen_encoders import Encoders
from vas_tool.training.diffusion_vas.object_samples import Colours, Floats
from vas_tool.training.diffusion_vas.sample_cache import CARD, card_of, prepare
from vas_tool.training.diffusion_vas.tuning_plan import Plan


def examples_of(plan: Plan, split: Split, *, dtype: torch.dtype, device: torch.device) -> Examples:
    """What a run learns from. Raises InputError where its cache is another's; EngineError without a depth engine."""
    if plan.cache is None:
        return fresh_examples(plan, split, Encoders.load(plan.start, dtype=dtype, device=device))
    kept = kept_draws_in(plan.cache)
    card = card_of(plan.recipe, split, folder=plan.start, dtype=dtype, depth_engine=depth_mark(plan), kept_draws=kept)
    fresh = None if kept else fresh_examples(plan, split, Encoders.load(plan.start, dtype=dtype, device=device))
    scale = float(read_config(plan.start / "vae" / "config.json").get("scaling_factor", SCALE))
    return CachedExamples(plan.cache, card, recipe=plan.recipe, scale=scale, fresh=fresh)


SCALE = 0.18215
"""Of the VAE, where its configuration does not say it."""


def make_cache(
    plan: Plan, *, kept_draws: int = 0, part: tuple[int, int] = (0, 1), progress: Progress = silent
) -> tuple[int, int]:
    """Fill ``plan.cache``: the number of clips, and of shards made. Raises InputError, EngineError, Cancelled.

    In half precision on CUDA, as a run in fp16 computes it; in float32 elsewhere.
    """
    if plan.cache is None:
        raise InputError("name the folder of the cache")
    device = best_device()
    dtype = torch.float16 if device == "cuda" else torch.float32
    split = split_of(plan.data, plan.recipe)
    fresh = fresh_examples(plan, split, Encoders.load(plan.start, dtype=dtype, device=device))
    card = card_of(
        plan.recipe, split, folder=plan.start, dtype=dtype, depth_engine=depth_mark(plan), kept_draws=kept_draws
    )
    return len(fresh), prepare(fresh, plan.cache, card, part=part, progress=progress)


def fresh_examples(plan: Plan, split: Split, encoders: Encoders) -> FreshExamples:
    """Everything computed anew; the depth engine is loaded when the first sample needs it."""
    return FreshExamples(split.learned, plan.recipe, encoders, LazyDepth(plan.depth_engine), split.occluders)


def depth_mark(plan: Plan) -> str:
    """The depth engine, with its revision."""
    if plan.recipe.stage != "amodal" or plan.recipe.conditions != "both":
        return ""
    spec = registry.spec_of("depth", plan.depth_engine)
    return f"{spec.name} {spec.revision}"


def kept_draws_in(cache: Path) -> int:
    """K of a cache. Raises InputError when there is none."""
    try:
        return int(json.loads((cache / CARD).read_text())["kept_draws"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{cache} holds no cache that reads; make one with vas-tool train prepare") from error


class LazyDepth:
    """A depth engine that is loaded when it is needed."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._depth: DepthOf | None = None

    def __call__(self, frames: Colours) -> Floats:
        """(T, H, W)."""
        self._depth = self._depth or depth_by(self._engine)
        return self._depth(frames)
