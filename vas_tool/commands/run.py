"""``vas-tool run``: runs the stages for one or several objects without a browser."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vas_tool.boxes.files import read_boxes
from vas_tool.boxes.keyframes import beyond, boxes_by_frame, canvas_for, drawn
from vas_tool.commands.run_arguments import (
    box_of,
    click_of,
    engines_of,
    object_id_of,
    recipe_of,
    seeds_of,
    stages_of,
    with_settings,
)
from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines.base import Progress
from vas_tool.errors import InputError, PromptError
from vas_tool.formats.cameras import camera_of
from vas_tool.formats.mask_folder import MaskFolder
from vas_tool.formats.sequences import give_masks, import_sequences, is_sequences_folder, masks_for
from vas_tool.planning.setup import chosen_engine
from vas_tool.project import Project
from vas_tool.project.object_layers import OCCLUDED_SHARE
from vas_tool.project.object_stamps import asked_on
from vas_tool.project.truth import AnnotatedObject, Pick, Truth
from vas_tool.remarks import counted, ranges, remarks
from vas_tool.runs.completion import complete, completion_costs, hypotheses_costs, hypothesize
from vas_tool.runs.costs import StageCost, in_words
from vas_tool.runs.hypothesis_runs import distinct_seeds
from vas_tool.runs.spans import frames_to_track
from vas_tool.runs.tracking import segment_frame, track
from vas_tool.types import Box, BoxKeyframe, Canvas, Click, Stage


def run(options: Namespace) -> int:
    """Run ``vas-tool run`` for one object, or for several objects of an existing project. Returns the exit status."""
    bar, seeds = ProgressBar(), seeds_of(options)
    stages, engines = stages_of(options.stages), engines_of(options.engine)
    recipe = recipe_of(options.pick, seeds) if options.pick else None
    marks: list[Click | Box] = [*map(click_of, options.click), *map(box_of, options.box)]
    fresh = not is_project(options.project or options.source)
    camera = camera_of(options.intrinsics) if options.intrinsics else None
    if fresh:
        with_settings(
            Truth(Canvas((1, 1)), engines=engines), options.settings
        )  # errors are reported before a long import
    project = _project(options, bar)
    bar.close()
    for note in project.source.notes:
        print(note, file=sys.stderr)
    try:
        masks = _masks(project, options, bar) if options.masks else None
        things = _boxed(project, options, _objects(project, options, marks, masks=masks, fresh=fresh))
        truth = replace(project.truth, engines={**project.truth.engines, **engines}, seed=options.seed)
        truth = truth if camera is None else replace(truth, intrinsics=camera(project.clip.size_wh))
        truth = _cropping(project, options, truth=truth, boxes=[b for thing in things for b in thing.amodal_boxes])
        truth = with_settings(truth, options.settings)
        for thing in things:
            picked = thing.picking(Pick(0, len(project.clip) - 1, recipe)) if recipe is not None else thing
            truth = truth.with_object(picked)
        edit_id = project.edit(f"run on {', '.join(thing.label for thing in things)}", truth)
        for thing, given in zip(things, masks.objects if masks else (), strict=False):
            give_masks(project, thing, given, edit_id=edit_id, progress=bar)
        for thing in things:
            with remarks() as heard:
                if "segment" in stages:
                    _segment(project, thing.id, edit_id=edit_id, progress=bar)
                _complete(project, thing.id, stages, seeds=seeds, edit_id=edit_id, progress=bar)
            bar.close()
            _report(project, thing.id)
            for words in heard.words:
                print(f"{words}.")
    finally:
        project.close()
    return 0


def is_project(folder: Path) -> bool:
    """Return whether the folder is a project."""
    return (folder / "project.json").is_file()


def _project(options: Namespace, progress: Progress) -> Project:
    folder, source = options.project or options.source, options.source
    if is_project(folder):
        return Project.open(folder)
    if options.project is None:
        raise InputError(f"{source} is no project; say with --project DIR where to make one of it")
    if source.is_dir() and is_sequences_folder(source):
        return import_sequences(
            source,
            folder,
            label=options.label,
            fps=options.fps,
            mask_values=options.mask_values,
            progress=progress,
        )
    return Project.create(
        folder, source, fps=options.fps, start_seconds=options.start, end_seconds=options.end, progress=progress
    )


def _masks(project: Project, options: Namespace, progress: Progress) -> MaskFolder:
    """Return the masks of ``--masks``, and print the notes about them."""
    source: Path | None = options.source if options.source.is_dir() else None
    masks = masks_for(project, options.masks, source=source, mask_values=options.mask_values, progress=progress)
    for note in masks.notes:
        print(f"{options.masks}: {note}", file=sys.stderr)
    return masks


def _objects(
    project: Project, options: Namespace, marks: Sequence[Click | Box], *, masks: MaskFolder | None, fresh: bool
) -> list[AnnotatedObject]:
    """Return the chosen objects, with the prompts of the command line.

    A new label makes a new object, and masks of several objects make several. In a ``fresh`` project, which the import
    of
    the source made, all objects are chosen.
    """
    told = bool(marks or masks)
    things = list(project.truth.objects) if fresh and not told else []
    things = things or _chosen(project, options)
    if len(things) > 1 and (told or options.amodal_boxes not in (None, "project")):
        raise InputError("clicks, boxes and masks are of one object; choose it with --object ID")
    if masks and len(masks.objects) > 1:
        return _new_objects(project, options, masks, alone=not marks and things[0].id == project.truth.next_object_id)
    if not told and not any(thing.prompted() for thing in things):
        raise PromptError("nothing says which object is meant; give --click FRAME,X,Y, --box or --masks")
    for mark in marks:
        _require_inside(project, mark)
    return [_marked(thing, marks) for thing in things if told or thing.prompted()]


def _new_objects(project: Project, options: Namespace, masks: MaskFolder, *, alone: bool) -> list[AnnotatedObject]:
    """Return one new object for each object of the masks, if the masks ``alone`` determine the objects."""
    if not alone:
        names = ", ".join(given.name for given in masks.objects)
        raise InputError(
            f"{options.masks} has masks of {len(masks.objects)} objects (values {names}), which become new ones; leave "
            "out --object, clicks and boxes, give another --label, or say with --mask-values binary that it is one"
        )
    first = project.truth.next_object_id
    ids = range(first, first + len(masks.objects))
    return [AnnotatedObject(i, options.label or f"object {i}") for i in ids]


def _chosen(project: Project, options: Namespace) -> list[AnnotatedObject]:
    there = project.truth.objects
    if options.object == "all":
        return list(there)
    if options.object is not None:
        return [project.truth.object(object_id_of(options.object))]
    named = [thing for thing in there if options.label in (None, thing.label)]
    if len(named) > 1:
        ids = ", ".join(f"{thing.id} ({thing.label})" for thing in named)
        raise InputError(
            f"{project.folder} has several objects that can be meant: {ids}; say --object ID or --object all"
        )
    fresh = project.truth.next_object_id
    return named or [AnnotatedObject(fresh, options.label or f"object {fresh}")]


def _marked(thing: AnnotatedObject, marks: Sequence[Click | Box]) -> AnnotatedObject:
    clicks = tuple(mark for mark in marks if isinstance(mark, Click) and mark not in thing.clicks)
    boxes = {box.frame_index: box for box in (*thing.boxes, *(mark for mark in marks if isinstance(mark, Box)))}
    return replace(thing, clicks=(*thing.clicks, *clicks), boxes=tuple(boxes.values()))


def _boxed(project: Project, options: Namespace, things: list[AnnotatedObject]) -> list[AnnotatedObject]:
    """Return the objects with the amodal boxes of the command line."""
    if options.amodal_boxes is None:
        return things
    if options.amodal_boxes != "project":
        boxes = read_boxes(Path(options.amodal_boxes), num_frames=len(project.clip))
        return [replace(thing, amodal_boxes=boxes) for thing in things]
    without = [thing.label for thing in things if not drawn(thing.amodal_boxes)]
    if len(without) == len(things):
        raise InputError(
            f"no amodal boxes of {', '.join(without)} in {project.folder}; give a FILE, or draw them in the tool"
        )
    if without:
        print(f"{', '.join(without)}: no amodal boxes, so not cropped", file=sys.stderr)
    return things


def _cropping(project: Project, options: Namespace, *, truth: Truth, boxes: Sequence[BoxKeyframe]) -> Truth:
    """Return the project's truth with the crop rule of the command line, and a canvas that contains the boxes."""
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
        raise PromptError(
            f"{mark.words} lies outside the clip ({width} x {height} pixels, frames 0 to {len(project.clip) - 1}); "
            "give one inside"
        )


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
        spec = chosen_engine(project.truth, "amodal")
        if not spec.seeded:
            print(f"the amodal engine {spec.name} gives one answer, whatever the seed", file=sys.stderr)
        _tell_cost(
            counted(len(distinct_seeds(spec, seeds)), "hypothesis", "hypotheses"),
            hypotheses_costs(project, object_id, seeds),
        )
        hypothesize(project, object_id, seeds, edit_id=edit_id, progress=progress)
    _tell_cost("to make", completion_costs(project, [object_id], stages))
    complete(project, [object_id], edit_id=edit_id, progress=progress, stages=stages)


def _tell_cost(what: str, costs: list[StageCost]) -> None:
    if words := in_words(costs):
        print(f"{what}: {words}", file=sys.stderr)


def _report(project: Project, object_id: int) -> None:
    amodal = project.amodal(object_id)
    hidden = sum(amodal.occluded(f) for f in amodal)
    print(
        f"{project.folder}: object {object_id} ({amodal.thing.label}), "
        f"{counted(len(project.clip), 'frame')}, {counted(len(amodal.modal), 'modal mask')}, "
        f"{counted(len(amodal), 'amodal mask')} ({hidden} occluded, more than {OCCLUDED_SHARE:.0%} hidden), "
        f"{counted(len(amodal.layers.content), 'content')}"
    )
    boxes = boxes_by_frame(amodal.thing.amodal_boxes)
    cut = [f for f, box in boxes.items() if beyond(box, project.canvas)]
    if cut:
        print(f"The amodal box reaches beyond the work area on frames {ranges(cut)}: masks are cut there.")
