"""Reads the truth and the predictions of each benchmark, from its own files or from exports of this tool. See
``READERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import vas_tool.evaluation.eoras as eoras
import vas_tool.evaluation.kitti as kitti
import vas_tool.evaluation.movi as movi
import vas_tool.evaluation.sail_vos as sail_vos
import vas_tool.evaluation.tabe51 as tabe51
import vas_tool.evaluation.tao_amodal as tao_amodal
from vas_tool.evaluation.dataset import Predictions, Truth, doubled
from vas_tool.evaluation.mask_sources import RleMask
from vas_tool.evaluation.project_exports import Naming, export_predictions, export_truth
from vas_tool.evaluation.records import is_project_export
from vas_tool.evaluation.wrong_file import wrong_results_named, wrong_truth_named


def _no_pictures(truth: Path) -> Path | None:
    return None


@dataclass(frozen=True)
class Reader:
    """How the files of one benchmark are read."""

    truth: Callable[[Path, Path | None], Truth]
    """A function: (file or folder, map of TAO-Amodal's tracks) -> truth."""
    predictions: Callable[[Path, Truth], list[Predictions]]
    """A function: (file or folder, truth) -> predictions; for TABE one for each generation."""
    naming: Naming = field(default_factory=Naming)
    """The keys of frames in exports of this tool."""
    pictures: Callable[[Path], Path | None] = _no_pictures
    """A function: path of the truth -> the folder of the pictures, or None if it is elsewhere."""


def read_truth(benchmark: str, path: Path, track_map: Path | None = None) -> Truth:
    """Return the truth of a benchmark, with its problems. Raises FormatError when the file has another form."""
    reader = READERS[benchmark]
    ours = is_project_export(path)
    with wrong_truth_named(path):
        truth = export_truth(path, reader.naming) if ours else reader.truth(path, track_map)
    return replace(truth, problems=(*truth.problems, *doubled(truth.clips)))


def read_predictions(benchmark: str, paths: Sequence[Path], truth: Truth) -> list[Predictions]:
    """Return the predictions in result files, in their order. Raises FormatError when a file has another form."""
    reader = READERS[benchmark]
    found: list[Predictions] = []
    for path in paths:
        ours = is_project_export(path)
        with wrong_results_named(path):
            several = [export_predictions(path, reader.naming)] if ours else reader.predictions(path, truth)
        ambiguous = len(several) > 1 and len(paths) > 1
        found += [replace(p, of=path.name, name=f"{path.name}, {p.name}" if ambiguous else p.name) for p in several]
    return found


def pictures_of(benchmark: str, truth: Path) -> Path | None:
    """Return the folder that the names of the truth's pictures are relative to; None if it is unknown."""
    return None if is_project_export(truth) else READERS[benchmark].pictures(truth)


def _shows_something(amodal: RleMask, modal: RleMask) -> bool:
    return any(modal.box_xywh())


READERS: dict[str, Reader] = {
    "sail-vos": Reader(
        lambda path, tracks: sail_vos.read_truth(path), lambda path, truth: [sail_vos.read_predictions(path)]
    ),
    "tao-amodal": Reader(
        lambda path, tracks: tao_amodal.read_truth(path, tao_amodal.read_track_map(tracks)),
        lambda path, truth: [tao_amodal.read_predictions(path)],
    ),
    "tabe-51": Reader(
        lambda path, tracks: tabe51.read_truth(path),
        tabe51.read_predictions,
        Naming(lambda video, item: tabe51.key_of(video, item.frame_index), lambda video, obj: video),
        tabe51.pictures_folder,
    ),
    "movi": Reader(
        lambda path, tracks: movi.read_truth(path),
        lambda path, truth: [movi.read_predictions(path)],
        # Our ids start at 1, as in segmentation_full.
        Naming(
            lambda video, item: eoras.key_of(video, item.object_id - 1, item.frame_index),
            lambda video, obj: f"{video}-{obj - 1}",
            _shows_something,
            movi.NOTHING_SEEN,
        ),
        movi.split_of,
    ),
    "kitti": Reader(
        lambda path, tracks: kitti.read_truth(path),
        lambda path, truth: [kitti.read_predictions(path)],
        Naming(
            lambda video, item: eoras.key_of(video, item.object_id, item.frame_index),
            lambda video, obj: f"{video}-{obj}",
            kitti.is_annotated,
            kitti.NOT_ANNOTATED,
        ),
        lambda truth: truth,
    ),
}
"""Name of a benchmark -> how its files are read."""
