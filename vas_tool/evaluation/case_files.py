"""Writes cases of the bench as folders for other tools, and reads them and the answers of other tools.

<case>/rgbs/00000.png       the pictures
<case>/masks/00000.png      modal masks, 0 or 255
<case>/depth/00000.png      16 bit, 65535 = nearest
<case>/truth/00000.png      the true amodal masks, of the canvas's size
<case>/others/0/00000.png   modal masks of the other things of the picture, a folder for each
<case>/whole/00000.png      composed clips only: the pictures without what is in front
<answers>/<case>/00000.png  an answer: the amodal mask, any value above 0, of the canvas's size or the frame's
<answers>/<case>/amodal/00000.png   the same, where external methods write it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from vas_tool.errors import FormatError
from vas_tool.evaluation.mask_sources import ImageMask
from vas_tool.evaluation.occlusion_cases import OcclusionCase
from vas_tool.storage import DEPTH_LEVELS
from vas_tool.types import ArrayClip, Canvas, Depth, Frame, Mask
from vas_tool.video.clip import as_rgb
from vas_tool.video.images import image_paths
from vas_tool.video.order import in_natural_order
from vas_tool.video.picture_files import loaded_picture

CASE_FILES = re.compile(r"(rgbs|masks|depth|truth|whole|others/\d+)/\d{5,}\.png")
"""Matches the files of a case."""


def folder_name(case: OcclusionCase) -> str:
    """Return the name of the case without characters that file systems refuse."""
    return re.sub(r"[^\w-]+", "_", case.name)


def write_cases(cases: Iterable[OcclusionCase], folder: Path) -> int:
    """Write each case to a folder of its own below ``folder``; return the number of cases.

    Raises FormatError when ``folder`` is not empty, because cases of another run would mix with these.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FormatError(f"{folder} is not empty; give a new folder")
    count = 0
    for case in cases:
        writer = CaseWriter(folder / folder_name(case))
        for i, modal in case.modal.items():
            writer.write(
                i,
                frame=case.clip[i],
                modal=modal,
                amodal=case.amodal[i],
                depth=case.depth[i],
                others=case.others.get(i, ()),
            )
        count += 1
    return count


class CaseWriter:
    """Writes one case into a folder, frame by frame."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(
        self,
        frame_index: int,
        *,
        frame: Frame,
        modal: Mask,
        amodal: Mask,
        depth: Depth,
        others: Sequence[Mask] = (),
        whole: Frame | None = None,
    ) -> None:
        """Write one frame: the picture, modal mask and depth of the frame's size, the amodal mask of the canvas's.

        ``others`` are the modal masks of the other things, ``whole`` the picture without what is in front.
        """
        _save(self._folder / "rgbs", frame_index, frame)
        _save(self._folder / "masks", frame_index, _grey(modal))
        _save(self._folder / "depth", frame_index, np.round(depth * DEPTH_LEVELS).astype(np.uint16))
        _save(self._folder / "truth", frame_index, _grey(amodal))
        for number, mask in enumerate(others):
            _save(self._folder / "others" / str(number), frame_index, _grey(mask))
        if whole is not None:
            _save(self._folder / "whole", frame_index, whole)


def _grey(mask: Mask) -> npt.NDArray[np.uint8]:
    return mask.astype(np.uint8) * np.uint8(255)


def _save(folder: Path, frame_index: int, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{frame_index:05d}.png")


def read_cases(folder: Path) -> Iterator[OcclusionCase]:
    """Yield the cases in ``folder``, or the case that it is. One case is in memory at a time.

    Raises FormatError that names what is missing or does not fit.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder; name one that compose or bench --write made")
    inner = in_natural_order(path for path in folder.iterdir() if (path / "truth").is_dir())
    found = [folder] if (folder / "truth").is_dir() else inner
    if not found:
        raise FormatError(f"{folder} holds no case with rgbs, masks, depth and truth; name one that compose made")
    yield from map(_case_in, found)


def _case_in(folder: Path) -> OcclusionCase:
    paths = {kind: image_paths(folder / kind) for kind in ("rgbs", "masks", "depth", "truth")}
    names = [path.name for path in paths["masks"]]
    for kind, own in paths.items():
        if [path.name for path in own] != names:
            raise FormatError(f"{folder / kind} and {folder / 'masks'} have files of other names; compose it again")
    frames = np.stack([as_rgb(_opened(path)) for path in paths["rgbs"]])
    amodal = np.stack([ImageMask(path).read() for path in paths["truth"]])
    case = OcclusionCase(
        name=folder.name,
        occluder="composed",
        clip=ArrayClip(frames),
        modal={i: ImageMask(path).read() for i, path in enumerate(paths["masks"])},
        amodal=amodal,
        depth={i: np.asarray(_opened(p), np.float32) / np.float32(DEPTH_LEVELS) for i, p in enumerate(paths["depth"])},
        whole=frames,
        others=_others(folder / "others", names),
        padded=_canvas(folder, frames.shape[2:0:-1], amodal.shape[2:0:-1]),
    )
    if any(mask.shape != frames.shape[1:3] for mask in (*case.modal.values(), *case.depth.values())):
        raise FormatError(f"{folder}: masks or depth are not of the pictures' size; compose it again")
    return case


def _opened(path: Path) -> Image.Image:
    try:
        return loaded_picture(path)
    except OSError as error:
        raise FormatError(f"{path} does not read as an image ({error}); compose it again") from error


def _others(folder: Path, names: Sequence[str]) -> dict[int, list[Mask]]:
    inner = in_natural_order(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return {i: [ImageMask(path / name).read() for path in inner] for i, name in enumerate(names)} if inner else {}


def _canvas(folder: Path, frame_wh: tuple[int, ...], truth_wh: tuple[int, ...]) -> Canvas | None:
    """Return the canvas of masks that are larger than the pictures, with equal padding on opposite sides."""
    more = [truth - frame for truth, frame in zip(truth_wh, frame_wh, strict=True)]
    if min(more) < 0 or any(n % 2 for n in more):
        raise FormatError(f"{folder}: truth is {truth_wh}, the pictures are {frame_wh} (width, height)")
    x, y = (n // 2 for n in more)
    return Canvas((frame_wh[0], frame_wh[1]), x, y, x, y) if x or y else None


def write_answer(folder: Path, case: OcclusionCase, masks: Mapping[int, Mask]) -> int:
    """Write the answer to a case into a folder of answers; return the number of frames."""
    for i, mask in masks.items():
        _save(folder / folder_name(case), i, _grey(mask))
    return len(masks)


def answers_in(folder: Path) -> Callable[[OcclusionCase, dict[int, Depth]], dict[int, Mask]]:
    """Return the method that reads the answers in ``folder``. A frame without a file has no answer.

    Raises FormatError when ``folder`` is no folder. The method raises FormatError for a case without any answer, and
    for a picture of another size.
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
