"""One object's layers on disk, and its masks after the person's strokes.

What an engine made lies in the folders; strokes are laid over it when a mask is read, so they survive every new run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from vas_tool.errors import ProjectDamaged, PromptError
from vas_tool.masks import apply_strokes, area, box_xyxy, recentred
from vas_tool.project.layer_folders import HYPOTHESES as HYPOTHESES
from vas_tool.project.layer_folders import BoxXyxy as BoxXyxy
from vas_tool.project.layer_folders import ObjectLayers as ObjectLayers
from vas_tool.project.object_stamps import placed_state, prompted_frames, retouched_on, state_of
from vas_tool.project.truth import AnnotatedObject
from vas_tool.stamp_index import Stamps
from vas_tool.types import Canvas, Mask, Prompts

OCCLUDED_PIXELS = 16
"""A hidden part of at most this many pixels is a ragged border, not an occlusion."""

OCCLUDED_SHARE = 0.05
"""A hidden part of at most this share of the amodal mask does not count as an occlusion. Diffusion-VAS takes objects
that are over 95 % visible as complete."""


class ModalMasks(Mapping[int, Mask]):
    """frame_index -> (H, W) modal mask after strokes. Masks are read when they are needed."""

    def __init__(self, layers: ObjectLayers, obj: AnnotatedObject, canvas: Canvas) -> None:
        self.layers, self.obj, self.canvas = layers, obj, canvas

    @property
    def _given(self) -> set[int]:
        """The frames whose imported mask exists and counts."""
        return {f for f in self.obj.given if f in self.layers.given}

    def __getitem__(self, frame_index: int) -> Mask:
        if self.layers.modal_stamp(self.obj, frame_index) is None:
            raise KeyError(frame_index)
        return apply_strokes(self._base(frame_index), self.obj.strokes_on(frame_index, "modal"))

    def _base(self, frame_index: int) -> Mask:
        if frame_index in self.layers.modal:
            return self.layers.modal[frame_index]
        if frame_index in self.layers.given and frame_index in self.obj.given:
            return self.layers.given[frame_index]
        return np.zeros(self.canvas.frame_wh[::-1], dtype=bool)

    def __contains__(self, frame_index: object) -> bool:
        # Mapping would decode the picture to find out.
        made = frame_index in self.layers.modal or frame_index in self._given
        return made or frame_index in retouched_on(self.obj)

    def state(self, frame_index: int) -> str:
        """Return a digest of a frame's mask after strokes, without reading pixels; "" when there is none."""
        stamp = self.layers.modal_stamp(self.obj, frame_index)
        return state_of(stamp.digest if stamp else "", self.obj.strokes_on(frame_index, "modal"))

    def areas(self) -> dict[int, int]:
        """Return frame_index -> ``area`` of all frames with a mask."""
        areas: dict[int, int] = self.layers.stamps(self.obj).seen_by_frame("area")
        return {**areas, **{f: self.area(f) for f in retouched_on(self.obj)}}

    def area(self, frame_index: int) -> int:
        """Return the area of a frame's mask in pixels, from the stamp when no stroke changed it."""
        stamp = self.layers.modal_stamp(self.obj, frame_index)
        if stamp is not None and not self.obj.strokes_on(frame_index, "modal"):
            return stamp.area
        state = self.state(frame_index)
        try:
            return self.layers.measured.get("modal", frame_index, state=state, measure=lambda: area(self[frame_index]))
        except ProjectDamaged:  # it counts as absent from now on
            return self.area(frame_index)
        except KeyError:
            return 0

    def box(self, frame_index: int) -> tuple[int, int, int, int] | None:
        """Return the tight box x0, y0, x1, y1 of a frame's mask, from the stamp when no stroke changed it; None when it
        is empty.
        """
        stamp = self.layers.modal_stamp(self.obj, frame_index)
        if stamp is not None and not self.obj.strokes_on(frame_index, "modal"):
            return stamp.box
        try:
            return box_xyxy(self[frame_index])
        except ProjectDamaged:  # it counts as absent from now on
            return self.box(frame_index)
        except KeyError:
            return None

    def __iter__(self) -> Iterator[int]:
        return iter(sorted({*self.layers.modal, *self._given, *retouched_on(self.obj)}))

    def __len__(self) -> int:
        return len(list(iter(self)))


