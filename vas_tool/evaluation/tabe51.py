"""Reads and measures TABE-51 as TABE does (its src/eval_tabe51.py).

truth        <root>/<video>/{frames,gt_masks,visible_masks}/ and annos.json; or one video's folder; or the data set's
             own root, TABE-51/data/<video>/...
predictions  <vis>/<video>/final_outputs/<generation>/masks/<n>.png, n without zeros before it; one row a generation
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from PIL import Image

from vas_tool.errors import FormatError, InputError
from vas_tool.evaluation.dataset import Predictions, Truth, TruthClip, TruthFrame
from vas_tool.evaluation.mask_sources import BoxXYXY, MaskSource, picture_in
from vas_tool.evaluation.measuring import Protocol
from vas_tool.evaluation.overlap import NOT_COUNTED, FrameMasks, tabe_iou, tabe_occluded_iou
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.sail_vos import STRICT, STRICT_ABOUT
from vas_tool.evaluation.tables import Cell, Evaluation, Table
from vas_tool.formats.tabe import TabeSource, read_tabe, video_folders
from vas_tool.masks import box_xyxy
from vas_tool.types import Mask
from vas_tool.video.images import image_paths
from vas_tool.video.order import in_natural_order, natural

NOT_OCCLUDED = "NO_OCCLUSION"
"""Level of the frames that mIOUfo leaves out. Frames of level ``NONE`` count."""

MASKS = Path("final_outputs")
"""Folder of the generations, below a video of a result."""


class VideoMasks:
    """All mask images of one kind of a video. TABE holds them in one array."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)

    @cached_property
    def exceeds_one(self) -> bool:
        """Whether any pixel of any mask is above 1. Reading stops at the first such mask."""
        return any(_brightest(path) > 1 for path in self._paths)


def _brightest(path: Path) -> int:
    try:
        return int(picture_in(path, "L").max(initial=0))
    except FormatError:  # reported when the mask is measured
        return 0


@dataclass(frozen=True, slots=True)
class TabeMask:
    """A mask image as TABE reads it for its IoUs: pixels that are not zero belong to the object."""

    path: Path
    video: VideoMasks
    """All masks of the same kind of this video."""
    is_divided: bool = False
    """Whether the mask is read as TABE reads it for mIOUocc, after the division by 255."""

    def read(self) -> Mask:
        """Return the (H, W) bool mask. Raises FormatError when the file is not an image."""
        pixels = picture_in(self.path, "L")
        return np.asarray(pixels == 255 if self.is_divided and self.video.exceeds_one else pixels > 0)

    def second_reading(self) -> TabeMask:
        """Return the mask as TABE reads it for mIOUocc.

        If any mask of the video exceeds 1, TABE divides all by 255 as integers, so grey pixels and masks of ones
        vanish.
        """
        return replace(self, is_divided=True)

    def box(self, mask: Mask) -> BoxXYXY | None:
        """Return the tight box; None when the mask is empty."""
        return box_xyxy(mask)


def masks_of(paths: Mapping[int, Path]) -> dict[int, TabeMask]:
    """Return the masks of one kind of one video, by frame index."""
    video = VideoMasks(paths.values())
    return {index: TabeMask(path, video) for index, path in paths.items()}


def _whole(frame: FrameMasks) -> float:
    return tabe_iou(frame.amodal, frame.predicted)


def _fully_occluded(frame: FrameMasks) -> float:
    """Return TABE's IoU on frames whose true visible mask is empty, else ``NOT_COUNTED``."""
    return NOT_COUNTED if frame.modal.any() else _whole(frame)


def _occluded(frame: FrameMasks) -> float:
    """Return TABE's IoU on frames with an annotated level other than NO_OCCLUSION, else ``NOT_COUNTED``."""
    return NOT_COUNTED if frame.level in ("", NOT_OCCLUDED) else _whole(frame)


PROTOCOL = Protocol(
    name="tabe-51",
    reference={"miou": _whole, "miou_ffo": _fully_occluded, "miou_fo": _occluded, "miou_occ": tabe_occluded_iou},
    strict=STRICT,
    reference_averaging="clips",
    second_reading=frozenset({"miou_occ"}),
    about={
        "reference": (
            "miou: IoU over all frames (an empty union is 0); miou_ffo: on frames whose visible mask is empty; "
            "miou_fo: on frames of another level than NO_OCCLUSION, NONE included. A mean a video, then over videos.",
            "miou_occ: what is left after the visible mask is subtracted, as numbers: pixels that are visible and not "
            "predicted become -1 and count as hidden. Masks are divided by 255 for it, as whole numbers, where a mask "
            "of the video exceeds 1: grey pixels count for the others and not here.",
            "Over the generations: mean, standard deviation (ddof 1), and that by the root of their number (SEM).",
        ),
        "strict": STRICT_ABOUT,
    },
)


def key_of(video: str, frame_index: int) -> str:
    """Return the key of one frame."""
    return f"{video}/{frame_index}"


