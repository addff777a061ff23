"""Decides which stages of a batch share a pool of processes, and what each process needs. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from vas_tool.batch.batch_options import BatchOptions
from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.errors import InputError
from vas_tool.types import Stage


@dataclass(frozen=True)
class Cluster:
    """The Ray cluster of a batch, and the resources that the batch may use."""

    address: str | None = None
    """Address of a running cluster, ``auto`` or ``ray://HOST:PORT``; None starts one on this computer."""
    workers: int | None = None
    """Most processes in the CPU pool; None for one for each CPU."""
    gpus: Mapping[str, float] = field(default_factory=dict)
    """Stage -> GPUs for each process, which may be a fraction. An absent stage gets what its engine needs."""


@dataclass(frozen=True)
class Pool:
    """The stages that each process of a pool runs one after the other."""

    stages: tuple[Stage, ...]
    num_gpus: float = 0.0
    """Number of GPUs for each process; may be a fraction."""
    keeps_engine: bool = False
    """Whether the processes load the engine once and keep it loaded (Ray actors). Otherwise any free process is used.
    """


def pools_of(options: BatchOptions, cluster: Cluster, *, num_gpus: float) -> list[Pool]:
    """Return the pools in the order of the stages. ``num_gpus`` is the number of GPUs in the cluster.

    Consecutive stages whose engines need neither weights nor a GPU share a CPU pool. Every other stage has a pool of
    its own. For a stage that ``cluster.gpus`` does not name, a process gets one GPU if its engine needs one, or a
    fraction if the cluster has fewer GPUs than such stages, because all pools run at the same time. Raises InputError
    if the stages need more GPUs than the cluster has, or ``cluster.gpus`` names a stage that does not run.
    """
    specs = {stage: registry.spec_of(stage, options.engines.get(stage, registry.AUTO)) for stage in options.stages}
    if strange := set(cluster.gpus) - set(specs):
        raise InputError(f"GPUs are asked for {', '.join(sorted(strange))}, which is no stage of this batch")
    needing = [stage for stage, spec in specs.items() if spec.needs_gpu]
    usual = min(1.0, num_gpus / len(needing)) if needing else 0.0
    gpus = {stage: cluster.gpus.get(stage, usual if stage in needing else 0.0) for stage in specs}
    if sum(gpus.values()) > num_gpus:
        raise InputError(
            f"the stages ask for {sum(gpus.values()):g} GPUs together and the cluster has {num_gpus:g}; give each a "
            "part of one, such as --gpus-per-stage amodal=0.5"
        )
    pools: list[Pool] = []
    for light, group in groupby(options.stages, key=lambda stage: _is_light(specs[stage]) and not gpus[stage]):
        stages = tuple(group)
        pools += [Pool(stages)] if light else [Pool((stage,), gpus[stage], keeps_engine=True) for stage in stages]
    return pools


def _is_light(spec: EngineSpec) -> bool:
    return not spec.needs_gpu and not spec.weights


def gpus_of(texts: Sequence[str]) -> dict[str, float]:
    """Return stage -> GPUs from texts such as ``amodal=1``. Raises InputError for other texts."""
    found: dict[str, float] = {}
    for text in texts:
        stage, _, number = text.partition("=")
        try:
            found[registry.stage_named(stage)] = float(number)
        except ValueError as error:
            raise InputError(
                f"--gpus-per-stage needs STAGE=N, such as amodal=1 or content=0.5; got {text!r}"
            ) from error
        if not found[stage] >= 0 or (found[stage] > 1 and not found[stage].is_integer()):
            raise InputError(f"--gpus-per-stage {text}: N is a part of one GPU, or a whole number")
    return found
