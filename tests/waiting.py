"""Waits of tests: each has an end."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait until the condition holds. On a busy machine that takes longer than one would think."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come within {seconds:g} s"
        time.sleep(0.005)
