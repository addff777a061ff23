"""Writes the scene of a project as an export."""

from __future__ import annotations

import json
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.frame_files import ExportedFiles
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.provenance import write_provenance
from vas_tool.formats.scene_video import EDITS, OUR_FILES, VIDEO
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.scene.rendering import Scene
from vas_tool.video import write_video


def write_scene(
    project: Project, folder: Path, *, only_accepted: bool = False, progress: Progress = silent
) -> ExportedFiles:
    """Write the project's scene into ``folder``. A former export in the folder is replaced.

    With ``only_accepted``, an object is no layer on frames that nobody accepted: it stays as the clip shows it.

    Raises FormatError when no object has a mask or ``folder`` holds anything else; Cancelled.
    """
    video = video_of(project)
    scene = Scene(project, video.truth.scene, only_accepted=only_accepted)
    with folder_in_place(folder, ours=OUR_FILES) as beside:
        write_video(beside / VIDEO, scene.frames(progress=progress), fps=project.clip.fps)
        (beside / EDITS).write_text(json.dumps(video.truth.scene.json(), indent=1))
        frames = range(len(project.clip))
        write_provenance(beside, video, format_name="scene", objects=video.truth.objects, frames=frames)
    return ExportedFiles((folder / VIDEO, folder / EDITS), ())
