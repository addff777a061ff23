"""The person's decisions: objects with clicks, boxes, strokes and review. Masks are made from them and can be made
again.

Frozen dataclasses that know their JSON form. ``Truth`` is the part of ``project.json`` that undo and redo go over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from msgspec import Struct

from vas_tool.boxes.crops import CropRule
from vas_tool.engines.settings import NO_SETTINGS, Settings, SettingValue
from vas_tool.errors import PromptError
from vas_tool.files import require_form
from vas_tool.hypotheses import How, Recipe
from vas_tool.project.depth_order import Orders, orders_from_json, orders_json
from vas_tool.project.picks import Pick as Pick
from vas_tool.project.picks import pick_from_json
from vas_tool.project.picks import pick_json as pick_json
from vas_tool.project.templates import Pose, Template, TemplateForm, on_frame, template_from_json
from vas_tool.scene_edits import SceneEdits, scene_from_json
from vas_tool.types import (
    AmodalBox,
    Box,
    BoxKeyframe,
    Canvas,
    Click,
    Intrinsics,
    MaskLayer,
    NoBox,
    SizeWH,
    Stage,
    Stroke,
)

MOST_PADDING = 4
"""The largest padding of the canvas on one side, in frame sizes. No object needs more, and it fits in memory."""

MOST_SEED = 2**63 - 1

MOST_HYPOTHESES = 16
"""The most hypotheses of one run: a person cannot compare more side by side."""

GATED = True
"""Whether the occlusion gate is on, where nobody chose."""

MOST_OBJECTS = 1_000_000
"""The largest object number."""


@dataclass(frozen=True)
class AnnotatedObject:
    """One annotated object with all decisions of a person about it."""

    id: int
    """Number from 1, never reused in a project."""
    label: str
    """Name of its category."""
    clicks: tuple[Click, ...] = ()
    boxes: tuple[Box, ...] = ()
    """At most one per frame."""
    amodal_boxes: tuple[BoxKeyframe, ...] = ()
    """Keyframes, at most one per frame, ascending. Between them the box moves linearly, or ends
    (``boxes.keyframes``)."""
    strokes: tuple[Stroke, ...] = ()
    """Strokes on all frames and both masks, in the order in which they were made."""
    templates: tuple[Template, ...] = ()
    """Outlines of frames where it is whole, placed on others; where several lie, the last one holds."""
    given: tuple[int, ...] = ()
    """Frames whose modal mask was imported; the masks lie in the object's ``given`` folder."""
    accepted: tuple[int, ...] = ()
    """Frames that the person accepted, ascending. No engine replaces their masks."""
    needs_work: tuple[int, ...] = ()
    """Frames that the person marked for later, ascending. None of them is accepted."""
    same: tuple[int, ...] = ()
    """Frames on which it comes back after it was gone, and the person said that it is the same one; ascending."""
    picks: tuple[Pick, ...] = ()
    """Chosen hypotheses, ascending, without overlap. Other frames have the hypothesis of ``Truth.seed``."""

    def __post_init__(self) -> None:
        if type(self.id) is not int or not 0 < self.id <= MOST_OBJECTS:
            raise PromptError(f"an object's number lies between 1 and {MOST_OBJECTS}; got {self.id!r}")
        require_text(self.label, "a label")

    def frames(self) -> set[int]:
        """Return all frames with a prompt, a stroke or a review mark."""
        marks = (*self.clicks, *self.boxes, *self.amodal_boxes, *self.strokes)
        posed = {f for template in self.templates for f in (template.taken_from, template.span[0], template.span[-1])}
        marked = (self.given, self.accepted, self.needs_work, self.same)
        return {mark.frame_index for mark in marks}.union(posed, *marked)

    def picking(self, pick: Pick) -> AnnotatedObject:
        """Return the object with a chosen hypothesis, which replaces earlier choices on the same frames."""
        kept = [rest for other in self.picks for rest in other.without(pick)]
        return replace(self, picks=tuple(sorted([*kept, pick], key=lambda p: p.first)))

    def pick_on(self, frame_index: int) -> Pick | None:
        """Return the choice for a frame; None when there is none."""
        return next((pick for pick in self.picks if pick.first <= frame_index <= pick.last), None)

    def prompted(self) -> set[int]:
        """Return the frames with a click, a box, a stroke or an imported mask of the modal mask."""
        painted = (s for s in self.strokes if s.layer == "modal")
        marks: tuple[Click | Box | Stroke, ...] = (*self.clicks, *self.boxes, *painted)
        return {mark.frame_index for mark in marks} | set(self.given)

    def template_on(self, frame_index: int) -> tuple[Template, Pose] | None:
        """Return the template that lies on a frame, with its pose; None without one."""
        return on_frame(self.templates, frame_index) if self.templates else None

    def strokes_on(self, frame_index: int, layer: MaskLayer) -> list[Stroke]:
        """Return the strokes on one mask, in order."""
        return self._strokes_by_mask.get((frame_index, layer), [])

    @cached_property
    def _strokes_by_mask(self) -> dict[tuple[int, MaskLayer], list[Stroke]]:
        by_mask: dict[tuple[int, MaskLayer], list[Stroke]] = {}
        for stroke in self.strokes:
            by_mask.setdefault((stroke.frame_index, stroke.layer), []).append(stroke)
        return by_mask

    def accepting(self, frame_index: int, accepted: bool) -> AnnotatedObject:
        """Return the object with one frame accepted, and then not marked for later; or not accepted."""
        if accepted:
            return self.accepting_all([frame_index])
        return replace(self, accepted=tuple(f for f in self.accepted if f != frame_index))

    def accepting_all(self, frames: Iterable[int]) -> AnnotatedObject:
        """Return the object with these frames accepted, in addition to earlier ones."""
        fresh = set(frames)
        accepted, left = fresh.union(self.accepted), set(self.needs_work) - fresh
        return replace(self, accepted=tuple(sorted(accepted)), needs_work=tuple(sorted(left)))

    def marking(self, frame_index: int, needs_work: bool) -> AnnotatedObject:
        """Return the object with one frame marked for later, and then not accepted; or not marked."""
        marked = set(self.needs_work) - {frame_index} | ({frame_index} if needs_work else set())
        obj = self.accepting(frame_index, False) if needs_work else self
        return replace(obj, needs_work=tuple(sorted(marked)))


