"""A video file -> an open container and the stream in it that is meant."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Disposition
from PIL import Image

from vas_tool.errors import VideoError

NOT_PICTURES = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""Demuxers that draw a text file as a picture."""
STILL_ONLY = frozenset({"webp_pipe", "tiff_pipe"})
"""Demuxers that take an animation, or a file of several pages, for one picture."""
PLAYLISTS = frozenset({"hls", "dash", "concat", "sdp", "imf"})
"""Files that name other files or addresses. They are refused: what opens is the one file that was chosen."""
CONVERT = "convert it to MP4 (ffmpeg -i IN -pix_fmt yuv420p OUT.mp4) and import that"


def opened(path: Path) -> av.container.InputContainer:
    """The open file; close it. Raises VideoError when it cannot be opened, or is a playlist or a text."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError as error:
        raise VideoError(f"{path} cannot be read ({error.strerror}); check its permissions and its disk") from error
    if not head:
        raise VideoError(f"{path} is empty; copy it from its origin again")
    try:
        # "file:" keeps a name such as "concat:a" or "http:x" from being taken for a protocol.
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except (FFmpegError, OSError, ValueError) as error:
        if head[4:8] == b"ftyp":
            raise VideoError(
                f"{path} is an MP4 or MOV file that cannot be opened, most likely without its index, which comes last: "
                "it was not copied or recorded to the end; copy it again, or repair it with a recovery tool"
            ) from error
        raise VideoError(f"{path} is not a video that can be opened ({_reason(error)}); {CONVERT}") from error
    formats = set(container.format.name.split(","))
    if formats & NOT_PICTURES or formats & PLAYLISTS:
        container.close()
        kind = "a playlist" if formats & PLAYLISTS else "text"
        raise VideoError(f"{path} is {kind}, not a video; choose the video file itself")
    if formats & STILL_ONLY and (number := _num_pictures(path)) > 1:
        container.close()
        raise VideoError(
            f"{path} holds {number} pictures, of which only the first can be decoded here; save it as MP4 or GIF, or "
            "its pictures as files of their own in one folder, and open that"
        )
    return container


def _num_pictures(path: Path) -> int:
    # A damaged head raises whatever the bytes lead to; what is wrong with it, its decoder says.
    with suppress(Exception), Image.open(path, formats=("WEBP", "TIFF")) as image:
        return int(getattr(image, "n_frames", 1))
    return 1


def video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The stream that a player shows: of those that move, the first that is marked default, else the first.

    Raises VideoError when there is none that can be decoded.
    """
    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not pictures:
        what = "sound but no pictures" if container.streams.audio else "no pictures"
        raise VideoError(f"{path} has {what}; choose a file with a video track")
    decodable = [stream for stream in pictures if _has_decoder(stream)]
    if not decodable:
        raise VideoError(f"the pictures of {path} are coded in a way that cannot be decoded here; {CONVERT}")
    return max(decodable, key=lambda stream: (moves(stream), bool(stream.disposition & Disposition.default)))


def moves(stream: av.VideoStream) -> bool:
    """Whether a stream is more than one picture, a cover for example, so far as its container says."""
    return stream.frames != 1 and not stream.disposition & Disposition.attached_pic


def _has_decoder(stream: av.VideoStream) -> bool:
    with suppress(AttributeError):
        return stream.codec_context.codec is not None
    return False


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
