"""The cost of a run before it starts: frames, windows, and seconds if this machine has done such work before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from vas_tool.engines.registry import EngineSpec
from vas_tool.planning.fingerprint import digest_of
from vas_tool.planning.setup import settings_now, windows_of
from vas_tool.planning.snapshot import Snapshot
from vas_tool.types import STAGES, Stage
from vas_tool.wording import counted
from vas_tool.work import windows_with

LONG_SECONDS = 90
"""Longer durations are shown in minutes."""

NO_WINDOWS: frozenset[int] = frozenset()


@dataclass(frozen=True)
class StageCost:
    """The cost of one stage of a run."""

    stage: Stage
    engine: str
    num_frames: int
    num_windows: int | None
    """Number of windows to compute; None for an engine without windows."""
    seconds: float | None
    """Estimate from the last such work on this machine; None when there was none."""
    beside: bool = False
    """True for results without the crop, which are only kept for comparison."""
    windows: frozenset[int] = NO_WINDOWS
    """The indices of the windows to compute."""
    work: str = ""
    """The key of the work in ``speeds``."""
    units: int = 0
    """The amount of that work: windows or frames, times seeds."""
    num_clear: int = 0
    """Frames on which nothing can hide the object: they cost nothing."""
    saved_windows: int = 0
    """Windows that are not computed because all of their frames are clear."""
    saved_seconds: float = 0.0
    """What the clear frames would have cost, as far as it is known."""

    @property
    def name(self) -> str:
        """The name of the stage in texts: ``amodal``, ``amodal without the crop``."""
        return f"{self.stage} without the crop" if self.beside else self.stage


def cost_of(
    snapshot: Snapshot,
    spec: EngineSpec,
    frames: Collection[int],
    *,
    num_seeds: int = 1,
    kept: frozenset[int] = NO_WINDOWS,
    beside: bool = False,
) -> StageCost:
    """Return the cost of frames with an engine, without the windows whose results are cached (``kept``)."""
    windows = windows_of(snapshot.truth, spec, snapshot.num_frames)
    computed = frozenset(windows_with(frames, windows)) - kept if windows else NO_WINDOWS
    num_windows = len(computed) if windows else None
    units, work = (len(frames) if num_windows is None else num_windows) * num_seeds, _work(snapshot, spec)
    known = snapshot.seconds.get(work)
    seconds = 0.0 if not units else None if known is None else known * units
    return StageCost(
        spec.stage,
        spec.name,
        len(frames),
        num_windows,
        seconds,
        beside=beside,
        windows=computed,
        work=work,
        units=units,
    )


def cost_of_clear(snapshot: Snapshot, spec: EngineSpec, clear: Collection[int], *, asked: Collection[int]) -> StageCost:
    """Return the cost of ``clear`` frames, which is nothing, and what they save.

    ``asked`` are the other frames, on which the engine runs: a window is saved only if all of its frames are clear.
    """
    windows, nothing = windows_of(snapshot.truth, spec, snapshot.num_frames), cost_of(snapshot, spec, ())
    saved = len(windows_with({*clear, *asked}, windows)) - len(windows_with(asked, windows)) if windows else 0
    seconds = snapshot.seconds.get(nothing.work, 0.0) * (saved if windows else len(clear))
    return replace(nothing, num_clear=len(clear), saved_windows=saved, saved_seconds=seconds)


def _work(snapshot: Snapshot, spec: EngineSpec) -> str:
    """Return the key of a speed: engine, settings and size of the pictures."""
    size = "x".join(map(str, snapshot.frame_wh))
    return f"{spec.stage} {spec.name} {spec.revision} {digest_of(settings_now(snapshot.truth, spec))} {size}"


def total(costs: Iterable[StageCost]) -> list[StageCost]:
    """Return the costs of several runs, summed by stage, in the order of the stages."""
    by_name: dict[str, list[StageCost]] = {}
    for cost in costs:
        by_name.setdefault(cost.name, []).append(cost)
    summed = [_sum(same) for same in by_name.values()]
    return sorted(summed, key=lambda cost: (STAGES.index(cost.stage), cost.beside))


def of_one_object(costs: Sequence[StageCost]) -> StageCost:
    """Return the sum of the costs of one stage of one object. A window that is computed for several seeds counts
    once.
    """
    added = _sum(costs)
    windows = frozenset[int]().union(*(cost.windows for cost in costs))
    return added if added.num_windows is None else replace(added, num_windows=len(windows))


def _sum(same: Sequence[StageCost]) -> StageCost:
    windows = [c.num_windows for c in same if c.num_windows is not None]
    seconds = [c.seconds for c in same if c.seconds is not None]
    return StageCost(
        same[0].stage,
        same[0].engine,
        sum(c.num_frames for c in same),
        sum(windows) if len(windows) == len(same) else None,
        sum(seconds) if len(seconds) == len(same) else None,
        beside=same[0].beside,
        num_clear=sum(c.num_clear for c in same),
        saved_windows=sum(c.saved_windows for c in same),
        saved_seconds=sum(c.saved_seconds for c in same),
    )


def in_words(costs: Sequence[StageCost]) -> str:
    """Return costs as text, ``depth 36 frames, amodal 2 windows (36 frames): about 40 s``; empty when there is nothing
    to make.
    """
    made = [cost for cost in costs if cost.num_frames]
    known = [cost.seconds for cost in made if cost.seconds is not None]
    spared = [saving(cost) for cost in costs if cost.num_clear]
    if not made:
        return "; ".join(spared)
    what = ", ".join(f"{cost.name} {extent(cost)}" for cost in made)
    partly = "" if len(known) == len(made) else " for what was timed here"
    time = f": about {duration(sum(known))}{partly}" if known else "; not yet timed at this size"
    return "; ".join((what + time, *spared))


def saving(cost: StageCost) -> str:
    """Return what clear frames save, as text: ``amodal 40 frames with nothing in front: no run (saves 2 windows, about
    3 min)``.
    """
    saved = [counted(cost.saved_windows, "window")] if cost.saved_windows else []
    saved += [f"about {duration(cost.saved_seconds)}"] if cost.saved_seconds else []
    frames = f"{cost.name} {counted(cost.num_clear, 'frame')} with nothing in front"
    return f"{frames}: no run" + (f" (saves {', '.join(saved)})" if saved else "")


def extent(cost: StageCost) -> str:
    """Return the amount of work as text: ``36 frames``, ``2 windows (36 frames)``."""
    frames = f"{cost.num_frames} frame{'' if cost.num_frames == 1 else 's'}"
    if cost.num_windows is None:
        return frames
    if not cost.num_windows:
        return f"{frames} from windows that are kept"
    return f"{cost.num_windows} window{'' if cost.num_windows == 1 else 's'} ({frames})"


def duration(seconds: float) -> str:
    """Return a duration as text: ``40 s``, ``3 min``."""
    if seconds < 1:
        return "1 s"
    return f"{seconds:.0f} s" if seconds < LONG_SECONDS else f"{seconds / 60:.0f} min"
