"""Writes objects for 4D reconstruction with SV4D and SV4D 2.0, and puts the pictures that they make back into the clip.

001_car/frames/00.png ... 20.png   21 squares of 576 pixels, RGBA, straight alpha, white where transparent
001_car/input.mp4                  the same on white ground, at 10 frames a second
001_car/transform.json             which frame each square shows, and where it lies in clip pixels
provenance.json                    how each object's masks were made

Both scripts (simple_video_sample_4d.py, simple_video_sample_4d2.py) read ``frames`` or ``input.mp4`` as their input.
They take exactly 21 frames of one object, in the middle of white squares, and scale them so that the object fills a
share of the square (``preprocess_video``: 0.9 for SV4D 2.0, 0.917 for SV4D). Here the object's box is in the middle of
each square, and the largest box of the 21 frames takes 0.9 of its side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain, cycle, islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.frame_files import WHAT, ExportedFiles, seen_only, ticking
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.json_files import load_json
from vas_tool.formats.layered_frames import LayeredClip, ObjectLayer, layer_name
from vas_tool.formats.provenance import PROVENANCE, write_provenance
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.types import Canvas, Content, Frame
from vas_tool.video import write_video
from vas_tool.video.picture_files import loaded_picture

NUM_FRAMES = 21
"""Frames that both scripts take: no fewer, and no more are read."""

SIDE = 576
"""Pixels: side of the squares, at which both models work."""

RATIO = 0.9
"""Share of the square's side that the largest box takes (``image_frame_ratio`` of SV4D 2.0)."""

RATIO_SV4D = 0.917
"""``image_frame_ratio`` of SV4D."""

FPS = 10
"""Frames per second of the scripts' videos."""

WHITE_MEAN = 250
"""A pixel whose colours have a mean above this is ground for the scripts."""

COMPRESSION = 2
"""PNG compression level, 0 to 9."""

TRANSFORM = "transform.json"

OUR_FILES = re.compile(rf"\d{{3,}}_[^/]*/(frames/\d\d\.png|input\.mp4|{re.escape(TRANSFORM)})|{re.escape(PROVENANCE)}")
"""Matches the files that ``write_sv4d`` writes."""


@dataclass(frozen=True)
class Placement:
    """A square of the canvas that became one picture of ``SIDE`` pixels."""

    frame_index: int
    x0: int
    y0: int
    """Upper left corner in clip pixels, from the frame's corner; negative left of or above the frame."""
    side: int
    """Clip pixels."""

    def seen_with(self, ratio: float) -> tuple[float, float, float]:
        """Return x0, y0 and side of the square that a script shows that ran with ``image_frame_ratio``.

        The script crops around the object and scales it again. It keeps the middle of the square.
        """
        box = round(RATIO * SIDE)
        side = self.side * int(box / ratio) / SIDE
        return self.x0 + (self.side - side) / 2, self.y0 + (self.side - side) / 2, side


@dataclass(frozen=True)
class Sv4dPack:
    """The squares of one object, and where they lie in the clip."""

    canvas: Canvas
    """The canvas of the project that the squares were cut from."""
    placements: tuple[Placement, ...]
    """One for each of the ``NUM_FRAMES`` pictures, in their order."""

    def back(self, position: int, picture: Frame, *, ratio: float = RATIO) -> Content:
        """Return a square picture that SV4D made, at its place in the clip: (canvas H, W, 4) RGBA.

        ``picture`` is (S, S, 3) uint8 of the input's view, or another view in its place; ``position`` is 0 to 20;
        ``ratio`` is the script's ``image_frame_ratio`` (``RATIO_SV4D`` for SV4D). White ground becomes transparent.
        """
        x0, y0, side = self.placements[position].seen_with(ratio)
        scale = side / picture.shape[0]
        # A pixel's centre is at whole coordinates: the corner of a picture is at -0.5.
        shift_x, shift_y = x0 + self.canvas.pad_left, y0 + self.canvas.pad_top
        half = (scale - 1) / 2
        matrix = np.array([[scale, 0, shift_x + half], [0, scale, shift_y + half]])
        opaque = (picture.mean(axis=2) <= WHITE_MEAN).astype(np.uint8) * np.uint8(255)
        flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        width, height = self.canvas.size_wh
        colours = cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderValue=(255, 255, 255))
        alpha = cv2.warpAffine(opaque, matrix, (width, height), flags=cv2.INTER_NEAREST)
        out = np.dstack([colours, alpha])
        out[alpha == 0] = 0
        return np.asarray(out, np.uint8)


