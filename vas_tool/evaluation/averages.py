"""From numbers a frame to numbers a table: means, best of K, visibility buckets, categories.

nan means that a frame does not count for a measure. Frames come with the clip (one object's track) they belong to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from vas_tool.errors import InputError

Form = Literal["reference", "strict"]
"""As the published scripts compute it; or as the words mean it."""

FORMS: tuple[Form, ...] = get_args(Form)

About = Mapping[Form, Sequence[str]]
"""What the measures of each form are, in sentences."""

Averaging = Literal["frames", "clips"]
"""Each frame counts once (a long clip more than a short one); or each clip counts once."""

Numbers = npt.NDArray[np.float64]
"""(N,) one number a frame; nan where the frame does not count."""

DROPPED_BELOW = 1e-6
"""What Diffusion-VAS takes for 'no occlusion here', total misses included (spec.md 2.4)."""

VISIBILITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Borders of the buckets that curves are drawn over; the papers do not say theirs."""

Bucket = tuple[float, float]
"""Visibility from, to."""


def buckets_between(borders: Sequence[float]) -> tuple[Bucket, ...]:
    """The buckets between ascending borders. Raises InputError when they do not ascend within 0..1."""
    rising = all(low < high for low, high in pairwise(borders))
    if len(borders) < 2 or not rising or borders[0] < 0 or borders[-1] > 1:
        raise InputError(f"visibilities must ascend from 0 to 1, like 0,0.1,0.8,1; got {list(borders)}")
    return tuple(pairwise(borders))


def frame_mean(values: Numbers) -> float:
    """The mean over frames that count; nan when none does."""
    counting = values[~np.isnan(values)]
    return float(counting.mean()) if len(counting) else float("nan")


def clip_mean(values: Numbers, clips: npt.NDArray[np.int64]) -> float:
    """The mean over clips of their mean over frames that count; clips without any are left out; nan when all are."""
    counting = ~np.isnan(values)
    if not counting.any():
        return float("nan")
    sums = np.bincount(clips[counting], weights=values[counting])
    counts = np.bincount(clips[counting])
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def mean(values: Numbers, clips: npt.NDArray[np.int64], averaging: Averaging) -> float:
    """Either of the two."""
    return frame_mean(values) if averaging == "frames" else clip_mean(values, clips)


def best_of(answers: Sequence[Numbers], *, less_is_better: bool = False) -> Numbers:
    """(N,) the best of K answers, frame by frame (Top-K; spec.md 2.8). nan only where all are nan."""
    best = np.fmin if less_is_better else np.fmax
    return np.asarray(best.reduce(np.stack(list(answers)), axis=0), dtype=np.float64)


def dropped_zeros(values: Numbers) -> Numbers:
    """Frames below 1e-6 no longer count (spec.md 2.4); to be applied after ``best_of`` (spec.md 2.8)."""
    return np.where(values >= DROPPED_BELOW, values, np.nan)


def dropped_ones(values: Numbers) -> Numbers:
    """Frames of exactly 1 no longer count (spec.md 5.4); after ``best_of``, as zeros are."""
    return np.where(values == 1.0, np.nan, values)


def clip_visibility(visibility: Numbers, clips: npt.NDArray[np.int64]) -> Numbers:
    """(N,) for each frame the mean visibility of its clip."""
    if not len(clips):
        return visibility
    counting = ~np.isnan(visibility)
    length = int(clips.max()) + 1
    sums = np.bincount(clips[counting], weights=visibility[counting], minlength=length)
    counts = np.bincount(clips[counting], minlength=length)
    means = np.divide(sums, counts, out=np.full(length, np.nan), where=counts > 0)
    return np.asarray(means[clips], dtype=np.float64)


def reference_bucket(visibility: Numbers, clips: npt.NDArray[np.int64], bucket: Bucket) -> npt.NDArray[np.bool_]:
    """(N,) frames of clips whose mean visibility lies in [lo, hi], as the scripts' filter has it (spec.md 2.4, 2.7)."""
    of_clip = clip_visibility(visibility, clips)
    return np.asarray((of_clip >= bucket[0]) & (of_clip <= bucket[1]))


def strict_bucket(visibility: Numbers, bucket: Bucket) -> npt.NDArray[np.bool_]:
    """(N,) frames whose own visibility lies in [lo, hi), or in [lo, 1]; none where it is nan."""
    low, high = bucket
    return np.asarray((visibility >= low) & ((visibility < high) | ((high == 1.0) & (visibility == 1.0))))
