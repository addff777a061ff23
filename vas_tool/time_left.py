"""How long work will still take, from the pace of its last steps."""

from __future__ import annotations

from collections import deque

STEPS_BEFORE_ESTIMATE = 2
"""The first steps warm caches up: what is left is told from the third on."""

RECENT = 50
"""Reports that the pace is taken from: two windows of Diffusion-VAS at 25 steps, so that what lies between the steps
(encoding, decoding) counts, and steps that took no time, because their window was kept, are soon forgotten."""


class TimeLeft:
    """Told every report of a ``Progress``.

    Work is another one as soon as its total changes or it starts from less; its words may change on the way, as those
    of windows do.
    """

    def __init__(self) -> None:
        self._total = 0
        self._reports: deque[tuple[float, int]] = deque(maxlen=RECENT)

    def seconds(self, done: int, total: int, *, now: float) -> float | None:
        """What is left, at ``now`` of a monotonic clock; None while unknown."""
        if total != self._total or (self._reports and done < self._reports[-1][1]):
            self._reports.clear()
            self._total = total
        self._reports.append((now, done))
        start, done_before = self._reports[0]
        if done - done_before < STEPS_BEFORE_ESTIMATE:
            return None
        return (now - start) / (done - done_before) * (total - done)
