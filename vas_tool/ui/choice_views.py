"""JSON for the browser on choices: parameters, hypotheses, and the cost of a run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import Parameter
from vas_tool.errors import ProjectDamaged, PromptError
from vas_tool.masks import to_runs
from vas_tool.planning.cost import in_words
from vas_tool.planning.setup import settings_now
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.project.object_layers import require_frame
from vas_tool.session import Session
from vas_tool.storage import LayerFolder
from vas_tool.types import Mask

Json = dict[str, Any]

_STRANGE: Json = {
    "default": "",
    "choices": [],
    "allowed": "nothing",
    "reason": "Set in another version of the engine; this one has no such parameter, and does not run before it is "
    "taken back.",
}
"""View of a parameter that the engine does not have."""


def parameters_view(project: Project, spec: EngineSpec) -> list[Json]:
    """Return every parameter of an engine with its default, its reason, and its current value."""
    now = settings_now(project.truth, spec)
    known = [{**_parameter_view(parameter), "value": now[parameter.name]} for parameter in spec.parameters]
    strange = sorted(set(now) - {parameter.name for parameter in spec.parameters})
    return known + [{**_STRANGE, "name": name, "value": now[name]} for name in strange]


def _parameter_view(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "default": parameter.default,
        "choices": [True, False] if isinstance(parameter.default, bool) else list(parameter.choices),
        "allowed": parameter.allowed,
        "reason": parameter.reason,
    }


def hypotheses_view(session: Session, object_id: int, frame_index: int) -> Json:
    """Return an object's hypotheses on one frame: seed, mask as row-major runs of the canvas, and whether it is
    current.
    """
    project = session.project
    require_frame(frame_index, len(project.clip))
    obj = project.truth.object(object_id)
    with project.mutex:
        staleness, layers, pick = (
            staleness_of(project, object_id),
            project.layers(object_id),
            obj.pick_on(frame_index),
        )
        stamps = staleness.stamps.hypotheses_on(frame_index)
        masks = {seed: _mask(layers.hypothesis(seed), frame_index) for seed in stamps}
        return {
            "object": object_id,
            "frame": frame_index,
            "hypotheses": [
                {
                    "seed": seed,
                    "runs": to_runs(mask),
                    "engine": stamps[seed].engine,
                    "holds": staleness.hypothesis_holds(frame_index, seed),
                }
                for seed, mask in masks.items()
                if mask is not None
            ],
            "disagreement": layers.disagreement(frame_index),
            "picked": None if pick is None else {"how": pick.recipe.how, "seeds": list(pick.recipe.seeds)},
        }


def _mask(layer: LayerFolder[Mask], frame_index: int) -> Mask | None:
    with suppress(ProjectDamaged):  # it counts as absent from now on, and the notes name it
        return layer[frame_index]
    return None


def cost_view(session: Session, object_id: int | None, count: int | None) -> Json:
    """Return what a completion would make, as text, or what ``count`` hypotheses of one object would; "" for nothing.

    An object that was deleted meanwhile makes nothing; that is not an error.
    """
    try:
        session.measure_gate_soon(object_id)
        if count is not None and object_id is not None:
            return {"words": in_words(session.runs.hypotheses_cost(object_id, count))}
        return {"words": in_words(session.runs.completion_cost(object_id))}
    except (PromptError, KeyError):
        if object_id is None or object_id in {obj.id for obj in session.project.truth.objects}:
            raise
        return {"words": ""}
