"""Makes a project without objects from a video or from images."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import ProjectError
from vas_tool.files import FolderLock, storable, sweep, sync_folder, write_atomically
from vas_tool.project import Project
from vas_tool.project.head import head_json, require_text_names
from vas_tool.project.truth import Truth, truth_json
from vas_tool.types import Canvas
from vas_tool.video import ListedImages, import_frames


def create_project(
    folder: Path,
    source: Path | ListedImages,
    *,
    fps: float = 8.0,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    source_name: str | None = None,
    progress: Progress = silent,
) -> Project:
    """Import a video, a folder of images, or some images of one into a new project folder, and open it.

    ``fps`` is the clip's rate in frames per second; ``start_seconds`` and ``end_seconds`` (None: the end) cut the
    video. The project records the whole path of the source, or ``source_name`` in its place where the path is a
    temporary one.

    The project is made under a temporary name and renamed when it is complete: a cancelled or failed import leaves
    nothing, and the next import removes what a killed one left. Raises ProjectError if ``folder`` exists and is not
    empty, VideoError if the source cannot become a clip, Cancelled.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ProjectError(f"{folder} exists already; open it, or choose another name")
    require_text_names(str(folder), source_name or "", "" if isinstance(source, ListedImages) else str(source))
    sweep(folder.parent)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{threading.get_ident()}.import")
    try:
        beside.mkdir(parents=True)
        lock = FolderLock(beside)  # another import that removes left-over folders leaves a locked one
        try:
            imported = import_frames(
                source,
                beside / "frames",
                fps=fps,
                start_seconds=start_seconds,
                end_seconds=end_seconds,
                progress=progress,
            )
            named = replace(imported.source, path=source_name or str(Path(imported.source.path).absolute()))
            data = head_json(named, imported.ledger, fps=imported.fps)
            data |= truth_json(Truth(canvas=Canvas(imported.size_wh)))
            write_atomically(beside / "project.json", storable(data))
            beside.replace(folder)
            sync_folder(folder.parent)
        finally:
            lock.release()
    except OSError as error:
        raise ProjectError(f"{folder} cannot be made ({error.strerror}); choose a folder you may write") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Project.open(folder)
