"""Reads all packets of a video file before any is decoded, to find its times and its end."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.format import Flags

from vas_tool.video.containers import opened, video_stream
from vas_tool.video.timeline import UNKNOWN, PacketTimes, Timeline, timeline
from vas_tool.video.truncation import is_cut

PATIENCE = Fraction(600)
"""Seconds for which a picture may be held, for example in a screen recording. A longer hold is a jump of the clock."""
BROADCAST_PATIENCE = Fraction(10)
"""Seconds for which a picture may be held in containers that can be joined, whose clock may jump, as in players."""


@dataclass(frozen=True)
class Scan:
    """Facts from the packets of a file."""

    timeline: Timeline
    """Times of the chosen video stream."""
    reach: Fraction
    """End of the last sound or picture on the file's clock, in seconds."""
    is_cut: bool
    """Whether bytes are missing at the end of the file."""


def scan(path: Path, *, tick: Callable[[], None]) -> Scan:
    """Read all packets of a video file and call ``tick`` at each. Raises VideoError when it cannot be opened."""
    with opened(path) as container:
        stream = video_stream(container, path)
        reading = _Packets(stream)
        # A cut file is reported when it is decoded.
        with suppress(FFmpegError, OSError):
            for packet in container.demux([stream, *container.streams.audio]):
                tick()
                reading.take(packet)
        patience = BROADCAST_PATIENCE if Flags(container.format.flags) & Flags.ts_discont else PATIENCE
        return Scan(reading.timeline(patience), reading.reach, is_cut(path))


class _Packets:
    """The times of the packets, in arrays of numbers because there may be millions."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self._pts, self._dts, self._discarded = array("q"), array("q"), array("b")
        self.reach = Fraction(0)

    def take(self, packet: av.Packet[av.stream.Stream]) -> None:
        """Add the next packet."""
        if not packet.size:
            return
        end = packet.dts if packet.pts is None else packet.pts
        if end is not None and packet.time_base:
            self.reach = max(self.reach, (end + (packet.duration or 0)) * packet.time_base)
        if packet.stream_index == self._stream.index:
            self._pts.append(UNKNOWN if packet.pts is None else packet.pts)
            self._dts.append(UNKNOWN if packet.dts is None else packet.dts)
            self._discarded.append(packet.is_discard)

    def timeline(self, patience: Fraction) -> Timeline:
        """Return the timeline of the video after all packets were added."""
        stream = self._stream
        rates = (stream.guessed_rate, stream.average_rate, stream.base_rate)
        packets = PacketTimes(
            pts=np.array(self._pts, np.int64),
            dts=np.array(self._dts, np.int64),
            base=stream.time_base or Fraction(1, av.time_base),
            rates=tuple(rate for rate in rates if rate),
            reorders=bool(stream.codec_context.has_b_frames),
        )
        return timeline(packets, patience=patience, discarded=np.array(self._discarded, bool))