def read_truth(path: Path) -> Truth:
    """Return the usable videos, and the problems of the others. Raises FormatError when there is no video."""
    folders = video_folders(path)
    if not folders:
        raise FormatError(f"{path} holds no video with frames and visible_masks; name the folder of the videos")
    clips, problems = [], []
    for folder in folders:
        try:
            source = read_tabe(folder)
        except InputError as error:
            problems.append(Problem(folder.name, str(error), "bad record"))
            continue
        frames = list(_frames(source, folder.name))
        problems += [found for found in frames if isinstance(found, Problem)]
        clips.append(TruthClip(folder.name, "all", tuple(f for f in frames if isinstance(f, TruthFrame))))
    return Truth(tuple(clips), tuple(problems))


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        raise FormatError(f"{path} is no folder; name the folder of the videos")
    return [inner for inner in path.iterdir() if inner.is_dir()]


def _frames(source: TabeSource, video: str) -> Iterator[TruthFrame | Problem]:
    modal, amodal = masks_of(source.visible), masks_of(source.amodal)
    for index, path in enumerate(image_paths(source.frames)):
        key = key_of(video, index)
        absent = [name for name, there in (("gt", amodal), ("visible", modal)) if index not in there]
        if absent:
            yield Problem(key, f"there is no {' and no '.join(absent)} mask", "bad record")
            continue
        level = source.occlusion[index].level if source.occlusion else ""
        image = path.relative_to(source.frames.parent.parent)
        yield TruthFrame(key, modal[index], amodal[index], level=level, image=str(image))


def pictures_folder(path: Path) -> Path:
    """Return the folder that the names of the pictures in ``read_truth`` are relative to."""
    return next((folder.parent for folder in video_folders(path)), path)


# --- results ----------------------------------------------------------------------------------------------------------


def read_predictions(path: Path, truth: Truth) -> list[Predictions]:
    """Return one prediction per generation, in natural order.

    Masks belong to frames by the numbers in their names, or in natural order if none is missing. A generation without a
    video has no answers for it. Raises FormatError when the folder holds no results.
    """
    videos = {f.name: f / MASKS for f in _folders(path) if (f / MASKS).is_dir()}
    if not videos:
        raise FormatError(f"{path} holds no <video>/final_outputs; name the folder vis of the results")
    generations = sorted({g.name for folder in videos.values() for g in _folders(folder)}, key=natural)
    lengths = {clip.name: 1 + max((_index(f.key) for f in clip.frames), default=0) for clip in truth.clips}
    return [_generation(path, name, videos=videos, lengths=lengths) for name in generations]


def _index(key: str) -> int:
    return int(key.rpartition("/")[2])


def _generation(path: Path, name: str, *, videos: Mapping[str, Path], lengths: Mapping[str, int]) -> Predictions:
    masks: dict[str, MaskSource] = {}
    problems = []
    for video, folder in sorted(videos.items()):
        inner = folder / name / "masks"
        paths = in_natural_order(inner.glob("*.png")) if inner.is_dir() else []
        if video not in lengths:
            what = f"{path.name}, generation {name}: the truth lacks this video"
            problems.append(Problem(video, what, "unknown frame"))
        elif (paired := _paired(paths, lengths[video])) is None:
            what = f"generation {name} has {len(paths)} masks for {lengths[video]} frames, not named by their numbers"
            problems.append(Problem(video, what, "bad record"))
        else:
            masks |= {key_of(video, i): mask for i, mask in masks_of(paired).items()}
    return Predictions(f"generation {name}", masks, problems=tuple(problems))


def _paired(paths: Sequence[Path], num_frames: int) -> dict[int, Path] | None:
    """Return files by frame index: by the numbers in their names, from 0 or 1; else in order, if none is missing."""
    if all(path.stem.isdigit() for path in paths):
        numbers = [int(path.stem) for path in paths]
        first = 1 if numbers == list(range(1, num_frames + 1)) else 0
        return {number - first: path for number, path in zip(numbers, paths, strict=True)}
    return dict(enumerate(paths)) if len(paths) == num_frames else None


def with_generations(evaluation: Evaluation, predictions: Sequence[Predictions]) -> Evaluation:
    """Return the evaluation with rows over each result's generations: mean, deviation and SEM, as in eval_tabe51.py."""
    results: dict[str, list[str]] = {}
    for answers in predictions:
        results.setdefault(answers.of, []).append(answers.name)
    more: Table = {}
    for result, names in results.items():
        of = f"{result}: " if len(results) > 1 else ""
        if len(names) > 1:
            more |= {f"{of}{row}": cells for row, cells in _over(evaluation.tables["reference"], names).items()}
    tables = {**evaluation.tables, "reference": {**evaluation.tables["reference"], **more}}
    return replace(evaluation, tables=tables)


def _over(table: Table, names: Sequence[str]) -> Table:
    rows: Table = {f"mean of {len(names)}": {}, "std (ddof 1)": {}, "SEM": {}}
    for measure in table[names[0]]:
        cells = [table[name][measure] for name in names if not math.isnan(table[name][measure].mean)]
        numbers = [cell.mean for cell in cells]
        spread = stdev(numbers) if len(numbers) > 1 else math.nan
        values = (mean(numbers) if numbers else math.nan, spread, spread / math.sqrt(len(numbers) or 1))
        for row, value in zip(rows.values(), values, strict=True):
            row[measure] = Cell(value, sum(cell.num_frames for cell in cells))
    return rows


def write_results(vis: Path, masks: Mapping[tuple[str, int], Mask], *, generation: int = 0) -> None:
    """Write masks by (video, frame index) into ``vis`` as TABE's evaluation reads them: 8 bit, 0 or 255."""
    for (video, frame_index), mask in masks.items():
        path = vis / video / MASKS / str(generation) / "masks" / f"{frame_index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path)
