"""A decoded frame -> upright RGB: colour matrix, display matrix, one size for all."""

from __future__ import annotations

import math
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData

from vas_tool.types import Frame, SizeWH
from vas_tool.video.source import Rotation

UNSPECIFIED = 2
"""AVCOL_SPC_UNSPECIFIED, AVCOL_TRC_UNSPECIFIED: the file does not say."""
HDR_TRANSFERS = frozenset({16, 18})
"""AVCOL_TRC_SMPTE2084 (PQ) and AVCOL_TRC_ARIB_STD_B67 (HLG)."""
SD_MAX_HEIGHT = 576
"""Lines. What says nothing is BT.601 up to here and BT.709 above, as players take it."""

DisplayMatrix = npt.NDArray[np.int32]
"""(9,) the 3 x 3 matrix by which a picture is shown, row by row; (x', y') = (a x + c y, b x + d y)."""


def display_matrix(picture: av.VideoFrame) -> DisplayMatrix | None:
    """The picture's display matrix; None when it has none."""
    data = picture.side_data.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(cast(SideData, data)), dtype=np.int32, count=9)


def rotation_of(matrix: DisplayMatrix | None) -> Rotation:
    """Degrees clockwise, to the nearest quarter turn."""
    if matrix is None:
        return 0
    quarter = round(math.degrees(math.atan2(int(matrix[1]), int(matrix[0]))) / 90) % 4
    return cast(Rotation, quarter * 90)


def is_mirrored(matrix: DisplayMatrix | None) -> bool:
    """Whether the picture is shown as in a mirror."""
    if matrix is None:
        return False
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    return a * d - b * c < 0


def upright(frame: Frame, matrix: DisplayMatrix | None) -> Frame:
    """Turn and mirror (H, W, 3) as the display matrix says, by quarter turns; a view."""
    if matrix is None:
        return frame
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    swapped = abs(b) > abs(a)
    if swapped:
        frame = frame.transpose(1, 0, 2)
    if (c if swapped else a) < 0:
        frame = frame[:, ::-1]
    if (b if swapped else d) < 0:
        frame = frame[::-1]
    return frame


def to_rgb(picture: av.VideoFrame, size_wh: SizeWH) -> Frame:
    """(H, W, 3) RGB of a decoded picture, upright and contiguous; scaled to ``size_wh`` when it has another size."""
    matrix = display_matrix(picture)
    width, height = size_wh if rotation_of(matrix) % 180 == 0 else size_wh[::-1]
    colours = "ITU709" if picture.colorspace == UNSPECIFIED and picture.height > SD_MAX_HEIGHT else None
    rgb = picture.to_ndarray(format="rgb24", src_colorspace=colours, width=width, height=height)
    return np.ascontiguousarray(upright(cast(Frame, rgb), matrix))


def oddities(picture: av.VideoFrame, aspect: float | None) -> list[str]:
    """What a person should know about the pictures of a video; ``aspect`` is a stored pixel's width over its height."""
    matrix = display_matrix(picture)
    notes = []
    if aspect and not math.isclose(aspect, 1, abs_tol=0.005):
        notes.append(f"its pixels are not square (aspect {aspect:.3f}); they are kept as stored, so it looks stretched")
    if picture.interlaced_frame:
        notes.append("it is interlaced: moving edges may show a comb")
    if picture.color_trc in HDR_TRANSFERS:
        notes.append("it is HDR: colours are not mapped to this screen's range and may look pale")
    if is_mirrored(matrix):
        notes.append("it is stored mirrored; the clip is as a player shows it")
    return notes
