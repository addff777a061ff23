"""Labelled pictures to learn clicks from: frames of labelled clips, with what moves on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vas_tool.engines.builtin.motion import Floats, frames_around, motion_picture
from vas_tool.errors import FormatError
from vas_tool.evaluation.silhouettes import FullView
from vas_tool.types import Frame, Mask
from vas_tool.video.images import image_paths

MOST = 640
"""Pixels on the longer side of a texture."""


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with the true mask of one object."""

    name: str
    """``clip/frame``, for who watches the run."""
    frame: Frame
    motion: Floats
    """(h, w, channels) of ``engines.builtin.motion``."""
    mask: Mask


def frames_of(view: FullView, *, every: int) -> Iterator[LabelledPicture]:
    """Some frames of a labelled clip, those that show something of the object."""
    for index in range(0, len(view.frames), every):
        if view.masks[index].any():
            motion = motion_at(view.frames, index)
            yield LabelledPicture(f"{view.name}/{index}", view.frames[index], motion, view.masks[index])


def motion_at(frames: Sequence[Frame], index: int) -> Floats:
    """The motion picture of one of a clip's frames, as the segmenter makes it."""
    return motion_picture(frames[index], {k - index: frames[k] for k in frames_around(index, len(frames))})


def textures_in(folder: Path) -> list[Frame]:
    """The pictures of a folder, at most MOST pixels on a side. Raises FormatError when it has none that read."""
    read = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in image_paths(folder)]
    pictures = [np.ascontiguousarray(picture[..., ::-1]) for picture in read if picture is not None]
    if not pictures:
        raise FormatError(f"{folder} has no picture that reads; name a folder of PNG or JPEG pictures")
    scales = [min(1.0, MOST / max(picture.shape[:2])) for picture in pictures]
    return [
        cv2.resize(p, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) for p, s in zip(pictures, scales, strict=True)
    ]
