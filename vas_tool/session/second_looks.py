"""Blind second looks from the page: asking frames again takes a copy of the clip, so it runs in the background."""

from __future__ import annotations

import math
import threading
from typing import Any

from vas_tool.errors import Cancelled, NothingToDo, PromptError, VasToolError
from vas_tool.imports.blind_copies import Borrow, ask_again, compare_answers, opened
from vas_tool.project import Project
from vas_tool.project.rechecks import Recheck, read_rechecks
from vas_tool.project.truth import require_text


class SecondLooks:
    """The second looks at one project. ``borrow`` opens a blind copy, or gives the one that a page has open."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.borrow: Borrow = opened
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._done = (0, 0)
        self._error = ""

    @property
    def is_asking(self) -> bool:
        """Whether a blind copy is made now."""
        return self._thread is not None and self._thread.is_alive()

    def ask(self, share: float, annotator: str) -> None:
        """Make a blind copy in the background; ``state`` tells how it goes, and why it failed.

        Raises PromptError when the name is blank, NothingToDo when a copy is made already.
        """
        require_text(annotator, "an annotator's name")
        if not annotator.strip():
            raise PromptError("name the annotator who answers again")
        if self.is_asking:
            raise NothingToDo("frames are being asked already; wait for the copy")
        self._done, self._error = (0, 0), ""
        self._thread = threading.Thread(
            target=self._ask, args=(share, annotator.strip()), name="second-look", daemon=True
        )
        self._thread.start()

    def _ask(self, share: float, annotator: str) -> None:
        try:
            ask_again(self._project, share, annotator=annotator, progress=self._report)
        except Cancelled:
            pass
        except (VasToolError, OSError) as error:
            self._error = str(error)

    def _report(self, done: int, total: int, what: str, /) -> None:
        if self._stop.is_set():
            raise Cancelled("the project was closed")
        self._done = (done, total)

    def compare(self) -> None:
        """Compare the answers and keep the agreement in the project. Raises as ``compare_answers``."""
        _, notes = compare_answers(self._project, self.borrow)
        self._error = "; ".join(notes)

    def close(self, seconds: float) -> None:
        """Stop a copy that is being made; nothing of it is left."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def state(self) -> dict[str, Any]:
        """Return how a copy goes, what went wrong, and the second looks. Raises ProjectDamaged."""
        return {
            "asking": list(self._done) if self.is_asking else None,
            "error": self._error,
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
