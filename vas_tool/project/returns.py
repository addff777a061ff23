"""Where an object comes back after it was gone, and what a person says of it there: the same one, or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vas_tool.boxes.keyframes import box_on, drawn, with_keyframe
from vas_tool.project.depth_order import InFront, Orders
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import BoxKeyframe, NoBox

GONE_FRAMES = 2
"""An object that is not seen on so many frames in a row may be another one when it is seen again; a single frame
without it is an error of tracking, which has a mark of its own."""


def returns(areas: Mapping[int, int]) -> dict[int, int]:
    """Return frame_index -> the last frame on which the object was seen before it was gone, ascending.

    ``areas`` as ``ModalMasks.areas`` gives it. Every frame between has a modal mask, and it is empty: frames that were
    never tracked are none on which the object is gone.
    """
    found, last_seen, gone = dict[int, int](), -1, 0
    for frame_index in sorted(areas):
        if last_seen >= 0 and frame_index != last_seen + gone + 1:
            last_seen, gone = -1, 0
        if not areas[frame_index]:
            gone += last_seen >= 0
            continue
        if gone >= GONE_FRAMES:
            found[frame_index] = last_seen
        last_seen, gone = frame_index, 0
    return found


def open_returns(obj: AnnotatedObject, areas: Mapping[int, int]) -> dict[int, int]:
    """Return the ``returns`` of an object about which nothing was said: no answer, no prompt, no acceptance."""
    settled = obj.prompted().union(obj.same, obj.accepted)
    return {f: last for f, last in returns(areas).items() if f not in settled}


def split(obj: AnnotatedObject, frame_index: int, new_id: int) -> tuple[AnnotatedObject, AnnotatedObject]:
    """Return the object up to a frame, and a new one with everything that was said of that frame and later ones."""
    sides = obj, replace(obj, id=new_id)
    first, later = (_part(side, frame_index, later=i == 1) for i, side in enumerate(sides))
    return first, later


def _part(obj: AnnotatedObject, frame_index: int, *, later: bool) -> AnnotatedObject:
    def kept(f: int) -> bool:
        return (f >= frame_index) == later

    picks = [replace(p, first=max(p.first, frame_index)) for p in obj.picks if p.last >= frame_index]
    if not later:
        picks = [replace(p, last=min(p.last, frame_index - 1)) for p in obj.picks if p.first < frame_index]
    return replace(
        obj,
        clicks=tuple(c for c in obj.clicks if kept(c.frame_index)),
        boxes=tuple(b for b in obj.boxes if kept(b.frame_index)),
        amodal_boxes=_boxes(obj.amodal_boxes, frame_index, later=later),
        strokes=tuple(s for s in obj.strokes if kept(s.frame_index)),
        templates=tuple(part for t in obj.templates if (part := t.part(frame_index, later=later))),
        given=tuple(f for f in obj.given if kept(f)),
        accepted=tuple(f for f in obj.accepted if kept(f)),
        needs_work=tuple(f for f in obj.needs_work if kept(f)),
        same=tuple(f for f in obj.same if kept(f)),
        picks=tuple(picks),
    )


def _boxes(boxes: Sequence[BoxKeyframe], frame_index: int, *, later: bool) -> tuple[BoxKeyframe, ...]:
    """Return the keyframes of one side; a box that was interpolated at the cut becomes a keyframe there."""
    edge = box_on(boxes, frame_index if later else frame_index - 1)
    kept = tuple(b for b in boxes if (b.frame_index >= frame_index) == later)
    kept = kept if edge is None else with_keyframe(kept, edge)
    while kept and isinstance(kept[0], NoBox):
        kept = kept[1:]
    return kept if drawn(kept) else ()


def split_orders(orders: Orders, object_id: int, *, frame_index: int, new_id: int) -> Orders:
    """Return what was said of an object's place in depth, from that frame on of the new one."""

    def renamed(order: InFront) -> InFront:
        front, behind = (new_id if i == object_id else i for i in (order.front, order.behind))
        return replace(order, front=front, behind=behind, first=max(order.first, frame_index))

    own = [order for order in orders if object_id in (order.front, order.behind)]
    before = [rest for order in own for rest in order.without(frame_index, max(order.last, frame_index))]
    after = [renamed(order) for order in own if order.last >= frame_index]
    return tuple(sorted((*(o for o in orders if o not in own), *before, *after), key=lambda o: (o.first, o.front)))
