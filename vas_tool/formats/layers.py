"""Writes every layer of a project as pictures and videos. ``layers_reading`` reads them.

001_car_modal/00000.png           8 bit mask, 0 or 255, of the frame's size
001_car_amodal/00000.png          8 bit mask, 0 or 255, of the canvas's size
001_car_probability/00000.png     8 bit, 255 * the share of the hypotheses that have a pixel, of the canvas's size
001_car_content/00000.png         RGBA, of the canvas's size
001_car_modal_overlay/00000.png   the frame with the modal mask tinted; amodal_overlay also hatches the hidden part
depth/00000.png                   16 bit, 65535 = nearest
001_car_modal.mp4, .gif, ...      each of these folders as a video at the clip's rate
provenance.json                   how each object's masks were made, frame by frame, and their review state

A frame without a result has no PNG. In a video it shows an empty mask, or the frame alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool import drawing
from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.layered_frames import layer_name
from vas_tool.formats.layers_reading import LAYERS, OUR_FILES, LayerName
from vas_tool.formats.provenance import write_provenance
from vas_tool.formats.soft_masks import grey
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.project.object_layers import AmodalMasks, ModalMasks
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import DEPTH_LEVELS
from vas_tool.types import Frame, Mask
from vas_tool.video import write_video
from vas_tool.video.order import in_natural_order

Kind = Literal["png", "mp4", "gif"]

KINDS: tuple[Kind, ...] = get_args(Kind)

COMPRESSION = 2
"""PNG compression level, 0 to 9. Level 6 takes three times as long for files a tenth smaller."""


@dataclass(frozen=True)
class _Layer:
    """One layer of one object, or the depth, frame by frame."""

    name: str
    """Name of the layer's files."""
    made: Callable[[int], bool]
    """A function: frame_index -> whether a result was made."""
    image: Callable[[int], Image.Image]
    """A function: frame_index -> the PNG's content, for a frame with a result."""
    picture: Callable[[int], Frame]
    """A function: frame_index -> the video's picture, for a frame with a result."""
    bare: Callable[[int], Frame]
    """A function: frame_index -> the video's picture, for a frame without a result."""

    def shown(self, frame_index: int) -> Frame:
        """Return the video's picture of a frame."""
        return self.picture(frame_index) if self.made(frame_index) else self.bare(frame_index)


