"""``vas-tool run``: runs the stages for one or several objects without a browser."""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from vas_tool.boxes.keyframes import beyond, boxes_by_frame
from vas_tool.commands.run_arguments import RunArguments, with_settings
from vas_tool.commands.run_found import found_of, require_alone
from vas_tool.commands.run_objects import boxed, selected_objects, truth_with
from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.errors import InputError
from vas_tool.formats.mask_folder import MaskFolder
from vas_tool.formats.sequences import is_sequences_folder
from vas_tool.imports.given_masks import give_masks, import_sequences, masks_for
from vas_tool.imports.new_project import create_project
from vas_tool.pipeline import execute
from vas_tool.planning.cost import duration, extent, in_words, saving
from vas_tool.planning.plan import Request, StageRun, costs_of, distinct_seeds, plan, plan_and_outcome
from vas_tool.planning.predicted import with_given
from vas_tool.planning.setup import chosen_engine
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.project import Project
from vas_tool.project.attention import TRACKERS_AGREE
from vas_tool.project.head import is_project
from vas_tool.project.object_layers import OCCLUDED_SHARE
from vas_tool.project.truth import Truth
from vas_tool.project_store import ProjectStore, measure_gate
from vas_tool.run_warnings import collected_warnings
from vas_tool.second_opinion import second_opinion
from vas_tool.types import Canvas, Stage
from vas_tool.wording import counted, ranges


def run(options: Namespace) -> int:
    """Run ``vas-tool run`` for one object, or for several objects of an existing project. Returns 0.

    Raises InputError and PromptError for invalid arguments, EngineError when an engine cannot run, VideoError and
    FormatError for a source that cannot be read.
    """
    bar, arguments = ProgressBar(), RunArguments.of(options)
    require_alone(options)
    if options.second_opinion:
        registry.spec_of(
            "segment", options.second_opinion
        )  # an unknown name is an error before a long run, not after it
    fresh = not is_project(options.project or options.source)
    if fresh:
        with_settings(
            Truth(Canvas((1, 1)), engines=arguments.engines), options.settings
        )  # wrong settings are an error before a long import
    with _opened(options, bar) as project:
        bar.close()
        for note in project.source.notes:
            print(note, file=sys.stderr)
        masks = _masks(project, options, bar) if options.masks else None
        if options.find is not None:
            found = found_of(project, options, arguments.engines, progress=bar)
            bar.close()
            if found is None:
                return 0
        else:
            found = None
        selected = found or selected_objects(project, options, arguments.marks, masks=masks, fresh=fresh)
        objects = boxed(project, options, selected)
        truth = truth_with(project, options, arguments, objects=objects)
        requests = _requests([obj.id for obj in objects], arguments, fresh=fresh)
        if options.dry_run:
            _show(project, truth, masks=masks, requests=requests)
            return 0
        edit_id = project.edit(f"run on {', '.join(obj.label for obj in objects)}", truth)
        for obj, given in zip(objects, masks.objects if masks else (), strict=False):
            give_masks(project, obj, given, edit_id=edit_id, progress=bar)
        for obj in objects:
            with collected_warnings() as collected:
                for request in requests:
                    _carry_out(project, replace(request, object_ids=(obj.id,)), edit_id=edit_id, progress=bar)
            bar.close()
            _report(project, obj.id)
            if options.second_opinion:
                _second_opinion(project, obj.id, options.second_opinion, progress=bar)
            for words in collected.words:
                print(f"{words}.")
    return 0


def _second_opinion(project: Project, object_id: int, name: str, *, progress: ProgressBar) -> None:
    """Compare an object's modal masks with those of a second tracker, and print where they disagree."""
    tracker = registry.load("segment", name)
    said = second_opinion(project, object_id, tracker=tracker, progress=progress)
    progress.close()
    frames = said.disagreed
    where = f": {ranges(frames)}; they need a look" if frames else ""
    compared = f"{counted(len(said.ious), 'frame')} (IoU below {TRACKERS_AGREE:.0%})"
    print(f"{said.engine} disagrees on {len(frames)} of {compared}{where}")


def _requests(object_ids: Sequence[int], arguments: RunArguments, *, fresh: bool) -> list[Request]:
    """Return the requests of a run, in order: modal masks, hypotheses, and the rest.

    In an existing project, an engine that ``--engine`` names makes the results of other engines again.
    """
    ids, requests, waiting = tuple(object_ids), list[Request](), list[Stage]()
    for stage in arguments.stages:
        if stage == "amodal" and arguments.seeds:
            requests.append(Request(ids, ("depth", "amodal"), seeds=arguments.seeds))
        if stage == "segment":
            requests.append(Request(ids, ("segment",), ask=True))
        else:
            waiting.append(stage)
        if stage in arguments.engines and not fresh:
            requests += [Request(ids, tuple(waiting))] if waiting else []
            requests.append(Request(ids, (stage,), again=True))
            waiting = []
    return [*requests, Request(ids, tuple(waiting))] if waiting else requests


