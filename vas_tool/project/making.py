"""A new project's folder: a clip and nothing said about it yet. Made beside and renamed when it is complete."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

from vas_tool.engines.base import Progress
from vas_tool.errors import ProjectError
from vas_tool.files import FolderLock, storable, sweep, sync_folder, write_atomically
from vas_tool.project.head import head_json
from vas_tool.project.truth import Truth, truth_json
from vas_tool.types import Canvas
from vas_tool.video import ListedImages, import_frames


def make_folder(
    folder: Path,
    source: Path | ListedImages,
    *,
    source_name: str | None,
    fps: float,
    start_seconds: float,
    end_seconds: float | None,
    progress: Progress,
) -> None:
    """As ``Project.create`` says; the folder is not opened."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ProjectError(f"{folder} exists already; open it, or choose another name")
    require_text_names(str(folder), source_name or "", "" if isinstance(source, ListedImages) else str(source))
    sweep(folder.parent)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{threading.get_ident()}.import")
    try:
        beside.mkdir(parents=True)
        lock = FolderLock(beside)  # whoever sweeps sees that it is not left over
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


def require_text_names(*names: str) -> None:
    """Raises ProjectError for a name that is no text: it could not be written down or shown."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ProjectError(
                f"{name.encode(errors='replace').decode()} has a name that is no text; rename it, then try again"
            ) from None
