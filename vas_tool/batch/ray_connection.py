"""The connection of this process to a Ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from vas_tool.errors import InputError


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect this process to the Ray cluster at ``address`` in the block; None starts one on this computer.

    An existing connection is used and stays open. Raises InputError if no cluster answers.
    """
    ours = not ray.is_initialized()
    if ours:
        _connect(address)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _connect(address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent without being asked
    try:
        ray.init(
            address=address or "local",  # without it, Ray would join any cluster that runs here
            logging_level=logging.WARNING,
            log_to_driver=False,
            **({} if address else {"include_dashboard": False}),
        )
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise InputError(
            f"no Ray cluster answers at {address or 'this computer'} ({error}); start one with: ray start --head, or "
            "leave --address out"
        ) from error
