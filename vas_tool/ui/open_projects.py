"""The open projects under one root folder: one session for each project, one token for each browser tab."""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import ProjectError
from vas_tool.files import sweep
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.session import Session

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportOptions:
    """Options for the import of a video: frame rate of the clip in 1/s, start and end in the video in seconds."""

    fps: float = 8.0
    start_seconds: float = 0.0
    end_seconds: float | None = None


LINGER_SECONDS = 60.0
"""Seconds to wait for a tab that seems to be closed. A reload, or a lost connection, returns within them."""


class OpenProjects:
    """The open projects and their tabs. A token cannot be guessed and is the only key to its project. Thread-safe."""

    def __init__(self, root: Path, *, linger_seconds: float = LINGER_SECONDS) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        sweep(self.root)
        self._linger = linger_seconds
        self._mutex = threading.RLock()
        """Never held while a project is opened or closed, because all requests for pictures need it."""
        self._folder_locks: dict[Path, threading.Lock] = {}
        self._promised: set[str] = set()
        self._sessions: dict[Path, Session] = {}
        self._tokens: dict[str, Path] = {}
        self._seen: dict[str, float] = {}
        """Token -> time of its page's last request (monotonic seconds)."""
        self._watched: set[str] = set()
        """Tokens that are removed when their page sends no requests."""
        self.stopping = threading.Event()
        """Set when the server stops. Streams to open pages then end."""

    def projects(self) -> list[str]:
        """Return the names of the projects under the root, last used first."""
        found = [f.parent for f in self.root.glob("*/project.json") if not f.parent.name.startswith(".")]
        return [p.name for p in sorted(found, key=_last_used, reverse=True)]

    def inside(self, path: str | Path) -> Path:
        """Return ``path``, relative to the root or absolute, as an absolute path.

        Raises ProjectError if it lies outside the root; the error does not reveal whether the path exists.
        """
        try:
            resolved = (self.root / Path(path).expanduser()).resolve()
        except (OSError, RuntimeError, ValueError):  # cyclic links, ~nobody, characters that no path has
            raise ProjectError(f"{str(path)[:200]!r} cannot be a path; check the spelling") from None
        if not resolved.is_relative_to(self.root):
            raise ProjectError(
                f"{path} is outside the folder this tool serves ({self.root}); check the spelling, move it there, or "
                "start the tool with --root set to a folder that holds it"
            )
        return resolved

    def source(self, path: str) -> Path:
        """Return ``path``, relative to the root or absolute, as the absolute path of a source.

        Raises ProjectError if it, or the target of a link in a folder of images, lies outside the root.
        """
        source = self.inside(path)
        for folder in (source, source / "rgbs", source / "masks"):
            for entry in folder.iterdir() if os.path.isdir(folder) else ():
                if entry.is_symlink():
                    self.inside(entry)
        return source

    @contextmanager
    def new_folder(self, name: str) -> Iterator[Path]:
        """Yield the path of a new project's folder, named after its source.

        In the block, no other request gets the same path.
        """
        plain = re.sub(r"[^\w.-]+", "_", name).strip("._") or "clip"
        with self._mutex:
            taken = {p.name for p in self.root.iterdir()} | self._promised
            numbered = (plain if n == 1 else f"{plain}-{n}" for n in range(1, len(taken) + 2))
            chosen = next(n for n in numbered if n not in taken)
            self._promised.add(chosen)
        try:
            yield self.root / chosen
        finally:
            with self._mutex:
                self._promised.discard(chosen)

    def create(
        self,
        source: Path,
        *,
        name: str | None = None,
        options: ImportOptions | None = None,
        progress: Progress = silent,
    ) -> str:
        """Import a source into a new project and return a token.

        Raises VideoError, ProjectError, Cancelled.
        """
        with self.new_folder(name or source.stem) as folder:
            project = create_project(folder, source, progress=progress, **asdict(options or ImportOptions()))
            return self._seated(folder, Session(project))

    def enter(self, folder: Path) -> str:
        """Open an existing project for a new tab and return the tab's token.

        Raises ProjectError, ProjectBusy, ProjectDamaged.
        """
        folder = self.inside(folder)
        with self._folder_lock(folder):
            with self._mutex:
                self._close_moved()
                session = self._sessions.get(folder)
            return self._seated(folder, session or Session(Project.open(folder)))

    def _close_moved(self) -> None:
        """Close projects whose folders were moved or removed, so that they can be opened at their new place."""
        for folder, session in list(self._sessions.items()):
            if session.project.gone:
                del self._sessions[folder]
                self._tokens = {token: place for token, place in self._tokens.items() if place != folder}
                session.close()

    def session(self, token: str) -> Session:
        """Return the session of a token. Raises KeyError when the tab was closed or the server was restarted."""
        with self._mutex:
            session = self._sessions[self._tokens[token]]
            self._seen[token] = time.monotonic()
            return session

    def serves(self, folder: Path) -> bool:
        """Return whether a project is open, in a tab or for a job."""
        with self._mutex:
            return folder in self._sessions

    def is_open(self, token: str) -> bool:
        """Return whether the token still belongs to an open project."""
        with self._mutex:
            return token in self._tokens

    def leave(self, token: str) -> None:
        """Note that a tab may be closed. Its token is forgotten once the page has sent no request for the linger time.

        A lost connection looks like a closed tab, and the page may still send changes, so the token is not forgotten at
        once. A project without tabs is closed when its job has ended.
        """
        with self._mutex:
            if token not in self._tokens or token in self._watched:
                return
            self._watched.add(token)
        self._later(self.drop_if_silent, token)

    def close(self) -> None:
        """Close every project. Jobs stop; finished frames are kept."""
        with self._mutex:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()
            self._tokens.clear()
            self._seen.clear()
            self._watched.clear()

    def _folder_lock(self, folder: Path) -> threading.Lock:
        """Return the lock of a project's folder. It is held while the project is opened or closed."""
        with self._mutex:
            return self._folder_locks.setdefault(folder, threading.Lock())

    @contextmanager
    def borrow(self, folder: Path) -> Iterator[Project]:
        """Yield a project for reading: the open one, or one that is open only in the block."""
        folder = self.inside(folder)
        with self._folder_lock(folder):
            with self._mutex:
                session = self._sessions.get(folder)
            with nullcontext(session.project) if session else closing(Project.open(folder)) as project:
                yield project

    def _seated(self, folder: Path, session: Session) -> str:
        token = secrets.token_urlsafe(24)
        session.second_looks.borrow = session.compositions.borrow = self.borrow
        with self._mutex:
            self._sessions[folder] = session
            self._tokens[token] = folder
            self._seen[token] = time.monotonic()
        return token

    def _later(self, act: Callable[[Any], None], about: str | Path, *, seconds: float | None = None) -> None:
        timer = threading.Timer(self._linger if seconds is None else seconds, act, args=(about,))
        timer.daemon = True
        timer.start()

    def drop_if_silent(self, token: str) -> None:
        """Forget a token if its page has sent no request for the linger time; otherwise check again later."""
        with self._mutex:
            folder = self._tokens.get(token)
            if folder is None:
                self._watched.discard(token)
                return
            left = self._seen[token] + self._linger - time.monotonic()
            if left > 0:
                self._later(self.drop_if_silent, token, seconds=left)
                return
            del self._tokens[token], self._seen[token]
            self._watched.discard(token)
        self._close_if_empty(folder)

    def _close_if_empty(self, folder: Path) -> None:
        with self._folder_lock(folder):
            with self._mutex:
                session = self._sessions.get(folder)
                if session is None or folder in self._tokens.values():
                    return
                if session.runs.job is not None and not session.runs.job.finished:
                    self._later(self._close_if_empty, folder)
                    return
                del self._sessions[folder]
            session.close()


def _last_used(folder: Path) -> float:
    files = (folder / "project.json", folder / "place.json")
    return max((p.stat().st_mtime for p in files if p.exists()), default=0.0)  # none: the folder was deleted meanwhile
