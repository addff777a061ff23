"""What a batch is asked for, beside its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vas_tool.engines.settings import Settings
from vas_tool.types import STAGES, Stage


@dataclass(frozen=True)
class BatchOptions:
    """What every row of a batch is to get."""

    stages: tuple[Stage, ...] = STAGES
    engines: Mapping[str, str] = field(default_factory=dict)
    """stage -> engine name; a stage that is absent uses the project's own, ``auto`` in a new project."""
    settings: Mapping[Stage, Mapping[str, Settings]] = field(default_factory=dict)
    """stage -> engine name -> values of parameters."""
    seed: int | None = None
    """Seed of the engines; None for the project's own, 0 in a new project."""
    gate: bool | None = None
    """Whether the occlusion gate is on (``Truth.gate``); None for the project's own."""
    retries: int = 1
    """How often a stage of a row is tried again after an error that may pass."""
    patience_seconds: float = 60.0
    """How long a project that another process has open is waited for."""