class AmodalMasks(Mapping[int, Mask]):
    """frame_index -> (canvas H, W) amodal mask after templates and strokes. It always covers the modal mask."""

    def __init__(self, modal: ModalMasks) -> None:
        self.modal, self.layers, self.obj, self.canvas = modal, modal.layers, modal.obj, modal.canvas

    def __getitem__(self, frame_index: int) -> Mask:
        if self.layers.amodal_stamp(self.obj, frame_index) is None:
            raise KeyError(frame_index)
        offset = (self.canvas.pad_left, self.canvas.pad_top)
        mask = apply_strokes(self._base(frame_index), self.obj.strokes_on(frame_index, "amodal"), offset)
        if frame_index in self.modal:
            mask[self.canvas.window] |= self.modal[frame_index]
        return mask

    def _base(self, frame_index: int) -> Mask:
        if placed := self.obj.template_on(frame_index):
            return placed[0].placed(placed[1], self.canvas)
        if frame_index in self.layers.amodal:
            mask = self.layers.amodal[frame_index]
            # An export holds the canvas it began with, while the folder follows the project's.
            return mask.copy() if mask.shape[::-1] == self.canvas.size_wh else recentred(mask, self.canvas.size_wh)
        return np.zeros(self.canvas.size_wh[::-1], dtype=bool)

    def __contains__(self, frame_index: object) -> bool:
        if frame_index in self.layers.amodal:
            return True
        return isinstance(frame_index, int | np.integer) and self._is_retouched(int(frame_index))

    def state(self, frame_index: int) -> str:
        """Return a digest of the pixels from the engine, a template and strokes, without reading them; "" when there
        are none.
        """
        stamp = self.layers.amodal_stamp(self.obj, frame_index)
        digest = placed_state(self.obj, frame_index) or (stamp.digest if stamp else "")
        return state_of(digest, self.obj.strokes_on(frame_index, "amodal"))

    def box(self, frame_index: int) -> BoxXyxy | None:
        """Return the tight box x0, y0, x1, y1 on the canvas, from stamps where no person changed the mask, else
        measured once.
        """
        stamp = self.layers.amodal.stamp(frame_index)
        if stamp is None or self._is_retouched(frame_index):
            state = f"{self.state(frame_index)}/{self.modal.state(frame_index)}/{self.canvas}"
            read = lambda: box_xyxy(self[frame_index])  # noqa: E731
            try:
                return self.layers.measured_boxes.get("amodal", frame_index, state=state, measure=read)
            except ProjectDamaged:  # it counts as absent from now on
                return self.box(frame_index)
            except KeyError:
                return None
        seen = self.modal.box(frame_index) if frame_index in self.modal else None
        if seen is None:
            return stamp.box
        left, top = self.canvas.pad_left, self.canvas.pad_top
        placed = seen[0] + left, seen[1] + top, seen[2] + left, seen[3] + top
        return placed if stamp.box is None else _around(stamp.box, placed)

    def hidden_area(self, frame_index: int) -> int:
        """Return the area of the hidden part in pixels.

        From the stamps where the amodal mask was made over the modal mask that holds now; else pixels are read, once.
        """
        stamp, seen = self.layers.amodal.stamp(frame_index), self.modal.state(frame_index)
        seen_area = self._seen_area(frame_index)
        if stamp is not None and not self._is_retouched(frame_index) and seen and stamp.made_from.modal == seen:
            return stamp.area - seen_area
        state, measure = self._whole_state(frame_index, seen), lambda: area(self[frame_index])
        try:
            return self.layers.measured.get("whole", frame_index, state=state, measure=measure) - seen_area
        except ProjectDamaged:  # it counts as absent from now on
            return self.hidden_area(frame_index)
        except KeyError:
            return 0

    def _is_retouched(self, frame_index: int) -> bool:
        return bool(self.obj.strokes_on(frame_index, "amodal") or self.obj.template_on(frame_index))

    def _whole_state(self, frame_index: int, seen: str) -> str:
        return f"{self.state(frame_index)}~{seen}~{self.canvas}"

    def hidden_areas(self, until: float = math.inf) -> tuple[dict[int, int], int]:
        """Return frame_index -> ``hidden_area`` of all frames with a mask, and how many of the numbers are estimates.

        Pixels are read until that moment (monotonic seconds). After it what would have to be read is estimated by the
        difference of the areas, which is exact where the amodal mask covers the modal one.
        """
        stamps, areas = self.layers.stamps(self.obj), self.modal.areas()
        seen, states, painted = stamps.seen, stamps.whole, retouched_on(self.obj, "amodal")
        table = stamps.amodal
        rows = zip(table.frames, table.column("area"), table.column("modal"), strict=True)
        hidden = {f: area - areas[f] for f, area, over in rows if over and seen.get(f) == over and f not in painted}
        estimates = 0
        for f in states.keys() - hidden.keys():
            known = self.layers.measured.known("whole", f, f"{states[f]}~{seen.get(f, '')}~{self.canvas}")
            if known is not None:
                hidden[f] = known - (areas[f] if seen.get(f) else 0)
            elif time.monotonic() < until:
                hidden[f] = self.hidden_area(f)
            else:
                estimates += 1
                hidden[f] = max(0, self._whole_estimate(f, table) - areas.get(f, 0))
        return hidden, estimates

    def _whole_estimate(self, frame_index: int, table: Stamps) -> int:
        """Return about the area of the amodal mask without reading it: of the template, else of the engine's mask."""
        if placed := self.obj.template_on(frame_index):
            return round(area(placed[0].mask) * placed[1].scale ** 2)
        return int(table.value(frame_index, "area")) if frame_index in table else 0

    def _seen_area(self, frame_index: int) -> int:
        return self.modal.area(frame_index) if self.modal.state(frame_index) else 0

    def occluded(self, frame_index: int) -> bool:
        """Return whether the hidden part counts as an occlusion: more than OCCLUDED_PIXELS, and more than
        OCCLUDED_SHARE of the amodal mask.
        """
        return frame_index in self and is_occluded(self.hidden_area(frame_index), self._seen_area(frame_index))

    def __iter__(self) -> Iterator[int]:
        return iter(sorted({*self.layers.amodal, *retouched_on(self.obj, "amodal")}))

    def __len__(self) -> int:
        return len(list(iter(self)))


