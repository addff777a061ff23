"""Writes frames into a video file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Colorspace, VideoReformatter

from vas_tool.errors import VideoError
from vas_tool.types import Frame
from vas_tool.video.storing import write_error

MAX_DENOMINATOR = 1001
"""Largest denominator of a frame rate. 30000/1001 and similar rates are exact."""
X264_OPTIONS = {"crf": "18", "preset": "veryfast", "x264-params": "mbtree=0"}
"""Visually lossless, and fast enough for two cores. With x264's macroblock tree, the same frames do not always give the
same file: up to half of the writes of small frames differed, and 23 of 10,000 at 426 x 240; without it, none."""
BT709 = 1
"""AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709. Players assume these for large pictures; the file states them
always."""


def write_video(path: Path, frames: Iterable[Frame], *, fps: float, lossless: bool = False) -> None:
    """Write (H, W, 3) uint8 RGB frames of one size as .mp4 or .gif. An existing file is replaced at the end.

    .mp4 is H.264 with yuv420p, which every player shows. It allows no odd sizes, so the last column or row of a frame
    of odd width or height is repeated. .gif has 256 colours per frame and times in hundredths of a second, which are
    right on average. Frames are read one by one; memory does not grow with their number. ``lossless`` keeps every grey
    of an .mp4 (of colours, its 420 subsampling keeps a quarter); such files do not play everywhere.

    Raises VideoError when there are no frames, their sizes differ, ``fps`` is not above 0, the suffix is unknown, or
    the file cannot be written. After an error the old file remains.
    """
    path = Path(path)
    encode = _write_lossless_mp4 if lossless and path.suffix == ".mp4" else ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise VideoError(f"{path.name}: videos are written as {' or '.join(ENCODERS)}; choose one of these endings")
    with video_in_place(path) as partial:
        encode(partial, same_size(frames), rate_of(fps))


def rate_of(fps: float) -> Fraction:
    """Return a frame rate as a fraction. Raises VideoError unless it is above 0."""
    if not (isfinite(fps) and fps > 0):
        raise VideoError(f"the video's rate must be more than 0 frames a second, got {fps}")
    return Fraction(fps).limit_denominator(MAX_DENOMINATOR)


@contextmanager
def video_in_place(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write. The file replaces ``path`` when the block ends without an error.

    Raises VideoError when FFmpeg or the disk refuses.
    """
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix.lower()}")
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except FFmpegError as error:
        raise write_error(path, OSError(error.errno, error.strerror)) from error
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def same_size(frames: Iterable[Frame], *, channels: int = 3) -> Iterator[Frame]:
    """Yield (H, W, ``channels``) uint8 frames. Raises VideoError when there is none, or one differs in size or type."""
    shape = None
    for index, frame in enumerate(frames):
        shape = shape or frame.shape
        if frame.shape != shape or frame.ndim != 3 or shape[2] != channels or frame.dtype != np.uint8:
            raise VideoError(
                f"frame {index} is {frame.shape} {frame.dtype}; a video needs (H, W, {channels}) uint8 of one size"
            )
        yield frame
    if shape is None:
        raise VideoError("there are no frames to write; choose a range that has some")


def _write_lossless_mp4(path: Path, frames: Iterator[Frame], rate: Fraction) -> None:
    _write_mp4(path, frames, rate, options=X264_OPTIONS | {"crf": "0"})


def _write_mp4(path: Path, frames: Iterator[Frame], rate: Fraction, *, options: dict[str, str] = X264_OPTIONS) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        reformatter = VideoReformatter()
        for index, frame in enumerate(frames):
            even = _even(frame)
            if index == 0:
                stream.width, stream.height = even.shape[1], even.shape[0]
            picture = reformatter.reformat(
                av.VideoFrame.from_ndarray(even, format="rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range="MPEG",
            )
            picture.pts = index
            picture.time_base = 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _even(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(frame)
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _write_gif(path: Path, frames: Iterator[Frame], rate: Fraction) -> None:
    with av.open(str(path), "w", format="gif") as container:
        stream = container.add_stream("gif", rate=rate)
        stream.pix_fmt = "pal8"
        graph = None
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts = index
            picture.time_base = 1 / rate
            if graph is None:
                stream.width, stream.height = frame.shape[1], frame.shape[0]
                graph = _palette_graph(picture)
            graph.push(picture)
            container.mux(stream.encode(cast(av.VideoFrame, graph.pull())))
        container.mux(stream.encode(None))


def _palette_graph(picture: av.VideoFrame) -> av.filter.Graph:
    """Return a filter that gives every frame its own best 256 colours. Ordered dithering does not flicker in still
    parts.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base
    )
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


ENCODERS: dict[str, Callable[[Path, Iterator[Frame], Fraction], None]] = {".mp4": _write_mp4, ".gif": _write_gif}
"""Suffix -> the function that writes this kind of file."""
