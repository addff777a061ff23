"""Clips whose hidden part is known, composed from the page: an object of this project behind one of another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress
from vas_tool.errors import PromptError
from vas_tool.evaluation.composed_clips import Composed, Edges, Front, ProjectObject, compose
from vas_tool.imports.blind_copies import Borrow, opened
from vas_tool.project import Project
from vas_tool.session.background_task import BackgroundTask

FOLDER = "composed"
"""The folder beside the projects that holds the composed clips."""


@dataclass(frozen=True)
class CompositionOrder:
    """What to compose."""

    object_id: int
    """The object of this project, which must be in full view."""
    front: str
    """Name of the project, beside this one, whose object comes in front."""
    front_object: int | None = None
    """None: the project's only object."""
    shift_xy: tuple[int, int] = (0, 0)
    delay: int = 0
    softness: float = 0.0
    whole: bool = False


class Compositions:
    """The composed clips of one project. ``borrow`` opens another project, or gives the one that a page has open."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.borrow: Borrow = opened
        self._task = BackgroundTask("compose")
        self._made: Composed | None = None

    def start(self, order: CompositionOrder) -> None:
        """Compose in the background; ``state`` tells how it goes, and why it failed.

        Raises PromptError for an unknown object or project, NothingToDo while another clip is composed.
        """
        self._project.truth.object(order.object_id)
        if order.front not in self.fronts():
            raise PromptError(f"there is no project {order.front!r} beside this one; choose another one")
        self._made = None
        self._task.start(lambda progress: self._compose(order, progress))

    def _compose(self, order: CompositionOrder, progress: Progress) -> None:
        behind = ProjectObject(self._project, order.object_id)
        edges = Edges(order.softness, whole=order.whole)
        if order.front == self._project.name:
            self._made = self._with(behind, self._project, order, edges=edges, progress=progress)
            return
        with self.borrow(self._beside / order.front) as other:
            self._made = self._with(behind, other, order, edges=edges, progress=progress)

    def _with(
        self, behind: ProjectObject, other: Project, order: CompositionOrder, *, edges: Edges, progress: Progress
    ) -> Composed:
        front = Front(ProjectObject(other, order.front_object), order.shift_xy, order.delay)
        return compose(behind, [front], self._beside / FOLDER, edges=edges, progress=progress)

    @property
    def _beside(self) -> Path:
        return self._project.folder.resolve().parent

    def fronts(self) -> list[str]:
        """Return the names of the projects beside this one, and its own."""
        return sorted(file.parent.name for file in self._beside.glob("*/project.json"))

    def close(self, seconds: float) -> None:
        """Stop a clip that is being composed; nothing of it is left."""
        self._task.close(seconds)

    def state(self) -> dict[str, Any]:
        """Return how it goes, what went wrong, the clip that was made last, and the projects to choose from."""
        made, progress = self._made, self._task.progress
        return {
            "composing": list(progress) if progress else None,
            "error": self._task.error,
            "made": None if made is None else _made_json(made),
            "fronts": self.fronts(),
        }


def _made_json(made: Composed) -> dict[str, Any]:
    return {
        "name": made.folder.name,
        "command": f"vas-tool bench --cases {made.folder.parent}",
        "frames": made.num_frames,
        "hidden": made.hidden_fraction,
        "nowhere": bool(made.beyond),
    }
