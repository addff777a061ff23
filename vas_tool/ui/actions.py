"""The actions of the browser: each calls a method of the session with plain arguments and returns plain values."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vas_tool.engines.registry import stage_named
from vas_tool.errors import PromptError
from vas_tool.hypotheses import Recipe
from vas_tool.project.templates import Pose
from vas_tool.session import Session
from vas_tool.session.compositions import CompositionOrder
from vas_tool.session.prompt_edits import stroke_of
from vas_tool.types import AmodalBox, Box, Click
from vas_tool.ui.weight_downloads import DOWNLOADS

Arguments = dict[str, Any]
Answer = dict[str, Any]


def perform(session: Session, name: str, arguments: Arguments) -> Answer:
    """Perform an action. Raises PromptError for an unknown name or missing arguments, and errors of the session."""
    if name not in ACTIONS:
        raise PromptError(f"there is no action {name!r}; reload the page")
    try:
        answer = ACTIONS[name](session, arguments)
    except KeyError as missing:
        raise PromptError(f"the action {name} needs {missing}; reload the page") from missing
    object_id = answer.get("object") or arguments.get("object")
    if isinstance(object_id, int):
        session.clock.tick(object_id, time.monotonic())
    return answer


def _click(session: Session, a: Arguments) -> Answer:
    click = Click(int(a["frame"]), float(a["x"]), float(a["y"]), bool(a["positive"]))
    return {"object": session.prompts.click(click, object_id=a["object"])}


def _box(session: Session, a: Arguments) -> Answer:
    corners = {key: float(a[key]) for key in ("x0", "y0", "x1", "y1")}
    return {"object": session.prompts.box(Box(int(a["frame"]), **corners), object_id=a["object"])}


def _stroke(session: Session, a: Arguments) -> Answer:
    stroke = stroke_of(a["layer"], int(a["frame"]), adds=a["adds"], radius=a["radius"], points=a["points"])
    return {"object": session.prompts.stroke(stroke, object_id=a["object"])}


def _amodal_box(session: Session, a: Arguments) -> Answer:
    corners = {key: float(a[key]) for key in ("x0", "y0", "x1", "y1")}
    return {"object": session.amodal_boxes.set(AmodalBox(int(a["frame"]), **corners), object_id=a["object"])}


def _template(session: Session, a: Arguments) -> Answer:
    pose = Pose(int(a["frame"]), *(float(a[key]) for key in ("x", "y", "angle", "scale")))
    session.templates.place(*_template_of(a), pose, reach=float(a["reach"]), key=a["key"])
    return {}


def _template_of(a: Arguments) -> tuple[int, int]:
    return int(a["object"]), int(a["index"])


def _crop(session: Session, a: Arguments) -> Answer:
    given = _known(a, "margin", "keep_aspect", "span", "compare")
    session.amodal_boxes.set_crop(replace(session.project.truth.crop, **given))
    return {}


def _scene(session: Session, a: Arguments) -> Answer:
    given = _known(a, "object", "dx", "dy", "scale", "hidden", "freeze")
    session.scene.change(int(given.pop("object")), **given)
    return {}


def _next_look(session: Session, a: Arguments) -> Answer:
    found = session.next_look(int(a["frame"]), object_id=a["object"])
    object_id, frame_index, why = found or (None, None, "no frame needs a look")
    return {"object": object_id, "frame": frame_index, "why": why}


def _place(session: Session, a: Arguments) -> Answer:
    session.set_place(_known(a, "frame", "object", "layers"))
    return {}


def _in_front(session: Session, a: Arguments) -> Answer:
    pairs = [(int(front), int(behind)) for front, behind in a["pairs"]]
    span = None if a["first"] is None else _span(a)
    return {"why": session.order.say(pairs, int(a["frame"]), span=span)}


ENVELOPE = frozenset(("action", "seq", "client", "since", "frame"))
"""Keys that every request may hold beside its arguments."""


def _known(arguments: Arguments, *names: str) -> Arguments:
    """Return the named arguments. Raises PromptError for others, which would otherwise be ignored."""
    if strange := sorted(set(arguments) - ENVELOPE - set(names)):
        raise PromptError(f"the action {arguments.get('action')} does not take {', '.join(strange)}; reload the page")
    return {name: arguments[name] for name in names if name in arguments}


def _recipe(a: Arguments) -> Recipe:
    return Recipe(a["how"], tuple(sorted(int(seed) for seed in a["seeds"])))


def _composition(a: Arguments) -> CompositionOrder:
    return CompositionOrder(
        int(a["object"]),
        str(a["front"]),
        int(a["front_object"]) or None,
        (int(a["x"]), int(a["y"])),
        int(a["delay"]),
        float(a["softness"]),
        bool(a["whole"]),
    )


def _span(a: Arguments) -> range:
    span = range(int(a["first"]), int(a["last"]) + 1)
    if not span:
        raise PromptError("a span of frames ends at or after its first frame")
    return span


def _quiet(act: Callable[[Session, Arguments], object]) -> Callable[[Session, Arguments], Answer]:
    """Return an action whose answer is only the new state."""

    def run(session: Session, arguments: Arguments) -> Answer:
        act(session, arguments)
        return {}

    return run


ACTIONS: dict[str, Callable[[Session, Arguments], Answer]] = {
    "click": _click,
    "box": _box,
    "stroke": _stroke,
    "remove_click": _quiet(lambda s, a: s.prompts.remove_click(int(a["object"]), int(a["index"]))),
    "remove_box": _quiet(lambda s, a: s.prompts.remove_box(int(a["object"]), int(a["frame"]))),
    "amodal_box": _amodal_box,
    "remove_amodal_box": _quiet(lambda s, a: s.amodal_boxes.remove(int(a["object"]), int(a["frame"]))),
    "end_amodal_box": _quiet(lambda s, a: s.amodal_boxes.end(int(a["object"]), int(a["frame"]))),
    "take_template": _quiet(lambda s, a: s.templates.take(int(a["object"]), int(a["frame"]))),
    "template": _template,
    "fit_template": lambda s, a: {"share": s.templates.fit(*_template_of(a), int(a["frame"]), key=a["key"])},
    "remove_template": _quiet(lambda s, a: s.templates.remove(*_template_of(a), int(a["frame"]), key=a["key"])),
    "crop": _crop,
    "new_object": lambda s, a: {"object": s.new_object(a.get("label"))},
    "rename": _quiet(lambda s, a: s.rename(int(a["object"]), str(a["label"]))),
    "same": _quiet(lambda s, a: s.identity.same(int(a["object"]), int(a["frame"]))),
    "split": lambda s, a: {"object": s.split(int(a["object"]), int(a["frame"]))},
    "delete_object": _quiet(lambda s, a: s.delete_object(int(a["object"]))),
    "track": _quiet(lambda s, a: s.runs.track(int(a["object"]), int(a["frame"]), direction=a["direction"])),
    "complete": _quiet(lambda s, a: s.runs.complete(a["object"])),
    "engine": _quiet(lambda s, a: s.choose_engine(str(a["stage"]), str(a["name"]))),
    "gate": _quiet(lambda s, a: s.set_gate(bool(a["on"]))),
    "get_weights": _quiet(lambda _, a: DOWNLOADS.start(str(a["name"]))),
    "stop_weights": _quiet(lambda _, a: DOWNLOADS.stop(str(a["name"]))),
    "parameter": _quiet(lambda s, a: s.set_parameter(stage_named(str(a["stage"])), str(a["name"]), a["value"])),
    "hypotheses": _quiet(lambda s, a: s.runs.make_hypotheses(int(a["object"]), int(a["count"]))),
    "pick": _quiet(lambda s, a: s.runs.choose_hypothesis(int(a["object"]), _recipe(a), _span(a))),
    "in_front": _in_front,
    "not_in_front": _quiet(lambda s, a: s.order.unsay([int(i) for i in a["objects"]], _span(a))),
    "again": _quiet(lambda s, a: s.runs.make_again(int(a["object"]), str(a["stage"]))),
    "find": _quiet(lambda s, a: s.finds.start(str(a["text"]), None if a["only"] is None else int(a["only"]))),
    "second_opinion": _quiet(lambda s, a: s.runs.ask_second(int(a["object"]), str(a["engine"]))),
    "keep_found": lambda s, a: {"objects": s.finds.keep([int(number) for number in a["numbers"]])},
    "train": _quiet(lambda s, a: s.training.start(a["method"])),
    "stop_training": _quiet(lambda s, a: s.training.stop()),
    "ask_again": _quiet(lambda s, a: s.second_looks.ask(float(a["share"]), str(a["annotator"]))),
    "compare_answers": _quiet(lambda s, a: s.second_looks.compare()),
    "compose": _quiet(lambda s, a: s.compositions.start(_composition(a))),
    "cancel": _quiet(lambda s, a: s.runs.cancel()),
    "undo": _quiet(lambda s, a: s.undo()),
    "redo": _quiet(lambda s, a: s.redo()),
    "accept": _quiet(lambda s, a: s.accept(int(a["object"]), int(a["frame"]), accepted=bool(a["accepted"]))),
    "mark": _quiet(lambda s, a: s.mark(int(a["object"]), int(a["frame"]), needs_work=bool(a["needs_work"]))),
    "accept_all": lambda s, a: {"accepted": s.accept_all(int(a["object"]))},
    "next_look": _next_look,
    "scene": _scene,
    "scene_front": _quiet(lambda s, a: s.scene.raise_to_front(int(a["object"]), raised=bool(a["raised"]))),
    "scene_reset": _quiet(lambda s, _: s.scene.reset()),
    "canvas": _quiet(lambda s, a: s.set_canvas(float(a["fraction"]))),
    "place": _place,
}
"""Name of an action in the browser's request -> its function."""
