"""The worst frames as pictures: what is seen, what was rightly added, what was missed, what was invented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vas_tool import drawing
from vas_tool.errors import FormatError
from vas_tool.evaluation.benchmarks import Compared
from vas_tool.evaluation.dataset import BoxXYWH, Predictions, TruthFrame
from vas_tool.evaluation.measuring import linear
from vas_tool.evaluation.tables import WorstFrame
from vas_tool.masks import box_xyxy
from vas_tool.types import Canvas, Frame, Mask

RIGHT, MISSED, SURPLUS = drawing.OBJECT_COLOURS[4], drawing.OBJECT_COLOURS[5], drawing.OBJECT_COLOURS[1]
"""Colours of what was rightly added (plain), missed (stripes), and added though it is not there (dots)."""

NO_PICTURE = (52, 54, 58)
"""The ground where the frame's own picture is not at hand."""

PICTURE_WIDTH = 320
"""Pixels of a picture in the report."""

ROOM = 0.35
"""Shown around the object, by its longer side."""

PADDING = 0.5
"""Of the frame shown around it where boxes may leave it: the annotators' canvas (spec.md 2.6)."""


@dataclass(frozen=True)
class WorstPicture:
    """One frame of the report."""

    frame: WorstFrame
    png: bytes


def worst_pictures(compared: Compared, frames: Path | None = None) -> Iterator[WorstPicture]:
    """The worst frames of the first result file. ``frames``: the folder the images' names are relative to.

    Frames whose picture is not there are drawn on plain ground; those whose masks are damaged are left out.
    """
    if not compared.predictions:
        return
    answers = compared.predictions[0]
    known = {frame.key: frame for clip in compared.truth.clips for frame in clip.frames}
    for worst in compared.evaluation.worst:
        try:
            picture = _drawn(known[worst.key], answers, compared=compared, frames=frames)
        except FormatError:  # it is in the problems already
            continue
        _, png = cv2.imencode(".png", picture[..., ::-1])
        yield WorstPicture(worst, png.tobytes())


def _drawn(frame: TruthFrame, answers: Predictions, *, compared: Compared, frames: Path | None) -> Frame:
    modal = frame.modal.read()
    ground = _ground(frame, (modal.shape[1], modal.shape[0]), compared=compared, frames=frames)
    if frame.amodal is None:
        return _boxes(ground, modal, true=frame.amodal_xywh, answered=answers.boxes.get(frame.key))
    source = answers.masks.get(frame.key)
    predicted = source.read() if source is not None else np.zeros_like(modal)
    if predicted.shape != modal.shape:
        predicted = linear(predicted, (modal.shape[0], modal.shape[1]))
    return _masks(ground, modal, amodal=frame.amodal.read(), predicted=predicted)


def _ground(frame: TruthFrame, size_wh: tuple[int, int], *, compared: Compared, frames: Path | None) -> Frame:
    """(H, W, 3) RGB."""
    coded = compared.pictures.get(frame.image)
    path = (frames or Path()) / frame.image
    if coded is None and frames is not None and frame.image and path.is_file():
        coded = path.read_bytes()
    picture = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR) if coded else None
    if picture is None or picture.shape[:2] != size_wh[::-1]:
        return np.full((size_wh[1], size_wh[0], 3), NO_PICTURE, np.uint8)
    return np.asarray(picture[..., ::-1], dtype=np.uint8)


def _masks(ground: Frame, modal: Mask, *, amodal: Mask, predicted: Mask) -> Frame:
    x0, y0, x1, y1 = _around(amodal | predicted | modal)
    rows, columns = slice(y0, y1), slice(x0, x1)
    scale = PICTURE_WIDTH / (x1 - x0)
    size = PICTURE_WIDTH, max(1, round((y1 - y0) * scale))
    picture = cv2.resize(ground[rows, columns], size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    seen, true, answered = (
        cv2.resize(mask[rows, columns].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        for mask in (modal, amodal, predicted)
    )
    out = drawing.tint(np.asarray(picture, dtype=np.uint8), ~seen & ~true & ~answered, (0, 0, 0), opacity=0.35)
    missed, surplus = true & ~seen & ~answered, answered & ~true & ~seen
    out = drawing.tint(out, true & ~seen & answered, RIGHT, opacity=0.6)
    out = drawing.tint(out, missed, MISSED, opacity=0.3)
    out = drawing.tint(out, drawing.hatch(missed), MISSED, opacity=1)
    out = drawing.tint(out, surplus, SURPLUS, opacity=0.3)
    out = drawing.tint(out, _dots(surplus), SURPLUS, opacity=1)
    return drawing.outlined(out, seen, (255, 255, 255))


def _dots(mask: Mask) -> Mask:
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return np.asarray(mask & (rows % 6 < 2) & (columns % 6 < 2))


def _around(mask: Mask) -> tuple[int, int, int, int]:
    height, width = mask.shape
    box = box_xyxy(mask)
    if box is None:
        return 0, 0, width, height
    room = round(ROOM * max(box[2] - box[0], box[3] - box[1])) + 1
    return max(0, box[0] - room), max(0, box[1] - room), min(width, box[2] + room), min(height, box[3] + room)


def _boxes(ground: Frame, modal: Mask, *, true: BoxXYWH | None, answered: BoxXYWH | None) -> Frame:
    """The frame with room around it, what is seen, the true box (solid) and the answer's (thin)."""
    canvas = Canvas.padded((modal.shape[1], modal.shape[0]), PADDING)
    large = drawing.outlined(canvas.to_canvas(ground, fill=20), canvas.to_canvas(modal), (255, 255, 255))
    scale = PICTURE_WIDTH / canvas.size_wh[0]
    out = cv2.resize(large, (PICTURE_WIDTH, round(canvas.size_wh[1] * scale)), interpolation=cv2.INTER_AREA)
    for box, colour, thickness in ((true, RIGHT, 3), (answered, SURPLUS, 1)):
        if box is not None:
            corners = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
            x0, y0, x1, y1 = np.round((corners + [canvas.pad_left, canvas.pad_top] * 2) * scale).astype(int).tolist()
            cv2.rectangle(out, (x0, y0), (x1, y1), colour, thickness)
    return np.asarray(out, dtype=np.uint8)
