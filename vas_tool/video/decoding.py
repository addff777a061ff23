"""A video file -> its frames, one after the other, whatever state the file is in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import av
from av.codec.context import Flags
from av.error import FFmpegError

from vas_tool.errors import VideoError
from vas_tool.video.source import check_size

Packet: TypeAlias = "av.Packet[av.VideoStream]"

NOT_PICTURES = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""Demuxers that draw a text file as a picture."""
PLAYLISTS = frozenset({"hls", "dash", "concat", "sdp", "imf"})
"""Files that name other files or addresses. They are refused: what opens is the one file that was chosen."""
ASSUMED_RATE = Fraction(25)
"""Frames a second of a source that says nothing; FFmpeg assumes the same for raw streams."""
EARLY_SECONDS = Fraction(1, 10)
"""A last frame that ends this much before the declared end, and at least three frames, is an early one."""
MAX_THREADS = 8
"""That decode. Each of them holds a frame or two, and more are hardly faster."""
CONVERT = "convert it to MP4 (ffmpeg -i IN -pix_fmt yuv420p OUT.mp4) and import that"


@dataclass(frozen=True)
class DecodedFrame:
    """A frame as the decoder gave it, not converted yet."""

    source_index: int
    picture: av.VideoFrame


class VideoReader:
    """Decodes the first real video stream of a file in order (use ``with``).

    Damaged packets are skipped and counted, a file that breaks off ends there; ``notes`` tells of both.
    """

    def __init__(self, path: Path) -> None:
        """Raises VideoError when the file cannot be opened or has no pictures that can be decoded."""
        self._path = path
        self._container = _open(path)
        try:
            self.stream = _video_stream(self._container, path)
            """What is decoded."""
            context = self.stream.codec_context
            if context.width and context.height:
                check_size((context.width, context.height), path.name)
            self.stream.thread_type = "AUTO"
            self.stream.thread_count = min(os.cpu_count() or 1, MAX_THREADS)
            # Without it some decoders stop showing anything after one lost reference, to the end of the file.
            context.flags |= Flags.output_corrupt
        except BaseException:
            self._container.close()
            raise
        self.num_decoded = 0
        """Frames so far, those that were left out included."""
        self._num_damaged_packets = 0
        self._num_damaged_frames = 0
        self._num_grey_frames = 0
        self._seen_whole = False
        self._first_time: Fraction | None = None
        self._latest_time = Fraction(0)
        self._broken_off = False
        self._exhausted = False

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, as the file declares them."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return rate if rate else None

    @property
    def interval(self) -> Fraction:
        """Seconds from one frame to the next, on average."""
        return 1 / (self.rate or ASSUMED_RATE)

    @property
    def duration_seconds(self) -> Fraction | None:
        """As the file declares it; None when it does not."""
        if self.stream.duration and self.stream.time_base:
            return self.stream.duration * self.stream.time_base
        return Fraction(self._container.duration, av.time_base) if self._container.duration else None

    def frames(self, *, tick: Callable[[], None]) -> Iterator[tuple[Fraction | None, DecodedFrame]]:
        """(presentation time in seconds or None, frame), in presentation order; ``tick`` is called between packets."""
        for packet in self._packets():
            tick()
            for picture in self._decode(packet):
                index, self.num_decoded = self.num_decoded, self.num_decoded + 1
                time = self._time(picture)
                if self._usable(picture):
                    yield time, DecodedFrame(index, picture)
        self._exhausted = True

    def _time(self, picture: av.VideoFrame) -> Fraction | None:
        # The stream's time base: PyAV leaves the picture's own unset while the decoder is emptied.
        base = self.stream.time_base
        if picture.pts is None or base is None:
            return None
        time = picture.pts * base
        self._first_time = time if self._first_time is None else self._first_time
        self._latest_time = max(time, self._latest_time)
        return time

    def _usable(self, picture: av.VideoFrame) -> bool:
        """Count damage. A recording cut out of a longer one starts with grey pictures, up to its first whole one."""
        self._seen_whole |= not picture.is_corrupt
        self._num_damaged_frames += picture.is_corrupt and self._seen_whole
        self._num_grey_frames += not self._seen_whole
        return self._seen_whole

    def _packets(self) -> Iterator[Packet | None]:
        """The stream's packets, then None to empty the decoder.

        Of a cut file, the half packet at its end is left out: an error while the decoder is emptied would take whole
        frames with it.
        """
        latest: Packet | None = None
        try:
            for packet in self._container.demux(self.stream):
                if packet.size:
                    if latest is not None:
                        yield latest
                    latest = packet
        except (FFmpegError, OSError):
            self._broken_off = True
        if latest is not None and not latest.is_corrupt:
            yield latest
        yield None

    def _decode(self, packet: Packet | None) -> list[av.VideoFrame]:
        try:
            return self.stream.codec_context.decode(packet)
        except FFmpegError:
            self._num_damaged_packets += packet is not None
            return []

    def notes(self) -> list[str]:
        """What was wrong with what was read so far."""
        notes = []
        declared = self.duration_seconds
        if self._ends_early():
            whole = f" of about {round(declared / self.interval)}" if declared else ""
            notes.append(f"the file ends early: {self.num_decoded}{whole} frames were read; the clip has those")
        elif self._num_damaged_packets:
            notes.append(f"damaged pieces of the file that were skipped: {self._num_damaged_packets}")
        if self._num_grey_frames:
            notes.append(f"frames before the first whole picture that were left out: {self._num_grey_frames}")
        if self._num_damaged_frames:
            notes.append(f"frames that the file holds damaged, look at them: {self._num_damaged_frames}")
        return notes

    def _ends_early(self) -> bool:
        if self._broken_off or not self._exhausted:
            return self._broken_off
        declared = self.duration_seconds
        # A file that lists its frames settles it: a last picture that is held for long is no cut file.
        if declared is None or (self.stream.frames and self.num_decoded >= self.stream.frames):
            return False
        # Some containers count their duration from 0, others from their first frame.
        missing = declared - (self._latest_time - min(self._first_time or Fraction(0), Fraction(0)) + self.interval)
        return self._first_time is not None and missing > max(EARLY_SECONDS, 3 * self.interval)


def _open(path: Path) -> av.container.InputContainer:
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
    return container


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    pictures = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not pictures:
        what = "sound but no pictures" if container.streams.audio else "no pictures"
        raise VideoError(f"{path} has {what}; choose a file with a video track")
    with suppress(AttributeError):
        if pictures[0].codec_context.codec is not None:
            return pictures[0]
    raise VideoError(f"the pictures of {path} are coded in a way that cannot be decoded here; {CONVERT}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
