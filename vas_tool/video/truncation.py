"""Detects files whose end is missing because they were copied or recorded only in part."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image

TAIL_BYTES = 4096
"""Bytes at the end of a GIF in which its end mark is searched."""
HEAD_BYTES = 1 << 16
"""Bytes at the start of a file in which its stated length is searched."""
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
"""GUIDs of the object at the start of an ASF file, and of the object in it that states the file's length."""
LIVE_SIZES = frozenset({0, 0xFFFFFFFF})
"""Lengths in a RIFF file whose writer could not fill in the length afterwards."""
EBML_HEADER = 0x1A45DFA3
SEGMENT = 0x18538067
"""EBML id of the segment, which holds all of a Matroska or WebM file but its header."""


def is_cut(path: Path) -> bool:
    """Return whether bytes are missing at the end of an MP4, MOV, AVI, Matroska, WebM, ASF, FLV, GIF, PNG or JPEG.

    False for every other kind, and for files that do not state their length. Raises OSError.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        for starts, missing in KINDS:
            if starts(head):
                return missing(file, size)
    return False


def _boxes_missing(file: BinaryIO, size: int) -> bool:
    """Check an MP4 or MOV: boxes with a length (1: in the next 8 bytes; 0: to the end of the file) and a name."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4])
        if length == 1:
            length = int.from_bytes(head[8:16])
        if length < 8 or not head[4:8].isalnum():
            return False
        place += length
    return place > size


def _riff_missing(file: BinaryIO, size: int) -> bool:
    """Check an AVI, which has one RIFF chunk per gigabyte."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or length in LIVE_SIZES:
            return False
        if place + 8 + length > size:
            return True
        place += 8 + length + length % 2
    return False


def _ebml_missing(file: BinaryIO, size: int) -> bool:
    """Check a Matroska or WebM: the header, then the segment. A streamed recording does not state its length."""
    file.seek(0)
    data = file.read(HEAD_BYTES)
    place, name, length = _element(data, 0)
    if name != EBML_HEADER or length is None:
        return False
    place, name, length = _element(data, place + length)
    return name == SEGMENT and length is not None and place + length > size


def _element(data: bytes, place: int) -> tuple[int, int, int | None]:
    """Return the offset of the contents of the EBML element at ``place``, its id, and its length; None if it is
    open.
    """
    numbers = []
    for keeps_mark in (True, False):
        first = data[place] if place < len(data) else 0
        width = 9 - first.bit_length() if first else 1
        value = int.from_bytes(data[place : place + width])
        numbers.append(value if keeps_mark else value - (1 << 7 * width))
        place += width
    name, length = numbers
    return place, name, None if length == (1 << 7 * width) - 1 else length


def _asf_missing(file: BinaryIO, size: int) -> bool:
    """Check a WMV or ASF: the File Properties object states the length, except for a broadcast."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    place = head.find(ASF_PROPERTIES)
    broadcast = place < 0 or place + 92 > len(head) or head[place + 88] & 1
    return not broadcast and int.from_bytes(head[place + 40 : place + 48], "little") > size


def _flv_missing(file: BinaryIO, size: int) -> bool:
    """Check an FLV: most writers state the length in the metadata, as a floating point number."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    place = head.find(b"filesize\0")
    return place >= 0 and place + 17 <= len(head) and struct.unpack_from(">d", head, place + 9)[0] > size


def _gif_missing(file: BinaryIO, size: int) -> bool:
    """Check a GIF: it ends with a semicolon; some writers append zeros."""
    file.seek(max(0, size - TAIL_BYTES))
    return not file.read().rstrip(b"\0").endswith(b";")


def _chunks_missing(file: BinaryIO, size: int) -> bool:
    """Check a PNG or APNG: chunks with a length and a name, the last is IEND. Cameras may append data."""
    place = 8
    while place + 12 <= size:
        file.seek(place)
        head = file.read(8)
        if head[4:] == b"IEND":
            return False
        place += 12 + int.from_bytes(head[:4])
    return True


def _jpeg_missing(file: BinaryIO, _: int) -> bool:
    """Check a JPEG by decoding it, because its thumbnail has the same end mark."""
    file.seek(0)
    with suppress(Image.DecompressionBombError, SyntaxError, ValueError):
        try:
            with Image.open(file, formats=("JPEG",)) as image:
                image.load()
        except OSError as error:
            return "truncated" in str(error)
    return False


KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int], bool]], ...] = (
    (lambda head: head[4:8] in (b"ftyp", b"moov", b"mdat"), _boxes_missing),
    (lambda head: head[:4] == b"RIFF", _riff_missing),
    (lambda head: int.from_bytes(head[:4]) == EBML_HEADER, _ebml_missing),
    (lambda head: head == ASF_HEADER[:12], _asf_missing),
    (lambda head: head[:3] == b"FLV", _flv_missing),
    (lambda head: head[:4] == b"GIF8", _gif_missing),
    (lambda head: head[:4] == b"\x89PNG", _chunks_missing),
    (lambda head: head[:3] == b"\xff\xd8\xff", _jpeg_missing),
)
"""(test of the first bytes, check for missing bytes) for each kind of file."""
