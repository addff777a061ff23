"""Exports from the page: whole or not there, into the project's folder, or elsewhere when that cannot be written."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vas_tool.engines.base import Progress
from vas_tool.errors import FormatError, ProjectError
from vas_tool.exports import default_out, export
from vas_tool.files import refuse_links, remedy, sync_folder
from vas_tool.session import Session
from vas_tool.ui.reports import split_by_object

PLAIN_FILE = 0o100644
"""Of what kind a file in a .zip is, and who may do what with it."""

BESIDE = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.(?P<kind>part|former)")
"""What is being written, and what it is about to replace."""


@dataclass(frozen=True)
class ExportReport:
    """What an export from the page left behind."""

    folder: Path
    files: list[str]
    """Names in ``folder`` that can be downloaded; folders come as .zip."""
    notes: list[str]
    """What is to be known of the whole export."""
    by_object: list[str]
    """A line for each object of which something is to be known: left out, unreviewed."""


def export_session(session: Session, name: str, *, only_accepted: bool, progress: Progress) -> ExportReport:
    """Write a format; what was exported before is replaced when the new one is whole. One export at a time.

    Raises FormatError when there is nothing to write or the disk refuses.
    """
    with session.exporting:
        folder, why = _place(session)
        beside = folder / f".{name}.{secrets.token_hex(4)}.part"
        try:
            beside.mkdir()
            out = default_out(name, beside)
            done = export([session.project], name, out, only_accepted=only_accepted, progress=progress)
            written = [path if path.is_file() else _zipped(path) for path in done.paths]
            for path in sorted({*done.paths, *written}):
                _replace(path, folder / path.name)
        except OSError as error:
            raise FormatError(f"{folder} could not be written ({error.strerror}); {remedy(error)}") from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    general, by_object = split_by_object(session.project, done.notes)
    return ExportReport(folder, [path.name for path in written], [*why, *general], by_object)


def _place(session: Session) -> tuple[Path, list[str]]:
    """Where exports go, and why not into the project when they do not."""
    inside = session.project.folder / session.exports.name
    try:
        session.project.require_writable()
        refuse_links([inside])
        inside.mkdir(exist_ok=True)
        _sweep(inside)
        probe = inside / f".probe.{secrets.token_hex(4)}.part"
        probe.mkdir()
        probe.rmdir()
        session.exports = inside
        return inside, []
    except (ProjectError, OSError) as error:
        said = str(error) if isinstance(error, ProjectError) else f"{inside}: {error.strerror}"
        if session.exports == inside:
            session.exports = Path(tempfile.mkdtemp(prefix="vas-tool-exports-")) / inside.name
            session.exports.mkdir()
    return session.exports, [f"The project cannot be written, so this went elsewhere; download it. ({said})"]


def _sweep(folder: Path) -> None:
    """Remove what killed exports left; an export that was moved away for one that never came is put back."""
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
    """Put a file or folder in the place of an older one, which is there until the new one is."""
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
    """A folder as one file to download, beside it: the same bytes for the same files, whenever they were written."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(inner for inner in folder.rglob("*") if inner.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder.parent).as_posix())  # with a date that is always the same
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, PLAIN_FILE << 16
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
    return path