def _carry_out(project: Project, request: Request, *, edit_id: int, progress: Progress) -> None:
    """Plan and run one request. Its cost goes to the error stream first."""
    if "amodal" in request.stages:
        for object_id in request.object_ids:
            measure_gate(project, object_id, progress=progress)
    planned = plan(snapshot_of(project, request.object_ids, priced=True), request)
    what = "to make"
    if request.seeds:
        spec = chosen_engine(project.truth, "amodal")
        if not spec.seeded:
            print(f"the amodal engine {spec.name} gives one answer, whatever the seed", file=sys.stderr)
        what = counted(len(distinct_seeds(spec, request.seeds)), "hypothesis", "hypotheses")
    if "segment" not in request.stages and (words := in_words(costs_of(planned))):
        print(f"{what}: {words}", file=sys.stderr)
    execute(planned, ProjectStore(project, edit_id), progress=progress)


def _show(project: Project, truth: Truth, *, masks: MaskFolder | None, requests: list[Request]) -> None:
    """Print what a run would make and its cost, without changing the project."""
    ids = requests[0].object_ids
    snapshot = snapshot_of(project, ids, truth=truth, priced=True)
    for object_id, given in zip(ids, masks.objects if masks else (), strict=False):
        snapshot = with_given(snapshot, object_id, given.read)
    runs: list[StageRun] = []
    for request in requests:
        planned, snapshot = plan_and_outcome(snapshot, request)
        runs += [run for run in planned if run.makes_any]
    for run in runs:
        print(_line(run, truth))
    known = [run.cost.seconds for run in runs if run.cost.seconds is not None]
    if not runs:
        print("nothing to make")
    elif known:
        print(f"in all: about {duration(sum(known))}{'' if len(known) == len(runs) else ' for what was timed here'}")


def _line(run: StageRun, truth: Truth) -> str:
    """Return the text for one planned run: ``car: amodal 36 frames by builtin (missing); about 40 s``."""
    whose = "clip" if run.object_id is None else truth.object(run.object_id).label
    if run.clear:
        return f"{whose}: {saving(run.cost)}"
    taken_from = run.recipe.words if run.recipe else "what is there"
    kept = f"{run.cost.name} {counted(len(run.kept), 'frame')} from {taken_from}"
    made = f"{run.cost.name} {extent(run.cost)} by {run.engine}"
    what = ", ".join([kept] * bool(run.kept) + [made] * bool(run.frames))
    seconds = run.cost.seconds
    time = "not yet timed at this size" if seconds is None else f"about {duration(seconds)}"
    return f"{whose}: {what} ({run.reason})" + (f"; {time}" if run.frames else "")


@contextmanager
def _opened(options: Namespace, progress: Progress) -> Iterator[Project]:
    """Yield the open project. A dry run imports a new one into a temporary folder."""
    folder = options.project or options.source
    with ExitStack() as opened:
        if options.dry_run and not is_project(folder):
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory())) / "project"
        yield opened.enter_context(closing(_project(options, folder, progress)))


def _project(options: Namespace, folder: Path, progress: Progress) -> Project:
    source = options.source
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
    return create_project(
        folder, source, fps=options.fps, start_seconds=options.start, end_seconds=options.end, progress=progress
    )


def _masks(project: Project, options: Namespace, progress: Progress) -> MaskFolder:
    """Return the masks of ``--masks``, and print the notes about them."""
    source: Path | None = options.source if options.source.is_dir() else None
    masks = masks_for(project, options.masks, source=source, mask_values=options.mask_values, progress=progress)
    for note in masks.notes:
        print(f"{options.masks}: {note}", file=sys.stderr)
    return masks


def _report(project: Project, object_id: int) -> None:
    amodal = project.amodal(object_id)
    hidden = sum(amodal.occluded(f) for f in amodal)
    print(
        f"{project.folder}: object {object_id} ({amodal.obj.label}), "
        f"{counted(len(project.clip), 'frame')}, {counted(len(amodal.modal), 'modal mask')}, "
        f"{counted(len(amodal), 'amodal mask')} ({hidden} occluded, more than {OCCLUDED_SHARE:.0%} hidden), "
        f"{counted(len(amodal.layers.content), 'content')}"
    )
    boxes = boxes_by_frame(amodal.obj.amodal_boxes)
    cut = [f for f, box in boxes.items() if beyond(box, project.canvas)]
    if cut:
        print(f"The amodal box reaches beyond the work area on frames {ranges(cut)}: masks are cut there.")
