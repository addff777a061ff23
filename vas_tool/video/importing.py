"""``import_frames`` stores a video or a folder of images as numbered frames on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from time import monotonic

import av

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import VideoError
from vas_tool.types import FrameRecord
from vas_tool.video.decoding import DecodedFrame, VideoReader
from vas_tool.video.images import ListedImages, import_images, import_listed
from vas_tool.video.sampling import Sampling, presentation_times, sample
from vas_tool.video.source import ImportedClip, SourceInfo, check_size, sha256_of
from vas_tool.video.storing import FrameWriter, folder_in_place
from vas_tool.video.upright import UprightRgb, oddities
from vas_tool.wording import counted

REPORT_SECONDS = 0.1
"""Seconds between two reports of progress."""
SLOWER = 0.98
"""A source is slower than the clip if its rate is below this share of the clip's rate: 7.99 frames per second count
as 8."""
HELD = 2
"""A picture that is shown for more than this many intervals of the clip is held."""


def import_frames(
    source: Path | ListedImages,
    frames_dir: Path,
    *,
    fps: float = 8.0,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    progress: Progress = silent,
) -> ImportedClip:
    """Store a video or a folder of images as a clip: files 00000.jpg, 00001.jpg, ... in ``frames_dir``.

    From a video, the frames are taken whose presentation times, relative to its first frame, are nearest to start,
    start + 1 / fps, ... before the end. No frame is taken twice, so each frame of a slower source is taken once. Frames
    are turned upright and stored as JPEG. If the video's clock jumps, time continues from there, and a note says so. A
    note also says if the clip is shorter than the video because pictures are held.

    A folder is already sampled: all its images are taken in the natural order of their names (img2 before img10), image
    i at i / fps seconds. Upright JPEG and PNG files are copied byte for byte; others are stored as PNG. Alpha is
    dropped, and more than 8 bits are scaled to 8. Notes list these changes and the files that are left out.

    Of listed images, exactly these are taken, with their listed times; the range does not apply.

    The frames are written beside ``frames_dir``, which must not exist, and moved there when they are complete: an
    import that fails or is cancelled leaves nothing. ``progress`` gets, at least twice per second, the number of steps
    of 1 / fps seconds that were read; it may raise Cancelled. Memory does not grow with the length.

    Raises VideoError when the source cannot be read or has no usable pictures, the range or the rate is invalid,
    ``frames_dir`` exists, or the disk is full.
    """
    sampling = Sampling(fps, start_seconds, end_seconds)
    if isinstance(source, ListedImages):
        with folder_in_place(Path(frames_dir)) as folder:
            return import_listed(source, folder, fps=fps, progress=progress)
    source = Path(source)
    _check_source(source)
    with folder_in_place(Path(frames_dir)) as folder:
        if source.is_dir():
            return import_images(source, folder, sampling, progress=progress)
        return _import_video(source, folder, sampling, progress=progress)


def _check_source(source: Path) -> None:
    try:
        there, usable = source.exists(), source.is_file() or source.is_dir()
    except (OSError, ValueError) as error:
        raise VideoError(f"{source} cannot be read ({error}); check the path and its permissions") from error
    if not there:
        raise VideoError(f"{source} does not exist; check the path")
    if not usable:
        raise VideoError(f"{source} is neither a file nor a folder; choose a video or a folder of images")


def _import_video(source: Path, folder: Path, sampling: Sampling, *, progress: Progress) -> ImportedClip:
    steps = _Steps(progress, sampling)
    with VideoReader(source, tick=steps.tick) as reader, FrameWriter(folder) as writer:
        steps.expect(reader.timeline.duration)
        reading = _Reading(source, reader, progress=steps)
        ledger: list[FrameRecord] = []
        for time, frame in sample(reading.frames(), sampling, interval=reader.timeline.interval):
            writer.add(reading.upright.convert(frame.picture))
            ledger.append(FrameRecord(frame.source_index, float(time)))
        info = reading.info()
    if not ledger:
        raise VideoError(
            f"nothing of {source} is in the range: it lasts {float(reading.end):.2f} s and the start is "
            f"{sampling.start_seconds} s; choose an earlier start"
        )
    slower = info.fps is not None and info.fps < SLOWER * sampling.fps
    fps = info.fps if slower and info.fps else sampling.fps
    if info.fps is not None:
        info = replace(info, notes=(*info.notes, *_holds(ledger, fps, end=reading.end)))
    return ImportedClip(info, tuple(ledger), fps, info.size_wh)


def _holds(ledger: Sequence[FrameRecord], fps: float, *, end: Fraction) -> Iterator[str]:
    """Yield a note if the clip is shorter than its source because a frame that is held is in the clip only once."""
    starts = [record.pts_seconds for record in ledger]
    steps = [after - before for before, after in pairwise([*starts, float(end)])]
    held = [step for step in steps if step * fps > HELD]
    if held:
        yield (
            f"{counted(len(held), 'picture is', 'pictures are')} held for up to {max(held):.2f} s and one frame of the "
            f"clip each: it lasts {len(ledger) / fps:.2f} s of {sum(steps):.2f} s, and so does what is exported"
        )


class _Steps:
    """Reports how many of the source's steps of 1 / fps seconds were read."""

    def __init__(self, progress: Progress, sampling: Sampling) -> None:
        self._progress = progress
        self._sampling = sampling
        self._step = sampling.step
        self._total = 0
        self._done = 0
        self._reported = monotonic()

    def expect(self, duration: Fraction) -> None:
        """Set the duration of the source, in seconds."""
        end = self._sampling.end_seconds
        self._total = math.ceil((duration if end is None else min(duration, Fraction(end))) / self._step)
        self._reported = -math.inf

    def read_until(self, time: Fraction) -> None:
        """Record that the frame at ``time`` seconds was read."""
        self._done = int(time / self._step)
        self.tick()

    def tick(self) -> None:
        """Report progress, but not more often than ``REPORT_SECONDS``. An unknown total is reported as one step
        more.
        """
        now = monotonic()
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._progress(self._done, max(self._total, self._done + 1), "reading frames")

    def finish(self) -> None:
        """Report that everything was read."""
        total = max(self._total, self._done)
        self._progress(total, total, "reading frames")


