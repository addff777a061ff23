"""A clip's objects as layers of pictures in their depth order, frame by frame, for exports to other programs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vas_tool.formats.videos import ExportVideo
from vas_tool.masks import box_xyxy
from vas_tool.project.depth_order import Pair, nearest_first, pairs_on
from vas_tool.project.frame_order import by_masks
from vas_tool.project.object_layers import AmodalMasks, ModalMasks
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import Canvas, Content, Depth, Mask

LABEL_LENGTH = 40
"""Most letters of a label in a layer's name."""


def layer_name(obj: AnnotatedObject) -> str:
    """Return an object's id and label, such as ``001_car``, without characters that file systems refuse."""
    label = "".join(c if c.isalnum() or c in "-_" else "_" for c in obj.label)[:LABEL_LENGTH]
    return f"{obj.id:03d}_{label}"


@dataclass(frozen=True)
class ObjectLayer:
    """The picture, masks and depth of one object on one frame."""

    obj: AnnotatedObject
    picture: Content
    """(canvas H, W, 4) RGBA, straight alpha of 0 or 255: the content on the amodal mask, or the visible pixels where no
    content was made. Transparent pixels are black."""
    modal: Mask
    """(canvas H, W): the modal mask."""
    amodal: Mask
    """(canvas H, W): the amodal mask, or the modal mask where no amodal mask was made."""
    depth: float
    """Median depth of the visible part, 0..1, 1 = nearest; 0 when nothing is visible or no depth was made."""

    @property
    def name(self) -> str:
        """The layer's name, such as ``001_car``."""
        return layer_name(self.obj)

    @property
    def hidden(self) -> Mask:
        """(canvas H, W): the amodal mask without the modal mask."""
        return self.amodal & ~self.modal

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """Tight x0, y0, x1, y1 of the picture on the canvas; None when it is empty."""
        return box_xyxy(self.picture[..., 3] > 0)


@dataclass(frozen=True)
class LayeredFrame:
    """One frame: the picture of the clip, and the objects on it."""

    frame_index: int
    ground: Content
    """(canvas H, W, 4) RGBA: the frame of the clip; transparent outside the frame."""
    depth: Depth | None
    """(canvas H, W): relative depth, 0..1, 1 = nearest; 0 outside the frame; None when no depth was made."""
    layers: tuple[ObjectLayer, ...]
    """The objects from back to front."""


class LayeredClip:
    """The layered frames of a project. A frame is read when it is needed.

    With ``only_accepted``, an object is absent from frames that nobody accepted.
    """

    def __init__(self, video: ExportVideo, *, only_accepted: bool = False) -> None:
        self._video, self._only_accepted = video, only_accepted
        project = video.project
        self._modal = {obj.id: ModalMasks(project.layers(obj.id), obj, self.canvas) for obj in video.truth.objects}
        self._amodal = {object_id: AmodalMasks(modal) for object_id, modal in self._modal.items()}

    @property
    def canvas(self) -> Canvas:
        """The canvas, as it was when the export began."""
        return self._video.truth.canvas

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self._video.project.clip.fps

    def __len__(self) -> int:
        return len(self._video.project.clip)

    @cached_property
    def objects(self) -> tuple[AnnotatedObject, ...]:
        """The objects that are on a frame."""
        return tuple(obj for obj in self._video.truth.objects if self.frames_of(obj))

    def frames_of(self, obj: AnnotatedObject) -> list[int]:
        """Return the frames on which an object has a mask, ascending."""
        made = {*self._modal[obj.id], *self._amodal[obj.id]}
        return sorted(made & set(obj.accepted) if self._only_accepted else made)

    def seen_only(self, obj: AnnotatedObject) -> list[int]:
        """Return the frames on which an object's picture holds only what is seen, because no content was made."""
        content = self._video.project.layers(obj.id).content
        return [i for i in self.frames_of(obj) if i not in content]

    def frame(self, frame_index: int) -> LayeredFrame:
        """Return one frame with all its objects."""
        shared = _Pixels(self._video, frame_index)
        layers = [layer for obj in self.objects if (layer := self._layer(obj, shared)) is not None]
        ordered = pairs_on(self._video.truth.in_front, frame_index)
        return LayeredFrame(frame_index, shared.ground, shared.depth, tuple(back_to_front(layers, ordered)))

    def layer(self, obj: AnnotatedObject, frame_index: int) -> ObjectLayer | None:
        """Return one object on one frame; None when it has no mask there."""
        return self._layer(obj, _Pixels(self._video, frame_index))

    def _layer(self, obj: AnnotatedObject, pixels: _Pixels) -> ObjectLayer | None:
        modal, amodal, project = self._modal[obj.id], self._amodal[obj.id], self._video.project
        i = pixels.frame_index
        if self._only_accepted and i not in obj.accepted:
            return None
        with project.mutex:  # no undo may come between the masks and the content
            if i not in modal and i not in amodal:
                return None
            nothing = np.zeros(self.canvas.size_wh[::-1], np.bool_)
            seen = self.canvas.to_canvas(modal[i]) if i in modal else nothing
            whole = amodal.get(i, seen)
            content = project.layers(obj.id).content
            made = content.get(i)
        return ObjectLayer(obj, _picture(pixels, seen, whole, made=made), seen, whole, pixels.depth_of(seen))


