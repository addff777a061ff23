"""Finds the bundled sample: inside the package of a wheel, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from vas_tool.errors import VideoError

PACKAGE = Path(__file__).resolve().parent
PLACES = (PACKAGE / "assets" / "sample" / "clip.mp4", PACKAGE.parent / "assets" / "sample" / "clip.mp4")


def sample_clip() -> Path:
    """Return the path of the sample video. Raises VideoError when the installation lacks it."""
    for place in PLACES:
        if place.is_file():
            return place
    raise VideoError("the sample is not part of this installation; open a video of your own, or install vas-tool anew")


def is_sample(path: Path) -> bool:
    """Return whether a path is the sample video."""
    return path.resolve() in PLACES
