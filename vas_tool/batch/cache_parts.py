"""Runs ``vas-tool train prepare`` on Ray: a cluster's workers divide the shards of a cache of training examples."""

from __future__ import annotations

from typing import Any

import ray

from vas_tool.batch.ray_connection import connected
from vas_tool.engines.base import Progress, silent
from vas_tool.training.diffusion_vas.run_examples import make_cache
from vas_tool.training.diffusion_vas.tuning_plan import Plan

RETRIES = 3
"""How many times Ray starts a part again after its worker or node is lost. Finished shards stay on disk."""

LOOK_SECONDS = 0.5
"""Seconds between two calls of ``progress``, which may stop the work by raising."""


def make_cache_on_ray(
    plan: Plan, *, address: str | None, kept_draws: int = 0, num_parts: int = 0, progress: Progress = silent
) -> tuple[int, int]:
    """Fill the folder ``plan.cache``, on a disk that all nodes share. Return the number of clips and the number of
    shards made.

    ``address`` is the cluster's address, such as ``auto``; None starts one on this computer for this call. Each of
    ``num_parts`` tasks takes one GPU, or one CPU if the cluster has no GPU; 0 means one task for each of them. Raises
    InputError if no cluster answers at ``address``, and the errors of ``make_cache``.
    """
    with connected(address):
        found = ray.cluster_resources()
        num_gpus = 1 if found.get("GPU", 0) >= 1 else 0
        count = num_parts or max(1, int(found.get("GPU" if num_gpus else "CPU", 1)))
        task = ray.remote(make_cache).options(num_gpus=num_gpus, num_cpus=1, max_retries=RETRIES)
        waiting = [task.remote(plan, kept_draws=kept_draws, part=(i, count)) for i in range(count)]
        num_clips = made = 0
        while waiting:
            progress(count - len(waiting), count, "parts of the cache")
            done, waiting = ray.wait(waiting, timeout=LOOK_SECONDS)
            for part in done:
                num_clips, shards = _answer(part)
                made += shards
        progress(count, count, "parts of the cache")
        return num_clips, made


def _answer(part: Any) -> tuple[int, int]:
    """Return what ``make_cache`` returned, or raise what it raised."""
    try:
        num_clips, made = ray.get(part)
        return num_clips, made
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
