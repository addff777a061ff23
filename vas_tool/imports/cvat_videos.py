"""Makes a project from a video and CVAT's tracks of its frames."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.annotations.annotated_videos import AnnotatedTrack
from vas_tool.formats.annotations.cvat_tracks import read_cvat_of_video
from vas_tool.formats.origin import Origin
from vas_tool.imports.annotated import AnnotatedChoice, planned_object
from vas_tool.imports.new_project import create_project
from vas_tool.imports.planned import Imported, Plan, counted_objects, fill, folder_name, nothing_chosen
from vas_tool.video import ListedImages
from vas_tool.wording import counted


def import_cvat_video(
    annotations: Path,
    projects: Path,
    *,
    video: Path,
    choice: AnnotatedChoice | None = None,
    fps: float = 8.0,
    progress: Progress = silent,
) -> Imported:
    """Make a project below ``projects`` from the video of a CVAT task and its tracks.

    Frames are chosen at ``fps`` frames per second by their time stamps. Shapes of other frames are left out; a note
    counts them. Nothing remains when it fails or is cancelled.

    Raises FormatError when the file cannot be read, has no chosen track or is of a video of another size; VideoError
    when the video cannot be read; ProjectError when the project cannot be made; Cancelled.
    """
    file, chosen = read_cvat_of_video(annotations), choice or AnnotatedChoice()
    (task,) = file.videos
    tracks = [track for track in task.tracks if chosen.takes_track(track)]
    if not tracks or not chosen.takes_video(task.name, str(task.id)):
        raise nothing_chosen(f"{annotations} has {counted(len(task.tracks), 'track')}", file.problems)
    folder = projects / folder_name(task.name)
    if (folder / "project.json").exists():
        return Imported((), file.problems, (f"{folder} is there already; it was left as it is",))
    project = create_project(folder, video, fps=fps, progress=progress)
    problems, size_wh = list(file.problems), project.clip.size_wh
    try:
        if size_wh != task.size_wh:
            raise FormatError(f"{annotations} is of a video of {task.size_wh}, {video} is {size_wh} (width, height)")
        frame_of = {record.source_index: i for i, record in enumerate(project.ledger)}
        objects = tuple(planned_object(track, frame_of, problems, name=f"task {task.name}") for track in tracks)
        origin = Origin("cvat", annotations.name, sha256(annotations.read_bytes()).hexdigest(), task.id, {}, {})
        fill(project, Plan(folder.name, ListedImages(video, ()), fps, objects, origin))
    except BaseException:
        project.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    notes = [f"{folder}: {counted(len(project.ledger), 'frame')}, {counted_objects(objects)}"]
    project.close()
    if left_out := sum(_num_outside(track, frame_of) for track in tracks):
        shapes = counted(left_out, "shape is", "shapes are")
        notes.append(f"{folder}: {shapes} on frames that the clip has not at {fps:g} frames a second; --fps gives more")
    return Imported((folder,), tuple(problems), tuple(notes))


def _num_outside(track: AnnotatedTrack, frame_of: dict[int, int]) -> int:
    return len((track.modal.keys() | track.boxes.keys()) - frame_of.keys())
