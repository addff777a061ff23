"""Which of the candidates a click means: four tiny networks say how likely each is, the most overlap decides.

They have learned from simulated clicks on labelled pictures (``vas_tool/training/clicks.py``; how the shipped numbers
were made: ``vas_tool/training/CLICKS.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from vas_tool.engines.builtin.region_graph import Floats
from vas_tool.errors import EngineError
from vas_tool.types import Mask

WEIGHTS = Path(__file__).parent / "clicks.safetensors"

QUESTIONS = ("first", "more", "less")
"""The first click, one that adds, one that takes away."""

LIKELIEST = 40
"""Candidates that are taken for possible truths."""

AGREEMENTS = (0.3, 0.4, 0.5, 0.6, 0.75)
"""Of the weight: what so much of it agrees on is an answer, too."""

MOST_SPREADS = 4.0
"""From the mean: traits beyond are as far as networks have learned of any."""

LEAST = 1e-6


@cache
def shipped() -> Mapping[str, Floats]:
    """The networks' numbers, side by side. Raises EngineError when they, which are part of the package, do not read."""
    try:
        return load_file(WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{WEIGHTS} does not read ({error}); install vas-tool anew") from error


def likelihoods(traits: Floats, question: str, numbers: Mapping[str, Floats]) -> Floats:
    """(n,): how likely each candidate is what was meant, from its (n, traits); they add up to one."""
    asked = np.repeat(np.eye(len(QUESTIONS), dtype=np.float32)[QUESTIONS.index(question)][None], len(traits), axis=0)
    x = np.c_[scaled(traits, (numbers["mean"], numbers["spread"])), asked]
    logits = np.mean([_said(x, numbers, which) for which in range(len(numbers["first"]))], axis=0)
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum(), np.float32)


def scaled(traits: Floats, scale: tuple[Floats, Floats]) -> Floats:
    """Traits as the networks see them, by their means and spreads; what is out of all proportion is cut."""
    mean, spread = scale
    return np.clip((traits - mean) / spread, -MOST_SPREADS, MOST_SPREADS)


def _said(x: Floats, numbers: Mapping[str, Floats], which: int) -> Floats:
    for name in ("first", "second"):
        x = x @ numbers[name][which].T + numbers[f"{name}_shift"][which]
        x = x / (1 + np.exp(-x))
    return np.asarray(x @ numbers["last"][which])


def best_of(masks: Sequence[Mask], weights: Floats, before: Mask, *, positive: bool) -> Mask:
    """The change from which the most overlap is to be expected: a candidate, or what much of their weight agrees on."""
    flat = np.stack(masks).reshape(len(masks), -1).astype(np.float32)
    likely = np.argsort(weights)[::-1][:LIKELIEST]
    vote = weights @ flat
    agreed = np.stack([vote > max(share, LEAST) for share in AGREEMENTS]).astype(np.float32)
    options = np.concatenate([flat[likely], agreed])
    overlap = _overlap(options, flat[likely], float(before.sum()), positive=positive)
    return (options[int(np.argmax(overlap @ weights[likely]))] > 0.5).reshape(masks[0].shape)


def _overlap(options: Floats, truths: Floats, before: float, *, positive: bool) -> Floats:
    """(options, truths): IoU of the mask after one change with the mask after another; both lie in what may change."""
    both = options @ truths.T
    done, meant = options.sum(axis=1)[:, None], truths.sum(axis=1)[None]
    if positive:
        return np.asarray((before + both) / (before + done + meant - both))
    return np.asarray((before - done - meant + both) / np.maximum(before - both, 1))
