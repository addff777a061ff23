"""Composes one frame from object layers and a background. Pure functions; every array is on the canvas."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vas_tool import opencv
from vas_tool.formats.layered_frames import ObjectLayer
from vas_tool.masks import box_xyxy
from vas_tool.scene_edits import LayerEdit, SceneEdits
from vas_tool.types import Content, Frame, Mask

MARGIN = 4
"""Pixels around a modal mask that still mix the object with the background; they are filled with it."""


def composed(ground: Content, layers: Sequence[ObjectLayer], edits: SceneEdits, *, stood: Mask) -> Content:
    """Return (canvas H, W, 4) RGBA: the layers, from back to front, over ``ground``, edited, in the scene's order.

    ``ground`` is the frame with the background where objects leave their place. ``stood`` is (canvas H, W) where any
    object is seen in the frame. Alpha is the ground's: layers are cut where it is transparent.

    An object that is neither edited nor in the order may be hidden by what is no object. Its hidden part is drawn only
    where another object stood. All other objects are drawn whole, in front of what is no object.
    """
    out = ground[..., :3].astype(np.float32)
    for layer in ordered(layers, edits):
        edit = edits.of(layer.obj.id)
        if not edit.hidden:
            picture = placed(layer.picture, edit)
            if not edit.is_changed and layer.obj.id not in edits.order:
                picture = np.where((layer.modal | stood)[..., None], picture, np.uint8(0))
            alpha = picture[..., 3:].astype(np.float32) / 255
            out = (picture[..., :3] * alpha + out * (1 - alpha)).astype(np.float32)
    out[ground[..., 3] == 0] = 0
    return np.dstack([np.rint(out).astype(np.uint8), ground[..., 3]])


def ordered(layers: Sequence[ObjectLayer], edits: SceneEdits) -> list[ObjectLayer]:
    """Return layers, which are from back to front, with those of ``edits.order`` in front of the others."""
    rank = {object_id: place for place, object_id in enumerate(edits.order)}
    return sorted(layers, key=lambda layer: -rank.get(layer.obj.id, len(rank)))


def placed(picture: Content, edit: LayerEdit) -> Content:
    """Return an object's (canvas H, W, 4) picture, moved and scaled. What leaves the canvas is cut."""
    box = box_xyxy(picture[..., 3] > 0)
    if box is None or (edit.dx, edit.dy, edit.scale) == (0, 0, 1):
        return picture
    x0, _, x1, y1 = box
    # The middle of the lower edge, at coordinates of which whole numbers are centres of pixels.
    foot_x, foot_y = (x0 + x1 - 1) / 2, y1 - 0.5
    shift = (foot_x * (1 - edit.scale) + edit.dx, foot_y * (1 - edit.scale) + edit.dy)
    matrix = np.array([[edit.scale, 0, shift[0]], [0, edit.scale, shift[1]]])
    # Colours are moved multiplied by alpha, so that transparent pixels have no part in them.
    alpha = picture[..., 3:].astype(np.float32) / 255
    premultiplied = np.concatenate([picture[..., :3] * alpha, alpha * 255], axis=2)
    if edit.scale < 1:  # a smaller picture averages pixels
        blur = 0.5 * (1 / edit.scale - 1)
        premultiplied = cv2.GaussianBlur(premultiplied, (0, 0), max(blur, 0.01)).astype(np.float32)
    moved = opencv.warp_affine(premultiplied, matrix, picture.shape[1::-1], flags=cv2.INTER_LINEAR)
    moved[..., :3] /= np.maximum(moved[..., 3:], np.float32(1e-6)) / 255
    return np.asarray(np.clip(np.rint(moved), 0, 255), np.uint8)


def vacated(layers: Sequence[ObjectLayer], edits: SceneEdits, *, margin: int = MARGIN) -> Mask | None:
    """Return (canvas H, W) where the background is filled: modal masks, with a margin, of objects that leave.

    None when no object leaves its place.
    """
    masks = [layer.modal for layer in layers if layer.obj.id in edits.moved]
    if not any(mask.any() for mask in masks):
        return None
    return grown(np.logical_or.reduce(masks), margin)


def grown(mask: Mask, pixels: int) -> Mask:
    """Return a mask with its surroundings within ``pixels``."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)) > 0)


def filled(ground: Content, where: Mask | None, background: Frame | None) -> Content:
    """Return the frame with the background on a mask; both (canvas H, W)."""
    if where is None or background is None:
        return ground
    inside = where & (ground[..., 3] > 0)
    out = ground.copy()
    out[inside, :3] = background[inside]
    return out
