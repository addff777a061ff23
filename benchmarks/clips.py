"""Clips for the benchmarks, made from the bundled sample: any size, any length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2

from vas_tool.sample import sample_clip
from vas_tool.types import Frame, SizeWH
from vas_tool.video import write_video


def sample_frames(num_frames: int, size_wh: SizeWH) -> Iterator[Frame]:
    """The sample's frames, there and back again, at another size."""
    with av.open(str(sample_clip())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    there_and_back = [*frames, *frames[-2:0:-1]]
    for i in range(num_frames):
        yield cv2.resize(there_and_back[i % len(there_and_back)], size_wh, interpolation=cv2.INTER_CUBIC)


def make_clip(path: Path, num_frames: int, size_wh: SizeWH) -> Path:
    """A video of that many frames at 8 FPS."""
    write_video(path, sample_frames(num_frames, size_wh), fps=8.0)
    return path


def sample_point(size_wh: SizeWH) -> tuple[float, float]:
    """A point on the sample's object on frame 0, in pixels of a clip of that size."""
    mask = cv2.imread(str(sample_clip().parent / "truth" / "modal" / "00000.png"), cv2.IMREAD_GRAYSCALE)
    distance = cv2.distanceTransform((mask > 127).astype("uint8"), cv2.DIST_L2, 5)
    y, x = divmod(int(distance.argmax()), mask.shape[1])
    return x * size_wh[0] / mask.shape[1], y * size_wh[1] / mask.shape[0]
