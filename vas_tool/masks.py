"""Mask algebra on numpy arrays: RLE, boxes, overlap measures, strokes."""

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
"""Most digits after the first of a number in RLE text. More would overflow 64 bits."""


MOST_PIXELS = 225_000_000
"""Most pixels of a mask in a file: the largest frame of a clip (100 million pixels) with half of its sides added, as in
results of TAO-Amodal. A few letters of RLE can claim any size, so no memory is allocated for more."""


class CocoRle(TypedDict):
    """COCO run lengths: column-major, compressed to text."""

    size: list[int]
    """[height, width]."""
    counts: str


def to_rle(mask: Mask) -> CocoRle:
    """Return the exact COCO RLE of a (H, W) bool mask, with ``counts`` as text for JSON."""
    from pycocotools import mask as coco

    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(n) for n in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def from_rle(rle: CocoRle) -> Mask:
    """Return the (H, W) bool mask of a COCO RLE. Raises FormatError as ``checked_rle``."""
    from pycocotools import mask as coco

    return np.asarray(coco.decode(checked_rle(rle)), dtype=bool)


def rle_area(rle: CocoRle) -> int:
    """Its number of pixels, counted without drawing it. Raises FormatError when the runs are none."""
    return int(run_lengths(rle["counts"])[1::2].sum())


def checked_rle(rle: Any) -> dict[str, Any]:
    """Return the run lengths of an untrusted file in a form that is safe for pycocotools.

    Raises FormatError unless the size is [height, width] of at most ``MOST_PIXELS`` and the runs of the text fill it
    exactly. Time and memory grow with the text, not with the claimed size.
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
    """Return height and width of a mask in a file. Raises FormatError when they are invalid or too large."""
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
    """Return (N,) the run lengths of COCO's text: 5 bits per character; from the fourth on, differences to the run
    before last.

    The first run has False pixels. Raises FormatError when the text is invalid.
    """
    if not isinstance(counts, str):
        raise FormatError(f"RLE counts must be text (compressed), got {type(counts).__name__}")
    digits = np.frombuffer(counts.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if len(digits) and not (digits.min() >= 0 and digits.max() < 64):
        wrong = next(c for c in counts if not 48 <= ord(c) < 112)
        raise FormatError(f"RLE text holds {wrong!r}, which is no RLE character")
    ends = np.flatnonzero(digits < 32)  # bit 5 means that the number continues
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
    """Return row-major runs [start, end, start, end, ...) of the True pixels, the browser's form of a mask."""
    padded = np.concatenate(([False], mask.ravel(), [False]))
    return [int(n) for n in np.flatnonzero(padded[1:] != padded[:-1])]


def from_runs(runs: Iterable[int], size_wh: SizeWH) -> Mask:
    """Return the mask of ``to_runs``' runs."""
    flat = np.zeros(size_wh[0] * size_wh[1] + 1, dtype=np.int8)
    edges = np.fromiter(runs, dtype=np.int64)
    flat[edges[0::2]] += 1
    flat[edges[1::2]] -= 1
    return np.cumsum(flat[:-1], dtype=np.int8).reshape(size_wh[1], size_wh[0]).astype(bool)


def area(mask: Mask) -> int:
    """Return the number of True pixels."""
    return int(np.count_nonzero(mask))


def iou(first: Mask, second: Mask) -> float:
    """Return the intersection over union, 0..1; 1 when both masks are empty."""
    union = area(first | second)
    return area(first & second) / union if union else 1.0


def recentred(mask: Mask, size_wh: SizeWH) -> Mask:
    """Return a mask padded or cut to a size, equally on opposite sides."""
    out = np.zeros(size_wh[::-1], np.bool_)
    padding = [(wanted - there) // 2 for wanted, there in zip(out.shape, mask.shape, strict=True)]
    target = tuple(slice(max(0, r), max(0, r + n)) for r, n in zip(padding, mask.shape, strict=True))
    source = tuple(slice(max(0, -r), max(0, n - r)) for r, n in zip(padding, out.shape, strict=True))
    out[target] = mask[source]
    return out


def box_xyxy(mask: Mask) -> tuple[int, int, int, int] | None:
    """Return the tight box (x0, y0, x1, y1), x1 and y1 exclusive; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def box_xywh(mask: Mask) -> list[int]:
    """Return the tight box [x, y, width, height] as in COCO; zeros for an empty mask."""
    box = box_xyxy(mask)
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]] if box else [0, 0, 0, 0]


def stroke_mask(stroke: Stroke, size_wh: SizeWH, offset_xy: tuple[int, int] = (0, 0)) -> Mask:
    """Return (H, W) bool the pixels that a round brush covers along the stroke. ``offset_xy`` is added to its
    points.
    """
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
    """Return the mask after the strokes, in their order. The input is not changed."""
    out = mask.copy()
    for stroke in strokes:
        out[stroke_mask(stroke, (mask.shape[1], mask.shape[0]), offset_xy)] = stroke.adds
    return out


def centre_of(mask: Mask) -> tuple[int, int] | None:
    """Return (x, y) of the pixel farthest from the mask's border; None for an empty mask."""
    if not mask.any():
        return None
    padded = np.pad(mask, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(x), int(y)
