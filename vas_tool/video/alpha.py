"""Writes and reads videos with an alpha channel: ProRes 4444 in .mov, VP9 in .webm.

Colours are straight (not multiplied by alpha). Outside the object they continue the colours of its edge for
``BLEED`` pixels, so that compression does not mix the edge with black.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.reformatter import Colorspace, VideoReformatter

from vas_tool.errors import VideoError
from vas_tool.types import Content
from vas_tool.video.writing import BT709, rate_of, same_size, video_in_place

BLEED = 16
"""Pixels by which colours continue beyond the object: the side of a block of both codecs."""


@dataclass(frozen=True)
class AlphaCodec:
    """How FFmpeg writes and reads a kind of video with alpha."""

    container: str
    encoder: str
    decoder: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)


EXACT = {"flags": "+bitexact"}
"""Without it, files hold random numbers, and two exports of a project differ."""

CODECS = {
    ".mov": AlphaCodec(
        "mov", "prores_ks", "prores", "yuva444p10le", EXACT | {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}
    ),
    # libvpx refuses alpha together with frames that refer to the future. FFmpeg's own decoder, vp9, drops alpha.
    ".webm": AlphaCodec(
        "webm",
        "libvpx-vp9",
        "libvpx-vp9",
        "yuva420p",
        EXACT | {"crf": "15", "b": "0", "deadline": "good", "cpu-used": "4", "auto-alt-ref": "0"},
    ),
}
"""Suffix -> codec."""


def write_alpha_video(path: Path, frames: Iterable[Content], *, fps: float) -> None:
    """Write (H, W, 4) uint8 RGBA frames of one size as .mov (ProRes 4444) or .webm (VP9). An old file is replaced.

    Frames are read one by one; memory does not grow with their number.

    Raises VideoError when this FFmpeg has no such encoder, there are no frames, their sizes differ, ``fps`` is not
    above 0, the suffix is unknown, or the file cannot be written. After an error the old file remains.
    """
    codec = CODECS.get(path.suffix.lower())
    if codec is None:
        raise VideoError(f"{path.name}: videos with alpha are written as {' or '.join(CODECS)}")
    require_encoder(codec.encoder)
    with video_in_place(path) as partial:
        _encode(partial, same_size(frames, channels=4), rate_of(fps), codec=codec)


def require_encoder(name: str) -> None:
    """Raise VideoError when PyAV's FFmpeg has no such encoder."""
    try:
        av.codec.Codec(name, "w")
    except UnknownCodecError as error:
        raise VideoError(
            f"FFmpeg has no encoder {name} in this build of PyAV ({av.__version__}); run: pip install "
            "--force-reinstall --only-binary av av, or choose another format"
        ) from error


def _encode(path: Path, frames: Iterator[Content], rate: Fraction, *, codec: AlphaCodec) -> None:
    with av.open(str(path), "w", format=codec.container, options={"fflags": "+bitexact"}) as container:
        stream = cast(av.VideoStream, container.add_stream(codec.encoder, rate=rate, options=codec.options))
        stream.pix_fmt = codec.pixel_format
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        reformatter = VideoReformatter()
        for index, frame in enumerate(frames):
            if index == 0:
                stream.width, stream.height = frame.shape[1], frame.shape[0]
            picture = reformatter.reformat(
                av.VideoFrame.from_ndarray(with_bleed(frame), format="rgba"),
                format=codec.pixel_format,
                dst_colorspace=Colorspace.ITU709,
                dst_color_range="MPEG",
                threads=1,  # of several, one writes over the end of its rows into those of the next
            )
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def with_bleed(frame: Content) -> Content:
    """Return (H, W, 4) RGBA whose transparent pixels have the colour of the nearest opaque pixel within ``BLEED``."""
    clear = (frame[..., 3] == 0).astype(np.uint8)
    if clear.all() or not clear.any():
        return np.ascontiguousarray(frame)
    distance, labels = cv2.distanceTransformWithLabels(clear, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colours[labels[clear == 0]] = frame[clear == 0][:, :3]
    near = (clear > 0) & (distance <= BLEED)
    out = frame.copy()
    out[near, :3] = colours[labels[near]]
    return out


def read_alpha_video(path: Path) -> Iterator[Content]:
    """Yield the (H, W, 4) uint8 RGBA frames of a .mov or .webm. Raises VideoError when it does not decode."""
    codec = CODECS[path.suffix.lower()]
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            # libvpx needs no header; ProRes needs the stream's own context, which has the codec's tag.
            context = stream.codec_context
            if context.codec.name != codec.decoder:
                context = cast(av.VideoCodecContext, av.CodecContext.create(codec.decoder, "r"))
            reformatter = VideoReformatter()
            for packet in container.demux(stream):
                for picture in context.decode(packet):
                    # The conversion to rgba writes random alpha into the last columns at some widths.
                    rgba = reformatter.reformat(picture, format="gbrap", src_colorspace=Colorspace.ITU709, threads=1)
                    yield np.asarray(rgba.to_ndarray(), np.uint8)
    except (FFmpegError, IndexError, ValueError) as error:
        raise VideoError(f"{path} does not decode as a video with alpha ({error}); export it again") from error
