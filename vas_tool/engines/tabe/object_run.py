"""One run of TABE on one object of one clip, from the plan to the painted frames. Both stages use it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress
from vas_tool.engines.tabe.canvas import ModelInput
from vas_tool.engines.tabe.clip_plan import ClipPlan, ObjectClip, plan_clip
from vas_tool.engines.tabe.keys import painted_keys, tuned_key
from vas_tool.engines.tabe.merge import is_whole, owners
from vas_tool.engines.tabe.model import Latents, TabeModel
from vas_tool.engines.tabe.recent import WithRecent
from vas_tool.engines.tabe.settable import TabeOptions
from vas_tool.engines.tabe.tuned_weights import State, is_finished, kept_state, tuned_on
from vas_tool.work import WindowKey, WindowStore

TUNING_UNITS, PAINTING_UNITS, READING_UNITS = 90, 12, 20
"""Work in fifths of a TFLOP: a step of tuning; one frame in a step of painting; decoding and segmenting one frame
(computed by ``benchmarks/tabe_cost.py``). With these units the time left covers all the work."""
PLANNING = "TABE: how hidden the object is"

Pictures = npt.NDArray[np.uint8]
"""(F, side, side, 3) uint8: the painted frames of a chunk."""
Wanted = Mapping[int, Collection[int]]
"""Number of a chunk -> the seeds to paint it with."""


class WorkProgress:
    """Progress over all the work of a run, in units. Stored results count as finished work."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def at(self, units: int, what: str) -> None:
        """Report that ``units`` of the current work are done. Raises Cancelled."""
        self._progress(min(self._done + units, self._total), self._total, what)

    def finish(self, units: int) -> None:
        """Count ``units`` of work as finished."""
        self._done += units


@dataclass
class ObjectRun:
    """One run. It takes the object's tuned weights and painted chunks from the store if they are there."""

    model: TabeModel
    plan: ClipPlan
    options: TabeOptions
    store: WindowStore
    key: WindowKey
    """Key of the tuned weights."""
    work_progress: WorkProgress
    state: State | None = None

    @property
    def owners(self) -> dict[int, int]:
        """frame_index -> number of the chunk that gives its result, for frames of painted chunks."""
        first, plan = self.plan.seen.frames.start, self.plan
        found = owners(plan.chunks).items()
        return {first + place: number for place, number in found if not is_whole(plan.chunks[number], plan.levels)}

    def frames_of(self, number: int) -> list[int]:
        """Return the frame indices of a chunk."""
        return [self.plan.seen.frames[position] for position in self.plan.chunks[number]]

    def plan_work(self, wanted: Wanted, progress: Progress) -> None:
        """Set the total of ``progress`` to the work of all wanted chunks and the tuning."""
        units = [self._units(number) * len(seeds) for number, seeds in wanted.items()]
        tuning = self.options.num_tuning_steps * TUNING_UNITS if wanted else 0
        self.work_progress = WorkProgress(progress, tuning + sum(units))

    def pictures(self, number: int, seeds: Sequence[int]) -> dict[int, Pictures]:
        """Return the painted frames of a chunk by seed. Raises Cancelled; the store then has the finished seeds."""
        positions, frames = self.plan.chunks[number], self.frames_of(number)
        shown = [self.plan.model_input(position, side=self.options.sizes.shown) for position in positions]
        where = f"TABE: paint frames {frames[0]} to {frames[-1]}"
        keys = painted_keys(
            self.key,
            shown,
            seeds=seeds,
            options=self.options,
            frames=range(frames[0], frames[-1] + 1),
            made_by=self.model.made_by,
        )
        found = {seed: answer for seed, key in keys.items() if (answer := self._kept(key, len(frames))) is not None}
        with self.model.lock:
            missing = [seed for seed in seeds if seed not in found]
            painting = self._painting_units(number)
            if missing:
                self._ensure_tuned()
                found |= self._painted(shown, {seed: keys[seed] for seed in missing}, where)
            self.work_progress.finish(painting * len(seeds))
            self.work_progress.at(0, where)
            return {seed: self.model.pictures(found[seed]) for seed in seeds}

    def read(self, number: int, num_seeds: int) -> None:
        """Count the segmentation of a chunk as finished."""
        self.work_progress.finish(num_seeds * (self._units(number) - self._painting_units(number)))

    def _kept(self, key: WindowKey, num_frames: int) -> Latents | None:
        answer = self.store.read(key)
        return None if answer is None or answer.shape[1:2] != (num_frames,) else answer.view(np.uint16)

    def _painted(self, shown: Sequence[ModelInput], keys: Mapping[int, WindowKey], where: str) -> dict[int, Latents]:
        found: dict[int, Latents] = {}
        per_step = PAINTING_UNITS * len(shown)

        def pulse(num_steps: int) -> None:
            self.work_progress.at(num_steps * per_step, where)

        assert self.state is not None
        for seed, latents in self.model.paint(self.state, shown, [*keys], options=self.options, pulse=pulse):
            found[seed] = latents
            self.store.keep(keys[seed], latents)
        return found

    def _ensure_tuned(self) -> None:
        """Set ``state`` to the tuned weights: from the store, or by tuning, which resumes a stopped one."""
        if self.state is not None:
            return
        state, options, total = kept_state(self.store, self.key), self.options, self.options.num_tuning_steps
        if not is_finished(state, options):

            def on_step(num_done: int) -> None:
                self.work_progress.at(num_done * TUNING_UNITS, f"TABE: learn the object, step {num_done} of {total}")

            with self.model.tuning(options.quirks, state) as tuner:
                state = tuned_on(
                    tuner, self.plan.tuned, key=self.key, options=options, store=self.store, on_step=on_step
                )
        self.state = state
        self.work_progress.finish(total * TUNING_UNITS)

    def _painting_units(self, number: int) -> int:
        return len(self.plan.chunks[number]) * self.options.num_steps * PAINTING_UNITS

    def _units(self, number: int) -> int:
        return self._painting_units(number) + len(self.plan.chunks[number]) * READING_UNITS


def start(
    model: TabeModel, seen: ObjectClip, options: TabeOptions, *, store: WindowStore | None, progress: Progress
) -> ObjectRun | None:
    """Return a run with its plan, before any tuning; None when the object is visible on no frame.

    Raises EngineError that says what to do for an object that TABE cannot learn (``plan_clip``), and Cancelled.
    """
    if not len(seen.frames):
        return None
    work_progress = WorkProgress(progress, 2 * len(seen.frames))

    def one_more() -> None:
        work_progress.at(0, PLANNING)
        work_progress.finish(1)

    plan = plan_clip(
        seen,
        quirks=options.quirks,
        box_percent=options.box_percent,
        fewest_whole=options.fewest_whole,
        before_frame=one_more,
    )
    key = tuned_key(plan, options, made_by=model.made_by, before_frame=one_more)
    return ObjectRun(model, plan, options, WithRecent(model.recent, store), key, work_progress)
