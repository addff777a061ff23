"""Draws the worst frames: the modal mask, and the right, missed and surplus parts of the answer."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageOps

from vas_tool import drawing
from vas_tool.errors import FormatError
from vas_tool.evaluation.benchmarks import EvaluationRun
from vas_tool.evaluation.dataset import BoxXYWH, Predictions, TruthFrame
from vas_tool.evaluation.measuring import linear
from vas_tool.evaluation.tables import WorstFrame
from vas_tool.masks import box_xyxy
from vas_tool.types import Canvas, Frame, Mask
from vas_tool.video.clip import as_rgb
from vas_tool.video.picture_files import loaded_picture

RIGHT, MISSED, SURPLUS = drawing.OBJECT_COLOURS[4], drawing.OBJECT_COLOURS[5], drawing.OBJECT_COLOURS[1]
"""Colours of the hidden part that the answer adds rightly (plain), misses (stripes) or adds wrongly (dots)."""

ANSWERED = drawing.OBJECT_COLOURS[0]
"""Colour of a predicted box; that of the true box is ``RIGHT``."""

WHITE, EDGE = (255, 255, 255), (128, 128, 128)
"""Colours of the outline of the modal mask, and of the picture's border where boxes may leave it."""

NO_PICTURE = (52, 54, 58)
"""Colour of the ground where the picture of the frame is missing."""

PICTURE_SIDE = 320
"""Pixels of the longer side of a picture in the report."""

MARGIN = 0.35
"""Margin shown around the object, as a share of its longer side."""

PADDING = 0.5
"""Share of the frame that is shown on each side where boxes may leave it: TAO-Amodal's annotation canvas is twice as
wide and high as the picture."""


@dataclass(frozen=True)
class WorstPicture:
    """The picture of one frame in the report."""

    frame: WorstFrame
    png: bytes
    of_boxes: bool
    """Whether it shows boxes instead of masks."""


def worst_pictures(compared: EvaluationRun, frames: Path | None = None) -> Iterator[WorstPicture]:
    """Yield pictures of the worst frames of the first result file. ``frames`` is the folder of the images.

    A frame without a picture is drawn on a plain ground. A frame with a damaged mask is left out.
    """
    if not compared.predictions:
        return
    answers = compared.predictions[0]
    known = {frame.key: frame for clip in compared.truth.clips for frame in clip.frames}
    for worst in compared.evaluation.worst:
        frame = known[worst.key]
        try:
            picture = _drawn(frame, answers, compared=compared, frames=frames)
        except FormatError:  # the problems list it already
            continue
        _, png = cv2.imencode(".png", picture[..., ::-1])
        yield WorstPicture(worst, png.tobytes(), of_boxes=compared.of_boxes)


def _drawn(frame: TruthFrame, answers: Predictions, *, compared: EvaluationRun, frames: Path | None) -> Frame:
    modal = frame.modal.read()
    ground = _ground(frame, (modal.shape[1], modal.shape[0]), compared=compared, frames=frames)
    if compared.of_boxes:
        return _boxes(ground, modal, true=frame.amodal_xywh, answered=answers.boxes.get(frame.key))
    source = answers.masks.get(frame.key)
    predicted = source.read() if source is not None else np.zeros_like(modal)
    if predicted.shape != modal.shape:
        predicted = linear(predicted, (modal.shape[0], modal.shape[1]))
    amodal = frame.amodal.read() if frame.amodal is not None else modal
    return _masks(ground, modal, amodal=amodal, predicted=predicted)


def _ground(frame: TruthFrame, size_wh: tuple[int, int], *, compared: EvaluationRun, frames: Path | None) -> Frame:
    """Return (H, W, 3) uint8 RGB: the picture of the frame, or a plain ground."""
    coded = compared.pictures.get(frame.image)
    path = (frames or Path()) / frame.image
    if coded is None and frames is not None and frame.image and path.is_file():
        coded = path.read_bytes()
    with suppress(OSError):
        picture = as_rgb(ImageOps.exif_transpose(loaded_picture(io.BytesIO(coded or b""))))
        if picture.shape[:2] == size_wh[::-1]:
            return picture
    return np.full((size_wh[1], size_wh[0], 3), NO_PICTURE, np.uint8)


