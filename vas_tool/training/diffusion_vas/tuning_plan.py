"""One run: where it goes, what it starts from, what it learns from, how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vas_tool.errors import InputError
from vas_tool.storage import write_atomically
from vas_tool.training.diffusion_vas.data_sources import Data
from vas_tool.training.diffusion_vas.recipe import Recipe

RUN = "run.json"
"""What a run was begun with, in its folder."""
FIXED = ("stage", "width", "height", "num_frames", "conditions", "tokens", "dropout", "noise", "occluders", "seed")
"""What may not change when a run goes on; everything else may."""


@dataclass(frozen=True)
class Plan:
    """One run."""

    out: Path
    start: Path
    """A folder in the layout of Stable Video Diffusion or of the released weights."""
    data: Data
    recipe: Recipe
    depth_engine: str = "depth-anything-v2"
    """For samples that have no depth; the released scripts use its large model."""
    cache: Path | None = None
    """What ``prepare`` computed once."""
    resume: bool = False

    def json(self) -> dict[str, Any]:
        """As it is written beside the run and into the result."""
        sources = [str(path) for path in self.data.sources]
        return {"recipe": asdict(self.recipe), "from": str(self.start), "data": sources}


def begin(plan: Plan) -> None:
    """Write down what the run is. Raises InputError where another run is in the way, or does not go on so."""
    file = plan.out / RUN
    if file.exists() and not plan.resume:
        raise InputError(f"{plan.out} holds a run already; say --resume to go on with it, or another --out")
    if plan.resume:
        _require_same(plan, file)
    plan.out.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(plan.json(), indent=2).encode())


def _require_same(plan: Plan, file: Path) -> None:
    if not file.exists():
        raise InputError(f"{plan.out} holds no run to go on with; leave --resume out to begin one")
    try:
        before: Mapping[str, Any] = json.loads(file.read_text())["recipe"]
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{file} does not read ({error}); begin anew with another --out") from error
    now = asdict(plan.recipe)
    other = [f"{name} was {before.get(name)}, is {now[name]}" for name in FIXED if before.get(name) != now[name]]
    if other:
        raise InputError(f"{plan.out} was begun otherwise ({'; '.join(other)}); say the same, or another --out")