def is_occluded(hidden_area: int, seen_area: int) -> bool:
    """Return whether a hidden part counts as an occlusion (``AmodalMasks.occluded``), from areas in pixels."""
    return hidden_area > max(OCCLUDED_PIXELS, OCCLUDED_SHARE * (hidden_area + seen_area))


def _around(a: BoxXyxy, b: BoxXyxy) -> BoxXyxy:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


class VouchedMasks(Mapping[int, Mask]):
    """frame_index -> a modal mask that the person painted, accepted or imported. Engines take it as true.

    On a frame with clicks or a box, the imported mask is the starting point that they correct. ``also`` names frames
    whose masks, though an engine made them, are to be taken as true.
    """

    def __init__(self, modal: ModalMasks, also: Collection[int] = ()) -> None:
        self.modal = modal
        obj = modal.obj
        self._fixed = {f for f in (*retouched_on(obj), *obj.accepted, *also) if f in modal}
        self._given = {f for f in obj.given if f in modal.layers.given}
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


def prompts_of(modal: ModalMasks, also: Collection[int] = (), *, asking: int | None = None) -> Prompts:
    """Return all prompts of an object's modal masks in the form that an engine takes (``also``: see VouchedMasks).

    A mask that the person painted on or accepted is the last word on its frame. The clicks and the box that came before
    it are left out there: an engine would correct the mask by them once more, and bring back what was erased. Not so
    on the frame that is being asked about (``asking``). What an engine made of clicks is no mask of its own either:
    ``also`` counts on other frames alone.
    """
    obj = modal.obj
    done = {f for f in retouched_on(obj) | set(obj.accepted) if f in modal and f != asking}
    clicks = tuple(click for click in obj.clicks if click.frame_index not in done)
    boxes = tuple(box for box in obj.boxes if box.frame_index not in done)
    return Prompts(clicks=clicks, boxes=boxes, masks=VouchedMasks(modal, set(also) - prompted_frames(obj)))


def require_frame(frame_index: int, num_frames: int) -> None:
    """Raise PromptError when the clip does not have this frame."""
    if not 0 <= frame_index < num_frames:
        raise PromptError(f"frame {frame_index} is not in the clip; it has frames 0 to {num_frames - 1}")
