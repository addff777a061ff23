"""The occlusion gate finds the frames on which nothing can hide an object, so that its modal mask is its amodal mask.

A frame is clear if nothing nearer touches the object's outline in depth, no other object's box meets its box, and it
meets no edge of the frame that the canvas goes beyond (``vas_tool.occlusion``). A frame is never clear with guessed
depth, an amodal box, strokes on the modal mask, or another object that a person placed in front. Only the comparison of
depths reads pixels: ``project.touching`` makes it before a run.
"""

from __future__ import annotations

from collections.abc import Mapping

from vas_tool.boxes.keyframes import boxes_by_frame
from vas_tool.occlusion import Corners, leaves, meets
from vas_tool.planning.fingerprint import Fingerprint
from vas_tool.planning.snapshot import Snapshot
from vas_tool.project.nothing_in_front import GUESSING_ENGINE
from vas_tool.project.object_stamps import CLEAR, ObjectStamps, retouched_on
from vas_tool.project.touching import state_of_evidence

RULE = "nothing in front, rule 2"
"""The gate's rule, as text in the fingerprints of its masks. The text changes when the rule changes."""

Marks = Mapping[int, tuple[str, ...]]
"""frame_index -> ``Fingerprint.setup`` of the gate's mask, for the frames that may be clear."""


def marks_of(snapshot: Snapshot, object_id: int) -> Marks:
    """Return the frames that are clear if nothing nearer touches the object; empty if the gate is off."""
    if not snapshot.truth.gate:
        return {}
    digests = snapshot.depth.by_frame("digest")
    guessed = {f for f, engine in snapshot.depth.by_frame("engine").items() if engine == GUESSING_ENGINE}
    if guessed.issuperset(digests):
        return {}
    stamps, canvas = snapshot.objects[object_id], snapshot.truth.canvas
    left_out = guessed | retouched_on(stamps.obj) | boxes_by_frame(stamps.obj.amodal_boxes).keys()
    for order in snapshot.truth.in_front:
        left_out.update(range(order.first, order.last + 1) if order.behind == object_id else ())
    others = [boxes_of(other) for i, other in {**snapshot.others, **snapshot.objects}.items() if i != object_id]
    marks = {}
    for f, box in boxes_of(stamps).items():
        if f not in digests or f in left_out or box is None or leaves(box, canvas):
            continue
        beside = [other for boxes in others if (other := boxes.get(f))]
        if not any(meets(box, other, snapshot.frame_wh) for other in beside):
            marks[f] = RULE, digests[f]
    return marks


def boxes_of(stamps: ObjectStamps) -> dict[int, Corners | None]:
    """Return frame_index -> tight box of the modal mask under the strokes; None for an empty mask."""
    return stamps.seen_by_frame("box")


def clear_frames(snapshot: Snapshot, object_id: int, marks: Marks) -> frozenset[int]:
    """Return the frames of ``marks`` on which nothing nearer touches the object, as far as it was measured."""
    stamps, known = snapshot.objects[object_id], snapshot.untouched.get(object_id, {})
    ours = {f for f, engine in stamps.amodal.by_frame("engine").items() if engine == CLEAR}
    clear = set()
    for f, mark in marks.items():
        seen = stamps.seen[f]
        vouched = f in ours and stamps.amodal[f].made_from == Fingerprint(modal=seen, setup=mark)
        if vouched or known.get(f) == state_of_evidence(seen, mark[1]):
            clear.add(f)
    return frozenset(clear)
