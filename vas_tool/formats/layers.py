"""Every layer of a project as pictures and videos, to look at and for other programs.

001_car_modal/00000.png           8 bit mask, 0 or 255, of the frame's size
001_car_amodal/00000.png          the same, of the canvas's size
001_car_content/00000.png         RGBA, of the canvas's size
001_car_modal_overlay/00000.png   the frame with what is seen tinted; amodal_overlay hatches the hidden part too
depth/00000.png                   16 bit, 65535 = nearest
...and each of them as .mp4 and .gif at the clip's rate.

A frame for which nothing was made has no PNG; in a video it shows as an empty mask, or as the bare frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image

from vas_tool import drawing
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.in_place import folder_in_place
from vas_tool.object_layers import AmodalMasks, ModalMasks
from vas_tool.project import Project
from vas_tool.storage import DEPTH_LEVELS
from vas_tool.truth import AnnotatedObject
from vas_tool.types import Frame, Mask
from vas_tool.video import write_video

LayerName = Literal["modal", "amodal", "content", "modal_overlay", "amodal_overlay", "depth"]
"""``depth`` is of the clip, the others of each object."""

LAYERS: tuple[LayerName, ...] = get_args(LayerName)

Kind = Literal["png", "mp4", "gif"]

KINDS: tuple[Kind, ...] = get_args(Kind)

LABEL_LENGTH = 40
"""Letters of a label in a file name."""

COMPRESSION = 2
"""Of PNG, 0 to 9: 6 takes three times as long for a tenth less."""

OUR_FILES = re.compile(rf"(\d{{3,}}_[^/]*_)?({'|'.join(LAYERS)})(/\d{{5,}}\.png|\.mp4|\.gif)")
"""What ``write_layers`` leaves in its folder."""


@dataclass(frozen=True)
class _Layer:
    """One layer of one object (or the depth), frame by frame."""

    name: str
    """Of its files."""
    made: Callable[[int], bool]
    """Whether there is anything on a frame."""
    image: Callable[[int], Image.Image]
    """What goes into the PNG of a frame that was made."""
    picture: Callable[[int], Frame]
    """What goes into a video."""


def write_layers(
    project: Project,
    folder: Path,
    *,
    layers: Sequence[LayerName] = LAYERS,
    kinds: Sequence[Kind] = KINDS,
    progress: Progress = silent,
) -> list[Path]:
    """Write layers into ``folder``; a former export there is replaced. Gives the files.

    Layers of which no frame was made are left out. Memory does not grow with the length of the clip.

    Raises FormatError when nothing was made yet, a name is unknown, or ``folder`` holds anything else; VideoError
    when a video cannot be written; Cancelled. Nothing is left of an export that fails.
    """
    _check_names(layers, LAYERS)
    _check_names(kinds, KINDS)
    frames = range(len(project.clip))
    found = [layer for layer in _layers(project, layers) if any(map(layer.made, frames))]
    if not found:
        raise FormatError(f"{project.name} has none of {', '.join(layers)}; click an object and complete it first")
    ticks = _Ticks(progress, len(found) * len(kinds) * len(frames))
    with folder_in_place(folder, ours=OUR_FILES) as beside:
        for layer in found:
            for kind in kinds:
                if kind == "png":
                    _write_images(beside / layer.name, layer, ticks.over(frames))
                else:
                    pictures = map(layer.picture, ticks.over(frames))
                    write_video(beside / f"{layer.name}.{kind}", pictures, fps=project.clip.fps)
        ticks.end()
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise FormatError(f"there is no {', '.join(unknown) or 'name'} to write; choose from {', '.join(known)}")


class _Ticks:
    """Progress over all frames of all files."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def over(self, frames: range) -> Iterator[int]:
        for frame_index in frames:
            self._progress(self._done, self._total, "writing layers")
            yield frame_index
            self._done += 1

    def end(self) -> None:
        self._progress(self._total, self._total, "writing layers")


