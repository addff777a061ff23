"""Exports from the page: into the project's folder, or into a temporary folder if that cannot be written. An export is
complete or not there at all.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vas_tool.engines.base import Progress
from vas_tool.errors import FormatError, ProjectError, VasToolError
from vas_tool.exports import default_out, export
from vas_tool.files import refuse_links, remedy, sync_folder
from vas_tool.session import Session
from vas_tool.session.session import EXPORTS
from vas_tool.ui.reports import split_by_object

PLAIN_FILE = 0o100644
"""Type and permissions of a file in a .zip."""

BESIDE = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.(?P<kind>part|former)")
"""Matches the names of exports that are being written or replaced."""


@dataclass(frozen=True)
class ExportReport:
    """The result of an export from the page."""

    folder: Path
    files: list[str]
    """Names in ``folder`` that can be downloaded. Folders are .zip files."""
    notes: list[str]
    """Sentences about the whole export."""
    by_object: list[str]
    """One line for each object with notes: left out, not reviewed."""


def export_session(session: Session, name: str, *, only_accepted: bool, progress: Progress) -> ExportReport:
    """Write a format. It replaces a former export when it is complete. Exports run one at a time.

    It is written into the project's folder. If that is read-only or full, it is written to a temporary folder, which is
    removed when the session is closed, and the report says so. Raises FormatError when there is nothing to write or no
    space is left.
    """
    inside = session.project.folder / EXPORTS
    with session.exporting:
        try:
            session.project.require_writable()
            refuse_links([inside])
            inside.mkdir(exist_ok=True)
            _sweep(inside)
            return _written(session, inside, name, only_accepted=only_accepted, progress=progress)
        except (VasToolError, OSError) as error:
            if not _disk_refused(error):
                raise
            note = f"The project cannot be written ({_message(error)}): download this before you stop the tool."
        if session.exports == inside:
            session.exports = Path(tempfile.mkdtemp(prefix="vas-tool-exports-"))
        try:
            report = _written(session, session.exports, name, only_accepted=only_accepted, progress=progress)
        except OSError as error:
            raise FormatError(f"{session.exports} could not be written ({_message(error)}); {remedy(error)}") from error
        return replace(report, notes=[note, *report.notes])


def _disk_refused(error: BaseException) -> bool:
    return isinstance(error, ProjectError | OSError) or isinstance(error.__cause__, OSError)


def _message(error: BaseException) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _written(session: Session, folder: Path, name: str, *, only_accepted: bool, progress: Progress) -> ExportReport:
    beside = folder / f".{name}.{secrets.token_hex(4)}.part"
    try:
        beside.mkdir()
        out = default_out(name, beside)
        done = export([session.project], name, out, only_accepted=only_accepted, progress=progress)
        written = [path if path.is_file() else _zipped(path) for path in done.paths]
        for path in sorted({*done.paths, *written}):
            _replace(path, folder / path.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    session.exports = folder
    return ExportReport(folder, [path.name for path in written], *split_by_object(done.notes))


def _sweep(folder: Path) -> None:
    """Remove incomplete files of killed exports, and restore exports that they had moved away."""
    for path in folder.iterdir():
        match = BESIDE.fullmatch(path.name)
        if match is None or path.is_symlink():
            continue
        whole = folder / match["name"]
        if match["kind"] == "former" and not whole.exists():
            path.replace(whole)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _replace(new: Path, old: Path) -> None:
    """Replace an older file or folder. It exists until the new one does."""
    former = old.with_name(f".{old.name}.{secrets.token_hex(4)}.former")
    with suppress(FileNotFoundError):
        if new.is_dir() or old.is_dir():
            old.replace(former)
    new.replace(old)
    sync_folder(old.parent)
    if former.is_symlink() or former.is_file():
        former.unlink()
    else:
        shutil.rmtree(former, ignore_errors=True)


def _zipped(folder: Path) -> Path:
    """Return a .zip of a folder, beside it. The same files give the same bytes at any time."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(inner for inner in folder.rglob("*") if inner.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder.parent).as_posix())  # with a fixed date
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, PLAIN_FILE << 16
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
    return path
