"""One object's layers on disk, and the masks that hold after the person's strokes.

What an engine made lies in the folders; strokes are laid over it when a mask is read, so they survive every new run.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from vas_tool.errors import PromptError
from vas_tool.masks import apply_strokes, area, box_xyxy
from vas_tool.storage import CONTENTS, MASKS, LayerFolder, Stamp
from vas_tool.truth import AnnotatedObject, Truth, box_json, click_json, digest_of, stroke_json
from vas_tool.types import Canvas, Content, Mask, Prompts

OCCLUDED_PIXELS = 16
"""A hidden part smaller than this is a ragged border, not an occlusion."""

PAINTED = Stamp(engine="stroke")
"""The stamp of a mask that only strokes made."""


class ObjectLayers:
    """The folders of one object: ``modal``, ``given`` (imported modal masks), ``amodal``, ``content``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modal: LayerFolder[Mask] = LayerFolder(folder / "modal", MASKS)
        self.given: LayerFolder[Mask] = LayerFolder(folder / "given", MASKS)
        self.amodal: LayerFolder[Mask] = LayerFolder(folder / "amodal", MASKS)
        self.content: LayerFolder[Content] = LayerFolder(folder / "content", CONTENTS)

    def modal_stamp(self, thing: AnnotatedObject, frame_index: int) -> Stamp | None:
        """Who made the modal mask under the strokes; PAINTED when only strokes did, None when nothing did."""
        made = self.modal.stamp(frame_index)
        if made is None and frame_index in thing.given:
            made = self.given.stamp(frame_index)
        return made or (PAINTED if thing.strokes_on(frame_index, "modal") else None)

    def amodal_stamp(self, thing: AnnotatedObject, frame_index: int) -> Stamp | None:
        """The same for the amodal mask."""
        return self.amodal.stamp(frame_index) or (PAINTED if thing.strokes_on(frame_index, "amodal") else None)


class ModalMasks(Mapping[int, Mask]):
    """frame_index -> (H, W) modal mask after strokes, read when asked for."""

    def __init__(self, layers: ObjectLayers, thing: AnnotatedObject, canvas: Canvas) -> None:
        self.layers, self.thing, self.canvas = layers, thing, canvas

    @property
    def _given(self) -> set[int]:
        """Frames whose imported mask counts and is there."""
        return {f for f in self.thing.given if f in self.layers.given}

    def __getitem__(self, frame_index: int) -> Mask:
        if self.layers.modal_stamp(self.thing, frame_index) is None:
            raise KeyError(frame_index)
        return apply_strokes(self._base(frame_index), self.thing.strokes_on(frame_index, "modal"))

    def _base(self, frame_index: int) -> Mask:
        if frame_index in self.layers.modal:
            return self.layers.modal[frame_index]
        if frame_index in self.layers.given and frame_index in self.thing.given:
            return self.layers.given[frame_index]
        return np.zeros(self.canvas.frame_wh[::-1], dtype=bool)

    def __contains__(self, frame_index: object) -> bool:
        # Mapping would decode the picture to find out.
        made = frame_index in self.layers.modal or frame_index in self._given
        return made or any(s.frame_index == frame_index for s in self.thing.strokes if s.layer == "modal")

    def area(self, frame_index: int) -> int:
        """Pixels seen on a frame; read from the stamp when no stroke changed it."""
        stamp = self.layers.modal_stamp(self.thing, frame_index)
        if stamp is None or self.thing.strokes_on(frame_index, "modal"):
            return area(self[frame_index])
        return stamp.area

    def box(self, frame_index: int) -> tuple[int, int, int, int] | None:
        """Tight x0, y0, x1, y1; read from the stamp when no stroke changed it."""
        stamp = self.layers.modal_stamp(self.thing, frame_index)
        if stamp is None or self.thing.strokes_on(frame_index, "modal"):
            return box_xyxy(self[frame_index])
        return stamp.box

    def __iter__(self) -> Iterator[int]:
        painted = {s.frame_index for s in self.thing.strokes if s.layer == "modal"}
        return iter(sorted({*self.layers.modal, *self._given, *painted}))

    def __len__(self) -> int:
        return len(list(iter(self)))


class AmodalMasks(Mapping[int, Mask]):
    """frame_index -> (canvas H, W) amodal mask after strokes; always covers the modal mask."""

    def __init__(self, modal: ModalMasks) -> None:
        self.modal, self.layers, self.thing, self.canvas = modal, modal.layers, modal.thing, modal.canvas

    def __getitem__(self, frame_index: int) -> Mask:
        if self.layers.amodal_stamp(self.thing, frame_index) is None:
            raise KeyError(frame_index)
        offset = (self.canvas.pad_left, self.canvas.pad_top)
        mask = apply_strokes(self._base(frame_index), self.thing.strokes_on(frame_index, "amodal"), offset)
        if frame_index in self.modal:
            mask[self.canvas.window] |= self.modal[frame_index]
        return mask

    def _base(self, frame_index: int) -> Mask:
        if frame_index in self.layers.amodal:
            return self.layers.amodal[frame_index].copy()
        return np.zeros(self.canvas.size_wh[::-1], dtype=bool)

    def __contains__(self, frame_index: object) -> bool:
        painted = (s for s in self.thing.strokes if s.layer == "amodal")
        return frame_index in self.layers.amodal or any(s.frame_index == frame_index for s in painted)

    def hidden_area(self, frame_index: int) -> int:
        """Pixels of the amodal mask that are not seen, from the stamps when no stroke changed them."""
        stamp = self.layers.amodal.stamp(frame_index)
        stroked = self.thing.strokes_on(frame_index, "modal") or self.thing.strokes_on(frame_index, "amodal")
        seen = self.modal.area(frame_index) if frame_index in self.modal else 0
        if stamp is None or stroked:
            return area(self[frame_index]) - seen
        return max(0, stamp.area - seen)

    def occluded(self, frame_index: int) -> bool:
        """Whether a part worth the name is hidden."""
        return frame_index in self and self.hidden_area(frame_index) > OCCLUDED_PIXELS

    def __iter__(self) -> Iterator[int]:
        painted = {s.frame_index for s in self.thing.strokes if s.layer == "amodal"}
        return iter(sorted({*self.layers.amodal, *painted}))

    def __len__(self) -> int:
        return len(list(iter(self)))


