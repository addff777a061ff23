"""The objects that ``vas-tool run`` works on, and the project's truth with the arguments of the command line."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vas_tool.boxes.box_files import read_boxes
from vas_tool.boxes.keyframes import drawn
from vas_tool.commands.run_arguments import RunArguments, object_id_of, with_settings
from vas_tool.errors import InputError, PromptError
from vas_tool.formats.mask_folder import MaskFolder
from vas_tool.project import Project
from vas_tool.project.entered_prompts import require_inside, with_canvas_for
from vas_tool.project.truth import AnnotatedObject, Pick, Truth
from vas_tool.types import Box, BoxKeyframe, Click


def truth_with(
    project: Project, options: Namespace, arguments: RunArguments, *, objects: Sequence[AnnotatedObject]
) -> Truth:
    """Return the project's truth with the engines, seed, camera, crops, settings and objects of the command line."""
    truth = replace(project.truth, engines={**project.truth.engines, **arguments.engines}, seed=options.seed)
    if options.gate is not None:
        truth = replace(truth, gate=options.gate)
    if arguments.camera is not None:
        truth = replace(truth, intrinsics=arguments.camera(project.clip.size_wh))
    truth = _cropping(project, options, truth=truth, boxes=[b for obj in objects for b in obj.amodal_boxes])
    truth = with_settings(truth, options.settings)
    for obj in objects:
        last = len(project.clip) - 1
        picked = obj if arguments.recipe is None else obj.picking(Pick(0, last, arguments.recipe))
        truth = truth.with_object(picked)
    return truth


def selected_objects(
    project: Project, options: Namespace, marks: Sequence[Click | Box], *, masks: MaskFolder | None, fresh: bool
) -> list[AnnotatedObject]:
    """Return the objects that the options choose, with the prompts of the command line.

    A new label makes a new object, and masks of several objects make several. In a ``fresh`` project, which the import
    of the source made, all objects are chosen.
    """
    has_prompts = bool(marks or masks)
    annotated = list(project.truth.objects) if fresh and not has_prompts else []
    annotated = annotated or _chosen(project, options)
    if len(annotated) > 1 and (has_prompts or options.amodal_boxes not in (None, "project")):
        raise InputError("clicks, boxes and masks are of one object; choose it with --object ID")
    if masks and len(masks.objects) > 1:
        alone = not marks and annotated[0].id == project.truth.next_object_id
        return _new_objects(project, options, masks, alone=alone)
    if not has_prompts and not any(obj.prompted() for obj in annotated):
        raise PromptError("nothing says which object is meant; give --click FRAME,X,Y, --box or --masks")
    require_inside(project.clip, marks)
    return [_marked(obj, marks) for obj in annotated if has_prompts or obj.prompted()]


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
    named = [obj for obj in there if options.label in (None, obj.label)]
    if len(named) > 1:
        ids = ", ".join(f"{obj.id} ({obj.label})" for obj in named)
        raise InputError(
            f"{project.folder} has several objects: {ids}; choose one with --object ID, or all with --object all"
        )
    fresh = project.truth.next_object_id
    return named or [AnnotatedObject(fresh, options.label or f"object {fresh}")]


def _marked(obj: AnnotatedObject, marks: Sequence[Click | Box]) -> AnnotatedObject:
    clicks = tuple(mark for mark in marks if isinstance(mark, Click) and mark not in obj.clicks)
    boxes = {box.frame_index: box for box in (*obj.boxes, *(mark for mark in marks if isinstance(mark, Box)))}
    return replace(obj, clicks=(*obj.clicks, *clicks), boxes=tuple(boxes.values()))


def boxed(project: Project, options: Namespace, annotated: list[AnnotatedObject]) -> list[AnnotatedObject]:
    """Return the objects with the amodal boxes of ``--amodal-boxes``. Raises InputError when there are none."""
    if options.amodal_boxes is None:
        return annotated
    if options.amodal_boxes != "project":
        boxes = read_boxes(Path(options.amodal_boxes), num_frames=len(project.clip))
        return [replace(obj, amodal_boxes=boxes) for obj in annotated]
    without = [obj.label for obj in annotated if not drawn(obj.amodal_boxes)]
    if len(without) == len(annotated):
        raise InputError(
            f"no amodal boxes of {', '.join(without)} in {project.folder}; give a FILE, or draw them in the tool"
        )
    if without:
        print(f"{', '.join(without)}: no amodal boxes, so not cropped", file=sys.stderr)
    return annotated


def _cropping(project: Project, options: Namespace, *, truth: Truth, boxes: Sequence[BoxKeyframe]) -> Truth:
    """Return the project's truth with the crop rule of the command line, and a canvas that contains the boxes."""
    crop = truth.crop if options.pad is None else replace(truth.crop, margin=options.pad)
    crop = replace(
        crop,
        keep_aspect=crop.keep_aspect and not options.stretch,
        span=crop.span or options.one_crop,
        compare=crop.compare and not options.no_uncropped,
    )
    return with_canvas_for(replace(truth, crop=crop), boxes, project.clip)