def write_sv4d(
    project: Project,
    folder: Path,
    *,
    frames: Sequence[int] | None = None,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportedFiles:
    """Write the squares of every object into ``folder``. A former export in the folder is replaced.

    The frames of an object are the 21 consecutive ones on which the smallest share of it is hidden, or those of
    ``frames`` (at most 21). An object on fewer frames goes forwards and backwards until there are 21 pictures. With
    ``only_accepted``, only accepted frames are taken.

    Raises FormatError when no object is on these frames, there are more than 21, or ``folder`` holds anything else;
    Cancelled. Nothing is left of an export that fails.
    """
    video = video_of(project)
    clip = LayeredClip(video, only_accepted=only_accepted)
    chosen = {obj: run for obj in clip.objects if (run := _chosen(project, clip, obj, frames=frames))}
    if not chosen:
        raise FormatError("no object has a mask on the chosen frames; track an object, complete or accept it first")
    total, used = NUM_FRAMES * len(chosen), sorted(set(chain(*chosen.values())))
    with folder_in_place(folder, ours=OUR_FILES) as beside:
        for number, (obj, run) in enumerate(chosen.items()):
            order = list(islice(cycle([*run, *reversed(run)]), NUM_FRAMES))
            ticks = ticking(order, progress, before=number * NUM_FRAMES, total=total)
            _write_object(beside / layer_name(obj), clip, obj, placements=_placements(clip, obj, order), ticks=ticks)
        write_provenance(beside, video, format_name="sv4d", objects=chosen, frames=used)
        progress(total, total, WHAT)
    return ExportedFiles(tuple(folder / layer_name(obj) for obj in chosen), seen_only(clip, used))


def _chosen(
    project: Project, clip: LayeredClip, obj: AnnotatedObject, *, frames: Sequence[int] | None
) -> Sequence[int]:
    if frames is not None and len(frames) > NUM_FRAMES:
        raise FormatError(f"SV4D takes {NUM_FRAMES} frames, and {len(frames)} are named; name {NUM_FRAMES} at most")
    amodal = project.amodal(obj.id)
    seen, hidden = amodal.modal.areas(), amodal.hidden_areas()[0]
    whole = {i: seen.get(i, 0) + hidden.get(i, 0) for i in clip.frames_of(obj)}
    blank = {i for i in clip.seen_only(obj) if not seen.get(i)}  # nothing is seen, and no content was made
    shares = {i: hidden.get(i, 0) / size for i, size in whole.items() if size and i not in blank}
    return clearest_run(shares) if frames is None else [i for i in frames if i in shares]


def clearest_run(shares: Mapping[int, float]) -> list[int]:
    """Return the ``NUM_FRAMES`` consecutive frames with the smallest mean share; of equal ones the first.

    ``shares`` is frame_index -> hidden share, 0..1. If no run is so long, the longest run is returned.
    """
    runs = [[start + k for k in range(NUM_FRAMES)] for start in sorted(shares)]
    cut = [[i for k, i in enumerate(run) if all(j in shares for j in run[: k + 1])] for run in runs]
    return min(cut, key=lambda run: (-len(run), sum(shares[i] for i in run)), default=[])


def _placements(clip: LayeredClip, obj: AnnotatedObject, order: Sequence[int]) -> list[Placement]:
    """Return a square around the object's box on each frame, all of one size."""
    boxes = {i: _layer(clip, obj, i).box or (0, 0, 1, 1) for i in set(order)}
    largest = max(max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes.values())
    side, canvas = round(largest / RATIO), clip.canvas
    placed = []
    for i in order:
        x0, y0, x1, y1 = boxes[i]
        x, y = (x0 + x1 - side) // 2 - canvas.pad_left, (y0 + y1 - side) // 2 - canvas.pad_top
        placed.append(Placement(i, x, y, side))
    return placed


def _layer(clip: LayeredClip, obj: AnnotatedObject, frame_index: int) -> ObjectLayer:
    layer = clip.layer(obj, frame_index)
    if layer is None:  # an undo during the export
        raise FormatError(f"{layer_name(obj)} has no mask on frame {frame_index} any more; export again")
    return layer


def _write_object(
    folder: Path, clip: LayeredClip, obj: AnnotatedObject, *, placements: Sequence[Placement], ticks: Iterator[int]
) -> None:
    (folder / "frames").mkdir(parents=True)

    @cache
    def picture_on(placement: Placement) -> Content:
        return square(_layer(clip, obj, placement.frame_index).picture, placement, clip.canvas)

    def pictures() -> Iterator[Frame]:
        for position, (_, placement) in enumerate(zip(ticks, placements, strict=True)):
            picture = picture_on(placement)
            Image.fromarray(picture).save(folder / "frames" / f"{position:02d}.png", compress_level=COMPRESSION)
            yield on_white(picture)

    write_video(folder / "input.mp4", pictures(), fps=FPS)
    transform = {"canvas": asdict(clip.canvas), "frames": [asdict(placement) for placement in placements]}
    (folder / TRANSFORM).write_text(json.dumps(transform, indent=1))


def square(picture: Content, placement: Placement, canvas: Canvas) -> Content:
    """Return (``SIDE``, ``SIDE``, 4) RGBA: a square of a (canvas H, W, 4) picture; white where transparent."""
    x0, y0 = placement.x0 + canvas.pad_left, placement.y0 + canvas.pad_top
    x1, y1 = x0 + placement.side, y0 + placement.side
    cut = picture[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    crop = np.zeros((placement.side, placement.side, 4), np.uint8)
    crop[max(0, -y0) :, max(0, -x0) :][: cut.shape[0], : cut.shape[1]] = cut
    # Colours are resized multiplied by alpha, so that transparent pixels have no part in them.
    alpha = (crop[..., 3:] > 0).astype(np.float32)
    flags = cv2.INTER_AREA if placement.side > SIDE else cv2.INTER_LINEAR
    premultiplied = np.concatenate([crop[..., :3] * alpha, alpha * 255], axis=2)
    resized = cv2.resize(premultiplied, (SIDE, SIDE), interpolation=flags)
    share = resized[..., 3:] / np.float32(255)
    resized[..., :3] = np.where(share > 0, resized[..., :3] / np.maximum(share, np.float32(1e-6)), np.float32(255))
    return np.clip(np.rint(resized), 0, 255).astype(np.uint8)


def on_white(picture: Content) -> Frame:
    """Return (H, W, 3) an RGBA picture on white ground."""
    alpha = picture[..., 3:].astype(np.uint16)
    return ((picture[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def read_sv4d(folder: Path) -> Sv4dPack:
    """Read ``transform.json`` of one object's folder. Raises FormatError when it is damaged."""
    path = folder / TRANSFORM
    data = load_json(path)
    try:
        canvas = Canvas(**{**data["canvas"], "frame_wh": tuple(data["canvas"]["frame_wh"])})
        placements = tuple(Placement(**row) for row in data["frames"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path} is no transform of an SV4D pack ({error}); export it again") from error
    return Sv4dPack(canvas, placements)


def is_sv4d_folder(folder: Path) -> bool:
    """Return whether a folder holds folders of ``write_sv4d``."""
    return any(folder.glob(f"*/{TRANSFORM}"))


def check_sv4d(folder: Path) -> tuple[int, int, list[str]]:
    """Read every picture. Return the number of frames of the clip, the number of pictures, and one sentence per
    problem.
    """
    problems: list[str] = []
    shown: set[int] = set()
    count = 0
    for inner in sorted(path.parent for path in folder.glob(f"*/{TRANSFORM}")):
        try:
            shown |= {placement.frame_index for placement in read_sv4d(inner).placements}
            pictures = [_checked(path) for path in sorted((inner / "frames").glob("*.png"))]
        except FormatError as error:
            problems.append(str(error))
            continue
        count += len(pictures)
        if len(pictures) != NUM_FRAMES:
            problems.append(f"{inner} has {len(pictures)} pictures, and SV4D takes {NUM_FRAMES}; export it again")
    return len(shown), count, problems


def _checked(path: Path) -> Path:
    try:
        picture = np.asarray(loaded_picture(path))
    except OSError as error:
        raise FormatError(f"{path} does not read as an image ({error}); export it again") from error
    if picture.shape != (SIDE, SIDE, 4) or not picture[..., 3].any():
        raise FormatError(f"{path} is no RGBA picture of {SIDE} x {SIDE} pixels with an object; export it again")
    return path
