"""Files of TAO-Amodal itself, where a benchmark's samples and results belong: the error says which file is meant.

Diffusion-VAS measures on samples that it made of TAO-Amodal, with masks. TAO-Amodal's own annotations are boxes, and
its own results are scored boxes, measured by its own toolkit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vas_tool.errors import FormatError
from vas_tool.formats.json_files import load_json
from vas_tool.formats.tao_predictions import is_predictions
from vas_tool.formats.tao_reading import is_tao_amodal

TRUTH = (
    "{path} is TAO-Amodal's own annotation file: boxes, no masks to complete; --truth takes the samples that "
    "Diffusion-VAS made of it (diffusion_vas_tao_amodal_val.json), or a COCO export (`vas-tool export PROJECT "
    "--format coco`). To make projects of it: `vas-tool import tao-amodal {path} --help`"
)

RESULTS = (
    "{path} is a list of TAO-Amodal predictions, which TAO-Amodal's own toolkit measures; --predictions takes what "
    "`vas-tool predict` writes, or a COCO export (`vas-tool export PROJECT --format coco`)"
)


@contextmanager
def truth_told_apart(path: Path) -> Iterator[None]:
    """A FormatError about annotations of TAO-Amodal says instead what they are, and what is needed."""
    with _told_apart(path, is_tao_amodal, TRUTH):
        yield


@contextmanager
def results_told_apart(path: Path) -> Iterator[None]:
    """The same of its lists of predictions."""
    with _told_apart(path, is_predictions, RESULTS):
        yield


@contextmanager
def _told_apart(path: Path, fits: Callable[[Any], bool], words: str) -> Iterator[None]:
    try:
        yield
    except FormatError as error:
        if path.is_file() and fits(_parsed(path)):  # read again, but only when it is of no use as it is
            raise FormatError(words.format(path=path)) from error
        raise


def _parsed(path: Path) -> Any:
    try:
        return load_json(path)
    except FormatError:
        return None
