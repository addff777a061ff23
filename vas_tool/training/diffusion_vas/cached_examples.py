"""Training examples from a cache (``sample_cache``)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from safetensors import safe_open
from torch import Tensor

from vas_tool.errors import InputError
from vas_tool.training.diffusion_vas.fresh_examples import FreshExamples
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.sample_cache import SHARD_SAMPLES, CacheCard, is_of, num_shards, require, shard
from vas_tool.training.diffusion_vas.step_draws import Draws
from vas_tool.training.diffusion_vas.training_step import Encoded, Gaussian, encode, encoded

OPEN_SHARDS = 64


class CachedExamples:
    """The examples of a cache. When the cache holds no noisy conditions, ``fresh`` encodes them at each step."""

    def __init__(
        self, folder: Path, card: CacheCard, *, recipe: Recipe, scale: float, fresh: FreshExamples | None = None
    ) -> None:
        """``scale`` is the VAE's scaling factor. Raises InputError when a shard is missing or the cache was made from
        something else.
        """
        require(folder, card)
        lacking = [n for n in range(num_shards(card)) if not is_of(shard(folder, n), card)]
        if lacking:
            raise InputError(f"the cache in {folder} lacks {len(lacking)} shards; run vas-tool train prepare again")
        self._card, self._recipe, self._scale, self._fresh = card, recipe, scale, fresh
        self._open = lru_cache(OPEN_SHARDS)(lambda number: safe_open(str(shard(folder, number)), framework="pt"))

    def __len__(self) -> int:
        return self._card.num_samples

    @property
    def encoders(self) -> Any:
        """The encoders of ``fresh``; None when the cache holds everything."""
        return None if self._fresh is None else self._fresh.encoders

    def encoded(self, index: int, draws: Draws, random: Random) -> Encoded:
        """Return an example with the draws of a step (``fresh_examples.Examples``)."""
        if self._fresh is None:
            return self._kept(index, draws, random)
        both = self._recipe.conditions == "both"
        depth, tokens = self._read(index, "depth"), self._read(index, "tokens")
        known = None if depth is None else depth.numpy()
        pictures = self._fresh.pictures(index, random, depth=known)
        target = self._gaussian(index, "target")
        return encode(pictures, draws, encoders=self._fresh.encoders, both=both, target=target, tokens=tokens)

    def _kept(self, index: int, draws: Draws, random: Random) -> Encoded:
        """Return an example with noisy conditions from the cache; ``random`` chooses one of the stored versions."""
        k = random.randrange(self._card.kept_draws)
        samples = [self._gaussian(index, f"{k}.first").sample(draws.first)]
        if self._recipe.conditions == "both":
            samples.append(self._gaussian(index, f"{k}.second").sample(draws.second))
        else:
            samples.append(samples[0] * 0)
        own = self._read(index, f"{k}.tokens")
        tokens = self._needed(index, "tokens") if own is None else own
        target = self._gaussian(index, "target").sample(draws.target) * self._scale
        sigma, weights = self._needed(index, f"{k}.sigma"), self._read(index, "weights")
        return encoded(target, samples, tokens=tokens, sigma=sigma, scale=self._scale, weights=weights)

    def _gaussian(self, index: int, name: str) -> Gaussian:
        return Gaussian(self._needed(index, f"{name}.mean"), self._needed(index, f"{name}.deviation"))

    def _needed(self, index: int, name: str) -> Tensor:
        found = self._read(index, name)
        assert found is not None, name
        return found

    def _read(self, index: int, name: str) -> Tensor | None:
        """Return a tensor of a sample; None when the sample has none of that name."""
        file: Any = self._open(index // SHARD_SAMPLES)
        key = f"{index}.{name}"
        return file.get_tensor(key) if key in file.keys() else None  # noqa: SIM118 - no mapping
