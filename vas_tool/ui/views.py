"""JSON for the browser from a session. The docstring of ``routes`` describes the contract."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakKeyDictionary

from vas_tool.engines import registry
from vas_tool.engines.external.listed import how_to_add
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.specs import looked_once
from vas_tool.errors import EngineError, ProjectDamaged
from vas_tool.masks import to_runs
from vas_tool.planning.review import review_of
from vas_tool.planning.setup import ChosenEngines, chosen_engine, chosen_engines
from vas_tool.project.agreements import box_agreements
from vas_tool.project.depth_order import orders_json
from vas_tool.project.frame_order import OrderFinder
from vas_tool.project.nothing_in_front import NothingInFront
from vas_tool.project.object_layers import ModalMasks, require_frame
from vas_tool.project.templates import Template, numbered
from vas_tool.project.truth import AnnotatedObject, Truth, pick_json
from vas_tool.session import Session
from vas_tool.types import STAGES, Mask, SizeWH, Stage
from vas_tool.ui.choice_views import parameters_view
from vas_tool.ui.weight_downloads import offers

Json = dict[str, Any]

MEASURING_SECONDS = 0.5
"""Seconds for measuring pixels before the page is answered. The rest is measured in the background."""

UNKNOWN_ENGINE = "This installation has no engine of that name: choose another one."
"""Note on an engine of a project from another installation."""


def state_view(session: Session, since: int | None, *, hurried: bool = False) -> Json:
    """Return the state of a project without pictures.

    ``since`` is the version that the browser has (None: none). A ``hurried`` view is made at once for a picture that
    waits for it: it may lack weights that have just appeared.
    """
    project, until = session.project, time.monotonic() + MEASURING_SECONDS
    with project.mutex, looked_once():
        changed, engines = None if since is None else session.changes.since(since), _engines(session, hurried=hurried)
        return {
            "version": session.changes.version,
            "changed": None if changed is None else sorted(changed),
            "project": _project_view(session),
            "ledger": None if since is not None else [[r.source_index, r.pts_seconds] for r in project.ledger],
            "place": session.place,
            "objects": [
                _object_view(session, obj, until=until, engines=engines.chosen) for obj in project.truth.objects
            ],
            "in_front": orders_json(project.truth.in_front),
            "scene": project.truth.scene.json(),
            "undo": project.undo_label,
            "redo": project.redo_label,
            "saved": {"what": session.changes.saved.what, "at": session.changes.saved.at_seconds},
            "depth": _depth_spans(session),
            "refining": session.prompts.refining,
            "waits": session.prompts.waits,
            "job": asdict(session.runs.job) if session.runs.job else None,
            "engines": engines.views,
        }


_DEPTH_SPANS: WeakKeyDictionary[Session, tuple[int, list[list[int]]]] = WeakKeyDictionary()
"""Session -> (number of changes of its depth, frames with depth), as they were when last requested."""


def _depth_spans(session: Session) -> list[list[int]]:
    """Return the frames with depth as [first, last] of each stretch."""
    depth = session.project.depth
    changes, spans = _DEPTH_SPANS.get(session, (-1, []))
    if changes != depth.changes:
        changes, spans = depth.changes, _stretches(sorted(depth))
        _DEPTH_SPANS[session] = changes, spans
    return spans


def _stretches(frames: list[int]) -> list[list[int]]:
    stretches: list[list[int]] = []
    for frame_index in frames:
        if stretches and frame_index == stretches[-1][1] + 1:
            stretches[-1][1] = frame_index
        else:
            stretches.append([frame_index, frame_index])
    return stretches


def _project_view(session: Session) -> Json:
    project = session.project
    canvas = project.canvas
    pads = {"left": canvas.pad_left, "top": canvas.pad_top, "right": canvas.pad_right, "bottom": canvas.pad_bottom}
    return {
        "name": project.name,
        "path": str(project.folder),
        "frame_count": len(project.clip),
        "fps": project.clip.fps,
        "size_wh": project.clip.size_wh,
        "canvas": {**pads, "size_wh": canvas.size_wh},
        "crop": asdict(project.truth.crop),
        "gate": project.truth.gate,
        "model_wh": _model_wh(session),
        "notes": [*project.notes, *project.source.notes],
        "source": project.source.path,
    }


def _model_wh(session: Session) -> SizeWH | None:
    """Return (width, height) of the amodal model's input; None for a model that takes any size."""
    project = session.project
    try:
        spec = chosen_engine(project.truth, "amodal")
        return registry.model_size(spec, project.truth.settings_of("amodal", spec.name))
    except EngineError:  # reported where the engine is chosen
        return None


def _object_view(session: Session, obj: AnnotatedObject, *, until: float, engines: ChosenEngines) -> Json:
    review = review_of(session.project, obj.id, until=until, engines=engines)
    if review.estimates:
        session.measure_soon()
    return {
        "id": obj.id,
        "label": obj.label,
        "clicks": [asdict(click) for click in obj.clicks],
        "boxes": [asdict(box) for box in obj.boxes],
        "strokes": [[s.frame_index, s.layer] for s in obj.strokes],
        "amodal_boxes": [asdict(box) for box in obj.amodal_boxes],
        "agreement": box_agreements(session.project, obj.id),
        "work_seconds": round(session.clock.seconds.get(obj.id, 0.0)),
        "frames": bytes(review.states).hex(),
        "needs_work": obj.needs_work,
        "gains": review.gains,
        "others": review.others,
        "differ": review.differ.hex(),
        "nothing_in_front": review.open_parts,
        "returns": [_return_view(session.project.modal(obj.id), *back) for back in review.returns.items()],
        "picks": [pick_json(pick) for pick in obj.picks],
        "templates": [_template_view(template) for template in obj.templates],
    }


