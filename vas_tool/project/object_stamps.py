"""The stamps and strokes of one object at one moment. No pixels are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vas_tool.planning.fingerprint import digest_of
from vas_tool.project.templates import covered
from vas_tool.project.truth import AnnotatedObject, box_json, click_json, stroke_json
from vas_tool.stamp_index import Stamps
from vas_tool.stamps import DEFAULTS, Stamp
from vas_tool.types import MaskLayer, Stroke

PAINTED = Stamp(engine="stroke")
"""The stamp of a mask that only strokes made."""

PLACED = Stamp(engine="template")
"""The stamp of an amodal mask that is a template, whatever an engine made under it."""

CLEAR = "nothing-in-front"
"""What stamps say of amodal masks and content of frames on which nothing can hide the object (``planning.gate``)."""

GIVEN = ("given", PAINTED.engine, PLACED.engine, CLEAR)
"""Values of ``Stamp.engine`` for masks that no engine made."""


@dataclass(frozen=True)
class ObjectStamps:
    """One object: a person's decisions about it, and the stamps of its layers (``ObjectLayers``)."""

    obj: AnnotatedObject
    modal: Stamps
    given: Stamps
    amodal: Stamps
    uncropped: Stamps
    content: Stamps
    hypotheses: Mapping[int, Stamps]
    """Seed -> stamps of its layer."""

    def seen_by_frame(self, name: str) -> dict[int, Any]:
        """Return frame_index -> a field of the modal mask's stamp, of all frames with a modal mask."""
        values: dict[int, Any] = dict.fromkeys(retouched_on(self.obj), DEFAULTS.get(name, PAINTED.engine))
        if self.obj.given:
            given = self.given.by_frame(name)
            values |= {f: given[f] for f in self.obj.given if f in given}
        return values | self.modal.by_frame(name)

    @cached_property
    def seen(self) -> dict[int, str]:
        """Return frame_index -> state of the modal mask (a digest of its pixels after strokes), of all frames with one.

        "" where there is none.
        """
        digests = self.seen_by_frame("digest")
        return digests | {f: self._state(digests[f], f, "modal") for f in retouched_on(self.obj)}

    @cached_property
    def whole(self) -> dict[int, str]:
        """Return frame_index -> state of the amodal mask, of all frames with one. The modal mask does not count."""
        digests = dict.fromkeys(retouched_on(self.obj, "amodal"), "") | self.amodal.by_frame("digest")
        digests |= {f: placed_state(self.obj, f) for f in self.placed}
        return digests | {f: self._state(digests[f], f, "amodal") for f in retouched_on(self.obj, "amodal")}

    def _state(self, digest: str, frame_index: int, layer: MaskLayer) -> str:
        return state_of(digest, self.obj.strokes_on(frame_index, layer))

    @cached_property
    def accepted(self) -> frozenset[int]:
        """The frames that a person accepted. No engine replaces their masks."""
        return frozenset(self.obj.accepted)

    @cached_property
    def placed(self) -> frozenset[int]:
        """The frames whose amodal mask is a template. Engines make no amodal mask there."""
        return frozenset(covered(self.obj.templates))

    @cached_property
    def painted_over(self) -> frozenset[int]:
        """The frames whose modal mask a person painted or imported, and that have no clicks or box. Engines make no
        mask there.
        """
        return frozenset(self.obj.prompted() - prompted_frames(self.obj))

    def hypotheses_on(self, frame_index: int) -> dict[int, Stamp]:
        """Return seed -> stamp of a frame's hypotheses, with ascending seeds."""
        return {seed: table[frame_index] for seed, table in sorted(self.hypotheses.items()) if frame_index in table}

    def disagreements(self) -> dict[int, float | None]:
        """Return frame_index -> disagreement (``ObjectLayers.disagreement``), of all frames with hypotheses."""
        latest: dict[int, tuple[int, float | None]] = {}
        for _, table in sorted(self.hypotheses.items()):
            for f, among, differ in zip(table.frames, table.column("among"), table.column("disagreement"), strict=True):
                if f not in latest or among > latest[f][0]:
                    latest[f] = among, differ
        return {f: differ if among >= 2 else None for f, (among, differ) in latest.items()}


def retouched_on(obj: AnnotatedObject, layer: MaskLayer = "modal") -> set[int]:
    """Return the frames on which a person changed a mask: by strokes, or the amodal mask by a template."""
    stroked = {s.frame_index for s in obj.strokes if s.layer == layer}
    return stroked | covered(obj.templates) if layer == "amodal" else stroked


def placed_state(obj: AnnotatedObject, frame_index: int) -> str:
    """Return a digest of the template on a frame; "" without one."""
    placed = obj.template_on(frame_index)
    return placed[0].state(placed[1]) if placed else ""


def prompted_frames(obj: AnnotatedObject) -> set[int]:
    """Return the frames with clicks or a box. An engine makes their masks from these."""
    return {c.frame_index for c in obj.clicks} | {b.frame_index for b in obj.boxes}


def prompts_digest(obj: AnnotatedObject, frame_index: int) -> str:
    """Return a digest of the prompts on a frame: clicks, box, imported mask. Strokes do not count: they lie on top."""
    clicks = [click_json(c) for c in obj.clicks if c.frame_index == frame_index]
    boxes = [box_json(b) for b in obj.boxes if b.frame_index == frame_index]
    return digest_of([clicks, boxes, frame_index in obj.given])


def state_of(digest: str, strokes: list[Stroke]) -> str:
    """Return a digest of a mask after strokes, from the digest of the mask under them ("" without one)."""
    return digest_of([digest, [stroke_json(s) for s in strokes]]) if strokes else digest