@dataclass(frozen=True)
class _Pixels:
    """The frame and its depth, read when they are needed, once for all objects."""

    video: ExportVideo
    frame_index: int

    @cached_property
    def ground(self) -> Content:
        """(canvas H, W, 4) RGBA: the frame; transparent around it."""
        frame = self.video.project.clip[self.frame_index]
        opaque = np.full((*frame.shape[:2], 1), 255, np.uint8)
        return self.video.truth.canvas.to_canvas(np.concatenate([frame, opaque], axis=2))

    @cached_property
    def depth(self) -> Depth | None:
        """(canvas H, W): the depth, 0 around the frame; None when none was made."""
        depth = self.video.project.depth
        return self.video.truth.canvas.to_canvas(depth[self.frame_index]) if self.frame_index in depth else None

    def depth_of(self, seen: Mask) -> float:
        """Return the median depth of a mask; 0 when it is empty or there is no depth."""
        return float(np.median(self.depth[seen])) if seen.any() and self.depth is not None else 0.0


def _picture(pixels: _Pixels, seen: Mask, whole: Mask, *, made: Content | None) -> Content:
    """Return the content on the mask, and the frame's pixels where there is no content but the object is seen."""
    out = np.zeros((*whole.shape, 4), np.uint8)
    bare = seen & whole
    if made is not None and made.shape == out.shape:  # the canvas may have changed since the export began
        inside = whole & (made[..., 3] > 0)
        out[inside] = made[inside]
        bare &= ~inside
    if bare.any():
        out[bare] = pixels.ground[bare]
    out[out[..., 3] > 0, 3] = 255
    return out


def back_to_front(layers: Sequence[ObjectLayer], ordered: Collection[Pair] = ()) -> list[ObjectLayer]:
    """Return the layers of one frame from back to front.

    ``ordered`` holds the pairs of object ids (front, behind) that a person set. In any other pair, an object that is
    visible where the other one is hidden is in front. Otherwise the nearer one is in front.
    """
    by_id = {layer.obj.id: layer for layer in layers}
    found = by_masks({i: layer.modal for i, layer in by_id.items()}, {i: layer.hidden for i, layer in by_id.items()})
    pairs = {*ordered, *(pair for pair in found if pair[::-1] not in ordered)}
    nearness = {i: layer.depth for i, layer in by_id.items()}
    return [by_id[i] for i in reversed(nearest_first(pairs, by_id, nearness))]


def merged(frame: LayeredFrame) -> Content:
    """Return (canvas H, W, 4) RGBA: the layers over the frame."""
    out = frame.ground.copy()
    for layer in frame.layers:
        opaque = layer.picture[..., 3] > 0
        out[opaque] = layer.picture[opaque]
    return out
