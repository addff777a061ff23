"""Mask algebra: RLE, boxes, overlap measures, strokes. numpy in, numpy out."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.types import Mask, SizeWH, Stroke

MOST_RLE_DIGITS = 10
"""Places after the first of one number in RLE text: beyond that 64 bits overflow."""


MOST_PIXELS = 225_000_000
"""Of a mask in a file: the largest frame of a clip (100 million pixels) with half of its sides added to it, as results
of TAO-Amodal have it. A few letters of RLE can claim any size; nobody gets memory for more than this."""


class CocoRle(TypedDict):
    """COCO run lengths: column-major, compressed to text."""

    size: list[int]
    """[height, width]."""
    counts: str


def to_rle(mask: Mask) -> CocoRle:
    """Exact COCO RLE of a (H, W) bool mask, with ``counts`` as text so that it goes into JSON."""
    from pycocotools import mask as coco

    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(n) for n in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def from_rle(rle: CocoRle) -> Mask:
    """(H, W) bool mask of a COCO RLE. Raises FormatError when ``checked_rle`` does."""
    from pycocotools import mask as coco

    return np.asarray(coco.decode(checked_rle(rle)), dtype=bool)


def checked_rle(rle: Any) -> dict[str, Any]:
    """Run lengths of a file, which may be anything, as pycocotools takes them without harm.

    Raises FormatError unless the size is [height, width] of at most ``MOST_PIXELS`` and the runs of the text fill it
    exactly. What it takes grows with the text, not with the size that is claimed.
    """
    if not isinstance(rle, Mapping) or not {"size", "counts"} <= set(rle):
        raise FormatError('a mask must be {"size": [height, width], "counts": text}')
    (height, width), counts = checked_size(rle["size"]), rle["counts"]
    runs = run_lengths(counts)
    # pycocotools fills what too short runs leave over, and reads past too long ones: count first. No run alone may be
    # longer than the mask, or a sum of 64 bits could come round to the right number.
    if runs.max(initial=0) > height * width or int(runs.sum()) != height * width:
        raise FormatError(f"RLE runs do not add up to {height} x {width}; write the mask again")
    return {"size": [height, width], "counts": counts.encode("ascii")}


def checked_size(size: Any) -> tuple[int, int]:
    """Height and width of a mask in a file. Raises FormatError when they are none, or of too large a mask."""
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(type(n) is int and n >= 0 for n in size)):
        raise FormatError(f"the mask's size must be [height, width], got {reprlib.repr(size)}")
    height, width = size
    if height * width > MOST_PIXELS:
        raise FormatError(
            f"the mask's size is {reprlib.repr(height)} x {reprlib.repr(width)}; {MOST_PIXELS // 1_000_000} million "
            "pixels are the most that a picture has here"
        )
    return height, width


def run_lengths(counts: Any) -> npt.NDArray[np.int64]:
    """(N,) run lengths behind COCO's text: 5 bits a character, delta to the run before last from the fourth on.

    The first run is of False pixels. Raises FormatError when the text is no such thing.
    """
    if not isinstance(counts, str):
        raise FormatError(f"RLE counts must be text (compressed), got {type(counts).__name__}")
    digits = np.frombuffer(counts.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if len(digits) and not (digits.min() >= 0 and digits.max() < 64):
        wrong = next(c for c in counts if not 48 <= ord(c) < 112)
        raise FormatError(f"RLE text holds {wrong!r}, which is no RLE character")
    ends = np.flatnonzero(digits < 32)  # bit 5 says that the number goes on
    if len(digits) and (not len(ends) or ends[-1] != len(digits) - 1):
        raise FormatError("RLE text ends in the middle of a number; write the mask again")
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    places = np.arange(len(digits)) - np.repeat(starts, ends - starts + 1)
    if len(places) and places.max() > MOST_RLE_DIGITS:
        raise FormatError("RLE text holds a number of more than 60 bits; write the mask again")
    runs = np.add.reduceat((digits & 31) << (5 * places), starts) if len(starts) else starts.astype(np.int64)
    runs -= np.where(digits[ends] & 16, np.int64(1) << (5 * (places[ends] + 1)), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    if (runs < 0).any():
        raise FormatError("RLE text holds a negative run; write the mask again")
    return runs


def to_runs(mask: Mask) -> list[int]:
    """Row-major runs [start, end, start, end, ...) of the True pixels: the browser's form of a mask."""
    padded = np.concatenate(([False], mask.ravel(), [False]))
    return [int(n) for n in np.flatnonzero(padded[1:] != padded[:-1])]