@dataclass(frozen=True)
class Truth:
    """All decisions of a person in a project."""

    canvas: Canvas
    objects: tuple[AnnotatedObject, ...] = ()
    next_object_id: int = 1
    engines: Mapping[str, str] = field(default_factory=dict)
    """Stage -> name of the engine. An absent stage uses ``auto``."""
    seed: int = 0
    settings: Mapping[str, Mapping[str, Settings]] = field(default_factory=dict)
    """Stage -> engine -> its parameters that differ from the defaults."""
    crop: CropRule = field(default_factory=CropRule)
    """How amodal boxes become the crops that the amodal stage takes."""
    intrinsics: Intrinsics | None = None
    """The intrinsics of the clip's camera, in clip pixels; None when they are unknown."""
    in_front: Orders = ()
    """Which object is in front of which, on which frames."""
    gate: bool = GATED
    """Whether frames on which nothing can hide the object are completed by their modal mask (``planning.gate``)."""
    scene: SceneEdits = field(default_factory=SceneEdits)
    """What becomes of the objects in a scene that is made of them."""

    def __post_init__(self) -> None:
        if type(self.seed) is not int or not 0 <= self.seed <= MOST_SEED:
            raise PromptError(f"a seed is a whole number from 0 to {MOST_SEED}; got {self.seed!r}")
        if self.gate not in (True, False):
            raise PromptError(f"the occlusion gate is on (true) or off (false); got {self.gate!r}")
        if len({obj.id for obj in self.objects}) < len(self.objects):
            raise PromptError("two objects have the same number")
        if strange := {i for o in self.in_front for i in (o.front, o.behind)} - {obj.id for obj in self.objects}:
            raise PromptError(f"there is no object {min(strange)} to be in front or behind")
        (width, height), canvas = self.canvas.frame_wh, self.canvas
        if max(canvas.pad_left, canvas.pad_right) > MOST_PADDING * width or (
            max(canvas.pad_top, canvas.pad_bottom) > MOST_PADDING * height
        ):
            raise PromptError(f"a work area has at most {MOST_PADDING:.0%} of the frame on each side; got {canvas}")

    def require_frames(self, num_frames: int) -> None:
        """Raise ValueError when a decision is about a frame that the clip does not have."""
        for obj in self.objects:
            if strange := [f for f in obj.frames() if not 0 <= f < num_frames]:
                raise ValueError(
                    f"object {obj.id} has a mark on frame {min(strange)}; the clip has 0 to {num_frames - 1}"
                )
        if any(order.last >= num_frames for order in self.in_front):
            raise ValueError(f"who is in front of whom goes beyond the clip's last frame, {num_frames - 1}")

    def settings_of(self, stage: Stage, engine: str) -> Settings:
        """Return the settings of an engine. An absent parameter has its default."""
        return self.settings.get(stage, {}).get(engine, NO_SETTINGS)

    def setting(self, stage: Stage, engine: str, settings: Settings) -> Truth:
        """Return the truth with these settings of one engine instead of its earlier ones."""
        engines = {**self.settings.get(stage, {}), engine: dict(settings)}
        stages = {**self.settings, stage: {name: kept for name, kept in engines.items() if kept}}
        return replace(self, settings={name: kept for name, kept in stages.items() if kept})

    def recipe_on(self, obj: AnnotatedObject, frame_index: int) -> Recipe:
        """Return how an object's amodal mask on a frame is made: as chosen for the frame, else from the project's
        seed.
        """
        pick = obj.pick_on(frame_index)
        return self._own_recipe if pick is None else pick.recipe

    @cached_property
    def _own_recipe(self) -> Recipe:
        return Recipe.of_seed(self.seed)

    def object(self, object_id: int) -> AnnotatedObject:
        """Return the object with an id. Raises PromptError when there is none."""
        for obj in self.objects:
            if obj.id == object_id:
                return obj
        raise PromptError(f"there is no object {object_id}; choose one of {[o.id for o in self.objects]}")

    def new_object(self, label: str | None = None) -> AnnotatedObject:
        """Return a new object with the next number. It is not added to the truth."""
        return AnnotatedObject(self.next_object_id, label or f"object {self.next_object_id}")

    def object_or_new(self, object_id: int | None) -> AnnotatedObject:
        """Return the object with an id; a new one for None."""
        return self.new_object() if object_id is None else self.object(object_id)

    def with_object(self, obj: AnnotatedObject) -> Truth:
        """Return the truth with this object, which replaces the one of the same id or is appended."""
        if any(o.id == obj.id for o in self.objects):
            return replace(self, objects=tuple(obj if o.id == obj.id else o for o in self.objects))
        return replace(self, objects=(*self.objects, obj), next_object_id=max(self.next_object_id, obj.id + 1))

    def without_object(self, object_id: int) -> Truth:
        """Return the truth without an object. Its id is not used again."""
        gone = self.object(object_id)
        orders = tuple(o for o in self.in_front if object_id not in (o.front, o.behind))
        kept, scene = tuple(o for o in self.objects if o is not gone), self.scene.without(object_id)
        return replace(self, objects=kept, in_front=orders, scene=scene)


