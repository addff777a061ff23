"""The page's report on an export: its folder, its files, and one line for each object with notes."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from html import escape

from vas_tool.errors import VasToolError
from vas_tool.formats.notes import Note, named, without_object, worded

SHORT = 3
"""Most lines that the report shows without unfolding."""

ADVICE = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some of your space on that disk",
    errno.EROFS: "make that disk writable",
    errno.EACCES: "make it writable for you",
    errno.EPERM: "make it writable for you",
    errno.ENOENT: "was the project moved or deleted? Open it where it is now",
}
"""Error number -> what to do when a file cannot be read or written."""


def error_message(error: VasToolError | OSError) -> str:
    """Return the message of an error for the user."""
    if isinstance(error, VasToolError):
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    advice = ADVICE.get(error.errno or 0, "look at the disk, and do it again")
    return f"{where}{error.strerror or error}; {advice}"


def report_html(folder: str, links: Iterable[tuple[str, str]], *, notes: Sequence[str], lines: Sequence[str]) -> str:
    """Return the report as HTML. ``links`` are (name, address). ``notes`` are in the first line, ``lines`` below it."""
    files = " · ".join(f'<a href="{escape(address)}">{escape(name)}</a>' for name, address in links)
    head = f"<p><strong>Exported</strong> to <code>{escape(folder)}</code>: {files}. {escape(' '.join(notes))}</p>"
    rows = "".join(f"<li>{escape(line)}</li>" for line in lines)
    if not rows:
        return head
    if len(lines) <= SHORT:
        return f"{head}<ul>{rows}</ul>"
    return f"{head}<details><summary>Notes on {len(lines)} objects</summary><ul>{rows}</ul></details>"


def split_by_object(notes: Iterable[Note]) -> tuple[list[str], list[str]]:
    """Return the sentences about the whole export, and one line for each object with all sentences about it."""
    general: list[str] = []
    objects: dict[str, list[str]] = {}
    for note in notes:
        if note.object_id:
            objects.setdefault(named(note.object_id, note.label), []).append(without_object(note))
        else:
            general.append(worded(note))
    return general, [f"{name}: {'; '.join(words)}." for name, words in objects.items()]