def from_runs(runs: Iterable[int], size_wh: SizeWH) -> Mask:
    """The mask behind ``to_runs``."""
    flat = np.zeros(size_wh[0] * size_wh[1] + 1, dtype=np.int8)
    edges = np.fromiter(runs, dtype=np.int64)
    flat[edges[0::2]] += 1
    flat[edges[1::2]] -= 1
    return np.cumsum(flat[:-1], dtype=np.int8).reshape(size_wh[1], size_wh[0]).astype(bool)


def area(mask: Mask) -> int:
    """Number of True pixels."""
    return int(np.count_nonzero(mask))


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union in 0..1; 1 when both are empty."""
    union = area(first | second)
    return area(first & second) / union if union else 1.0


def recentred(mask: Mask, size_wh: SizeWH) -> Mask:
    """A mask with room added, or cut off, so that it has that size: the same on opposite sides."""
    out = np.zeros(size_wh[::-1], np.bool_)
    room = [(wanted - there) // 2 for wanted, there in zip(out.shape, mask.shape, strict=True)]
    target = tuple(slice(max(0, r), max(0, r + n)) for r, n in zip(room, mask.shape, strict=True))
    source = tuple(slice(max(0, -r), max(0, n - r)) for r, n in zip(room, out.shape, strict=True))
    out[target] = mask[source]
    return out


def box_xyxy(mask: Mask) -> tuple[int, int, int, int] | None:
    """Tight box (x0, y0, x1, y1), x1 and y1 just outside; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def box_xywh(mask: Mask) -> list[int]:
    """Tight box [x, y, width, height] as COCO writes it; zeros for an empty mask."""
    box = box_xyxy(mask)
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]] if box else [0, 0, 0, 0]


def stroke_mask(stroke: Stroke, size_wh: SizeWH, offset_xy: tuple[int, int] = (0, 0)) -> Mask:
    """(H, W) bool: the pixels a round brush covers along the stroke; ``offset_xy`` is added to its points."""
    canvas = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    shift = 4  # cv2 draws in 1/16 pixels
    points = (np.asarray(stroke.points, np.float64) + offset_xy) * (1 << shift)
    corners = np.round(points).astype(np.int32)
    thickness = max(1, round(stroke.radius * 2))
    cv2.polylines(canvas, [corners.reshape(-1, 1, 2)], False, 1, thickness, cv2.LINE_8, shift)
    for x, y in corners:
        cv2.circle(canvas, (int(x), int(y)), round(stroke.radius * (1 << shift)), 1, cv2.FILLED, cv2.LINE_8, shift)
    return canvas.astype(bool)


def apply_strokes(mask: Mask, strokes: Iterable[Stroke], offset_xy: tuple[int, int] = (0, 0)) -> Mask:
    """The mask after the strokes, in their order. The input is not changed."""
    out = mask.copy()
    for stroke in strokes:
        out[stroke_mask(stroke, (mask.shape[1], mask.shape[0]), offset_xy)] = stroke.adds
    return out


def centre_of(mask: Mask) -> tuple[int, int] | None:
    """(x, y) of the pixel farthest from the mask's border (the deepest inside); None for an empty mask."""
    if not mask.any():
        return None
    padded = np.pad(mask, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(x), int(y)