def _template_view(template: Template) -> Json:
    """Return where a template lies. Its outline never changes and is asked for apart (``template_view``)."""
    box = [template.left, template.top, *template.size_wh]
    poses = [asdict(pose) for pose in template.poses]
    return {"key": template.key, "taken_from": template.taken_from, "box": box, "poses": poses}


def template_view(session: Session, object_id: int, index: int) -> Json:
    """Return the outline of a template, as row-major runs of its box. Raises PromptError when there is none."""
    template = numbered(session.project.truth.object(object_id).templates, index)
    return {"key": template.key, "runs": to_runs(template.mask)}


def _return_view(modal: ModalMasks, frame_index: int, last_seen: int) -> Json:
    """Return where an object is seen again: the frame, the last one before it, and the boxes of the modal masks on
    both.
    """
    boxes = {"box": modal.box(frame_index), "box_before": modal.box(last_seen)}
    return {"frame": frame_index, "last_seen": last_seen, **boxes}


@dataclass(frozen=True)
class _Engines:
    """The engines of a session at the last search, and the page's data about them."""

    truth: Truth
    chosen: ChosenEngines
    views: list[Json]
    """One for each stage."""


_ENGINES: WeakKeyDictionary[Session, _Engines] = WeakKeyDictionary()
"""The last search of each session. Weights are searched in many places, so a hurried view uses the last result."""


def _engines(session: Session, *, hurried: bool) -> _Engines:
    """Search the engines. If ``hurried``, use the last result unless an engine or a setting was changed since."""
    truth, last = session.project.truth, _ENGINES.get(session)
    same = last is not None and (last.truth.engines, last.truth.settings) == (truth.engines, truth.settings)
    if last is None or not (hurried and same):
        views = [_engine_view(session, stage) for stage in STAGES]
        last = _ENGINES[session] = _Engines(truth, chosen_engines(truth), views)
    return last


def _engine_view(session: Session, stage: Stage) -> Json:
    """Return the current engine, the user's choice (a name or ``auto``), and the available engines of a stage."""
    chosen = session.project.truth.engines.get(stage, registry.AUTO)
    best = registry.spec_of(stage)
    here = [s for s in registry.engines_of(stage) if registry.is_present(s) or s.name == chosen]
    choices = [_choice_view(registry.AUTO, best), *(_choice_view(spec.name, spec) for spec in here)]
    running = next((spec for spec in here if spec.name == chosen), best if chosen == registry.AUTO else None)
    if running is None:
        note = f"{UNKNOWN_ENGINE} Or {how_to_add(chosen)}." if stage in ("amodal", "content") else UNKNOWN_ENGINE
        choices.append({**_choice_view(chosen, best), "engine": chosen, "note": note, "cost": ""})
    name = running.name if running else chosen
    return {
        **{"stage": stage, "name": name, "chosen": chosen, "choices": choices},
        "offers": offers(running) if running else [],
        "parameters": parameters_view(session.project, running) if running else [],
        "seeded": running is not None and running.seeded,
    }


def _choice_view(name: str, spec: EngineSpec) -> Json:
    """Return one choice. ``lacks`` is the command that gets what the engine lacks."""
    about = {"engine": spec.name, "note": spec.note, "cost": spec.cost}
    return {"name": name, **about, "licence": spec.licence, "size": spec.size, "lacks": spec.get}


def masks_view(session: Session, frame_index: int) -> Json:
    """Return every object's masks on one frame as row-major runs: modal in the frame's size, amodal in the canvas's."""
    project = session.project
    require_frame(frame_index, len(project.clip))
    objects = {}
    with project.mutex:  # no undo takes an object away between its number and its masks
        found = [project.amodal(obj.id) for obj in project.truth.objects]
    for amodal in found:
        layers = amodal.modal, amodal, amodal.layers.uncropped
        modal, whole, uncropped = (_runs(masks, frame_index) for masks in layers)
        if modal is not None or whole is not None:
            objects[str(amodal.obj.id)] = {"modal": modal or [], "amodal": whole, "uncropped": uncropped}
    return {"frame": frame_index, "objects": objects}


def open_view(session: Session, object_id: int, frame_index: int) -> Json:
    """Return the pixels of one frame on which nothing can hide an object, as row-major runs of the canvas.

    ``runs`` is None for an object that was deleted meanwhile; that is not an error.
    """
    project = session.project
    require_frame(frame_index, len(project.clip))
    with project.mutex:
        is_there = any(obj.id == object_id for obj in project.truth.objects)
        finder = NothingInFront(project, object_id) if is_there else None
    pixels = finder.open_pixels(frame_index) if finder else None
    return {"object": object_id, "frame": frame_index, "runs": None if pixels is None else to_runs(pixels)}


def order_view(session: Session, frame_index: int) -> Json:
    """Return which objects are in front of which on one frame: what the person said, and what masks and depth
    suggest.
    """
    require_frame(frame_index, len(session.project.clip))
    order = OrderFinder(session.project).on(frame_index)
    return {
        "frame": frame_index,
        "ids": order.ids,
        "links": [[front, behind, source] for (front, behind), source in sorted(order.links.items())],
        "nearness": order.nearness,
        "problems": order.problems,
    }


def _runs(masks: Mapping[int, Mask], frame_index: int) -> list[int] | None:
    """Return a mask as runs; None where there is none. An unreadable mask counts as absent from then on."""
    while frame_index in masks:
        with suppress(ProjectDamaged):
            return to_runs(masks[frame_index])
    return None
