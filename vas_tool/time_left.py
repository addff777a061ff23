"""Estimates the remaining time of work from the speed of its last steps."""

from __future__ import annotations

from collections import deque

STEPS_BEFORE_ESTIMATE = 2
"""The estimate starts after this many steps, because the first steps fill caches."""

RECENT = 50
"""Number of reports for the speed: two windows of Diffusion-VAS at 25 steps. It includes the time between steps
(encoding, decoding), and steps of cached windows, which take no time, soon drop out."""


class TimeLeft:
    """Estimates the remaining time from the reports of a ``Progress``.

    New work begins when the total changes or the count falls. The text may change during the work, as it does for
    windows.
    """

    def __init__(self) -> None:
        self._total = 0
        self._reports: deque[tuple[float, int]] = deque(maxlen=RECENT)

    def seconds(self, done: int, total: int, *, now: float) -> float | None:
        """Return the remaining seconds at ``now`` of a monotonic clock; None while they are unknown."""
        if total != self._total or (self._reports and done < self._reports[-1][1]):
            self._reports.clear()
            self._total = total
        self._reports.append((now, done))
        start, done_before = self._reports[0]
        if done - done_before < STEPS_BEFORE_ESTIMATE:
            return None
        return (now - start) / (done - done_before) * (total - done)
