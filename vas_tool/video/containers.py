"""Opens a video file and chooses its video stream."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Disposition
from PIL import Image

from vas_tool.errors import VideoError

NOT_PICTURES = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""FFmpeg demuxers that draw a text file as a picture."""
STILL_ONLY = frozenset({"webp_pipe", "tiff_pipe"})
"""FFmpeg demuxers that read an animation, or a file of several pages, as one picture."""
PLAYLISTS = frozenset({"hls", "dash", "concat", "sdp", "imf"})
"""FFmpeg demuxers of files that name other files or addresses. They are refused: only the chosen file is opened."""
CONVERT = "convert it to MP4 (ffmpeg -i IN -pix_fmt yuv420p OUT.mp4) and import that"


def opened(path: Path) -> av.container.InputContainer:
    """Return the open file, which the caller closes. Raises VideoError when it cannot be opened, or is a playlist
    or text.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError as error:
        raise VideoError(f"{path} cannot be read ({error.strerror}); check its permissions and its disk") from error
    if not head:
        raise VideoError(f"{path} is empty; copy it from its origin again")
    try:
        # Without "file:", FFmpeg would read a name such as "concat:a" or "http:x" as a protocol.
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
    # A damaged header can raise any exception; the decoder's message says what is wrong.
    with suppress(Exception), Image.open(path, formats=("WEBP", "TIFF")) as image:
        return int(getattr(image, "n_frames", 1))
    return 1


def video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the stream that a player shows: of the moving streams, the first that is marked default, else the first.

    Raises VideoError when no stream can be decoded.
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
    """Return whether a stream has more than one picture, as far as its container states it. A cover has one."""
    return stream.frames != 1 and not stream.disposition & Disposition.attached_pic


def _has_decoder(stream: av.VideoStream) -> bool:
    with suppress(AttributeError):
        return stream.codec_context.codec is not None
    return False


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
