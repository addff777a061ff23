"""The secret in the printed address. It belongs to the user and stays the same, so that pages and bookmarks remain
valid.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

FILE_VARIABLE = "VAS_TOOL_TOKEN_FILE"
"""Environment variable that names the file."""

WRITTEN = re.compile(r"[\w-]{32,200}")
"""Matches our secrets."""


def secret_file() -> Path:
    """Return the file of the secret: the one that VAS_TOOL_TOKEN_FILE names, or one in the user's cache."""
    chosen = os.environ.get(FILE_VARIABLE)
    return Path(chosen or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "vas-tool" / "token").expanduser()


def kept_secret() -> str:
    """Return the secret of the file. A secret that others could have read or written is replaced.

    If no file can be written, the secret is new at every start.
    """
    file = secret_file()
    try:
        return _read(file) or _made(file)
    except OSError:
        return _new()


def _new() -> str:
    return secrets.token_urlsafe(32)


def _read(file: Path) -> str | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with open(descriptor, encoding="ascii", errors="replace") as opened:
        info = os.fstat(descriptor)
        private = stat.S_ISREG(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o077
        secret = opened.read(1024).strip() if private else ""
    return secret if WRITTEN.fullmatch(secret) else None


def _made(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    secret = _new()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another server started at the same moment
        return _read(file) or secret
    with open(descriptor, "w", encoding="ascii") as opened:
        opened.write(secret)
    return secret
