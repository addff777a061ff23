"""The queue of projects that a batch left for a person: opens the next one that still needs a look."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from vas_tool.batch.queue import QueueEntry
from vas_tool.errors import NothingToDo, ProjectBusy, VasToolError
from vas_tool.project import Project
from vas_tool.project.frame_facts import needs_look
from vas_tool.ui.open_projects import OpenProjects


class ProjectQueue:
    """The entries of a queue below the root of the open projects, in their order."""

    def __init__(self, entries: Sequence[QueueEntry], open_projects: OpenProjects) -> None:
        """``entries`` outside the root of ``open_projects`` are left out, because the page serves nothing there."""
        self._open_projects = open_projects
        self._entries = [e for e in entries if Path(e.project).resolve().is_relative_to(open_projects.root)]

    def __len__(self) -> int:
        return len(self._entries)

    def enter_next(self, after: str) -> str:
        """Open the next project that needs a look, at the frame that the queue names, and return a token.

        ``after`` is the name of the project before it; "" starts at the first entry. Raises NothingToDo if none is
        left.
        """
        for entry in self._entries[self._place_of(after) + 1 :]:
            folder = Path(entry.project)
            if _needs_look(folder):
                token = self._open_projects.enter(folder)
                session = self._open_projects.session(token)
                known = any(obj.id == entry.object_id for obj in session.project.truth.objects)
                session.set_place({"frame": entry.frame_index, "object": entry.object_id if known else None})
                return token
        raise NothingToDo("the queue is done: no project behind this one needs a look")

    def _place_of(self, name: str) -> int:
        names = [Path(entry.project).name for entry in self._entries]
        return names.index(name) if name in names else -1


def _needs_look(folder: Path) -> bool:
    """Return whether a project has a frame that needs a look: True for one that is open in a tab, False for one that is
    gone.
    """
    try:
        with closing(Project.open(folder)) as project:
            return any(needs_look(project, obj.id) for obj in project.truth.objects)
    except ProjectBusy:
        return True
    except VasToolError:
        return False