class ObjectForm(Struct, forbid_unknown_fields=True):
    """An object in project.json. Older versions wrote no key that has a default here.

    An unknown key is refused, because it would be lost when the file is written again.
    """

    id: int
    label: str
    clicks: list[tuple[int, float, float, bool]]
    boxes: list[tuple[int, float, float, float, float]]
    strokes: list[tuple[int, MaskLayer, bool, float, list[tuple[float, float]]]]
    given: list[int]
    accepted: list[int]
    amodal_boxes: list[list[float]] = []
    needs_work: list[int] = []
    same: list[int] = []
    picks: list[tuple[int, int, How, list[int]]] = []
    templates: list[TemplateForm] = []


class TruthForm(Struct):
    """Return the keys of project.json that undo and redo change."""

    canvas: tuple[int, int, int, int]
    objects: list[ObjectForm]
    next_object_id: int
    engines: dict[Stage, str]
    seed: int
    crop: CropRule = CropRule()
    settings: dict[str, dict[str, dict[str, SettingValue]]] = {}
    intrinsics: Intrinsics | None = None
    in_front: list[tuple[int, int, int, int]] = []
    gate: bool = GATED
    scene: SceneEdits = SceneEdits()


def require_text(text: str, what: str) -> None:
    """Raise PromptError for a value that is not text, or not valid Unicode: it could not be written or shown."""
    try:
        text.encode()
    except (UnicodeEncodeError, AttributeError):
        raise PromptError(f"{what} is text; got {text!r}: write it again") from None


def click_json(click: Click) -> list[Any]:
    """Return [frame_index, x, y, positive]."""
    return [click.frame_index, click.x, click.y, click.positive]


def box_json(box: Box | BoxKeyframe) -> list[Any]:
    """Return [frame_index, x0, y0, x1, y1]; [frame_index] for the end of an amodal box."""
    return [box.frame_index] if isinstance(box, NoBox) else [box.frame_index, box.x0, box.y0, box.x1, box.y1]


def keyframe_from_json(data: list[Any]) -> BoxKeyframe:
    """Return the keyframe of ``box_json``. Raises TypeError or PromptError on damage."""
    return NoBox(*data) if len(data) == 1 else AmodalBox(*data)


