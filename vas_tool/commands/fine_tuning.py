"""``vas-tool train amodal``, ``content``, ``prepare`` and ``learned``: fine-tuning on your own data."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path

from vas_tool.batch.batch_run import require_ray
from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines.diffusion_vas.released import AMODAL_WEIGHTS, CONTENT_WEIGHTS
from vas_tool.engines.learned.engine import WEIGHTS
from vas_tool.engines.tuned import LEARNED_PART
from vas_tool.errors import InputError
from vas_tool.project import Project
from vas_tool.training.accepted_frames import Score, accepted_objects
from vas_tool.training.diffusion_vas.data_sources import Data
from vas_tool.training.diffusion_vas.recipe import Recipe, read_config, recipe_of
from vas_tool.training.diffusion_vas.tuning_plan import Plan

SECOND_RATE = 3e-6
"""Learning rate of the paper's second stage."""


def tune(options: Namespace) -> int:
    """Run ``vas-tool train amodal`` or ``content``: print the folder of the result. Returns 0.

    Raises InputError for invalid arguments, EngineError when the weights to start from are missing.
    """
    plan = plan_of(options, options.method)
    from vas_tool.training.diffusion_vas.train import train

    bar = ProgressBar()
    for one in two_stages(plan, options) if getattr(options, "two_stage", False) else [plan]:
        path = train(one, progress=bar)
    bar.close()
    if os.environ.get("RANK", "0") == "0":  # of several processes the first
        print(path)
    return 0


def prepare(options: Namespace) -> int:
    """Run ``vas-tool train prepare``: compute the cache and print its folder. Returns 0.

    Raises InputError and EngineError.
    """
    plan = plan_of(options, options.stage or Recipe.stage)
    part, bar = _part(options.part), ProgressBar()
    if options.address:
        require_ray()
        from vas_tool.batch.cache_parts import make_cache_on_ray

        cluster = {"address": options.address, "kept_draws": options.kept_draws}
        num_clips, made = make_cache_on_ray(plan, **cluster, progress=bar)
    else:
        from vas_tool.training.diffusion_vas.run_examples import make_cache

        num_clips, made = make_cache(plan, kept_draws=options.kept_draws, part=part, progress=bar)
    bar.close()
    print(f"{plan.cache}: {num_clips} clips, {made} new shards")
    return 0


def learned(options: Namespace) -> int:
    """Run ``vas-tool train learned``: print the IoU before and after, and the engine's name. Returns 0.

    Raises InputError.
    """
    from vas_tool.training.tune_amodal import Plan as LearnedPlan
    from vas_tool.training.tune_amodal import tune as tuned_by

    start = WEIGHTS if options.start == "shipped" else Path(options.start) / LEARNED_PART
    if not start.is_file():
        raise InputError(f"{start} does not exist; --from takes shipped, or the folder of a result, RUN/final")
    names = ("steps", "batch", "learning_rate", "drawn", "hold_out", "every", "seed", "resume", "out")
    plan = LearnedPlan(start=start, **{name: getattr(options, name) for name in names})
    bar = ProgressBar()
    with ExitStack() as stack:
        projects = [Project.open(folder) for folder in options.data]
        for project in projects:
            stack.callback(project.close)
        objects = [obj for project in projects for obj in accepted_objects(project)]
        tuned = tuned_by(plan, objects, progress=bar)
    bar.close()
    for line in score_lines(tuned.before, tuned.after):
        print(line)
    print(f"{tuned.name}: {tuned.folder}")
    return 0


def score_lines(before: Sequence[Score], after: Sequence[Score]) -> Iterator[str]:
    """Yield a table of the held-out objects: IoU of the hidden part in percent, before and after the training."""
    if not before:
        yield "nothing is held out: everything accepted is of one video; accept frames of another to see a gain"
        return
    yield f"{'held out':30} frames  hidden part before -> after, IoU in percent"
    for one, other in zip(before, after, strict=True):
        yield f"{one.name:30} {one.num_frames:6}  {100 * one.hidden:6.1f} -> {100 * other.hidden:6.1f}"


def plan_of(options: Namespace, stage: str) -> Plan:
    """Return the training run that the options describe. ``stage`` is ``amodal`` or ``content``.

    Raises InputError for invalid options, EngineError when the weights to start from are missing.
    """
    values = read_config(options.config) if options.config else {}
    names = {field.name for field in fields(Recipe)}
    values |= {name: value for name, value in vars(options).items() if name in names and value is not None}
    recipe = recipe_of(values | {"stage": stage})
    if not 0 <= options.hold_out < 1:
        raise InputError(f"--hold-out must be 0 or more and below 1; got {options.hold_out:g}")
    data = Data(
        tuple(options.data),
        options.frames,
        tuple(options.validation),
        options.hold_out,
        tuple(options.occluder_data),
        kept=getattr(options, "out", None) or options.cache,
    )
    return Plan(
        getattr(options, "out", Path()),
        options.start or _released(recipe),
        data,
        recipe,
        depth_engine=options.depth,
        cache=options.cache,
        resume=getattr(options, "resume", False),
    )


def two_stages(plan: Plan, options: Namespace) -> list[Plan]:
    """Return the paper's recipe as two runs: masks alone in RUN/masks, then with depth in RUN, from the result of the
    first. ``--resume`` continues the second run alone once it has begun.

    Raises InputError when a cache is given: it holds samples of one kind, and the runs need two.
    """
    if plan.cache is not None:
        raise InputError("--two-stage has two kinds of samples, a cache has one; run the two commands by themselves")
    masks, first = plan.out / "masks", replace(plan.recipe, conditions="first")
    rate = options.learning_rate or SECOND_RATE
    second = replace(plan, start=masks / "final", recipe=replace(plan.recipe, learning_rate=rate))
    begun = (plan.out / "run.json").exists()
    if begun and plan.resume:
        return [second]
    one = replace(plan, out=masks, recipe=first, resume=plan.resume and (masks / "run.json").exists())
    return [one, replace(second, resume=False)]


def _released(recipe: Recipe) -> Path:
    from vas_tool.engines.diffusion_vas.loading import found_folder

    return found_folder(AMODAL_WEIGHTS if recipe.stage == "amodal" else CONTENT_WEIGHTS)


def _part(text: str) -> tuple[int, int]:
    number, _, total = text.partition("/")
    if not (number.isdigit() and total.isdigit() and int(number) < int(total)):
        raise InputError(f"--part must be I/N with I from 0 to N - 1, as 0/4; got {text!r}")
    return int(number), int(total)
