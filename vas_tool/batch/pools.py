"""Which stages of a batch share a pool of processes, and what each process of a pool needs. Pure functions."""

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
    """Where a batch runs on Ray, and what it may take there."""

    address: str | None = None
    """``auto`` or ``ray://HOST:PORT``: a cluster that is there; None starts one on this computer."""
    workers: int | None = None
    """Most processes of the CPU pool; None for as many as there are CPUs."""
    gpus: Mapping[str, float] = field(default_factory=dict)
    """stage -> GPUs of each process (a part of one is allowed); a stage that is absent takes what its engine needs."""


@dataclass(frozen=True)
class Pool:
    """Stages that follow one another in one process."""

    stages: tuple[Stage, ...]
    num_gpus: float = 0.0
    """GPUs of each process."""
    keeps_engine: bool = False
    """Whether its processes load the engine once and keep it: a pool of actors. Else any free process will do."""


def pools_of(options: BatchOptions, cluster: Cluster, *, num_gpus: float) -> list[Pool]:
    """Return the pools in the order of the stages. ``num_gpus`` is what the cluster has.

    Stages whose engines need neither large weights nor a GPU share the CPU pool, neighbours in one process. Every other
    stage has a pool of its own. Without a word in ``cluster.gpus``, engines that need a GPU take one each, and parts of
    one when there are fewer GPUs than such stages, because all pools are up at the same time.
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
    """Return stage -> GPUs of ``--gpus-per-stage STAGE=N ...``. Raises InputError."""
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