def _write_images(folder: Path, layer: _Layer, frames: Iterator[int]) -> None:
    folder.mkdir()
    for frame_index in frames:
        if layer.made(frame_index):
            layer.image(frame_index).save(folder / f"{frame_index:05d}.png", compress_level=COMPRESSION)


def _layers(project: Project, names: Sequence[LayerName]) -> Iterator[_Layer]:
    for thing in project.truth.objects:
        of_object = _object_layers(project, thing)
        yield from (of_object[name] for name in LAYERS if name in names and name in of_object)
    if "depth" in names:
        yield _depth_layer(project)


def _object_layers(project: Project, thing: AnnotatedObject) -> dict[LayerName, _Layer]:
    modal = ModalMasks(project.layers(thing.id), thing, project.canvas)
    amodal = AmodalMasks(modal)
    prefix = f"{thing.id:03d}_{_file_name(thing.label)}"
    return {
        "modal": _mask_layer(f"{prefix}_modal", modal),
        "amodal": _mask_layer(f"{prefix}_amodal", amodal),
        "content": _content_layer(f"{prefix}_content", project, thing),
        "modal_overlay": _modal_overlay(f"{prefix}_modal_overlay", project, modal),
        "amodal_overlay": _amodal_overlay(f"{prefix}_amodal_overlay", project, amodal),
    }


def _file_name(label: str) -> str:
    """The label with nothing that a file system minds."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in label)[:LABEL_LENGTH]


def _mask_layer(name: str, masks: ModalMasks | AmodalMasks) -> _Layer:
    size_wh = masks.canvas.frame_wh if isinstance(masks, ModalMasks) else masks.canvas.size_wh

    def mask(i: int) -> Mask:
        return masks[i] if i in masks else _nothing(size_wh)

    return _Layer(
        name,
        made=lambda i: i in masks,
        image=lambda i: Image.fromarray(mask(i).astype(np.uint8) * np.uint8(255)),
        picture=lambda i: drawing.mask_picture(mask(i)),
    )


def _nothing(size_wh: tuple[int, int]) -> Mask:
    return np.zeros(size_wh[::-1], dtype=bool)


def _content_layer(name: str, project: Project, thing: AnnotatedObject) -> _Layer:
    content = project.layers(thing.id).content
    ground = drawing.checkerboard(project.canvas.size_wh)
    return _Layer(
        name,
        made=lambda i: i in content,
        image=lambda i: Image.fromarray(content[i]),
        picture=lambda i: drawing.over(content[i], ground) if i in content else ground,
    )


def _modal_overlay(name: str, project: Project, modal: ModalMasks) -> _Layer:
    colour = drawing.colour_of(modal.thing.id)

    def picture(i: int) -> Frame:
        return drawing.modal_overlay(project.clip[i], modal[i], colour) if i in modal else project.clip[i]

    return _Layer(name, made=lambda i: i in modal, image=lambda i: Image.fromarray(picture(i)), picture=picture)


def _amodal_overlay(name: str, project: Project, amodal: AmodalMasks) -> _Layer:
    canvas, modal, colour = amodal.canvas, amodal.modal, drawing.colour_of(amodal.thing.id)
    ground = drawing.checkerboard(canvas.size_wh)

    def picture(i: int) -> Frame:
        frame = ground.copy()
        frame[canvas.window] = project.clip[i]
        if i not in amodal:
            return frame
        seen = canvas.to_canvas(modal[i]) if i in modal else _nothing(canvas.size_wh)
        return drawing.amodal_overlay(frame, seen, amodal[i], colour=colour)

    return _Layer(name, made=lambda i: i in amodal, image=lambda i: Image.fromarray(picture(i)), picture=picture)


def _depth_layer(project: Project) -> _Layer:
    depth = project.depth
    unknown = np.zeros((*project.clip.size_wh[::-1], 3), np.uint8)
    return _Layer(
        "depth",
        made=lambda i: i in depth,
        image=lambda i: Image.fromarray(np.round(depth[i] * DEPTH_LEVELS).astype(np.uint16)),
        picture=lambda i: drawing.depth_colours(depth[i]) if i in depth else unknown,
    )
