"""Decodes a video file frame by frame, also when it is damaged or cut."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import av
from av.codec.context import Flags
from av.error import FFmpegError

from vas_tool.video.containers import moves, opened, video_stream
from vas_tool.video.scanning import Scan, scan
from vas_tool.video.source import check_size
from vas_tool.video.timeline import Jump, Timeline
from vas_tool.wording import counted

Packet: TypeAlias = "av.Packet[av.VideoStream]"

EARLY_SECONDS = Fraction(1, 10)
"""Seconds: a file ends early if its last frame ends this long, and at least three frames, before the declared end."""
COUNT_WHAT_IS_THERE = frozenset({"avi", "gif"})
"""FFmpeg demuxers that state, for a cut file, the duration of the remaining part."""
MAX_THREADS = 8
"""Most decoding threads. Each holds one or two frames, and more threads are hardly faster."""


@dataclass(frozen=True)
class DecodedFrame:
    """A decoded frame that is not converted yet."""

    source_index: int
    picture: av.VideoFrame


class VideoReader:
    """Decodes, in order, the video stream that a player shows. Use it with ``with``.

    Damaged packets are skipped and counted; a cut file ends where it is cut. ``notes`` reports both.
    """

    def __init__(self, path: Path, *, tick: Callable[[], None]) -> None:
        """Read the times of the whole file, and call ``tick`` repeatedly.

        Raises VideoError when the file cannot be opened or has no picture that can be decoded.
        """
        self._container = opened(path)
        try:
            self.stream = video_stream(self._container, path)
            """The stream that is decoded."""
            context = self.stream.codec_context
            if context.width and context.height:
                check_size((context.width, context.height), path.name)
            self.stream.thread_type = "AUTO"
            self.stream.thread_count = min(os.cpu_count() or 1, MAX_THREADS)
            # Without it some decoders return no further picture after one lost reference.
            context.flags |= Flags.output_corrupt
            self._scan: Scan = scan(path, tick=tick)
        except BaseException:
            self._container.close()
            raise
        self.num_decoded = 0
        """Number of decoded frames, including those that were left out."""
        self._num_damaged_packets = 0
        self._num_damaged_frames = 0
        self._num_grey_frames = 0
        self._seen_whole = False
        self._clock = _Clock(self._scan.timeline)
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
    def timeline(self) -> Timeline:
        """The times at which the pictures are shown."""
        return self._scan.timeline

    @property
    def _declared_seconds(self) -> Fraction | None:
        """Return the duration of the video that the file declares; None when it declares none."""
        if self.stream.duration and self.stream.time_base:
            return self.stream.duration * self.stream.time_base
        return _tagged_seconds(self.stream.metadata.get("DURATION", ""))

    @property
    def _file_seconds(self) -> Fraction | None:
        """Return the declared duration of the longest stream of the file."""
        return Fraction(self._container.duration, av.time_base) if self._container.duration else None

    def frames(self, *, tick: Callable[[], None]) -> Iterator[tuple[Fraction | None, DecodedFrame]]:
        """Yield (presentation time in seconds or None, frame) in presentation order; call ``tick`` between packets."""
        for packet in self._packets():
            tick()
            for picture in self._decode(packet):
                index, self.num_decoded = self.num_decoded, self.num_decoded + 1
                time = self._time(picture)
                if self._usable(picture):
                    yield time, DecodedFrame(index, picture)
        self._exhausted = True

    def _time(self, picture: av.VideoFrame) -> Fraction | None:
        time = self._clock.time(picture)
        if time is not None:
            self._first_time = time if self._first_time is None else self._first_time
            self._latest_time = max(time, self._latest_time)
        return time

    def _usable(self, picture: av.VideoFrame) -> bool:
        """Return whether a picture is complete, and count damage.

        A recording that was cut from a longer one starts with grey pictures, until its first complete picture.
        """
        self._seen_whole |= not picture.is_corrupt
        self._num_damaged_frames += picture.is_corrupt and self._seen_whole
        self._num_grey_frames += not self._seen_whole
        return self._seen_whole

    def _packets(self) -> Iterator[Packet | None]:
        """Yield the stream's packets, then None to flush the decoder. The packets carry their number in place of times.

        The decoder copies the number, which identifies the packet of each frame. The incomplete packet at the end of a
        cut file is left out: an error while the decoder is flushed would lose complete frames.
        """
        latest: Packet | None = None
        number = 0
        try:
            for packet in self._container.demux(self.stream):
                if packet.size:
                    if latest is not None:
                        yield latest
                    packet.pts = packet.dts = number
                    latest, number = packet, number + 1
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

    @property
    def last_seconds(self) -> Fraction:
        """Return for how long the last frame is shown, as far as the file states it. Call it after reading
        everything.
        """
        usual, declared = self.timeline.interval, self._declared_seconds
        if declared is None or self._first_time is None or self.timeline.jumps:
            return usual
        if self.timeline.by_output or not self._exhausted or self._ends_early():
            return usual
        return max(usual, declared - (self._latest_time - min(self._first_time, Fraction(0))))

    def notes(self) -> list[str]:
        """Return sentences about what is wrong with the part that was read."""
        notes = []
        if self._ends_early():
            notes.append(self._early_note())
        elif self._num_damaged_packets:
            notes.append(f"damaged pieces of the file that were skipped: {self._num_damaged_packets}")
        if self._num_grey_frames:
            notes.append(f"frames before the first whole picture that were left out: {self._num_grey_frames}")
        if self._num_damaged_frames:
            notes.append(f"frames that the file holds damaged, look at them: {self._num_damaged_frames}")
        if self.timeline.jumps:
            notes.append(_jump_note(self.timeline.jumps))
        others = sum(moves(stream) for stream in self._container.streams.video if stream.index != self.stream.index)
        if others:
            tracks = counted(others, "other video track was", "other video tracks were")
            notes.append(f"the video track that a player shows was taken; {tracks} left out")
        return notes

    def _early_note(self) -> str:
        declared = self._declared_seconds or self._file_seconds or Fraction(0)
        if self.timeline.jumps or self._container.format.name in COUNT_WHAT_IS_THERE:
            declared = Fraction(0)
        whole = round(declared / self.timeline.interval)
        if whole <= self.num_decoded:
            return (
                f"the file ends early: the clip is made of the {counted(self.num_decoded, 'frame')} that could be read"
            )
        return f"the file ends early: {self.num_decoded} of about {whole} frames were read; the clip has those"

    def _ends_early(self) -> bool:
        if self._broken_off or not self._exhausted:
            return self._broken_off
        if self._scan.is_cut:
            return True
        # A file that lists its frames decides it: a last picture that is held for long does not mean a cut file.
        if self.timeline.jumps or (self.stream.frames and self.num_decoded >= self.stream.frames):
            return False
        end, declared = self._latest_time + self.timeline.interval, self._declared_seconds
        if declared is None:
            # A file is as long as its longest stream. In a cut file no stream reaches the declared end.
            end, declared = max(end, self._scan.reach), self._file_seconds
        if declared is None or self._first_time is None:
            return False
        # Some containers measure their duration from 0, others from their first frame.
        missing = declared - (end - min(self._first_time, Fraction(0)))
        return missing > max(EARLY_SECONDS, 3 * self.timeline.interval)


class _Clock:
    """Finds the time of a frame by the number of its packet."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._delay: int | None = None
        self._place = -1

    def time(self, picture: av.VideoFrame) -> Fraction | None:
        """Return the time of the next frame on the source's clock, in seconds; None when it is unknown."""
        if not self._timeline.by_output:
            return None if picture.pts is None else self._timeline.time(picture.pts)
        # ``dts`` is the number of the packet after which the decoder returned this frame. Its distance from the frame's
        # own packet is constant, also after a damaged packet without a frame. It is missing during the flush.
        if self._delay is None:
            self._delay = picture.dts or 0
        due = -1 if picture.dts is None else picture.dts - self._delay
        self._place = max(due, self._place + 1)
        return self._timeline.time(self._place)


def _jump_note(jumps: Sequence[Jump]) -> str:
    first = jumps[0]
    return (
        f"its clock jumps {counted(len(jumps), 'time')} (first at frame {first.index}, by {first.seconds:+.2f} s); "
        "times are counted on from there"
    )


def _tagged_seconds(tag: str) -> Fraction | None:
    """Return the seconds of a Matroska track's duration tag, for example ``00:00:02.040000000``."""
    found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", tag)
    return int(found[1]) * 3600 + int(found[2]) * 60 + Fraction(found[3]) if found else None
