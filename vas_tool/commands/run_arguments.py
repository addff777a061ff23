"""Converts the arguments of ``vas-tool run`` to values. Raises InputError or PromptError for invalid ones."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass

from vas_tool.engines import registry
from vas_tool.engines.tuned import looks_like_folder
from vas_tool.errors import InputError, PromptError
from vas_tool.formats.intrinsics import Camera, camera_of
from vas_tool.hypotheses import Recipe
from vas_tool.project.truth import MOST_HYPOTHESES, Truth
from vas_tool.types import STAGES, Box, Click, Stage


@dataclass(frozen=True)
class RunArguments:
    """The arguments of ``vas-tool run`` that can be checked before a project is open."""

    stages: tuple[Stage, ...]
    """The stages to run, in the order of the pipeline."""
    seeds: tuple[int, ...]
    """Seeds of the requested hypotheses; empty without ``--hypotheses``."""
    engines: Mapping[str, str]
    """Stage -> name of its engine, for the stages that the arguments name."""
    recipe: Recipe | None
    """The hypothesis to use on every frame; None without ``--pick``."""
    marks: tuple[Click | Box, ...]
    """Clicks and boxes in clip pixels."""
    camera: Camera | None

    @classmethod
    def of(cls, options: Namespace) -> RunArguments:
        """Return the checked arguments. Raises InputError, PromptError and EngineError for invalid ones."""
        seeds = seeds_of(options)
        stages, engines = stages_of(options.stages), engines_of(options.engine)
        recipe = recipe_of(options.pick, seeds) if options.pick else None
        marks: tuple[Click | Box, ...] = (*map(click_of, options.click), *map(box_of, options.box))
        camera = camera_of(options.intrinsics) if options.intrinsics else None
        return cls(tuple(stages), tuple(seeds), engines, recipe, marks, camera)


def seeds_of(options: Namespace) -> list[int]:
    """Return the seeds of the requested hypotheses, from ``--seed`` on. Raises InputError for a number out of range."""
    if options.seed < 0:
        raise InputError(f"--seed takes a whole number from 0, got {options.seed}")
    if options.hypotheses is None:
        if options.pick:
            raise InputError(f"--pick {options.pick} chooses among hypotheses; say how many with --hypotheses K")
        return []
    if not 1 <= options.hypotheses <= MOST_HYPOTHESES:
        raise InputError(f"--hypotheses takes 1 to {MOST_HYPOTHESES}, got {options.hypotheses}")
    return list(range(options.seed, options.seed + options.hypotheses))


def recipe_of(choice: str, seeds: list[int]) -> Recipe:
    """Return the choice of ``--pick``: majority, union or one of the seeds. Raises InputError for another word."""
    if choice in ("majority", "union"):
        return Recipe("majority" if choice == "majority" else "union", tuple(seeds))
    if choice not in map(str, seeds):
        raise InputError(f"--pick takes majority, union or one of {', '.join(map(str, seeds))}; got {choice!r}")
    return Recipe.of_seed(int(choice))


def stages_of(text: str) -> list[Stage]:
    """Return the stages of ``--stages`` in the order of the pipeline. Raises InputError for an unknown stage."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in STAGES]
    if unknown or not names:
        raise InputError(f"--stages {text}: choose from {','.join(STAGES)}")
    return [stage for stage in STAGES if stage in names]


def engines_of(texts: list[str]) -> dict[str, str]:
    """Return stage -> engine name of ``--engine STAGE=NAME ...``. Raises EngineError for an unknown stage or name."""
    chosen: dict[str, str] = {}
    for text in texts:
        stage, _, name = text.partition("=")
        spec = registry.spec_of(stage, name)  # type: ignore[arg-type]  # spec_of checks the name
        chosen[stage] = spec.name if looks_like_folder(name) else name
    return chosen


def with_settings(truth: Truth, texts: list[str]) -> Truth:
    """Return the truth with the parameters ``STAGE.NAME=VALUE`` of its engines.

    Raises InputError when a text has another form, EngineError when the engine has no such parameter, or does not allow
    the value or the combination.
    """
    chosen: set[registry.EngineSpec] = set()
    for text in texts:
        stage, _, rest = text.partition(".")
        name, equals, value = rest.partition("=")
        if stage not in STAGES or not name or not equals:
            raise InputError(f"--set needs STAGE.NAME=VALUE with a stage of {', '.join(STAGES)}, got {text!r}")
        spec = registry.spec_of(stage, truth.engines.get(stage, registry.AUTO))
        settings = {**truth.settings_of(stage, spec.name), name: registry.parameter_of(spec, name).read(value)}
        truth = truth.setting(stage, spec.name, settings)
        chosen.add(spec)
    for spec in chosen:
        registry.checked_settings(spec, truth.settings_of(spec.stage, spec.name))
    return truth


def _numbers(text: str, count: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not numbers[0].is_integer():
        raise PromptError(f"{option}, got {text!r}")
    return numbers


def click_of(text: str) -> Click:
    """Return the click of ``--click FRAME,X,Y`` or ``FRAME,X,Y,-``, in clip pixels. Raises PromptError."""
    positive = not text.endswith(",-")
    frame, x, y = _numbers(text.removesuffix(",-"), 3, "--click needs FRAME,X,Y or FRAME,X,Y,-")
    return Click(int(frame), x, y, positive)


def box_of(text: str) -> Box:
    """Return the box of ``--box FRAME,X0,Y0,X1,Y1``, in clip pixels. Raises PromptError."""
    frame, x0, y0, x1, y1 = _numbers(text, 5, "--box needs FRAME,X0,Y0,X1,Y1")
    return Box(int(frame), x0, y0, x1, y1)


def object_id_of(text: str) -> int:
    """Return the id of ``--object ID``. Raises InputError when it is no number."""
    if not text.isdigit():
        raise InputError(f"--object takes an object's number or all, got {text!r}")
    return int(text)
