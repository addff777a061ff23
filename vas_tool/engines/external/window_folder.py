"""Writes the folder that a method reads; reads and checks the folder that it writes.

<input>/rgbs/00000.png    the pictures
<input>/masks/00000.png   modal masks, 0 or 255
<input>/depth/00000.png   16 bit, 65535 = nearest; only on frames whose depth is known
<input>/amodal/00000.png  amodal masks, 0 or 255 (stage content)
<input>/boxes.json        the names with their frames of the clip, boxes, seed, and where the frame lies in the pictures
<output>/amodal/00000.png    the answer of stage amodal: 0 is not the object; 255, or 1, is
<output>/content/00000.png   the answer of stage content: the object's colours, RGB or RGBA
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool import opencv
from vas_tool.engines.external.methods import Method
from vas_tool.errors import EngineError
from vas_tool.masks import box_xyxy
from vas_tool.picture_codecs import DEPTH_LEVELS
from vas_tool.types import Frame, Mask, SizeWH
from vas_tool.work import AmodalWork, ContentWork

BOXES = "boxes.json"
FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]
BOXED = {"modal": "masks", "amodal": "amodal"}
"""Kind of mask -> the folder whose pictures have a box in ``boxes.json``."""
Picture = npt.NDArray[Any]
SHOWN_NAMES = 8
"""Names that an error lists at most."""


def name_of(number: int) -> str:
    """Return the name of the picture with a number in its folder."""
    return f"{number:05d}.png"


def write_window(folder: Path, work: AmodalWork | ContentWork, frames: Sequence[int], *, method: Method) -> None:
    """Write what a method reads about these frames of the clip into a new folder.

    All pictures have the canvas's size, or ``method.size_wh``; beyond the frame they are black.
    """
    for part in method.reads:
        (folder / part).mkdir(parents=True)
    size_wh, entries = method.size_wh or work.canvas.size_wh, []
    for number, index in enumerate(frames):
        pictures = _pictures(work, index, size_wh)
        for part in method.reads:
            if part in pictures:
                cv2.imwrite(str(folder / part / name_of(number)), pictures[part](), FAST)
        boxes = {f"{kind}_box": _box(pictures[part]()) for kind, part in BOXED.items() if part in pictures}
        entries.append({"name": name_of(number), "frame_index": index, **boxes})
    told: dict[str, Any] = {"stage": method.stage, "seed": work.seed, "fps": work.clip.fps, "size_wh": size_wh}
    told |= {"frame_box": _frame_box(work, size_wh), "frames": entries}
    (folder / BOXES).write_text(json.dumps(told, indent=1), encoding="utf-8")


def _pictures(work: AmodalWork | ContentWork, index: int, size_wh: SizeWH) -> dict[str, Callable[[], Picture]]:
    """Return functions by folder that make the pictures of one frame, those that there are, as OpenCV writes them."""
    canvas, nothing = work.canvas, np.zeros(work.canvas.size_wh[::-1], np.bool_)
    seen = canvas.to_canvas(work.modal[index]) if index in work.modal else nothing
    pictures: dict[str, Callable[[], Picture]] = {
        "rgbs": lambda: opencv.resize(canvas.to_canvas(work.clip[index])[..., ::-1].copy(), size_wh, cv2.INTER_AREA),
        "masks": lambda: _grey(seen, size_wh),
    }
    if index in work.depth:
        pictures["depth"] = lambda: _depth(canvas.to_canvas(work.depth[index]), size_wh)
    if isinstance(work, ContentWork):
        pictures["amodal"] = lambda: _grey(work.amodal.get(index, nothing), size_wh)
    return pictures


def _grey(mask: Mask, size_wh: SizeWH) -> npt.NDArray[np.uint8]:
    """Return a mask as 0 and 255, of another size where half a pixel or more is covered."""
    grey = mask.astype(np.uint8) * np.uint8(255)
    if mask.shape[::-1] == size_wh:
        return grey
    return np.where(opencv.resize(grey, size_wh, cv2.INTER_AREA) >= 128, np.uint8(255), np.uint8(0))


def _depth(depth: npt.NDArray[np.float32], size_wh: SizeWH) -> npt.NDArray[np.uint16]:
    return np.round(opencv.resize(depth, size_wh, cv2.INTER_AREA).clip(0, 1) * DEPTH_LEVELS).astype(np.uint16)


def _box(grey: Picture) -> list[int] | None:
    """Return the tight box x0, y0, x1, y1 in pixels of the picture, x1 and y1 exclusive."""
    box = box_xyxy(grey > 0)
    return box and list(box)


def _frame_box(work: AmodalWork | ContentWork, size_wh: SizeWH) -> list[float]:
    """Return x0, y0, x1, y1 of the frame in the pictures: smaller than the picture where the canvas is padded."""
    rows, columns = work.canvas.window
    (width, height), (wide, high) = work.canvas.size_wh, size_wh
    x, y = wide / width, high / height
    return [columns.start * x, rows.start * y, columns.stop * x, rows.stop * y]


# --- back -------------------------------------------------------------------------------------------------------------


def check_answers(folder: Path, count: int, size_wh: SizeWH) -> None:
    """Raise EngineError unless a folder holds ``count`` pictures of a size with the names of what was written.

    The error lists what is missing and what has another name.
    """
    wanted = [name_of(number) for number in range(count)]
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing, other = [name for name in wanted if name not in there], sorted(there.difference(wanted))
    if missing:
        beside = f"; there is {_listed(other)}" if other else ""
        raise EngineError(f"its output lacks {folder.name}/ {_listed(missing)}{beside}; the names are those of rgbs/")
    for name in wanted:
        with _opened(folder / name) as picture:
            size = picture.size
        if size != size_wh:
            raise EngineError(f"{folder.name}/{name} of its output is {size}, not {size_wh} (width, height)")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as picture:
            yield picture
    except (OSError, SyntaxError, ValueError) as error:
        what = f"{path.parent.name}/{path.name} of its output"
        raise EngineError(f"{what} does not read as a picture ({error}); write it as a PNG file") from error


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES])
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES} more"


def read_soft_mask(path: Path, size_wh: SizeWH) -> npt.NDArray[np.float32]:
    """Return (H, W) float32 0..1, 1 = the object, of a mask image at another size.

    In grey and colour images, values from half of the largest on are the object. In palette images, and in images whose
    largest value is 1, every value above 0 is.
    """
    with _opened(path) as picture:
        values = np.asarray(picture if picture.mode in ("P", "1", "L", "I", "I;16", "F") else picture.convert("L"))
        palette = picture.mode == "P"
    largest = values.max(initial=0)
    mask = values > 0 if palette or largest <= 1 else values >= (128 if largest <= 255 else 32768)
    soft = mask.astype(np.float32)
    return soft if mask.shape[::-1] == size_wh else opencv.resize(soft, size_wh, cv2.INTER_LINEAR)


def read_colours(path: Path, size_wh: SizeWH) -> Frame:
    """Return (H, W, 3) uint8 RGB of a picture at another size. Alpha is left out."""
    with _opened(path) as picture:
        colours = np.asarray(picture.convert("RGB"))
    return colours if colours.shape[1::-1] == size_wh else opencv.resize(colours, size_wh, cv2.INTER_LINEAR)
