"""Blind second looks from the page: asking frames again takes a copy of the clip, so it runs in the background."""

from __future__ import annotations

import math
from typing import Any

from vas_tool.errors import PromptError
from vas_tool.imports.blind_copies import Borrow, ask_again, compare_answers, opened
from vas_tool.project import Project
from vas_tool.project.rechecks import Recheck, read_rechecks
from vas_tool.project.truth import require_text
from vas_tool.session.background_task import BackgroundTask


class SecondLooks:
    """The second looks at one project. ``borrow`` opens a blind copy, or gives the one that a page has open."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.borrow: Borrow = opened
        self._task = BackgroundTask("second-look")
        self._notes = ""

    def ask(self, share: float, annotator: str) -> None:
        """Make a blind copy in the background; ``state`` tells how it goes, and why it failed.

        Raises PromptError when the name is blank, NothingToDo when a copy is made already.
        """
        require_text(annotator, "an annotator's name")
        if not annotator.strip():
            raise PromptError("name the annotator who answers again")
        name, self._notes = annotator.strip(), ""
        self._task.start(lambda progress: ask_again(self._project, share, annotator=name, progress=progress))

    def compare(self) -> None:
        """Compare the answers and keep the agreement in the project. Raises as ``compare_answers``."""
        _, notes = compare_answers(self._project, self.borrow)
        self._notes = "; ".join(notes)

    def close(self, seconds: float) -> None:
        """Stop a copy that is being made; nothing of it is left."""
        self._task.close(seconds)

    def state(self) -> dict[str, Any]:
        """Return how a copy goes, what went wrong, and the second looks. Raises ProjectDamaged."""
        progress = self._task.progress
        return {
            "asking": list(progress) if progress else None,
            "error": self._task.error or self._notes,
            "looks": [_look_json(recheck) for recheck in read_rechecks(self._project.folder)],
        }


def _look_json(recheck: Recheck) -> dict[str, Any]:
    iou = recheck.hidden_iou
    return {
        "annotator": recheck.annotator,
        "project": recheck.folder,
        "asked": recheck.num_asked,
        "answered": recheck.num_answered,
        "hidden_iou": None if math.isnan(iou) else iou,
    }
