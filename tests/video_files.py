"""Small videos for the tests, made with PyAV. Every frame carries its number as black and white blocks."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BLOCK = 16
BITS = 8
SIZE_WH = (BLOCK * BITS, 48)


def numbered(number: int, size_wh: tuple[int, int] = SIZE_WH) -> np.ndarray:
    """A frame whose top row of blocks is ``number`` in binary; red left half and blue right half below."""
    width, height = size_wh
    frame = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            frame[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255
    frame[BLOCK:, : width // 2] = (220, 20, 20)
    frame[BLOCK:, width // 2 :] = (20, 20, 220)
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that ``numbered`` wrote."""
    blocks = [frame[4 : BLOCK - 4, bit * BLOCK + 4 : (bit + 1) * BLOCK - 4].mean() for bit in range(BITS)]
    return sum((value > 128) << bit for bit, value in enumerate(blocks))


def make_video(
    path: Path,
    frames: Iterable[np.ndarray] | int,
    *,
    rate: Fraction | int = 25,
    times: Iterable[Fraction | float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    sar: Fraction | None = None,
) -> Path:
    """Write frames (or so many numbered ones) at a rate, or at ``times`` in seconds."""
    pictures: Iterator[np.ndarray] = iter([numbered(i) for i in range(frames)] if isinstance(frames, int) else frames)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options=options or {})
        stream.pix_fmt = pix_fmt
        base = Fraction(1, 90000) if times is not None else 1 / Fraction(rate)
        ticks = iter(times) if times is not None else None
        for index, array in enumerate(pictures):
            if index == 0:
                stream.width, stream.height = array.shape[1], array.shape[0]
                stream.codec_context.time_base = base
                if sar is not None:
                    stream.codec_context.sample_aspect_ratio = sar
            frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=pix_fmt)
            frame.time_base = base
            frame.pts = index if ticks is None else round(Fraction(next(ticks)) / base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packets_of(path: Path) -> list[tuple[int, int]]:
    """(position, size) in bytes of each coded picture of a file."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


def blank(path: Path, numbers: Iterable[int]) -> Path:
    """Overwrite the coded pictures of these numbers (in file order) with zeros."""
    places, data = packets_of(path), bytearray(path.read_bytes())
    for position, size in (places[number] for number in numbers):
        data[position : position + size] = bytes(size)
    path.write_bytes(data)
    return path


def remuxed(source: Path, target: Path, *, skip: int = 0, last_ticks: int | None = None) -> Path:
    """The same coded pictures in a new file, without the first ``skip``; the last is shown for ``last_ticks``."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size][skip:]
        if last_ticks is not None:
            packets[-1].duration = last_ticks
        for packet in packets:
            packet.stream = stream
            new.mux(packet)
    return target


def make_sound(path: Path, codec: str = "aac") -> Path:
    """A second of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 44100), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        frame.pts = 0
        for piece in stream.encode(frame):
            container.mux(piece)
        container.mux(stream.encode(None))
    return path


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write the a, b, c, d (1, 0 or -1) of the display matrix into an MP4's track header."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    for offset, value in zip((0, 4, 12, 16), (a, b, c, d), strict=True):
        data[start + offset : start + offset + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    return path
