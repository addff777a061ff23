"""Where the bundled sample lies: beside the sources in a checkout, inside the package when installed from a wheel."""

from __future__ import annotations

from pathlib import Path

from vas_tool.errors import VideoError

PLACES = (
    Path(__file__).resolve().parent.parent / "assets" / "sample",
    Path(__file__).resolve().parent / "assets" / "sample",
)


def sample_clip() -> Path:
    """The sample video. Raises VideoError when the installation lacks it."""
    for place in PLACES:
        if (place / "clip.mp4").is_file():
            return place / "clip.mp4"
    raise VideoError("the sample is not part of this installation; open a video of your own, or run from a checkout")
