"""Computes the numbers of a table from one number per frame: means, best of K, visibility buckets.

nan marks a frame that does not count for a measure. ``clips`` gives the clip (the track of one object) of each frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from vas_tool.errors import InputError

Form = Literal["reference", "strict"]
"""``reference``: as the published scripts compute a measure. ``strict``: as its name says."""

FORMS: tuple[Form, ...] = get_args(Form)

About = Mapping[Form, Sequence[str]]
"""Form -> sentences that explain its measures, for reports."""

Averaging = Literal["frames", "clips", "pictures"]
"""``frames``: each object on a frame counts once, so a long clip counts more. ``clips``: each clip counts once.
``worst_frames``: each picture counts once, however many objects it shows."""

Numbers = npt.NDArray[np.float64]
"""(N,) float64: one number per frame; nan where the frame does not count."""

DROPPED_BELOW = 1e-6
"""IoU below which Diffusion-VAS takes a frame as not occluded. Total misses fall below it, too
(metric_diffusion_vas_sailvos.py)."""

VISIBILITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Borders of the visibility buckets of the curves. The papers do not state theirs."""

Bucket = tuple[float, float]
"""Lowest and highest visibility of a bucket, 0..1."""


def buckets_between(borders: Sequence[float]) -> tuple[Bucket, ...]:
    """Return the buckets between ascending borders. Raises InputError when the borders do not ascend within 0..1."""
    rising = all(low < high for low, high in pairwise(borders))
    if len(borders) < 2 or not rising or borders[0] < 0 or borders[-1] > 1:
        raise InputError(f"visibilities must ascend from 0 to 1, like 0,0.1,0.8,1; got {list(borders)}")
    return tuple(pairwise(borders))


def frame_mean(values: Numbers) -> float:
    """Return the mean over the frames that count; nan when no frame counts."""
    counting = values[~np.isnan(values)]
    return float(counting.mean()) if len(counting) else float("nan")


def clip_mean(values: Numbers, clips: npt.NDArray[np.int64]) -> float:
    """Return the mean over clips of each clip's mean over the frames that count.

    A clip without such a frame is left out; nan when every clip is left out.
    """
    counting = ~np.isnan(values)
    if not counting.any():
        return float("nan")
    sums = np.bincount(clips[counting], weights=values[counting])
    counts = np.bincount(clips[counting])
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def mean(values: Numbers, groups: npt.NDArray[np.int64], averaging: Averaging) -> float:
    """Return ``frame_mean``, or the mean over ``groups`` (N,), the clips or pictures, as ``averaging`` says."""
    return frame_mean(values) if averaging == "frames" else clip_mean(values, groups)


def best_of(answers: Sequence[Numbers], *, less_is_better: bool = False) -> Numbers:
    """Return (N,) the best of K answers on each frame (Top-K of the Diffusion-VAS paper); nan where all answers are
    nan.
    """
    best = np.fmin if less_is_better else np.fmax
    return np.asarray(best.reduce(np.stack(list(answers)), axis=0), dtype=np.float64)


def dropped_zeros(values: Numbers) -> Numbers:
    """Return ``values`` with nan for frames below 1e-6, as metric_diffusion_vas_sailvos.py drops them.

    Apply it after ``best_of``.
    """
    return np.where(values >= DROPPED_BELOW, values, np.nan)


def dropped_ones(values: Numbers) -> Numbers:
    """Return ``values`` with nan for frames of exactly 1, as EoRaS's test scripts drop them. Apply it after
    ``best_of``.
    """
    return np.where(values == 1.0, np.nan, values)


def clip_visibility(visibility: Numbers, clips: npt.NDArray[np.int64]) -> Numbers:
    """Return (N,) the mean visibility of each frame's clip."""
    if not len(clips):
        return visibility
    counting = ~np.isnan(visibility)
    length = int(clips.max()) + 1
    sums = np.bincount(clips[counting], weights=visibility[counting], minlength=length)
    counts = np.bincount(clips[counting], minlength=length)
    means = np.divide(sums, counts, out=np.full(length, np.nan), where=counts > 0)
    return np.asarray(means[clips], dtype=np.float64)


def reference_bucket(visibility: Numbers, clips: npt.NDArray[np.int64], bucket: Bucket) -> npt.NDArray[np.bool_]:
    """Return (N,) True for frames of clips whose mean visibility lies in [lo, hi].

    This is the filter of metric_diffusion_vas_sailvos.py and metric_diffusion_vas_tao_amodal.py.
    """
    of_clip = clip_visibility(visibility, clips)
    return np.asarray((of_clip >= bucket[0]) & (of_clip <= bucket[1]))


def strict_bucket(visibility: Numbers, bucket: Bucket) -> npt.NDArray[np.bool_]:
    """Return (N,) True for frames whose own visibility lies in [lo, hi), or in [lo, 1]; False where it is nan."""
    low, high = bucket
    return np.asarray((visibility >= low) & ((visibility < high) | ((high == 1.0) & (visibility == 1.0))))
