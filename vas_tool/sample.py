"""Where the bundled sample lies: inside the package when installed from a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from vas_tool.errors import VideoError

PACKAGE = Path(__file__).resolve().parent
PLACES = (PACKAGE / "assets" / "sample" / "clip.mp4", PACKAGE.parent / "assets" / "sample" / "clip.mp4")


def sample_clip() -> Path:
    """The sample video. Raises VideoError when the installation lacks it."""
    for place in PLACES:
        if place.is_file():
            return place
    raise VideoError("the sample is not part of this installation; open a video of your own, or install vas-tool anew")


def is_sample(path: Path) -> bool:
    """Whether that is the sample video: no installation needs to have it."""
    return path.resolve() in PLACES