def stroke_json(stroke: Stroke) -> list[Any]:
    """Return [frame_index, layer, adds, radius, [[x, y], ...]]."""
    points = [list(point) for point in stroke.points]
    return [stroke.frame_index, stroke.layer, stroke.adds, stroke.radius, points]


def stroke_from_json(data: list[Any]) -> Stroke:
    """Return the stroke of ``stroke_json``."""
    frame_index, layer, adds, radius, points = data
    return Stroke(frame_index, layer=layer, adds=adds, radius=radius, points=tuple((x, y) for x, y in points))


def object_json(obj: AnnotatedObject) -> dict[str, Any]:
    """Return the object in the form of project.json."""
    return {
        "id": obj.id,
        "label": obj.label,
        "clicks": [click_json(c) for c in obj.clicks],
        "boxes": [box_json(b) for b in obj.boxes],
        "amodal_boxes": [box_json(b) for b in obj.amodal_boxes],
        "strokes": [stroke_json(s) for s in obj.strokes],
        "given": list(obj.given),
        "accepted": list(obj.accepted),
        "needs_work": list(obj.needs_work),
        "same": list(obj.same),
        "picks": [pick_json(pick) for pick in obj.picks],
        "templates": [template.json() for template in obj.templates],
    }


def object_from_json(data: dict[str, Any]) -> AnnotatedObject:
    """Return the object of ``object_json``. Raises KeyError, TypeError, ValueError or PromptError on damage."""
    return AnnotatedObject(
        id=data["id"],
        label=data["label"],
        clicks=tuple(Click(*c) for c in data["clicks"]),
        boxes=tuple(Box(*b) for b in data["boxes"]),
        # Projects from before there were amodal boxes have no such key.
        amodal_boxes=tuple(keyframe_from_json(b) for b in data.get("amodal_boxes", [])),
        strokes=tuple(stroke_from_json(s) for s in data["strokes"]),
        given=tuple(data["given"]),
        accepted=tuple(data["accepted"]),
        needs_work=tuple(data.get("needs_work", ())),  # absent before a person could mark a frame
        same=tuple(data.get("same", ())),  # absent before a person was asked
        picks=tuple(pick_from_json(pick) for pick in data.get("picks", ())),  # absent before there were hypotheses
        templates=tuple(template_from_json(t) for t in data.get("templates", ())),  # absent before there were any
    )


def truth_json(truth: Truth) -> dict[str, Any]:
    """Return the keys of project.json that undo and redo change."""
    canvas = truth.canvas
    return {
        "canvas": [canvas.pad_left, canvas.pad_top, canvas.pad_right, canvas.pad_bottom],
        "objects": [object_json(o) for o in truth.objects],
        "next_object_id": truth.next_object_id,
        "engines": dict(truth.engines),
        "seed": truth.seed,
        "crop": asdict(truth.crop),
        "in_front": orders_json(truth.in_front),
        "gate": truth.gate,
        "intrinsics": None if truth.intrinsics is None else asdict(truth.intrinsics),
        "settings": {
            stage: {engine: dict(kept) for engine, kept in engines.items()} for stage, engines in truth.settings.items()
        },
        "scene": truth.scene.json(),
    }


def truth_from_json(data: dict[str, Any], frame_wh: SizeWH) -> Truth:
    """Return the truth of ``truth_json``. Raises ValueError or PromptError on damage."""
    require_form(data, TruthForm)
    camera = data.get("intrinsics")  # absent before an engine asked for them
    truth = Truth(
        canvas=Canvas(frame_wh, *data["canvas"]),
        objects=tuple(object_from_json(o) for o in data["objects"]),
        next_object_id=data["next_object_id"],
        engines=dict(data["engines"]),
        seed=data["seed"],
        crop=CropRule(**data.get("crop", {})),  # absent before there were amodal boxes
        settings=data.get("settings", {}),  # absent before there were parameters
        in_front=orders_from_json(data.get("in_front", ())),  # absent before a person could say it
        intrinsics=None if camera is None else Intrinsics(**camera),
        gate=data.get("gate", GATED),  # absent before there was a gate
        scene=scene_from_json(data.get("scene", {})),  # absent before there were scenes
    )
    if truth.next_object_id <= max((obj.id for obj in truth.objects), default=0):
        raise ValueError(f"the next object would be {truth.next_object_id}, which is there already")
    numbers = (value for engines in truth.settings.values() for kept in engines.values() for value in kept.values())
    if not all(math.isfinite(value) for value in numbers if isinstance(value, float)):
        raise ValueError("a setting is a finite number")
    return truth
