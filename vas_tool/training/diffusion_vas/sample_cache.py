"""A cache of the inputs of a step that training does not change: depth, latents and tokens, in shards of safetensors.

``cache.json`` names the inputs of the cache; every shard holds the same fingerprint. An existing shard is not made
again, so a stopped run continues, and several processes or machines may make parts of one cache.

There are two kinds of cache. Without kept draws, it holds for each sample the depth, the target's mean and deviation,
and in the amodal stage the tokens; a step encodes only the two noisy conditions, and learns from the same numbers as
without a cache. With K kept draws, it also holds K noisy versions of both conditions (mean and deviation); a step
chooses one of them, and needs neither VAE nor CLIP. In both kinds, a step draws its own samples of the latents.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import InputError
from vas_tool.storage import write_atomically
from vas_tool.training.diffusion_vas.data_sources import Split
from vas_tool.training.diffusion_vas.fresh_examples import FreshExamples
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.step_draws import draws_of
from vas_tool.training.diffusion_vas.training_step import (
    CONDITION_LEVELS,
    Gaussian,
    Pictures,
    log_normal,
    noisy_conditions,
)

CARD = "cache.json"
SHARD_SAMPLES = 16
OPEN_SHARDS = 64
OF_THE_SAMPLES = ("stage", "width", "height", "num_frames", "conditions", "seed", "occluders", "occlude_hidden")
"""Fields of the recipe that the content of a cache depends on."""

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class CacheCard:
    """The inputs that a cache was made from."""

    samples: str
    """The ``mark`` of the samples."""
    num_samples: int
    weights: str
    """A digest of the frozen networks' files."""
    depth_engine: str
    number_format: str
    kept_draws: int
    """Number of stored noisy versions of each sample. 0: the conditions are encoded at every step."""
    recipe: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Return a digest that differs when the inputs differ."""
        return hashlib.blake2b(json.dumps(asdict(self), sort_keys=True).encode(), digest_size=16).hexdigest()


def card_of(
    recipe: Recipe, split: Split, *, folder: Path, dtype: torch.dtype, depth_engine: str, kept_draws: int
) -> CacheCard:
    """Return the card of the cache that a run needs: ``folder`` holds the frozen parts, ``dtype`` is their format."""
    occluders = split.occluders.mark() if split.occluders is not None else ""
    sample_settings = {name: value for name, value in asdict(recipe).items() if name in OF_THE_SAMPLES}
    samples = f"{split.learned.mark()} {occluders}".strip()
    return CacheCard(
        samples,
        len(split.learned),
        _frozen_mark(folder),
        depth_engine,
        str(dtype),
        kept_draws=kept_draws,
        recipe=sample_settings,
    )


def _frozen_mark(folder: Path) -> str:
    """Return a digest of the names and sizes of the frozen networks' files. Copies of the files have the same
    digest.
    """
    files = sorted(path for part in ("vae", "image_encoder") for path in (folder / part).glob("*.*"))
    return repr([(path.relative_to(folder).as_posix(), path.stat().st_size) for path in files])


def prepare(
    fresh: FreshExamples, folder: Path, card: CacheCard, *, part: tuple[int, int] = (0, 1), progress: Progress = silent
) -> int:
    """Write the missing shards, or every N-th of them from the I-th on (``part`` = I, N), and return how many were
    written.

    Raises InputError where ``folder`` holds another cache, or cannot be written.
    """
    begin(folder, card)
    numbers = range(part[0], num_shards(card), part[1])
    made = 0
    for done, number in enumerate(numbers):
        progress(done, len(numbers), "computing depth, latents and tokens")
        path = shard(folder, number)
        if is_of(path, card):
            continue
        tensors: Tensors = {}
        for index in range(number * SHARD_SAMPLES, min(card.num_samples, (number + 1) * SHARD_SAMPLES)):
            found = computed(fresh, index, kept_draws=card.kept_draws)
            tensors |= {f"{index}.{name}": value.contiguous().cpu() for name, value in found.items()}
        _write(path, tensors, card)
        made += 1
    progress(len(numbers), len(numbers), "computing depth, latents and tokens")
    return made


def computed(fresh: FreshExamples, index: int, *, kept_draws: int) -> Tensors:
    """Return name -> tensor of one sample in a cache. The k-th of K noisy versions has the draws of index ``index`` * K
    + k.
    """
    recipe, encoders, found = fresh.recipe, fresh.encoders, dict[str, Tensor]()
    sample = fresh.source.sample(index)
    depth = None
    if recipe.stage == "amodal" and recipe.conditions == "both":
        depth = fresh.depth_of(sample)
        if sample.depth is None and not kept_draws:
            found["depth"] = torch.from_numpy(depth)
    pictures = fresh.pictures(index, Random(0), depth=depth)
    found |= _named("target", encoders.gaussian(pictures.target))
    if recipe.stage == "amodal":
        found["tokens"] = encoders.embeddings(pictures.first)
    if pictures.weights is not None:
        found["weights"] = pictures.weights
    for k in range(kept_draws):
        position = index * kept_draws + k
        if recipe.stage == "content":
            pictures = fresh.pictures(index, Random(f"{recipe.seed}/{position}"))
        found |= {f"{k}.{name}": value for name, value in _noisy(fresh, pictures, position).items()}
    return found


def _noisy(fresh: FreshExamples, pictures: Pictures, position: int) -> Tensors:
    """Return one noisy version of the conditions."""
    draws = draws_of(fresh.recipe, position, dropout=1.0)
    sigma = log_normal(draws.condition_level, *CONDITION_LEVELS).to(fresh.encoders.dtype)
    both = fresh.recipe.conditions == "both"
    gaussians = noisy_conditions(pictures, draws, sigma=sigma, encoders=fresh.encoders, both=both)
    found = {"sigma": sigma}
    for name, one in zip(("first", "second"), gaussians, strict=False):
        found |= _named(name, one)
    if fresh.recipe.stage == "content":
        found["tokens"] = fresh.encoders.embeddings(pictures.first)
    return found


def _named(name: str, gaussian: Gaussian) -> Tensors:
    return {f"{name}.mean": gaussian.mean, f"{name}.deviation": gaussian.deviation}


def begin(folder: Path, card: CacheCard) -> None:
    """Write the card. Raises InputError when the folder holds a different one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CARD).exists():
            require(folder, card)
        write_atomically(folder / CARD, json.dumps(asdict(card), indent=2).encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}); name another folder") from error


