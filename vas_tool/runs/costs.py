"""What a run would cost before it starts: frames, windows, and seconds where this machine has done such work before."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vas_tool.engines.registry import EngineSpec
from vas_tool.planning import speeds
from vas_tool.planning.fingerprint import digest_of
from vas_tool.planning.setup import settings_now, windows_of
from vas_tool.project import Project
from vas_tool.runs.spans import windows_with
from vas_tool.types import Stage

LONG_SECONDS = 90
"""From here on people think in minutes."""


@dataclass(frozen=True)
class StageCost:
    """What one stage of a run would make."""

    stage: Stage
    engine: str
    num_frames: int
    num_windows: int | None
    """None for an engine that has no windows."""
    seconds: float | None
    """From how long it took here the last time; None when that is not known."""
    beside: bool = False
    """Made without the crops, to be looked at beside what holds."""

    @property
    def name(self) -> str:
        """``amodal``, ``amodal without the crop``."""
        return f"{self.stage} without the crop" if self.beside else self.stage


NO_WINDOWS: frozenset[int] = frozenset()


def cost_of(
    project: Project,
    spec: EngineSpec,
    frames: Collection[int],
    *,
    num_seeds: int = 1,
    kept: frozenset[int] = NO_WINDOWS,
) -> StageCost:
    """What it would cost to make these frames by an engine, but for the windows whose numbers are ``kept``."""
    windows = windows_of(project.truth, spec, len(project.clip))
    num_windows = len({*windows_with(frames, windows)} - kept) if windows else None
    known = speeds.seconds_for(_work(project, spec))
    units = len(frames) if num_windows is None else num_windows
    seconds = 0.0 if not units else None if known is None else known * units * num_seeds
    return StageCost(spec.stage, spec.name, len(frames), num_windows, seconds)


@contextmanager
def measured(
    project: Project,
    spec: EngineSpec,
    frames: Collection[int],
    *,
    num_seeds: int = 1,
    kept: frozenset[int] = NO_WINDOWS,
) -> Iterator[None]:
    """Remember how long it takes to make these frames (see ``cost_of``); nothing when that is broken off."""
    start = time.monotonic()
    yield
    windows = windows_of(project.truth, spec, len(project.clip))
    units = (len({*windows_with(frames, windows)} - kept) if windows else len(frames)) * num_seeds
    if units:
        speeds.remember(_work(project, spec), (time.monotonic() - start) / units)


def _work(project: Project, spec: EngineSpec) -> str:
    """The kind of work whose speed is told: the same engine, set the same, on pictures of the same size."""
    size = "x".join(map(str, project.clip.size_wh))
    return f"{spec.stage} {spec.name} {spec.revision} {digest_of(settings_now(project.truth, spec))} {size}"


def total(costs: Iterable[StageCost]) -> list[StageCost]:
    """The costs of several objects, added up by stage."""
    by_name: dict[str, list[StageCost]] = {}
    for cost in costs:
        by_name.setdefault(cost.name, []).append(cost)
    return [_sum(same) for same in by_name.values()]


def _sum(same: Sequence[StageCost]) -> StageCost:
    windows = [c.num_windows for c in same if c.num_windows is not None]
    seconds = [c.seconds for c in same if c.seconds is not None]
    return StageCost(
        same[0].stage,
        same[0].engine,
        sum(c.num_frames for c in same),
        sum(windows) if len(windows) == len(same) else None,
        sum(seconds) if len(seconds) == len(same) else None,
        same[0].beside,
    )


def in_words(costs: Sequence[StageCost]) -> str:
    """``depth 36 frames, amodal 2 windows (36 frames): about 40 s``; empty when there is nothing to make."""
    made = [cost for cost in costs if cost.num_frames]
    known = [cost.seconds for cost in made if cost.seconds is not None]
    if not made:
        return ""
    what = ", ".join(f"{cost.name} {_extent(cost)}" for cost in made)
    if not known:
        return f"{what}; not yet timed at this size"
    return f"{what}: about {_duration(sum(known))}" + ("" if len(known) == len(made) else " for what was timed here")


def _extent(cost: StageCost) -> str:
    frames = f"{cost.num_frames} frame{'' if cost.num_frames == 1 else 's'}"
    if cost.num_windows is None:
        return frames
    if not cost.num_windows:
        return f"{frames} from windows that are kept"
    return f"{cost.num_windows} window{'' if cost.num_windows == 1 else 's'} ({frames})"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "1 s"
    return f"{seconds:.0f} s" if seconds < LONG_SECONDS else f"{seconds / 60:.0f} min"
