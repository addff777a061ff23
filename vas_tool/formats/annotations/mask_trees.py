"""Reads the folders of DAVIS (Pont-Tuset et al., 2017) and YouTube-VOS (Xu et al., ECCV 2018).

JPEGImages/<video>/00000.jpg       the pictures; DAVIS has a folder for the resolution between (480p)
Annotations/<video>/00000.png      the modal masks: the value of a pixel is the number of its object, 0 is the ground
meta.json                          YouTube-VOS only: the categories of the objects, by video and number
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, InputError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, AnnotatedTrack, AnnotatedVideo
from vas_tool.formats.json_files import load_json
from vas_tool.formats.mask_folder import MaskFolder, paired_masks, read_masks
from vas_tool.formats.mask_names import FrameNames
from vas_tool.formats.mask_values import MaskValues
from vas_tool.formats.sequences import upright_size
from vas_tool.video.images import image_paths, is_image
from vas_tool.video.order import in_natural_order

PICTURES, MASKS = "JPEGImages", "Annotations"


def video_names(root: Path) -> list[str]:
    """Return the videos of a tree, as paths below Annotations (``480p/bear``). Raises FormatError when there are
    none.
    """
    if not (root / MASKS).is_dir() or not (root / PICTURES).is_dir():
        raise FormatError(f"{root} has no folders {PICTURES} and {MASKS}; name the folder that holds both")
    folders = in_natural_order(path for path in (root / MASKS).rglob("*") if path.is_dir())
    names = [path.relative_to(root / MASKS).as_posix() for path in folders if any(map(is_image, path.iterdir()))]
    if not names:
        raise FormatError(f"{root / MASKS} holds no folder with masks; unpack the annotations there")
    return names


def read_mask_tree(
    root: Path, names: list[str], *, mask_values: MaskValues = "auto", progress: Progress = silent
) -> AnnotatedFile:
    """Read the named videos of a tree. Videos that cannot be read are left out and listed.

    ``mask_values`` decides what the masks' values mean where the pictures do not. Raises FormatError when meta.json is
    damaged, Cancelled.
    """
    meta = _meta(root / "meta.json")
    videos: list[AnnotatedVideo] = []
    problems: list[str] = []
    for done, name in enumerate(names):
        progress(done, len(names), "reading masks")
        try:
            videos.append(_video(root, name, meta.get(name), mask_values=mask_values))
        except InputError as error:
            problems.append(f"video {name}: {error}")
    return AnnotatedFile("davis", tuple(videos), tuple(problems))


def _meta(path: Path) -> dict[str, Any]:
    """Return video -> its record in meta.json; empty without that file."""
    if not path.is_file():
        return {}
    data = load_json(path)
    videos = data.get("videos") if isinstance(data, dict) else None
    if not isinstance(videos, dict):
        raise FormatError(f"{path} has no record videos; take it out, or copy it from the data set again")
    return videos


def _video(root: Path, name: str, meta: Any, *, mask_values: MaskValues) -> AnnotatedVideo:
    pictures = image_paths(root / PICTURES / name)
    size_wh = upright_size(pictures[0])
    stems = tuple(picture.stem for picture in pictures)
    paired = paired_masks(root / MASKS / name, FrameNames(stems), size_wh=size_wh)
    masks = read_masks(paired.masks, size_wh=size_wh, values=mask_values)
    labels = _labels(name, masks, meta)
    return AnnotatedVideo(
        id=name,
        name=name,
        size_wh=size_wh,
        files=tuple(f"{PICTURES}/{name}/{picture.name}" for picture in pictures),
        tracks=tuple(
            AnnotatedTrack(int(given.name) if given.name.isdecimal() else number, label, modal=given.read)
            for number, (given, label) in enumerate(zip(masks.objects, labels, strict=True), 1)
        ),
    )


def _labels(name: str, masks: MaskFolder, meta: Any) -> list[str]:
    """Return the objects' labels: the categories of meta.json, or the video with the object's number."""
    if meta is None:
        return [f"{name.rpartition('/')[2]} {given.name}".rstrip() for given in masks.objects]
    objects = meta.get("objects") if isinstance(meta, dict) else None
    found = objects.items() if isinstance(objects, dict) else ()
    known = {number: o["category"] for number, o in found if isinstance(o, dict) and "category" in o}
    numbers = [given.name for given in masks.objects]
    if numbers == [""] and len(known) == 1:
        return [str(label) for label in known.values()]
    unknown = [number or "of one object" for number in numbers if number not in known]
    if unknown:
        raise FormatError(f"meta.json names the objects {sorted(known)}, the masks have {', '.join(unknown)}")
    return [str(known[number]) for number in numbers]
