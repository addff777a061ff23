"""Recognises, reads and checks the folders that ``layers.write_layers`` writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from vas_tool.errors import FormatError
from vas_tool.types import Mask
from vas_tool.video.order import in_natural_order
from vas_tool.video.picture_files import CANVAS_PIXELS, open_picture

LayerName = Literal["modal", "amodal", "probability", "content", "modal_overlay", "amodal_overlay", "depth"]
"""Names of layers. The clip has one ``depth``; each object has the others."""

LAYERS: tuple[LayerName, ...] = get_args(LayerName)

OUR_FILES = re.compile(rf"(\d{{3,}}_[^/]*_)?({'|'.join(LAYERS)})(/\d{{5,}}\.png|\.mp4|\.gif)|provenance\.json")
"""Matches the files that ``write_layers`` writes."""


@dataclass(frozen=True)
class LayersFolder:
    """The pictures of a folder that ``write_layers`` filled."""

    pictures: Mapping[str, Mapping[int, Path]]
    """Name of the layer (``001_car_amodal``, ``depth``) -> frame_index -> PNG."""

    def mask(self, name: str, frame_index: int) -> Mask:
        """Return the (H, W) mask of a modal or amodal layer. Raises FormatError when the picture is not a mask of 0
        and 255.
        """
        return _read_mask(self.pictures[name][frame_index])


def is_layers_folder(folder: Path) -> bool:
    """Return whether a folder holds only files of ``write_layers``."""
    inside = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    return bool(inside) and all(map(OUR_FILES.fullmatch, inside)) and inside != ["provenance.json"]


def read_layers(folder: Path) -> LayersFolder:
    """Read a folder of layers. Raises FormatError when it is not such a folder, or has no PNG."""
    if not folder.is_dir() or not is_layers_folder(folder):
        raise FormatError(f"{folder} is no folder of exported layers; name one that `export --format layers` filled")
    pictures: dict[str, dict[int, Path]] = {}
    for path in in_natural_order(folder.glob("*/*.png")):
        pictures.setdefault(path.parent.name, {})[int(path.stem)] = path
    return LayersFolder(pictures)


def _read_mask(path: Path) -> Mask:
    try:
        with open_picture(path, most_pixels=CANVAS_PIXELS) as image:
            grey = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"{path} does not read as an image ({error}); export it again") from error
    if grey.dtype != np.uint8 or grey.ndim != 2 or set(np.unique(grey).tolist()) - {0, 255}:
        raise FormatError(f"{path} is no mask of 0 and 255; export it again")
    return np.asarray(grey == 255)


def check_layers(source: LayersFolder) -> Iterator[str]:
    """Yield one sentence per problem: unreadable files, masks with other values than 0 and 255, layers of several
    sizes.
    """
    for name, paths in source.pictures.items():
        sizes: dict[tuple[int, int], Path] = {}
        for path in paths.values():
            try:
                sizes.setdefault(_checked_size(name, path), path)
            except FormatError as error:
                yield str(error)
        if len(sizes) > 1:
            yield f"{name} has pictures of {len(sizes)} sizes: {', '.join(f'{p.name} {s}' for s, p in sizes.items())}"


def _checked_size(name: str, path: Path) -> tuple[int, int]:
    if name.endswith(("_modal", "_amodal")):
        return _read_mask(path).shape[::-1]
    try:
        with open_picture(path, most_pixels=CANVAS_PIXELS) as image:
            image.load()
            return image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"{path} does not read as an image ({error}); export it again") from error
