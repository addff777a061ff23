"""``vas-tool run``: one object through the stages without a browser."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vas_tool.boxes.files import read_boxes
from vas_tool.boxes.keyframes import beyond, boxes_by_frame, canvas_for, drawn
from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.errors import InputError, PromptError
from vas_tool.formats.sequences import import_masks, import_sequences, is_sequences_folder
from vas_tool.formats.tally import ranges
from vas_tool.hypotheses import Recipe
from vas_tool.project import Project
from vas_tool.project.object_layers import asked_on
from vas_tool.project.review import chosen_engine
from vas_tool.project.truth import AnnotatedObject, Pick, Truth
from vas_tool.runs.completion import complete, completion_costs, hypotheses_costs, hypothesize
from vas_tool.runs.costs import StageCost, in_words
from vas_tool.runs.hypothesis_runs import MOST_HYPOTHESES, distinct_seeds
from vas_tool.runs.spans import frames_to_track
from vas_tool.runs.tracking import segment_frame, track
from vas_tool.types import STAGES, Box, BoxKeyframe, Canvas, Click, Stage


def run(options: Namespace) -> int:
    """``vas-tool run``: one object through the stages."""
    bar, seeds = ProgressBar(), _seeds(options)
    stages, engines = _stages(options.stages), _engines(options.engine)
    recipe = _recipe(options.pick, seeds) if options.pick else None
    clicks, boxes = [_click(text) for text in options.click], [_box(text) for text in options.box]
    if not (options.project / "project.json").is_file():
        _set(Truth(Canvas((1, 1)), engines=engines), options.settings)  # a misspelt one is told before a long import
    project = _project(options, bar)
    try:
        thing = _boxed(project, options, _object(project, options, clicks=clicks, boxes=boxes))
        truth = replace(project.truth, engines={**project.truth.engines, **engines}, seed=options.seed)
        truth = _cropping(project, options, truth=truth, boxes=thing.amodal_boxes)
        truth = _set(truth, options.settings)
        if recipe is not None:
            thing = thing.picking(Pick(0, len(project.clip) - 1, recipe))
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
    if not drawn(thing.amodal_boxes):
        raise InputError(
            f"{thing.label} has no amodal boxes in {project.folder}; give a FILE, or draw them in the tool"
        )
    return thing


def _cropping(project: Project, options: Namespace, *, truth: Truth, boxes: Sequence[BoxKeyframe]) -> Truth:
    """The truth with the way to crop that was asked for, and a canvas that holds the boxes."""
    crop = truth.crop if options.pad is None else replace(truth.crop, margin=options.pad)
    crop = replace(
        crop,
        keep_aspect=crop.keep_aspect and not options.stretch,
        span=crop.span or options.one_crop,
        compare=crop.compare and not options.no_uncropped,
    )
    wanted = canvas_for(drawn(boxes), project.clip.size_wh)
    grows = wanted.size_wh > truth.canvas.size_wh
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
    boxes = boxes_by_frame(amodal.thing.amodal_boxes)
    cut = [f for f, box in boxes.items() if beyond(box, project.canvas)]
    if cut:
        print(f"The amodal box reaches beyond the work area on frames {ranges(cut)}: masks are cut there.")


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