def require(folder: Path, card: CacheCard) -> None:
    """Raise InputError, naming what differs, unless the cache in ``folder`` is of ``card``."""
    try:
        there = json.loads((folder / CARD).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} holds no cache that reads; make one with vas-tool train prepare") from error
    wanted = asdict(card)
    other = [name for name in wanted if there.get(name) != json.loads(json.dumps(wanted[name]))]
    if other:
        raise InputError(
            f"the cache in {folder} was made with other {', '.join(other)}; make one with vas-tool train prepare for "
            "this run, in another folder"
        )


def shard(folder: Path, number: int) -> Path:
    """Return the path of a shard."""
    return folder / f"shard-{number:05d}.safetensors"


def num_shards(card: CacheCard) -> int:
    """Return the number of shards of the whole cache."""
    return -(-card.num_samples // SHARD_SAMPLES)


def is_of(path: Path, card: CacheCard) -> bool:
    """Return whether a shard exists, is complete, and belongs to this cache."""
    if not path.is_file():
        return False
    try:
        with safe_open(str(path), framework="pt") as file:
            return (file.metadata() or {}).get("fingerprint") == card.fingerprint
    except (SafetensorError, OSError):  # what a full disk or a kill left
        return False


def _write(path: Path, tensors: Tensors, card: CacheCard) -> None:
    new = path.with_suffix(f".{os.getpid()}.part")
    try:
        save_file(tensors, new, metadata={"fingerprint": card.fingerprint})
        new.replace(path)
    except (OSError, SafetensorError) as error:
        new.unlink(missing_ok=True)
        raise InputError(
            f"{path} could not be written ({' '.join(str(error).split())[:200]}); make room on the disk and run the "
            "same command again: it resumes"
        ) from error
