"""A search by words from the page: what is found waits, side by side, until the person keeps or drops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.engines.registry import EngineSpec
from vas_tool.errors import PromptError
from vas_tool.finding import FoundObject, add_found, finding_engine, found_objects, words_of
from vas_tool.project import Project
from vas_tool.project.object_layers import require_frame
from vas_tool.session.background_runs import BackgroundRuns
from vas_tool.session.change_log import ChangeLog
from vas_tool.session.jobs import JobStatus


@dataclass(frozen=True)
class Finding:
    """The result of a search that nobody has decided on yet."""

    words: tuple[str, ...] = ()
    """The searched words; empty before the first search and after a decision."""
    by: EngineSpec | None = None
    found: tuple[FoundObject, ...] = ()


@dataclass
class TextFinds:
    """The searches of one session."""

    changes: ChangeLog
    runs: BackgroundRuns
    last: Finding = field(default_factory=Finding)

    @property
    def project(self) -> Project:
        """The project that is searched."""
        return self.changes.project

    def start(self, text: str, frame_index: int | None = None) -> JobStatus:
        """Search the clip, or one frame, for words in the background. The result is in ``last`` when the job ends.

        Raises PromptError without words, EngineError with a licence and a command when no engine can search.
        """
        words, spec = words_of(text), finding_engine(self.project.truth)
        frames = range(len(self.project.clip))
        if frame_index is not None:
            require_frame(frame_index, len(frames))
            frames = range(frame_index, frame_index + 1)

        def work(progress: Progress) -> None:
            self.last = Finding()
            finder = registry.load("segment", spec.name)
            found = found_objects(self.project.clip, words, frames, finder=finder, progress=progress)
            self.last = Finding(words, spec, tuple(found))

        return self.runs.start_work(JobStatus("find", None, f"frames for {', '.join(words)}", total=len(frames)), work)

    def keep(self, numbers: Sequence[int]) -> list[int]:
        """Make objects of the found ones with these numbers, as one edit, and drop the others. Returns the new ids.

        Without numbers, all are dropped. Raises PromptError when there is none of a number.
        """
        finding = self.last
        unknown = set(numbers) - {one.number for one in finding.found}
        if unknown or finding.by is None:
            raise PromptError("what was found is not there any more; find it again")
        kept = [one for one in finding.found if one.number in set(numbers)]
        ids = add_found(self.project, kept, by=finding.by) if kept else []
        self.last = Finding()
        self.changes.note(f"kept {len(kept)} of {len(finding.found)} found")
        self.changes.everything()
        return ids