class VouchedMasks(Mapping[int, Mask]):
    """frame_index -> a modal mask that the person painted, accepted or imported: true for an engine, read when asked.

    On a frame with clicks or a box, the imported mask is the starting point that they correct. ``also`` names frames
    whose masks, though an engine made them, are to be taken as true.
    """

    def __init__(self, modal: ModalMasks, also: Collection[int] = ()) -> None:
        self.modal = modal
        thing = modal.thing
        painted = {s.frame_index for s in thing.strokes if s.layer == "modal"}
        self._fixed = {f for f in (*painted, *thing.accepted, *also) if f in modal}
        self._given = {f for f in thing.given if f in modal.layers.given}
        self._frames = sorted(self._fixed | self._given)

    def __getitem__(self, frame_index: int) -> Mask:
        if frame_index in self._fixed:
            return self.modal[frame_index]
        if frame_index in self._given:
            return self.modal.layers.given[frame_index]
        raise KeyError(frame_index)

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self._fixed or frame_index in self._given

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def prompts_of(modal: ModalMasks, also: Collection[int] = ()) -> Prompts:
    """Everything said about an object's modal masks, as an engine takes it (``also``: see VouchedMasks)."""
    return Prompts(clicks=modal.thing.clicks, boxes=modal.thing.boxes, masks=VouchedMasks(modal, also))


def asked_on(thing: AnnotatedObject) -> set[int]:
    """The frames with clicks or a box: an engine answers them from what was said there."""
    return {c.frame_index for c in thing.clicks} | {b.frame_index for b in thing.boxes}


def said_on(thing: AnnotatedObject, frame_index: int) -> str:
    """Digest of what an engine is asked on one frame: clicks, box, imported mask (not strokes: they lie on top)."""
    clicks = [click_json(c) for c in thing.clicks if c.frame_index == frame_index]
    boxes = [box_json(b) for b in thing.boxes if b.frame_index == frame_index]
    return digest_of([clicks, boxes, frame_index in thing.given])


class ModalInputs:
    """What the stamp of an up-to-date modal mask says in ``inputs``, for any frame of one object.

    A frame with clicks or a box follows from those. A tracked mask follows from the nearest prompted frames before
    and after it; prompts further off shape it too little to call it stale: a person who mends frame 90 need not see
    0 to 80 hatched.
    """

    def __init__(self, thing: AnnotatedObject) -> None:
        self._thing = thing
        self._asked = asked_on(thing)
        self._prompted = sorted(thing.prompted())
        self._between: dict[tuple[int, ...], str] = {}

    def __call__(self, frame_index: int) -> str:
        """The digest for one frame."""
        if frame_index in self._asked:
            return said_on(self._thing, frame_index)
        before, after = bisect_left(self._prompted, frame_index), bisect_right(self._prompted, frame_index)
        near = (*self._prompted[max(0, before - 1) : before], *self._prompted[after : after + 1])
        if near not in self._between:
            self._between[near] = self._tracked_from(near)
        return self._between[near]

    def _tracked_from(self, near: tuple[int, ...]) -> str:
        strokes = [[stroke_json(s) for s in self._thing.strokes_on(f, "modal")] for f in near]
        return digest_of([[[f, said_on(self._thing, f)] for f in near], strokes])


def amodal_inputs(modal: ModalMasks, truth: Truth, depth_engine: str) -> str:
    """What the stamp of an up-to-date amodal mask says: every modal mask, the depth engine, canvas and seed."""
    thing, canvas = modal.thing, modal.canvas
    stamps = [[f, s.digest if (s := modal.layers.modal_stamp(thing, f)) else ""] for f in modal]
    strokes = [stroke_json(s) for s in thing.strokes if s.layer == "modal"]
    return digest_of([stamps, strokes, depth_engine, canvas.size_wh, canvas.pad_left, canvas.pad_top, truth.seed])


def content_inputs(amodal: AmodalMasks, before: str) -> str:
    """What the stamp of up-to-date content says: ``before`` (the amodal stage's inputs) and every amodal mask."""
    thing = amodal.thing
    stamps = [[f, s.digest if (s := amodal.layers.amodal_stamp(thing, f)) else ""] for f in amodal]
    strokes = [stroke_json(s) for s in thing.strokes if s.layer == "amodal"]
    return digest_of([before, stamps, strokes])


def require_frame(frame_index: int, num_frames: int) -> None:
    """Raises PromptError when the clip has no such frame."""
    if not 0 <= frame_index < num_frames:
        raise PromptError(f"frame {frame_index} is not in the clip; it has frames 0 to {num_frames - 1}")
