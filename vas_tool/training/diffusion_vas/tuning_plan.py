"""The plan of a run: its folder, its initial weights, its data, its recipe."""

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
"""The file in the run's folder that holds the plan."""
FIXED = ("stage", "width", "height", "num_frames", "conditions", "tokens", "dropout", "noise", "occluders", "seed")
"""Fields that may not change when a run resumes."""


@dataclass(frozen=True)
class Plan:
    """The plan of one run."""

    out: Path
    start: Path
    """A folder in the layout of Stable Video Diffusion or of the released weights."""
    data: Data
    recipe: Recipe
    depth_engine: str = "depth-anything-v2"
    """Engine for samples without depth. The released scripts use its large model."""
    cache: Path | None = None
    """The cache that ``vas-tool train prepare`` wrote."""
    resume: bool = False

    def json(self) -> dict[str, Any]:
        """Return the plan as the run's folder and the result hold it."""
        sources = [str(path) for path in self.data.sources]
        return {"recipe": asdict(self.recipe), "from": str(self.start), "data": sources}


def begin(plan: Plan) -> None:
    """Write the plan into the run's folder. Raises InputError when the folder holds another run, or this one cannot
    resume with this plan.
    """
    file = plan.out / RUN
    if file.exists() and not plan.resume:
        raise InputError(f"{plan.out} holds a run already; resume it with --resume, or choose another --out")
    if plan.resume:
        _require_same(plan, file)
    plan.out.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(plan.json(), indent=2).encode())


def _require_same(plan: Plan, file: Path) -> None:
    if not file.exists():
        raise InputError(f"{plan.out} holds no run to resume; start one without --resume")
    try:
        before: Mapping[str, Any] = json.loads(file.read_text())["recipe"]
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{file} does not read ({error}); begin anew with another --out") from error
    now = asdict(plan.recipe)
    other = [f"{name} was {before.get(name)}, is {now[name]}" for name in FIXED if before.get(name) != now[name]]
    if other:
        raise InputError(f"{plan.out} was begun otherwise ({'; '.join(other)}); say the same, or another --out")