class _Reading:
    """One pass over a video. It yields the frames with their times, and collects facts about the source."""

    def __init__(self, source: Path, reader: VideoReader, *, progress: _Steps) -> None:
        self._source = source
        self._reader = reader
        self._progress = progress
        self._latest = Fraction(0)
        self._num_seen = 0
        self._num_timed = 0
        self._first: av.VideoFrame | None = None
        self._upright: UprightRgb | None = None
        self._resized_at: int | None = None

    def frames(self) -> Iterator[tuple[Fraction, DecodedFrame]]:
        """Yield the video's frames with their presentation times in seconds."""
        for time, frame in presentation_times(self._seen(), interval=self._reader.timeline.interval):
            self._num_timed += 1
            self._latest = time
            self._progress.read_until(time)
            yield time, frame

    def _seen(self) -> Iterator[tuple[Fraction | None, DecodedFrame]]:
        for time, frame in self._reader.frames(tick=self._progress.tick):
            self._num_seen += 1
            self._look_at(frame)
            yield time, frame

    def _look_at(self, frame: DecodedFrame) -> None:
        size_wh = (frame.picture.width, frame.picture.height)
        check_size(size_wh, self._source.name)
        if self._first is None:
            self._first = frame.picture
            self._upright = UprightRgb(frame.picture)
        elif self._resized_at is None and size_wh != (self._first.width, self._first.height):
            self._resized_at = frame.source_index

    @property
    def upright(self) -> UprightRgb:
        """The conversion to upright RGB, which the first picture sets. Raises VideoError when there was no picture."""
        if self._upright is None:
            raise VideoError(
                f"no picture of {self._source} could be decoded; it is damaged or coded in an unusual way: "
                "copy it from its origin again, or convert it to MP4 with H.264"
            )
        return self._upright

    @property
    def end(self) -> Fraction:
        """The end of the last frame that was read, in seconds."""
        return self._latest + self._reader.last_seconds

    def info(self) -> SourceInfo:
        """Return facts about the source after the pass. Raises VideoError when there was no frame."""
        upright = self.upright
        sha256 = sha256_of(self._source, tick=self._progress.tick)
        info = SourceInfo(
            path=str(self._source),
            sha256=sha256,
            fps=float(self._reader.timeline.rate) if self._num_timed > 1 else None,
            size_wh=upright.size_wh,
            rotation=upright.rotation,
            kind="video",
            notes=tuple(self._notes()),
        )
        self._progress.finish()
        return info

    def _notes(self) -> Iterator[str]:
        yield from self._reader.notes()
        if self._num_seen > self._num_timed:
            yield f"frames whose times step back or repeat, which were left out: {self._num_seen - self._num_timed}"
        if self._first is not None:
            yield from oddities(self._reader.stream, self._first)
        if self.upright.is_mirrored:
            yield "it is stored mirrored; the clip is as a player shows it"
        if self._resized_at is not None:
            yield f"its size changes at frame {self._resized_at}; the frames were scaled to the first one's size"
