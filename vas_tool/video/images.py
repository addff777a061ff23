"""Stores a folder of images as numbered frames on disk."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vas_tool.engines.base import Progress
from vas_tool.errors import VideoError
from vas_tool.types import Frame, FrameRecord, SizeWH
from vas_tool.video.clip import as_rgb, is_deep, white_of
from vas_tool.video.folder_notes import folder_notes
from vas_tool.video.order import in_natural_order
from vas_tool.video.picture_files import open_picture
from vas_tool.video.sampling import Sampling
from vas_tool.video.source import ImportedClip, SourceInfo, check_size
from vas_tool.video.storing import encode_jpeg, encode_png, frame_name, write_bytes
from vas_tool.wording import counted

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""Suffixes of images, in lower case. Other files of a folder are ignored."""
STORED_AS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png"}
"""Formats that are copied byte for byte. MPO is a JPEG with a second picture appended, which some cameras write."""
PLAIN_MODES = frozenset({"1", "L", "P", "RGB"})
"""Pillow's modes that browsers and engines show equally. Others (alpha, CMYK, more than 8 bits) are stored as RGB."""
DIM = 8
"""A note reports pictures whose brightest value is below white divided by this."""
EXIF_ORIENTATION = 0x0112
"""EXIF tag of the camera's orientation; 1 is upright."""


def import_images(source: Path, folder: Path, sampling: Sampling, *, progress: Progress) -> ImportedClip:
    """Store the images of ``source`` in the sampled range as frames in ``folder``.

    Image i in the natural order of the names is shown at i / fps seconds. ``import_frames`` explains everything else.
    """
    paths = image_paths(source)
    chosen = _in_range(len(paths), sampling)
    if not chosen:
        raise VideoError(
            f"{source} holds {counted(len(paths), 'image')}, {float(len(paths) * sampling.step):.2f} s at "
            f"{sampling.fps} frames a second, and the start is {sampling.start_seconds} s; choose an earlier start"
        )
    digest = hashlib.sha256()
    reading = _Folder(folder)
    for index, path in enumerate(paths):
        progress(index, len(paths), "reading frames")
        data = _read(path)
        _digest(digest, path, data)
        if index in chosen:
            reading.store(path, data)
    progress(len(paths), len(paths), "reading frames")
    size_wh = reading.size_wh
    notes = (*reading.notes(), *folder_notes(source, paths))
    info = SourceInfo(str(source), digest.hexdigest(), None, size_wh, 0, "images", notes)
    ledger = tuple(FrameRecord(index, float(index * sampling.step), paths[index].name) for index in chosen)
    return ImportedClip(info, ledger, sampling.fps, size_wh)


@dataclass(frozen=True)
class ListedImages:
    """A list of images of a folder, with the index and time of each in its source."""

    folder: Path
    """The folder that the clip names as its source."""
    frames: tuple[tuple[Path, FrameRecord], ...]
    """The images and their records, in order."""
    notes: tuple[str, ...] = ()
    """Sentences about the source that are added to the clip's notes."""


def import_listed(source: ListedImages, folder: Path, *, fps: float, progress: Progress) -> ImportedClip:
    """Store listed images as frames in ``folder``, as ``import_images`` does with all images of a folder."""
    if not source.frames:
        raise VideoError(f"no image of {source.folder} was chosen; choose at least one")
    digest, reading = hashlib.sha256(), _Folder(folder)
    for done, (path, _) in enumerate(source.frames):
        progress(done, len(source.frames), "reading frames")
        data = _read(path)
        _digest(digest, path, data)
        reading.store(path, data)
    progress(len(source.frames), len(source.frames), "reading frames")
    notes, name = (*reading.notes(), *source.notes), str(source.folder)
    info = SourceInfo(name, digest.hexdigest(), None, reading.size_wh, 0, "images", notes)
    ledger = tuple(replace(record, name=path.name) for path, record in source.frames)
    return ImportedClip(info, ledger, fps, reading.size_wh)


def broken_images(source: ListedImages) -> dict[Path, str]:
    """Return the listed images that cannot be decoded, each with a sentence that says what is wrong."""
    broken: dict[Path, str] = {}
    for path, _ in source.frames:
        try:
            with _opened(path, _read(path)) as image:
                as_rgb(image)
        except VideoError as error:
            broken[path] = str(error)
    return broken


def _digest(digest: hashlib._Hash, path: Path, data: bytes) -> None:
    digest.update(os.fsencode(path.name) + b"\0" + len(data).to_bytes(8, "big") + data)


def image_paths(folder: Path) -> list[Path]:
    """Return the images of a folder in the natural order of their names. Raises VideoError when there are none."""
    try:
        visible = [path for path in folder.iterdir() if is_image(path)]
    except OSError as error:
        raise VideoError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error
    if not visible:
        raise VideoError(
            f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}); choose a video or a folder of images"
        )
    return in_natural_order(visible)


