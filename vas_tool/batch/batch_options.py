"""The options of a batch: stages, engines, settings, and how it treats errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vas_tool.engines.settings import Settings
from vas_tool.types import STAGES, Stage


@dataclass(frozen=True)
class BatchOptions:
    """The options that hold for every row of a batch."""

    stages: tuple[Stage, ...] = STAGES
    engines: Mapping[str, str] = field(default_factory=dict)
    """Stage -> engine name. An absent stage keeps the project's choice, which is ``auto`` in a new project."""
    settings: Mapping[Stage, Mapping[str, Settings]] = field(default_factory=dict)
    """Stage -> engine name -> values of the engine's parameters. Other parameters keep the project's values."""
    seed: int | None = None
    """Seed of the engines; None for the project's own (0 in a new project)."""
    gate: bool | None = None
    """Whether the occlusion gate is on (``Truth.gate``); None for the project's own."""
    retries: int = 1
    """How many times a stage of a row is tried again after an error that is not an InputError."""
    patience_seconds: float = 60.0
    """Seconds to wait for a project that another process has open."""
