"""Made cases as folders for other tools, and their answers.

<case>/rgbs/00000.png       the pictures
<case>/masks/00000.png      modal masks, 0 or 255
<case>/depth/00000.png      16 bit, 65535 = nearest
<case>/truth/00000.png      the true amodal masks, of the canvas's size, for whoever wants to look
<answers>/<case>/00000.png  an answer: the amodal mask, any value above 0, of the canvas's size or the frame's
<answers>/<case>/amodal/00000.png   the same, as a method writes it that reads a case as it reads a window's folder
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool.errors import FormatError
from vas_tool.evaluation.dataset import ImageMask
from vas_tool.evaluation.occlusion_cases import OcclusionCase
from vas_tool.storage import DEPTH_LEVELS
from vas_tool.types import Depth, Mask


def folder_name(case: OcclusionCase) -> str:
    """Return the name of the case with nothing that a file system minds."""
    return re.sub(r"[^\w-]+", "_", case.name)


def write_cases(cases: Iterable[OcclusionCase], folder: Path) -> int:
    """Write each case to a folder of its own below ``folder``; return how many.

    Raises FormatError when ``folder`` holds anything: a case of another run would be answered as well.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FormatError(f"{folder} is not empty; give a new folder")
    count = 0
    for case in cases:
        own = folder / folder_name(case)
        for i, modal in case.modal.items():
            _save(own / "rgbs", i, case.clip[i])
            _save(own / "masks", i, modal.astype(np.uint8) * np.uint8(255))
            _save(own / "depth", i, np.round(case.depth[i] * DEPTH_LEVELS).astype(np.uint16))
            _save(own / "truth", i, case.amodal[i].astype(np.uint8) * np.uint8(255))
        count += 1
    return count


def _save(folder: Path, frame_index: int, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{frame_index:05d}.png")


def answers_in(folder: Path) -> Callable[[OcclusionCase, dict[int, Depth]], dict[int, Mask]]:
    """Return the method that reads the answers in ``folder``. A frame without a file has no answer.

    Raises FormatError when ``folder`` is none. The method raises FormatError for a case without any answer, and for a
    picture of another size.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder; name one with <case>/00000.png")

    def read(case: OcclusionCase, depth: dict[int, Depth]) -> dict[int, Mask]:
        own = folder / folder_name(case)
        own = own / "amodal" if (own / "amodal").is_dir() else own
        paths = {i: own / f"{i:05d}.png" for i in case.modal}
        masks = {i: _on_canvas(case, path) for i, path in paths.items() if path.is_file()}
        if not masks:
            raise FormatError(f"{own} has no answer; name its pictures {next(iter(paths.values())).name} and so on")
        return masks

    return read


def _on_canvas(case: OcclusionCase, path: Path) -> Mask:
    mask, canvas = ImageMask(path).read(), case.canvas
    if mask.shape[::-1] == canvas.size_wh:
        return mask
    if mask.shape[::-1] == canvas.frame_wh:
        return canvas.to_canvas(mask)
    raise FormatError(f"{path} is {mask.shape[::-1]}, not {canvas.size_wh} (width, height)")