def is_image(path: Path) -> bool:
    """Return whether a file counts as an image of a folder, by its suffix. Hidden files do not count."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _in_range(count: int, sampling: Sampling) -> range:
    start, step = Fraction(sampling.start_seconds), sampling.step
    first = -(-start // step)
    end = count if sampling.end_seconds is None else min(count, -(-Fraction(sampling.end_seconds) // step))
    return range(first, end)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VideoError(f"the image {path} cannot be read ({error.strerror}); check its permissions") from error


@contextmanager
def _opened(path: Path, data: bytes) -> Iterator[Image.Image]:
    """Yield the picture of an image file. Raises VideoError when it cannot be opened or decoded in the block."""
    try:
        with open_picture(io.BytesIO(data)) as image:
            check_size(image.size, path.name)
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise VideoError(
            f"the image {path} cannot be read ({error}); replace it, or take it out of the folder"
        ) from error


class _Folder:
    """Stores frames: numbers them, checks that all have one size, and remembers what was changed."""

    def __init__(self, folder: Path) -> None:
        self.size_wh: SizeWH = (0, 0)
        self._folder = folder
        self._first = ""
        self._count = 0
        self._num_turned = 0
        self._num_converted = 0
        self._num_animated = 0
        self._num_transparent = 0
        self._num_deep = 0
        self._white = 0.0
        """White of the first deep image. It is used for all, so that the clip does not flicker."""
        self._brightest = 0.0

    def store(self, path: Path, data: bytes) -> None:
        """Store one image as the next frame."""
        # The image is decoded even where its bytes are copied, so that a broken image stops the import now
        # and not the user's work later.
        with _opened(path, data) as image:
            suffix, stored, size_wh = self._encode(image, data)
        self._check_same_size(path, size_wh)
        write_bytes(self._folder / frame_name(self._count, suffix), stored)
        self._count += 1

    def _encode(self, image: Image.Image, data: bytes) -> tuple[str, bytes, SizeWH]:
        """Return the suffix, bytes and (width, height) of the frame file."""
        suffix = STORED_AS.get(image.format or "", "")
        turned = image.getexif().get(EXIF_ORIENTATION, 1) not in (0, 1)
        transparent = image.has_transparency_data
        plain = image.mode in PLAIN_MODES and not transparent
        self._num_turned += turned
        self._num_converted += not suffix
        self._num_animated += getattr(image, "n_frames", 1) > 1 and image.format != "MPO"
        self._num_transparent += transparent
        upright = ImageOps.exif_transpose(image) if turned else image
        frame = self._deep_rgb(upright) if is_deep(image) else as_rgb(upright)
        if turned or not suffix or not plain:
            data = encode_jpeg(frame) if suffix == ".jpg" else encode_png(frame)
        return suffix or ".png", data, (frame.shape[1], frame.shape[0])

    def _deep_rgb(self, image: Image.Image) -> Frame:
        self._num_deep += 1
        self._white = self._white or white_of(image)
        self._brightest = max(self._brightest, float(np.asarray(image).max()))
        return as_rgb(image, white=self._white)

    def _check_same_size(self, path: Path, size_wh: SizeWH) -> None:
        if not self._count:
            self.size_wh, self._first = size_wh, path.name
        elif size_wh != self.size_wh:
            raise VideoError(
                f"the image {path} is {size_wh[0]} x {size_wh[1]}, "
                f"{self._first} is {self.size_wh[0]} x {self.size_wh[1]}; "
                "all images of a clip need one size: scale it, or take it out of the folder"
            )

    def notes(self) -> Iterator[str]:
        """Yield sentences about changes to the images beyond copying."""
        if self._num_turned:
            yield f"{_were(self._num_turned)} turned upright as their camera recorded, and stored anew"
        if self._num_converted:
            yield f"{_were(self._num_converted)} converted to PNG"
        if self._num_transparent:
            have = counted(self._num_transparent, "image has", "images have")
            yield f"{have} transparency, which was left out: colours are as if all were opaque"
        if self._num_deep:
            deep = counted(self._num_deep, "grey image has", "grey images have")
            dark = f"; the brightest is only {self._brightest:g}" if self._brightest * DIM < self._white else ""
            yield f"{deep} more than 8 bits: 0 to {self._white:g} became 0 to 255{dark}"
            if self._brightest > self._white:
                yield f"values of them up to {self._brightest:g} were cut there"
        if self._num_animated:
            several = counted(self._num_animated, "image holds", "images hold")
            yield f"{several} several pictures; the first of each was taken"


def _were(number: int) -> str:
    return counted(number, "image was", "images were")
