"""Reads an export as another tool would, and lists everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from vas_tool.errors import FormatError, InputError
from vas_tool.formats.alpha_videos import check_alpha_videos, is_alpha_folder
from vas_tool.formats.exr import EXR
from vas_tool.formats.frame_files import check_frame_files, is_frame_folder
from vas_tool.formats.gen_omnimatte import check_gen_omnimatte, is_gen_omnimatte_folder
from vas_tool.formats.hf_dataset import check_hf_dataset, is_hf_dataset
from vas_tool.formats.layers_reading import check_layers, is_layers_folder, read_layers
from vas_tool.formats.openraster import OPENRASTER
from vas_tool.formats.psd import PSD
from vas_tool.formats.scene_video import check_scene, is_scene_folder
from vas_tool.formats.sequences import is_sequences_folder, odd_files, read_sequences
from vas_tool.formats.sv4d import check_sv4d, is_sv4d_folder
from vas_tool.formats.tabe import check_tabe, is_tabe_folder, read_tabe
from vas_tool.formats.verify_file import FormatKind, VerifyReport, unknown, verify_export, verify_file
from vas_tool.formats.verify_project import verify_project
from vas_tool.formats.zips import is_zip, unpacked
from vas_tool.video.order import in_natural_order

DEEPEST = 3
"""Levels of nested folders in which exports are searched."""


def verify(path: Path) -> VerifyReport:
    """Check an export of any format; a folder may also be a .zip. The format is recognised from the content.

    In a folder that is no export itself, all exports are checked. For a project, the problems are the frames on
    which nothing is in front of a hidden part.

    Every mask is decoded and compared with its image's size, its area, boxes and rates; ids and file names must be
    unique, references must exist, amodal masks must cover modal ones. Files in the form of COCO are loaded with
    pycocotools. Every picture of a folder is decoded. It never raises for errors in the file: ``problems`` lists all of
    them.
    """
    if is_zip(path):
        return _verify_zip(path)
    return _verify_folder(path) if path.is_dir() else verify_file(path)


def _verify_zip(path: Path) -> VerifyReport:
    """Check the folder in a .zip. Problems name the .zip, not the temporary folder."""
    try:
        with unpacked(path) as place:
            folder = _innermost(place)
            report = _verify_folder(folder)
            problems = tuple(p.replace(f"{folder}", f"{path}").replace(f"{place}", f"{path}") for p in report.problems)
    except FormatError as error:
        return unknown(path, str(error))
    return replace(report, path=path, problems=problems)


def _innermost(folder: Path) -> Path:
    """Return the first nested folder that holds more than one folder: a .zip may hold the export's folder or its
    content.
    """
    while not any(fits(folder) for _, fits, _ in _FOLDERS):
        inner = list(folder.iterdir())
        if len(inner) != 1 or not inner[0].is_dir():
            break
        folder = inner[0]
    return folder


def _verify_folder(path: Path) -> VerifyReport:
    """Check a folder of one format, or else all exports in it, folders and files."""
    if is_project(path):
        return verify_project(path)
    return _together(path, list(_exports_in(path, DEEPEST)))


def is_project(folder: Path) -> bool:
    """Return whether a folder is a project, whose files are in no export format."""
    return (folder / "project.json").is_file()


def _exports_in(path: Path, deeper: int) -> Iterator[VerifyReport]:
    if is_project(path):
        return
    for kind, fits, check in _FOLDERS:
        if fits(path):
            yield _checked(path, kind, check(path))
            return
    yield from filter(None, map(verify_export, in_natural_order(path.glob("*.json"))))
    for folder in in_natural_order(
        inner for inner in path.iterdir() if inner.is_dir() and not inner.name.startswith(".")
    ):
        if deeper and os.access(folder, os.R_OK | os.X_OK):
            yield from _exports_in(folder, deeper - 1)


def _together(path: Path, parts: Sequence[VerifyReport]) -> VerifyReport:
    if not parts:
        return unknown(path, NO_EXPORT.format(path=path))
    kinds = tuple(dict.fromkeys(part.kind for part in parts))
    return VerifyReport(
        path,
        kinds[0] if len(kinds) == 1 else "several",
        num_images=sum(part.num_images for part in parts),
        num_annotations=sum(part.num_annotations for part in parts),
        problems=tuple(_named(path, part, problem) for part in parts for problem in part.problems),
        kinds=kinds,
    )


def _named(folder: Path, part: VerifyReport, problem: str) -> str:
    """Return a problem with the name of its export, unless the problem names a file already."""
    return problem if str(part.path) in problem else f"{part.path.relative_to(folder)}: {problem}"


NO_EXPORT = (
    "{path} has no folders rgbs and masks, nor frames and visible_masks, nor exported layers, pictures or videos, nor "
    "Parquet files, nor an exported .json; name an exported file, its .zip or such a folder"
)


CheckResult = tuple[int, int, list[str]]
"""Number of images, number of masks, problems."""


def _checked(path: Path, kind: FormatKind, found: CheckResult) -> VerifyReport:
    images, masks, problems = found
    return VerifyReport(path, kind, num_images=images, num_annotations=masks, problems=tuple(problems))


def _check_sequences(folder: Path) -> CheckResult:
    try:
        source = read_sequences(folder)
    except InputError as error:
        return 0, 0, [str(error)]
    return source.num_frames, len(source.masks), odd_files(source)


def _check_tabe(folder: Path) -> CheckResult:
    try:
        source = read_tabe(folder)
    except InputError as error:
        return 0, 0, [str(error)]
    return source.num_frames, len(source.visible) + len(source.amodal), list(check_tabe(source))


def _check_layers(folder: Path) -> CheckResult:
    source = read_layers(folder)
    frames = {frame for pictures in source.pictures.values() for frame in pictures}
    return len(frames), sum(map(len, source.pictures.values())), list(check_layers(source))


_FOLDERS: tuple[tuple[FormatKind, Callable[[Path], bool], Callable[[Path], CheckResult]], ...] = (
    ("sequences", is_sequences_folder, _check_sequences),
    ("tabe", is_tabe_folder, _check_tabe),
    ("layers", is_layers_folder, _check_layers),
    ("hf-dataset", is_hf_dataset, check_hf_dataset),
    ("exr", partial(is_frame_folder, EXR), partial(check_frame_files, EXR)),
    ("openraster", partial(is_frame_folder, OPENRASTER), partial(check_frame_files, OPENRASTER)),
    ("psd", partial(is_frame_folder, PSD), partial(check_frame_files, PSD)),
    ("prores", partial(is_alpha_folder, "prores"), partial(check_alpha_videos, "prores")),
    ("webm", partial(is_alpha_folder, "webm"), partial(check_alpha_videos, "webm")),
    ("gen-omnimatte", is_gen_omnimatte_folder, check_gen_omnimatte),
    ("sv4d", is_sv4d_folder, check_sv4d),
    ("scene", is_scene_folder, check_scene),
)
"""Format of a folder, the function that recognises it, and its check."""
