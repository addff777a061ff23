"""Recognises and checks folders of the export ``scene``, which is the clip with edited objects.

scene.mp4         the clip with objects moved, scaled, left out, frozen or reordered, at the clip's rate
scene.json        the edits, in the form of ``scene`` in project.json
provenance.json   how each object's masks were made
"""

from __future__ import annotations

import re
from pathlib import Path

from vas_tool.formats.gen_omnimatte import checked_video
from vas_tool.formats.provenance import PROVENANCE

VIDEO, EDITS = "scene.mp4", "scene.json"

OUR_FILES = re.compile("|".join(map(re.escape, (VIDEO, EDITS, PROVENANCE))))
"""Matches the files of the export."""


def is_scene_folder(folder: Path) -> bool:
    """Return whether a folder holds a rendered scene."""
    return (folder / VIDEO).is_file() and (folder / EDITS).is_file()


def check_scene(folder: Path) -> tuple[int, int, list[str]]:
    """Decode the video. Return its number of frames, as that of images and of annotations; and the problems."""
    problems: list[str] = []
    found = checked_video(folder / VIDEO, problems)
    frames = found[0][0] if found else 0
    return frames, frames, problems
