"""Converts decoded frames to upright RGB: colour matrix, display matrix, one size for all frames."""

from __future__ import annotations

import math
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData, Type
from av.video.reformatter import Colorspace, VideoReformatter

from vas_tool.types import Frame, SizeWH
from vas_tool.video.source import Rotation

UNSPECIFIED = 2
"""AVCOL_SPC_UNSPECIFIED, AVCOL_TRC_UNSPECIFIED: the file does not state it."""
HDR_TRANSFERS = frozenset({16, 18})
"""AVCOL_TRC_SMPTE2084 (PQ) and AVCOL_TRC_ARIB_STD_B67 (HLG)."""
SD_MAX_HEIGHT = 576
"""Lines: unspecified colours are BT.601 up to this height and BT.709 above, as in players."""

DisplayMatrix = npt.NDArray[np.int32]
"""(9,) int32, the 3 x 3 display matrix row by row: (x', y') = (a x + c y, b x + d y)."""

IDENTITY: DisplayMatrix = np.array([1, 0, 0, 0, 1, 0, 0, 0, 1], dtype=np.int32)
"""Display matrix of a video that is stored upright."""


def _unnamed(kind: type[Type], value: int) -> Type:
    """Return a kind of side data that PyAV does not know (EXIF: 31). Without it, one unknown kind hides all others."""
    member = object.__new__(kind)
    member.__dict__.update(_name_=f"UNKNOWN_{value}", _value_=value)
    return member


Type._missing_ = classmethod(_unnamed)  # type: ignore[assignment, method-assign]


class UprightRgb:
    """Converts a video's decoded pictures to upright RGB frames of the first picture's size. For one thread only.

    The display matrix is read once, because reading it from a picture creates a reference cycle, and the pictures of a
    whole video would stay in memory until garbage collection. FFmpeg's converter is reused, because a picture's own
    ``to_ndarray`` creates one with threads each time.
    """

    def __init__(self, first: av.VideoFrame) -> None:
        data = first.side_data.get("DISPLAYMATRIX")
        self.matrix: DisplayMatrix = (
            IDENTITY if data is None else np.frombuffer(bytes(cast(SideData, data)), dtype=np.int32, count=9)
        )
        self._stored_wh = (first.width, first.height)
        self._reformatter = VideoReformatter()

    @property
    def rotation(self) -> Rotation:
        """Rotation in degrees clockwise, to the nearest quarter turn."""
        quarter = round(math.degrees(math.atan2(int(self.matrix[1]), int(self.matrix[0]))) / 90) % 4
        return cast(Rotation, quarter * 90)

    @property
    def is_mirrored(self) -> bool:
        """Whether the pictures are shown mirrored."""
        a, b, c, d = (int(self.matrix[i]) for i in (0, 1, 3, 4))
        return a * d - b * c < 0

    @property
    def size_wh(self) -> SizeWH:
        """Width and height of the frames in pixels."""
        return self._stored_wh if self.rotation % 180 == 0 else self._stored_wh[::-1]

    def convert(self, picture: av.VideoFrame) -> Frame:
        """Return (H, W, 3) uint8 RGB, contiguous. A picture of another size is scaled to the first one's."""
        width, height = self._stored_wh
        colours = Colorspace.ITU709 if picture.colorspace == UNSPECIFIED and picture.height > SD_MAX_HEIGHT else None
        rgb = self._reformatter.reformat(picture, width, height, format="rgb24", src_colorspace=colours)
        return np.ascontiguousarray(upright(cast(Frame, rgb.to_ndarray()), self.matrix))


def upright(frame: Frame, matrix: DisplayMatrix) -> Frame:
    """Return a view of an (H, W, 3) frame, turned by quarter turns and mirrored as the display matrix says."""
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    swapped = abs(b) > abs(a)
    if swapped:
        frame = frame.transpose(1, 0, 2)
    if (c if swapped else a) < 0:
        frame = frame[:, ::-1]
    if (b if swapped else d) < 0:
        frame = frame[::-1]
    return frame


def oddities(stream: av.VideoStream, first: av.VideoFrame) -> list[str]:
    """Return sentences for the user about a video's pictures. ``first`` is one of them."""
    notes = []
    aspect = float(stream.sample_aspect_ratio or 1)
    if not math.isclose(aspect, 1, abs_tol=0.005):
        notes.append(f"its pixels are not square ({aspect:.3f}); they are kept as stored, so it looks stretched")
    if stream.codec_context.name != "gif" and any(component.is_alpha for component in first.format.components):
        notes.append("it has transparency, which was left out: colours are as if all were opaque")
    if first.interlaced_frame:
        notes.append("it is interlaced: moving edges may show a comb")
    if stream.codec_context.color_trc in HDR_TRANSFERS:
        notes.append("it is HDR: colours are not mapped to this screen's range and may look pale")
    return notes
