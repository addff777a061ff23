"""Makes errors that name the right file when TAO-Amodal's own files are given instead of a benchmark's.

Diffusion-VAS measures on samples with masks that its authors made from TAO-Amodal. TAO-Amodal's own annotations are
boxes, and its own results are scored boxes, which its own toolkit measures.
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
def wrong_truth_named(path: Path) -> Iterator[None]:
    """Return a context manager in which a FormatError about TAO-Amodal's own annotations names the needed file."""
    with _wrong_file_named(path, is_tao_amodal, TRUTH):
        yield


@contextmanager
def wrong_results_named(path: Path) -> Iterator[None]:
    """Return a context manager in which a FormatError about TAO-Amodal's own predictions names the needed file."""
    with _wrong_file_named(path, is_predictions, RESULTS):
        yield


@contextmanager
def _wrong_file_named(path: Path, fits: Callable[[Any], bool], message: str) -> Iterator[None]:
    try:
        yield
    except FormatError as error:
        if path.is_file() and fits(_parsed(path)):  # the file is read a second time, but only after an error
            raise FormatError(message.format(path=path)) from error
        raise


def _parsed(path: Path) -> Any:
    try:
        return load_json(path)
    except FormatError:
        return None
