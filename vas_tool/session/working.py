"""Long work in the background: track, complete, make again, hypotheses; one job at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.errors import NothingToDo, PromptError
from vas_tool.hypotheses import Recipe
from vas_tool.planning.setup import chosen_engine
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.project.object_layers import require_frame
from vas_tool.project.truth import Pick
from vas_tool.runs.completion import complete, completion_costs, hypotheses_costs, hypothesize
from vas_tool.runs.costs import StageCost
from vas_tool.runs.hypothesis_runs import MOST_HYPOTHESES, Tray, distinct_seeds, take_hypotheses
from vas_tool.runs.rerun import make_again
from vas_tool.runs.spans import Direction, frames_to_track
from vas_tool.runs.tracking import track
from vas_tool.session.jobs import Job, JobStatus
from vas_tool.session.prompting import Prompting


class Working(Prompting):
    """What takes long."""

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self._job: Job | None = None

    @property
    def job(self) -> JobStatus | None:
        """The job that runs, or the last one that did."""
        return self._job.now if self._job else None

    def start_tracking(self, object_id: int, frame_index: int, *, direction: Direction = "both") -> JobStatus:
        """Track an object in the background. Raises PromptError when there is nothing to start from or to do."""
        self._require_idle()
        require_frame(frame_index, len(self.project.clip))
        spans = frames_to_track(self.project, object_id, frame_index, direction=direction)
        if not spans:
            raise NothingToDo("every frame there is up to date; click where a mask is wrong, then track again")
        thing = self.project.truth.object(object_id)
        edit_id = self._store(f"track {thing.label}", None)
        return self._start(
            JobStatus("track", object_id, "modal masks", total=sum(map(len, spans))),
            lambda progress: track(
                self.project, object_id, spans, edit_id=edit_id, on_frame=self._frame_changed, progress=progress
            ),
        )

    # --- completion -----------------------------------------------------------------------------------------------

    def completion_cost(self, object_id: int | None = None) -> list[StageCost]:
        """What ``start_completing`` would make, by stage."""
        return completion_costs(self.project, self._completable(object_id))

    def start_completing(self, object_id: int | None = None) -> JobStatus:
        """Depth, amodal masks and content in the background, for one object or (None) for all with modal masks."""
        self._require_idle()
        ids = self._completable(object_id)
        if not ids:
            raise PromptError("nothing to complete yet; click an object and track it first")
        labels = ", ".join(self.project.truth.object(i).label for i in ids)
        edit_id = self._store(f"complete {labels}", None)
        return self._start(
            JobStatus("complete", object_id, "depth"),
            lambda progress: complete(
                self.project, ids, edit_id=edit_id, on_frame=self._frame_changed, progress=progress
            ),
        )

    def _completable(self, object_id: int | None) -> list[int]:
        ids = [object_id] if object_id is not None else [o.id for o in self.project.truth.objects]
        return [i for i in ids if len(self.project.modal(i))]

    def start_again(self, object_id: int, stage: str) -> JobStatus:
        """Let the engine that is chosen now replace what others made of one stage, but no accepted frame.

        Raises PromptError when there is nothing of the kind.
        """
        self._require_idle()
        again = registry.stage_named(stage)
        thing = self.project.truth.object(object_id)
        if not staleness_of(self.project, object_id).made_by_others(again):
            raise NothingToDo(f"nothing open of {thing.label} was made by another {stage} engine than the chosen one")
        edit_id = self._store(f"{stage} of {thing.label} again", None)
        return self._start(
            JobStatus("again", object_id, stage),
            lambda progress: make_again(
                self.project, object_id, again, edit_id=edit_id, on_frame=self._frame_changed, progress=progress
            ),
        )

    # --- hypotheses -----------------------------------------------------------------------------------------------

    def seeds_of(self, seeds: Sequence[int] | int) -> tuple[int, ...]:
        """Seeds as said, or that many from the project's own on; only one for an engine that gives one answer."""
        first = self.project.truth.seed
        wanted = tuple(range(first, first + seeds)) if isinstance(seeds, int) else tuple(seeds)
        if not 1 <= len(set(wanted)) <= MOST_HYPOTHESES or min(wanted) < 0:
            raise PromptError(f"ask for 1 to {MOST_HYPOTHESES} hypotheses, with seeds from 0; got {list(wanted)}")
        return distinct_seeds(chosen_engine(self.project.truth, "amodal"), wanted)

    def hypotheses_cost(self, object_id: int, seeds: Sequence[int] | int) -> list[StageCost]:
        """What ``start_hypotheses`` would make, by stage."""
        return hypotheses_costs(self.project, object_id, self.seeds_of(seeds))

    def start_hypotheses(self, object_id: int, seeds: Sequence[int] | int) -> JobStatus:
        """Make several amodal masks a frame (their seeds, or how many), beside those that hold. In the background.

        An engine whose answers do not depend on the seed gives one. Raises PromptError when there is no modal mask.
        """
        self._require_idle()
        thing, wanted = self.project.truth.object(object_id), self.seeds_of(seeds)
        if not self._completable(object_id):
            raise PromptError(f"{thing.label} has no masks yet; click it and track it first")
        edit_id = self._store(f"hypotheses of {thing.label}, seeds {', '.join(map(str, wanted))}", None)
        return self._start(
            JobStatus("hypotheses", object_id, "depth"),
            lambda progress: hypothesize(
                self.project, object_id, wanted, edit_id=edit_id, on_frame=self._frame_changed, progress=progress
            ),
        )

    def start_picking(self, object_id: int, recipe: Recipe, frames: range | None = None) -> JobStatus:
        """Choose a hypothesis, a majority or a union for a span of frames (None: all), and lay it down there.

        Accepted frames stay. Frames of the span that lack a hypothesis become stale: the next completion makes it.
        Raises PromptError when no frame of the span has what was chosen.
        """
        self._require_idle()
        thing = self.project.truth.object(object_id)
        span = range(len(self.project.clip)) if frames is None else frames
        require_frame(span.start, len(self.project.clip))
        require_frame(span.stop - 1, len(self.project.clip))
        pick = Pick(span.start, span.stop - 1, recipe)
        tray = Tray(self.project, object_id)
        there = [f for f in span if all(tray.stamp(f, seed) for seed in recipe.seeds)]
        if not there:
            raise PromptError(f"there is no hypothesis of {recipe.words} on these frames; make hypotheses first")
        where = f"frame {pick.first}" if pick.first == pick.last else f"frames {pick.first} to {pick.last}"
        edit_id = self._edit(f"{recipe.words} for {thing.label}, {where}", thing.picking(pick))
        return self._start(
            JobStatus("pick", object_id, "chosen hypothesis", total=len(there)),
            lambda progress: self._lay_down(object_id, recipe, there, edit_id=edit_id, progress=progress),
        )

    def _lay_down(self, object_id: int, recipe: Recipe, frames: list[int], *, edit_id: int, progress: Progress) -> None:
        accepted = set(self.project.truth.object(object_id).accepted)
        open_frames = [f for f in frames if f not in accepted]
        take_hypotheses(
            self.project,
            object_id,
            open_frames,
            recipe=recipe,
            edit_id=edit_id,
            on_frame=self._frame_changed,
            progress=progress,
        )

    # --- one job --------------------------------------------------------------------------------------------------

    def _start(self, status: JobStatus, work: Callable[[Progress], None]) -> JobStatus:
        self._job = Job(status)
        self._job.start(work)
        return status

    def cancel(self) -> None:
        """Stop the running job at its next step; finished frames stay."""
        if self._job is not None:
            self._job.cancel()

    def wait(self, timeout_seconds: float | None = None) -> JobStatus | None:
        """Wait for the running job to end; gives how it ended."""
        if self._job is not None:
            self._job.wait(timeout_seconds)
        return self.job

    def _require_idle(self) -> None:
        if self._job is not None and not self._job.status.finished:
            raise PromptError("something is still running; wait for it or cancel it (Esc)")