def write_layers(
    project: Project,
    folder: Path,
    *,
    layers: Sequence[LayerName] = LAYERS,
    kinds: Sequence[Kind] = KINDS,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> list[Path]:
    """Write layers into ``folder`` and return the files. A former export in the folder is replaced.

    Layers without any result are left out. With ``only_accepted``, an object's frames that are not accepted count as
    frames without a result. Memory does not grow with the length of the clip.

    Raises FormatError when nothing was made yet, a name is unknown, or ``folder`` holds anything else; VideoError
    when a video cannot be written; Cancelled. Nothing is left of an export that fails.
    """
    _check_names(layers, LAYERS)
    _check_names(kinds, KINDS)
    frames = range(len(project.clip))
    video = video_of(project)
    found = [layer for layer in _layers(project, layers, only_accepted=only_accepted) if any(map(layer.made, frames))]
    if not found:
        raise FormatError(f"{project.name} has none of {', '.join(layers)}; click an object and complete it first")
    ticks = _Ticks(progress, len(found) * len(kinds) * len(frames))
    with folder_in_place(folder, ours=OUR_FILES) as beside:
        for layer in found:
            for kind in kinds:
                if kind == "png":
                    _write_images(beside / layer.name, layer, ticks.over(frames))
                else:
                    pictures = map(layer.shown, ticks.over(frames))
                    write_video(beside / f"{layer.name}.{kind}", pictures, fps=project.clip.fps)
        write_provenance(beside, video, format_name="layers", objects=video.truth.objects, frames=frames)
        ticks.end()
    return in_natural_order(path for path in folder.rglob("*") if path.is_file())


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise FormatError(f"there is no {', '.join(unknown) or 'name'} to write; choose from {', '.join(known)}")


class _Ticks:
    """Counts frames over all files of an export, for its progress."""

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


def _layers(project: Project, names: Sequence[LayerName], *, only_accepted: bool) -> Iterator[_Layer]:
    for obj in project.truth.objects:
        of_object = _object_layers(project, obj)
        for name in LAYERS:
            if name in names and name in of_object:
                yield _accepted(of_object[name], obj) if only_accepted else of_object[name]
    if "depth" in names:
        yield _depth_layer(project)


def _accepted(layer: _Layer, obj: AnnotatedObject) -> _Layer:
    """Return the layer with results only on accepted frames."""
    return replace(layer, made=lambda i: i in obj.accepted and layer.made(i))


def _object_layers(project: Project, obj: AnnotatedObject) -> dict[LayerName, _Layer]:
    modal = ModalMasks(project.layers(obj.id), obj, project.canvas)
    amodal = AmodalMasks(modal)
    prefix = layer_name(obj)
    return {
        "modal": _mask_layer(f"{prefix}_modal", modal),
        "amodal": _mask_layer(f"{prefix}_amodal", amodal),
        "probability": _probability_layer(f"{prefix}_probability", project, amodal),
        "content": _content_layer(f"{prefix}_content", project, obj),
        "modal_overlay": _modal_overlay(f"{prefix}_modal_overlay", project, modal),
        "amodal_overlay": _amodal_overlay(f"{prefix}_amodal_overlay", project, amodal),
    }


def _mask_layer(name: str, masks: ModalMasks | AmodalMasks) -> _Layer:
    size_wh = masks.canvas.frame_wh if isinstance(masks, ModalMasks) else masks.canvas.size_wh
    return _Layer(
        name,
        made=lambda i: i in masks,
        image=lambda i: Image.fromarray(masks[i].astype(np.uint8) * np.uint8(255)),
        picture=lambda i: drawing.mask_picture(masks[i]),
        bare=lambda i: drawing.mask_picture(_nothing(size_wh)),
    )


def _probability_layer(name: str, project: Project, amodal: AmodalMasks) -> _Layer:
    """The layer of the frames that have two hypotheses or more."""
    layers, size_wh = amodal.layers, amodal.canvas.size_wh

    def pixels(i: int) -> npt.NDArray[np.uint8]:
        with project.mutex:
            answers = layers.hypothesis_masks(i, size_wh)
            seen = amodal.canvas.to_canvas(amodal.modal[i]) if i in amodal.modal else _nothing(size_wh)
        return grey([answer | seen for answer in answers])

    return _Layer(
        name,
        made=lambda i: len(layers.hypotheses_on(i)) > 1,
        image=lambda i: Image.fromarray(pixels(i)),
        picture=lambda i: np.repeat(pixels(i)[..., None], 3, axis=2),
        bare=lambda i: drawing.mask_picture(_nothing(size_wh)),
    )


def _nothing(size_wh: tuple[int, int]) -> Mask:
    return np.zeros(size_wh[::-1], dtype=bool)


def _content_layer(name: str, project: Project, obj: AnnotatedObject) -> _Layer:
    content = project.layers(obj.id).content
    ground = drawing.checkerboard(project.canvas.size_wh)
    return _Layer(
        name,
        made=lambda i: i in content,
        image=lambda i: Image.fromarray(content[i]),
        picture=lambda i: drawing.over(content[i], ground),
        bare=lambda i: ground,
    )


def _modal_overlay(name: str, project: Project, modal: ModalMasks) -> _Layer:
    colour = drawing.colour_of(modal.obj.id)

    def picture(i: int) -> Frame:
        return drawing.modal_overlay(project.clip[i], modal[i], colour)

    return _Layer(
        name,
        made=lambda i: i in modal,
        image=lambda i: Image.fromarray(picture(i)),
        picture=picture,
        bare=lambda i: project.clip[i],
    )


def _amodal_overlay(name: str, project: Project, amodal: AmodalMasks) -> _Layer:
    canvas, modal, colour = amodal.canvas, amodal.modal, drawing.colour_of(amodal.obj.id)
    ground = drawing.checkerboard(canvas.size_wh)

    def bare(i: int) -> Frame:
        frame = ground.copy()
        frame[canvas.window] = project.clip[i]
        return frame

    def picture(i: int) -> Frame:
        seen = canvas.to_canvas(modal[i]) if i in modal else _nothing(canvas.size_wh)
        return drawing.amodal_overlay(bare(i), seen, amodal[i], colour=colour)

    return _Layer(
        name,
        made=lambda i: i in amodal,
        image=lambda i: Image.fromarray(picture(i)),
        picture=picture,
        bare=bare,
    )


def _depth_layer(project: Project) -> _Layer:
    depth = project.depth
    unknown = np.zeros((*project.clip.size_wh[::-1], 3), np.uint8)
    return _Layer(
        "depth",
        made=lambda i: i in depth,
        image=lambda i: Image.fromarray(np.round(depth[i] * DEPTH_LEVELS).astype(np.uint16)),
        picture=lambda i: drawing.depth_colours(depth[i]),
        bare=lambda i: unknown,
    )
