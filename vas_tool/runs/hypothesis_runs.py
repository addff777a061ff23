"""Hypotheses over a project: several answers a frame, made in one run and kept beside the amodal masks.

A hypothesis is stored as the engine made it, with what is seen of the object in it; strokes lie on top of whichever is
chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from vas_tool.engines import registry
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.registry import EngineSpec
from vas_tool.hypotheses import Recipe, disagreement
from vas_tool.pipeline import amodal_hypotheses
from vas_tool.planning.fingerprint import NOTHING, Fingerprint
from vas_tool.planning.setup import chosen_engine
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.runs.costs import measured
from vas_tool.runs.crop_runs import amodal_parts, with_crop
from vas_tool.runs.kept_windows import kept_numbers
from vas_tool.runs.results import OnFrame, ignore_frame, put_result, stamp_by
from vas_tool.storage import Stamp
from vas_tool.types import Mask

MOST_HYPOTHESES = 16
"""Of one run: more cannot be told apart side by side."""


def distinct_seeds(spec: EngineSpec, seeds: Sequence[int]) -> tuple[int, ...]:
    """The seeds, ascending, each once; only the first where every seed would give the same answer."""
    ascending = tuple(sorted(set(seeds)))
    return ascending if spec.seeded else ascending[:1]


class Tray:
    """One object's hypotheses: which there are and which hold, as things are when the tray is made."""

    def __init__(self, project: Project, object_id: int) -> None:
        self.project, self.object_id = project, object_id
        self.layers = project.layers(object_id)
        self.spec = chosen_engine(project.truth, "amodal")
        self._modal = project.modal(object_id)
        self._inputs = staleness_of(project, object_id).amodal_inputs

    def inputs(self, frame_index: int, engine: str, recipe: Recipe) -> Fingerprint:
        """What the stamp of an up-to-date amodal mask by that recipe says."""
        return self._inputs.on(frame_index, engine, recipe=recipe)

    def stamp(self, frame_index: int, seed: int) -> Stamp | None:
        """Who made the hypothesis of a seed on a frame; None when there is none."""
        return self.layers.hypothesis(seed).stamp(frame_index)

    def holds(self, frame_index: int, seed: int) -> bool:
        """Whether a hypothesis is there and is what its engine would make again now."""
        stamp = self.stamp(frame_index, seed)
        return stamp is not None and stamp.made_from == self._inputs.like(
            stamp.made_from, frame_index, stamp.engine, recipe=Recipe.of_seed(seed)
        )

    def is_ours(self, frame_index: int, seed: int) -> bool:
        """Whether it holds and the engine that is chosen now made it."""
        stamp = self.stamp(frame_index, seed)
        made_by = None if stamp is None else (stamp.engine, stamp.revision)
        return made_by == (self.spec.name, self.spec.revision) and self.holds(frame_index, seed)

    def lacking(self, seeds: Sequence[int], *, only: Collection[int] | None = None) -> dict[int, tuple[int, ...]]:
        """frame_index -> the seeds that the chosen engine would have to make there (among ``only`` these frames).

        On frames that have a modal mask and are not accepted.
        """
        frames = set(self._modal) - set(self._modal.thing.accepted) if only is None else set(only) & set(self._modal)
        lacking = {f: tuple(s for s in seeds if not self.is_ours(f, s)) for f in sorted(frames)}
        return {f: missing for f, missing in lacking.items() if missing}

    def put(self, frame_index: int, made: dict[int, Mask], *, made_by: Stamp, edit_id: int) -> None:
        """Store new hypotheses of a frame (by seed), with how far all that hold there differ. Raises Cancelled."""
        others = [s for s in self.layers.hypotheses_on(frame_index) if s not in made and self.is_ours(frame_index, s)]
        masks = [*made.values(), *(self.layers.hypothesis(s)[frame_index] for s in others)]
        difference = disagreement(masks)
        for seed, mask in made.items():
            wanted = self.inputs(frame_index, self.spec.name, Recipe.of_seed(seed))
            stamp = replace(made_by, made_from=wanted, seed=seed, how="", seeds=(seed,))
            stamp = replace(stamp, disagreement=difference, among=len(masks))
            layer, item = self.layers.hypothesis(seed), (frame_index, mask, stamp)
            put_result(self.project, self.object_id, layer, edit_id=edit_id, item=item)


