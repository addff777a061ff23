"""What the stamps and the strokes of one object say of its masks, at one moment. No pixels are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vas_tool.planning.fingerprint import digest_of
from vas_tool.project.truth import AnnotatedObject, box_json, click_json, stroke_json
from vas_tool.stamp_index import Stamps
from vas_tool.stamps import DEFAULTS, Stamp
from vas_tool.types import MaskLayer, Stroke

PAINTED = Stamp(engine="stroke")
"""The stamp of a mask that only strokes made."""

CLEAR = "nothing-in-front"
"""What stamps say of amodal masks and content of frames on which nothing can hide the object (``planning.gate``)."""

GIVEN = ("given", PAINTED.engine, CLEAR)
"""What stamps say of masks that no engine made."""


@dataclass(frozen=True)
class ObjectStamps:
    """One object: what a person said about it, and the stamps of its layers (see ``ObjectLayers``)."""

    obj: AnnotatedObject
    modal: Stamps
    given: Stamps
    amodal: Stamps
    uncropped: Stamps
    content: Stamps
    hypotheses: Mapping[int, Stamps]
    """By seed."""

    def seen_by_frame(self, name: str) -> dict[int, Any]:
        """frame_index -> one field of the stamp under the strokes, of all frames that have a modal mask."""
        values: dict[int, Any] = dict.fromkeys(painted_on(self.obj), DEFAULTS.get(name, PAINTED.engine))
        if self.obj.given:
            given = self.given.by_frame(name)
            values |= {f: given[f] for f in self.obj.given if f in given}
        return values | self.modal.by_frame(name)

    @cached_property
    def seen(self) -> dict[int, str]:
        """frame_index -> state of the modal mask, of all frames that have one; it stands for the pixels after strokes.

        "" where there is none.
        """
        digests = self.seen_by_frame("digest")
        return digests | {f: self._state(digests[f], f, "modal") for f in painted_on(self.obj)}

    @cached_property
    def whole(self) -> dict[int, str]:
        """The same for the amodal mask; what is seen does not count."""
        digests = dict.fromkeys(painted_on(self.obj, "amodal"), "") | self.amodal.by_frame("digest")
        return digests | {f: self._state(digests[f], f, "amodal") for f in painted_on(self.obj, "amodal")}

    def _state(self, digest: str, frame_index: int, layer: MaskLayer) -> str:
        return state_of(digest, self.obj.strokes_on(frame_index, layer))

    @cached_property
    def accepted(self) -> frozenset[int]:
        """The frames that a person accepted: no engine replaces what is there."""
        return frozenset(self.obj.accepted)

    @cached_property
    def painted_over(self) -> frozenset[int]:
        """The frames whose modal mask a person painted or imported and did not click on: no engine is asked there."""
        return frozenset(self.obj.prompted() - prompted_frames(self.obj))

    def hypotheses_on(self, frame_index: int) -> dict[int, Stamp]:
        """Seed -> stamp of the hypotheses of a frame, ascending."""
        return {seed: table[frame_index] for seed, table in sorted(self.hypotheses.items()) if frame_index in table}

    def disagreements(self) -> dict[int, float | None]:
        """frame_index -> how far the hypotheses differ (see ``ObjectLayers.disagreement``), where there is any."""
        latest: dict[int, tuple[int, float | None]] = {}
        for _, table in sorted(self.hypotheses.items()):
            for f, among, differ in zip(table.frames, table.column("among"), table.column("disagreement"), strict=True):
                if f not in latest or among > latest[f][0]:
                    latest[f] = among, differ
        return {f: differ if among >= 2 else None for f, (among, differ) in latest.items()}


def painted_on(obj: AnnotatedObject, layer: MaskLayer = "modal") -> set[int]:
    """The frames with strokes on a mask."""
    return {s.frame_index for s in obj.strokes if s.layer == layer}


def prompted_frames(obj: AnnotatedObject) -> set[int]:
    """The frames with clicks or a box: an engine answers them from what was said there."""
    return {c.frame_index for c in obj.clicks} | {b.frame_index for b in obj.boxes}


def prompts_digest(obj: AnnotatedObject, frame_index: int) -> str:
    """Digest of what an engine is asked on one frame: clicks, box, imported mask (not strokes: they lie on top)."""
    clicks = [click_json(c) for c in obj.clicks if c.frame_index == frame_index]
    boxes = [box_json(b) for b in obj.boxes if b.frame_index == frame_index]
    return digest_of([clicks, boxes, frame_index in obj.given])


def state_of(digest: str, strokes: list[Stroke]) -> str:
    """What stands for the pixels of a mask after strokes, from the digest of those under them ("" where none are)."""
    return digest_of([digest, [stroke_json(s) for s in strokes]]) if strokes else digest
