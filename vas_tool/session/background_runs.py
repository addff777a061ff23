"""Long work in the background: track, complete, make again, hypotheses; one job at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.errors import EngineError, NothingToDo, PromptError
from vas_tool.hypotheses import Recipe
from vas_tool.pipeline import execute
from vas_tool.planning.cost import StageCost
from vas_tool.planning.plan import Plan, Request, choice, costs_of, distinct_seeds, plan
from vas_tool.planning.setup import chosen_engine
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.planning.spans import Direction
from vas_tool.planning.staleness import staleness_of
from vas_tool.project.object_layers import require_frame
from vas_tool.project.truth import MOST_HYPOTHESES, Pick
from vas_tool.project_store import ProjectStore
from vas_tool.second_opinion import second_opinion
from vas_tool.session.change_log import ChangeLog
from vas_tool.session.jobs import Job, JobStatus


class BackgroundRuns:
    """Runs of plans in the background, one at a time."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes, self.project = changes, changes.project
        self._job: Job | None = None

    @property
    def job(self) -> JobStatus | None:
        """The running job, or the last one."""
        return self._job.now if self._job else None

    def track(self, object_id: int, frame_index: int, *, direction: Direction = "both") -> JobStatus:
        """Track an object in the background. Raises PromptError when there is nothing to start from or to do."""
        self._require_idle()
        require_frame(frame_index, len(self.project.clip))
        request = Request((object_id,), ("segment",), frame_index=frame_index, direction=direction)
        planned = self._planned(request)
        if not planned:
            raise NothingToDo("every frame there is up to date; click where a mask is wrong, then track again")
        edit_id = self.changes.store(f"track {self.project.truth.object(object_id).label}", None)
        total = sum(len(span) for run in planned for span in run.spans)
        return self._start(JobStatus("track", object_id, "modal masks", total=total), lambda: planned, edit_id)

    # --- completion -----------------------------------------------------------------------------------------------

    def completion_cost(self, object_id: int | None = None) -> list[StageCost]:
        """Return the costs of ``complete`` by stage."""
        return costs_of(self._planned(Request(self._completable(object_id))))

    def complete(self, object_id: int | None = None) -> JobStatus:
        """Make depth, amodal masks and content in the background, for one object or (None) for all with modal masks."""
        self._require_idle()
        ids = self._completable(object_id)
        if not ids:
            raise PromptError("nothing to complete yet; click an object and track it first")
        labels = ", ".join(self.project.truth.object(i).label for i in ids)
        edit_id = self.changes.store(f"complete {labels}", None)
        return self._start(JobStatus("complete", object_id, "depth"), lambda: self._planned(Request(ids)), edit_id)

    def _planned(self, request: Request) -> Plan:
        return plan(snapshot_of(self.project, request.object_ids, priced=True), request)

    def _completable(self, object_id: int | None) -> tuple[int, ...]:
        ids = [object_id] if object_id is not None else [o.id for o in self.project.truth.objects]
        return tuple(i for i in ids if len(self.project.modal(i)))

    def make_again(self, object_id: int, stage: str) -> JobStatus:
        """Let the chosen engine replace results of other engines in one stage, except on accepted frames.

        Raises PromptError when there is nothing of the kind.
        """
        self._require_idle()
        again = registry.stage_named(stage)
        obj = self.project.truth.object(object_id)
        if not staleness_of(self.project, object_id).made_by_others(again):
            raise NothingToDo(f"nothing open of {obj.label} was made by another {stage} engine than the chosen one")
        edit_id = self.changes.store(f"{stage} of {obj.label} again", None)
        request = Request((object_id,), (again,), again=True)
        return self._start(JobStatus("again", object_id, stage), lambda: self._planned(request), edit_id)

    def ask_second(self, object_id: int, engine: str) -> JobStatus:
        """Track an object with a second engine in the background; frames on which the two disagree need a look.

        Raises EngineError for an engine that is not there.
        """
        obj, spec = self.project.truth.object(object_id), registry.spec_of("segment", engine)
        if not registry.is_present(spec):
            raise EngineError(f"the segment engine {spec.name} is not complete; get the rest with: {spec.get}")

        def work(progress: Progress) -> None:
            tracker = registry.load("segment", spec.name)
            second_opinion(self.project, obj.id, tracker=tracker, on_frame=self.changes.frame, progress=progress)

        return self.start_work(JobStatus("second", obj.id, f"frames tracked by {spec.name}"), work)

    # --- hypotheses -----------------------------------------------------------------------------------------------

    def seeds_of(self, seeds: Sequence[int] | int) -> tuple[int, ...]:
        """Return the seeds; for a number, that many from the project's seed on. An engine without seeds gets one."""
        first = self.project.truth.seed
        wanted = tuple(range(first, first + seeds)) if isinstance(seeds, int) else tuple(seeds)
        if not 1 <= len(set(wanted)) <= MOST_HYPOTHESES or min(wanted) < 0:
            raise PromptError(f"ask for 1 to {MOST_HYPOTHESES} hypotheses, with seeds from 0; got {list(wanted)}")
        return distinct_seeds(chosen_engine(self.project.truth, "amodal"), wanted)

    def hypotheses_cost(self, object_id: int, seeds: Sequence[int] | int) -> list[StageCost]:
        """Return the costs of ``make_hypotheses`` by stage."""
        return costs_of(self._planned(self._hypotheses(object_id, self.seeds_of(seeds))))

    def make_hypotheses(self, object_id: int, seeds: Sequence[int] | int) -> JobStatus:
        """Make several amodal masks per frame in the background, for these seeds or this number of seeds.

        An engine whose answers do not depend on the seed gives one. Raises PromptError when there is no modal mask.
        """
        self._require_idle()
        obj, wanted = self.project.truth.object(object_id), self.seeds_of(seeds)
        if not self._completable(object_id):
            raise PromptError(f"{obj.label} has no masks yet; click it and track it first")
        edit_id = self.changes.store(f"hypotheses of {obj.label}, seeds {', '.join(map(str, wanted))}", None)
        request = self._hypotheses(object_id, wanted)
        return self._start(JobStatus("hypotheses", object_id, "depth"), lambda: self._planned(request), edit_id)

    def _hypotheses(self, object_id: int, seeds: tuple[int, ...]) -> Request:
        return Request((object_id,), ("depth", "amodal"), seeds=seeds)

    def choose_hypothesis(self, object_id: int, recipe: Recipe, frames: range | None = None) -> JobStatus:
        """Choose a hypothesis, a majority or a union for a span of frames (None: all), and make the amodal masks from
        it.

        Accepted frames stay. Frames of the span that lack a hypothesis become stale: the next completion makes it.
        Raises PromptError when no frame of the span has what was chosen, or a template lies on all.
        """
        self._require_idle()
        obj = self.project.truth.object(object_id)
        span = range(len(self.project.clip)) if frames is None else frames
        require_frame(span.start, len(self.project.clip))
        require_frame(span.stop - 1, len(self.project.clip))
        pick = Pick(span.start, span.stop - 1, recipe)
        now = snapshot_of(self.project, [object_id])
        settled = {*obj.accepted, *now.objects[object_id].placed}
        if settled.issuperset(span) and not set(obj.accepted).issuperset(span):
            raise PromptError("a template lies on these frames: remove it first, then choose")
        if not choice(now, object_id, recipe, frames=span):
            raise PromptError(f"there is no hypothesis of {recipe.words} on these frames; make hypotheses first")
        where = f"frame {pick.first}" if pick.first == pick.last else f"frames {pick.first} to {pick.last}"
        edit_id = self.changes.edit(f"{recipe.words} for {obj.label}, {where}", obj.picking(pick))
        laid = choice(now, object_id, recipe, frames=[f for f in span if f not in settled])
        total = sum(len(run.kept) for run in laid)
        return self._start(JobStatus("pick", object_id, "chosen hypothesis", total=total), lambda: laid, edit_id)

    # --- one job --------------------------------------------------------------------------------------------------

    def _start(self, status: JobStatus, planned: Callable[[], Plan], edit_id: int) -> JobStatus:
        """Make and run a plan in the background."""
        store = ProjectStore(self.project, edit_id)
        self._job = Job(status)
        self._job.start(lambda progress: execute(planned(), store, on_frame=self.changes.frame, progress=progress))
        return status

    def start_work(self, status: JobStatus, work: Callable[[Progress], None]) -> JobStatus:
        """Run other work in the background. Raises PromptError while something runs."""
        self._require_idle()
        self._job = Job(status)
        self._job.start(work)
        return status

    def cancel(self) -> None:
        """Stop the running job at its next step; finished frames stay."""
        if self._job is not None:
            self._job.cancel()

    def stop(self, timeout_seconds: float) -> None:
        """Stop the running job and wait until it has ended."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait(timeout_seconds)

    def wait(self, timeout_seconds: float | None = None) -> JobStatus | None:
        """Wait for the running job to end and return its final status."""
        if self._job is not None:
            self._job.wait(timeout_seconds)
        return self.job

    def _require_idle(self) -> None:
        if self._job is not None and not self._job.status.finished:
            raise PromptError("something is still running; wait for it or cancel it (Esc)")