def _masks(ground: Frame, modal: Mask, *, amodal: Mask, predicted: Mask) -> Frame:
    x0, y0, x1, y1 = _around(amodal | predicted | modal)
    rows, columns = slice(y0, y1), slice(x0, x1)
    scale, size = _shown((x1 - x0, y1 - y0))
    picture = cv2.resize(ground[rows, columns], size, interpolation=_smooth(scale))
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
    for part, colour in ((missed, MISSED), (surplus, SURPLUS)):
        out = drawing.tint(out, drawing.outline(part, 1), colour, opacity=1)
    return drawing.outlined(out, seen, WHITE)


def _dots(mask: Mask) -> Mask:
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return np.asarray(mask & (rows % 6 < 2) & (columns % 6 < 2))


def _around(mask: Mask, more: Sequence[tuple[float, float, float, float]] = ()) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 inside the picture: a mask, more boxes, and a margin. Without any, the whole picture."""
    height, width = mask.shape
    box = box_xyxy(mask)
    boxes = np.array([*([box] if box else []), *more], np.float64).reshape(-1, 4)
    if not len(boxes):
        return 0, 0, width, height
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    margin = MARGIN * max(x1 - x0, y1 - y0) + 1
    left, top = (int(np.clip(n - margin, 0, most - 1)) for n, most in ((x0, width), (y0, height)))
    right, bottom = (int(np.clip(n + margin, low + 1, most)) for n, low, most in ((x1, left, width), (y1, top, height)))
    return left, top, right, bottom


def _boxes(ground: Frame, modal: Mask, *, true: BoxXYWH | None, answered: BoxXYWH | None) -> Frame:
    """Return the part of the frame around the boxes, with the modal mask, the true box (thick) and the predicted box
    (thin).
    """
    canvas = Canvas.padded((modal.shape[1], modal.shape[0]), PADDING)
    seen = canvas.to_canvas(modal)
    given = ((true, RIGHT, 4), (answered, ANSWERED, 2))
    marks = [(_on_canvas(box, canvas), colour, thickness) for box, colour, thickness in given if box is not None]
    x0, y0, x1, y1 = _around(seen, [box for box, _, _ in marks])
    rows, columns = slice(y0, y1), slice(x0, x1)
    scale, size = _shown((x1 - x0, y1 - y0))
    large = canvas.to_canvas(ground, fill=20)[rows, columns]
    out = np.asarray(cv2.resize(large, size, interpolation=_smooth(scale)), dtype=np.uint8)
    shape = cv2.resize(seen[rows, columns].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    out = drawing.outlined(out, shape, WHITE)
    edge = _on_canvas((0.0, 0.0, float(modal.shape[1]), float(modal.shape[0])), canvas)
    marks = [(edge, EDGE, 1), *marks]
    # A dark line under all boxes shows on any ground. Where edges coincide, the thick one shows beside the thin one.
    for box, colour, thickness in [*((box, (0, 0, 0), width + 2) for box, _, width in marks), *marks]:
        # OpenCV takes 32 bit integers: far coordinates are clipped.
        corners = np.clip((np.array(box) - [x0, y0, x0, y0]) * scale, -thickness, max(size) + thickness)
        left, top, right, bottom = np.round(corners).astype(int).tolist()
        cv2.rectangle(out, (left, top), (right, bottom), colour, thickness)
    return out


def _on_canvas(box: BoxXYWH, canvas: Canvas) -> tuple[float, float, float, float]:
    """Return x0, y0, x1, y1 in pixels of the canvas."""
    x, y = box[0] + canvas.pad_left, box[1] + canvas.pad_top
    return x, y, x + box[2], y + box[3]


def _shown(size_wh: tuple[int, int]) -> tuple[float, tuple[int, int]]:
    """Return the scale, and the width and height, at which a part of a frame is shown."""
    scale = PICTURE_SIDE / max(size_wh)
    return scale, (max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale)))


def _smooth(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