def make_hypotheses(
    project: Project,
    object_id: int,
    seeds: Sequence[int],
    *,
    edit_id: int,
    only: Collection[int] | None = None,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> None:
    """Make what the tray lacks of ``seeds`` by the chosen engine, all seeds of a frame in one run. Raises Cancelled.

    An amodal mask that the engine has made already with one of the seeds is not made again.
    """
    tray = Tray(project, object_id)
    wanted = distinct_seeds(tray.spec, seeds)
    _copy_amodal(tray, wanted, only=only, edit_id=edit_id)
    together: dict[tuple[int, ...], set[int]] = {}
    for frame_index, lacking in tray.lacking(wanted, only=only).items():
        together.setdefault(lacking, set()).add(frame_index)
    if not together:
        return
    loaded = registry.load("amodal", tray.spec.name)
    for lacking, frames in together.items():
        kept = kept_numbers(project, object_id, tray.spec, seeds_on=dict.fromkeys(frames, lacking))
        with measured(project, tray.spec, frames, num_seeds=len(lacking), kept=kept):
            for work, crops, part in amodal_parts(project, object_id, frames, spec=tray.spec):
                answers = amodal_hypotheses(work, lacking, completer=loaded, crops=crops, progress=progress)
                for frame_index, masks in answers:
                    if frame_index in part:
                        made = dict(zip(lacking, masks, strict=True))
                        stamp = with_crop(stamp_by(tray.spec, made_from=NOTHING), crops, frame_index)
                        tray.put(frame_index, made, made_by=stamp, edit_id=edit_id)
                        on_frame(frame_index)


def _copy_amodal(tray: Tray, seeds: Sequence[int], *, only: Collection[int] | None, edit_id: int) -> None:
    amodal, spec = tray.layers.amodal, tray.spec
    for frame_index, lacking in tray.lacking(seeds, only=only).items():
        stamp = amodal.stamp(frame_index)
        for seed in lacking if stamp is not None else ():
            wanted = (spec.name, spec.revision, tray.inputs(frame_index, spec.name, Recipe.of_seed(seed)))
            if stamp is not None and (stamp.engine, stamp.revision, stamp.made_from) == wanted:
                tray.put(frame_index, {seed: amodal[frame_index]}, made_by=stamp, edit_id=edit_id)


def take_hypotheses(
    project: Project,
    object_id: int,
    frames: Collection[int],
    *,
    recipe: Recipe,
    edit_id: int,
    ours: bool = False,
    on_frame: OnFrame = ignore_frame,
    progress: Progress = silent,
) -> set[int]:
    """Make amodal masks from hypotheses that are there, without an engine; gives the frames where that was possible.

    With ``ours`` only from those that hold and that the chosen engine made. Else from any: what comes of outdated ones
    is outdated itself, and says so.
    """
    tray = Tray(project, object_id)
    taken: set[int] = set()
    for done, frame_index in enumerate(sorted(frames)):
        progress(done, len(frames), "chosen hypothesis")
        stamps = [tray.stamp(frame_index, seed) for seed in recipe.seeds]
        first = stamps[0]
        if first is None or None in stamps or (ours and not all(tray.is_ours(frame_index, s) for s in recipe.seeds)):
            continue
        hold = all(tray.holds(frame_index, seed) for seed in recipe.seeds)
        wanted = tray.inputs(frame_index, first.engine, recipe) if hold else NOTHING
        mask = recipe.mask([tray.layers.hypothesis(seed)[frame_index] for seed in recipe.seeds])
        stamp = replace(first, made_from=wanted, how=recipe.how, seeds=recipe.seeds, disagreement=None, among=0)
        put_result(project, object_id, tray.layers.amodal, edit_id=edit_id, item=(frame_index, mask, stamp))
        taken.add(frame_index)
        on_frame(frame_index)
    return taken
