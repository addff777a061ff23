"""The training examples of a run, computed at every step or read from a cache; and writing that cache."""

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
    """Return the training examples of a run. Raises InputError when the cache belongs to other data, EngineError when
    there is no depth engine.
    """
    if plan.cache is None:
        return fresh_examples(plan, split, Encoders.load(plan.start, dtype=dtype, device=device))
    kept = kept_draws_in(plan.cache)
    card = card_of(plan.recipe, split, folder=plan.start, dtype=dtype, depth_engine=depth_mark(plan), kept_draws=kept)
    fresh = None if kept else fresh_examples(plan, split, Encoders.load(plan.start, dtype=dtype, device=device))
    scale = float(read_config(plan.start / "vae" / "config.json").get("scaling_factor", SCALE))
    return CachedExamples(plan.cache, card, recipe=plan.recipe, scale=scale, fresh=fresh)


SCALE = 0.18215
"""Scaling factor of a VAE whose configuration does not state it."""


def make_cache(
    plan: Plan, *, kept_draws: int = 0, part: tuple[int, int] = (0, 1), progress: Progress = silent
) -> tuple[int, int]:
    """Fill ``plan.cache`` and return the number of clips and of new shards. Raises InputError, EngineError and
    Cancelled.

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
    """Return examples that are computed at every step. The depth engine is loaded when the first sample needs it."""
    return FreshExamples(split.learned, plan.recipe, encoders, LazyDepth(plan.depth_engine), split.occluders)


def depth_mark(plan: Plan) -> str:
    """Return name and revision of the depth engine; empty when the run uses no depth."""
    if plan.recipe.stage != "amodal" or plan.recipe.conditions != "both":
        return ""
    spec = registry.spec_of("depth", plan.depth_engine)
    return f"{spec.name} {spec.revision}"


def kept_draws_in(cache: Path) -> int:
    """Return the number of stored noisy versions of each sample in a cache. Raises InputError when there is no
    cache.
    """
    try:
        return int(json.loads((cache / CARD).read_text())["kept_draws"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{cache} holds no cache that reads; make one with vas-tool train prepare") from error


class LazyDepth:
    """A depth engine that is loaded at its first use."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._depth: DepthOf | None = None

    def __call__(self, frames: Colours) -> Floats:
        """Return the (T, H, W) depth of (T, H, W, 3) frames."""
        self._depth = self._depth or depth_by(self._engine)
        return self._depth(frames)
