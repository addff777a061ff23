"""What the commands of the command line do, each a function of the parsed arguments that gives the exit status."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from vas_tool.box_files import read_boxes
from vas_tool.boxes import canvas_for
from vas_tool.completion import complete, completion_costs, hypotheses_costs, hypothesize
from vas_tool.costs import StageCost, in_words
from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.weights import AnyWeights, Weights, download
from vas_tool.errors import InputError, PromptError
from vas_tool.exports import export
from vas_tool.formats.sequences import import_masks, import_sequences, is_sequences_folder
from vas_tool.formats.verify import verify
from vas_tool.hypotheses import Recipe
from vas_tool.hypothesis_runs import MOST_HYPOTHESES, distinct_seeds
from vas_tool.imports.table import IMPORTS
from vas_tool.measure_commands import bench_, evaluate_, predict_
from vas_tool.object_layers import asked_on
from vas_tool.project import Project
from vas_tool.review import chosen_engine
from vas_tool.runs import segment_frame, track
from vas_tool.spans import frames_to_track
from vas_tool.terminal import ProgressBar
from vas_tool.truth import AnnotatedObject, Pick, Truth
from vas_tool.types import STAGES, AmodalBox, Box, Canvas, Click, Stage


def open_(options: Namespace) -> int:
    """``vas-tool open``: the browser tool."""
    from vas_tool.ui.server import serve

    source: Path | None = options.source
    if source is not None and not source.exists():
        raise InputError(f"{source} does not exist; check the spelling")
    root: Path = options.root
    if source is not None and (source / "project.json").is_file():
        root = source.resolve().parent
    serve(root, start=source, host=options.host, port=options.port, browser=not options.no_browser)
    return 0


def run(options: Namespace) -> int:
    """``vas-tool run``: one object through the stages."""
    bar, seeds = ProgressBar(), _seeds(options)
    stages, engines = _stages(options.stages), _engines(options.engine)
    clicks, boxes = [_click(text) for text in options.click], [_box(text) for text in options.box]
    if not (options.project / "project.json").is_file():
        _set(Truth(Canvas((1, 1)), engines=engines), options.settings)  # a misspelt one is told before a long import
    project = _project(options, bar)
    try:
        thing = _boxed(project, options, _object(project, options, clicks=clicks, boxes=boxes))
        truth = replace(project.truth, engines={**project.truth.engines, **engines}, seed=options.seed)
        truth = _cropping(project, options, truth=truth, boxes=thing.amodal_boxes)
        truth = _set(truth, options.settings)
        if options.pick:
            thing = thing.picking(Pick(0, len(project.clip) - 1, _recipe(options.pick, seeds)))
        edit_id = project.edit(f"run on {thing.label}", truth.with_object(thing))
        if options.masks:
            import_masks(project, thing.id, options.masks, edit_id=edit_id)
        if "segment" in stages:
            _segment(project, thing.id, edit_id=edit_id, progress=bar)
        _complete(project, thing.id, stages, seeds=seeds, edit_id=edit_id, progress=bar)
        bar.close()
        _report(project, thing.id)
    finally:
        project.close()
    return 0


def _project(options: Namespace, progress: Progress) -> Project:
    folder, source = options.project, options.source
    if (folder / "project.json").is_file():
        return Project.open(folder)
    if source.is_dir() and is_sequences_folder(source):
        return import_sequences(source, folder, label=options.label or source.name, fps=options.fps, progress=progress)
    return Project.create(
        folder, source, fps=options.fps, start_seconds=options.start, end_seconds=options.end, progress=progress
    )


def _object(project: Project, options: Namespace, *, clicks: list[Click], boxes: list[Box]) -> AnnotatedObject:
    """The object of that label with what was said added to it, or a new one."""
    existing = [o for o in project.truth.objects if options.label in (None, o.label)]
    fresh = AnnotatedObject(project.truth.next_object_id, options.label or f"object {project.truth.next_object_id}")
    thing = existing[-1] if existing else fresh
    new_clicks = tuple(c for c in clicks if c not in thing.clicks)
    new_boxes = {b.frame_index: b for b in (*thing.boxes, *boxes)}
    if not (thing.prompted() or clicks or boxes or options.masks):
        raise PromptError("nothing says which object is meant; give --click FRAME,X,Y, --box or --masks")
    marks: list[Click | Box] = [*clicks, *boxes]
    for mark in marks:
        _require_inside(project, mark)
    return replace(thing, clicks=(*thing.clicks, *new_clicks), boxes=tuple(new_boxes.values()))


def _boxed(project: Project, options: Namespace, thing: AnnotatedObject) -> AnnotatedObject:
    """The object with the amodal boxes that were given."""
    if options.amodal_boxes is None:
        return thing
    if options.amodal_boxes != "project":
        boxes = read_boxes(Path(options.amodal_boxes), num_frames=len(project.clip))
        return replace(thing, amodal_boxes=boxes)
    if not thing.amodal_boxes:
        raise InputError(
            f"{thing.label} has no amodal boxes in {project.folder}; give a FILE, or draw them in the tool"
        )
    return thing


def _cropping(project: Project, options: Namespace, *, truth: Truth, boxes: tuple[AmodalBox, ...]) -> Truth:
    """The truth with the way to crop that was asked for, and a canvas that holds the boxes when it is still free."""
    crop = truth.crop if options.pad is None else replace(truth.crop, margin=options.pad)
    crop = replace(
        crop,
        keep_aspect=crop.keep_aspect and not options.stretch,
        span=crop.span or options.one_crop,
        compare=crop.compare and not options.no_uncropped,
    )
    made = any(len(project.layers(o.id).amodal) for o in truth.objects)
    wanted = canvas_for(boxes, project.clip.size_wh)
    grows = wanted.size_wh > truth.canvas.size_wh and not made
    return replace(truth, crop=crop, canvas=wanted if grows else truth.canvas)


def _require_inside(project: Project, mark: Click | Box) -> None:
    width, height = project.clip.size_wh
    x, y = (mark.x, mark.y) if isinstance(mark, Click) else (max(mark.x0, 0), max(mark.y0, 0))
    if not (mark.frame_index < len(project.clip) and 0 <= x < width and 0 <= y < height):
        raise PromptError(f"{mark} lies outside the clip of {len(project.clip)} frames of {width} x {height} pixels")


def _segment(project: Project, object_id: int, *, edit_id: int, progress: Progress) -> None:
    thing = project.truth.object(object_id)
    for frame_index in sorted(asked_on(thing)):
        segment_frame(project, object_id, frame_index, edit_id=edit_id)
    spans = frames_to_track(project, object_id, 0, direction="both")
    track(project, object_id, spans, edit_id=edit_id, progress=progress)


def _complete(
    project: Project, object_id: int, stages: list[Stage], *, seeds: list[int], edit_id: int, progress: Progress
) -> None:
    """The other stages; says on the error stream what they would cost before they start."""
    if seeds and "amodal" in stages:
        spec = chosen_engine(project, "amodal")
        if not spec.seeded:
            print(f"the amodal engine {spec.name} gives one answer, whatever the seed", file=sys.stderr)
        _tell_cost(f"{len(distinct_seeds(spec, seeds))} hypotheses", hypotheses_costs(project, object_id, seeds))
        hypothesize(project, object_id, seeds, edit_id=edit_id, progress=progress)
    _tell_cost("to make", completion_costs(project, [object_id], stages))
    complete(project, [object_id], edit_id=edit_id, progress=progress, stages=stages)


def _tell_cost(what: str, costs: list[StageCost]) -> None:
    if words := in_words(costs):
        print(f"{what}: {words}", file=sys.stderr)


def _seeds(options: Namespace) -> list[int]:
    """Of the hypotheses that are asked for."""
    if options.seed < 0:
        raise InputError(f"--seed takes a whole number from 0, got {options.seed}")
    if options.hypotheses is None:
        if options.pick:
            raise InputError(f"--pick {options.pick} chooses among hypotheses; say how many with --hypotheses K")
        return []
    if not 1 <= options.hypotheses <= MOST_HYPOTHESES:
        raise InputError(f"--hypotheses takes 1 to {MOST_HYPOTHESES}, got {options.hypotheses}")
    return list(range(options.seed, options.seed + options.hypotheses))


def _recipe(choice: str, seeds: list[int]) -> Recipe:
    if choice in ("majority", "union"):
        return Recipe("majority" if choice == "majority" else "union", tuple(seeds))
    if choice not in map(str, seeds):
        raise InputError(f"--pick takes majority, union or one of {', '.join(map(str, seeds))}; got {choice!r}")
    return Recipe.of_seed(int(choice))


def _report(project: Project, object_id: int) -> None:
    amodal = project.amodal(object_id)
    hidden = sum(amodal.occluded(f) for f in amodal)
    print(
        f"{project.folder}: object {object_id} ({amodal.thing.label}), {len(project.clip)} frames, "
        f"{len(amodal.modal)} modal masks, {len(amodal)} amodal masks ({hidden} with a hidden part), "
        f"{len(amodal.layers.content)} contents"
    )


def _stages(text: str) -> list[Stage]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in STAGES]
    if unknown or not names:
        raise InputError(f"--stages {text}: choose from {','.join(STAGES)}")
    return [stage for stage in STAGES if stage in names]


def _engines(texts: list[str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for text in texts:
        stage, _, name = text.partition("=")
        registry.spec_of(stage, name)  # type: ignore[arg-type]  # it checks the name itself
        chosen[stage] = name
    return chosen


def _set(truth: Truth, texts: list[str]) -> Truth:
    """The truth with ``STAGE.NAME=VALUE`` set of the engines that it chooses."""
    for text in texts:
        stage, _, rest = text.partition(".")
        name, equals, value = rest.partition("=")
        if stage not in STAGES or not name or not equals:
            raise InputError(f"--set needs STAGE.NAME=VALUE with a stage of {', '.join(STAGES)}, got {text!r}")
        spec = registry.spec_of(stage, truth.engines.get(stage, registry.AUTO))
        settings = {**truth.settings_of(stage, spec.name), name: registry.parameter_of(spec, name).read(value)}
        truth = truth.setting(stage, spec.name, settings)
    return truth


def _numbers(text: str, count: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or numbers[0] != int(numbers[0]):
        raise PromptError(f"{option}, got {text!r}")
    return numbers


def _click(text: str) -> Click:
    positive = not text.endswith(",-")
    frame, x, y = _numbers(text.removesuffix(",-"), 3, "--click needs FRAME,X,Y or FRAME,X,Y,-")
    return Click(int(frame), x, y, positive)


def _box(text: str) -> Box:
    frame, x0, y0, x1, y1 = _numbers(text, 5, "--box needs FRAME,X0,Y0,X1,Y1")
    return Box(int(frame), x0, y0, x1, y1)


def import_(options: Namespace) -> int:
    """``vas-tool import``: prints the projects; 1 when nothing was made and something is wrong."""
    bar = ProgressBar()
    done = IMPORTS[options.format](options, bar)
    bar.close()
    for path in done.projects:
        print(path)
    for line in (*done.notes, *done.problems):
        print(line, file=sys.stderr)
    if done.problems:
        print(f"{options.source}: {len(done.problems)} problems; the rest was imported", file=sys.stderr)
    return 1 if done.problems and not done.projects else 0


def export_(options: Namespace) -> int:
    """``vas-tool export``."""
    bar = ProgressBar()
    with ExitStack() as stack:
        projects = []
        for folder in options.projects:
            projects.append(Project.open(folder))
            stack.callback(projects[-1].close)
        done = export(projects, options.format, options.out, only_accepted=options.only_accepted, progress=bar)
    bar.close()
    for path in done.paths:
        print(path)
    for note in done.notes:
        print(note, file=sys.stderr)
    return 0


def verify_(options: Namespace) -> int:
    """``vas-tool verify``: 0 when nothing is wrong, else 1 with every problem on a line."""
    if not options.file.exists():
        raise InputError(f"{options.file} does not exist; check the spelling")
    report = verify(options.file)
    for problem in report.problems:
        print(problem)
    found = f"{len(report.problems)} problems" if report.problems else "nothing wrong"
    print(f"{options.file}: {report.num_images} images, {report.num_annotations} annotations, {found}", file=sys.stderr)
    return 1 if report.problems else 0


NOT_PUBLISHED = "(not published)"
"""In the place of a repository."""


def models(options: Namespace) -> int:
    """``vas-tool models``: the table of engines, and where weights are looked for; or a download."""
    if options.action == "download":
        return _download(options.name)
    if options.parameters:
        _print_table([("stage", "engine", "parameter", "default", "takes", "why"), *_parameters()])
        return 0
    lines = [("stage", "engine", "weights", "licence", "state", "what it is")]
    lines += [
        (s.stage, s.name, s.size, s.licence, _state_of(s), f"{s.note} {s.cost}".strip()) for s in registry.ENGINES
    ]
    _print_table(lines)
    print()
    _print_table([("weights", "repository", "looked for in, in this order"), *map(_places_of, registry.all_weights())])
    print("\nget weights with: vas-tool models download NAME", file=sys.stderr)
    return 0


def _parameters() -> list[tuple[str, ...]]:
    return [
        (spec.stage, spec.name, p.name, str(p.default), p.allowed, p.reason)
        for spec in registry.ENGINES
        for p in spec.parameters
    ]


def _download(name: str) -> int:
    weights = {w.name: w for w in registry.all_weights()}.get(name.removesuffix("-fast"))
    if weights is None:
        raise InputError(
            f"there are no weights {name!r}; choose from {', '.join(w.name for w in registry.all_weights())}"
        )
    what = f"/{weights.file_name}" if isinstance(weights, Weights) else f" ({len(weights.parts)} files)"
    print(f"{weights.repo_id or NOT_PUBLISHED}{what}: about {weights.num_megabytes} MB, licence {weights.licence}")
    bar = ProgressBar()
    found = weights.find()
    path = found or download(weights, progress=bar)
    bar.close()
    print(f"{path}{' is there already' if found else ''}")
    return 0


def _state_of(spec: EngineSpec) -> str:
    absent = registry.missing_packages(spec)
    if not registry.has_weights(spec):
        absent = [*absent, "weights"]
    return f"needs {', '.join(absent)}" if absent else "ready"


def _places_of(weights: AnyWeights) -> tuple[str, ...]:
    found = weights.find()
    places = [f"{place}{' (found)' if place == found else ''}" for place in weights.places()]
    return weights.name, weights.repo_id or NOT_PUBLISHED, ", ".join(places)


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "open": open_,
    "run": run,
    "import": import_,
    "export": export_,
    "verify": verify_,
    "models": models,
    "evaluate": evaluate_,
    "bench": bench_,
    "predict": predict_,
}
"""Command name -> function."""
