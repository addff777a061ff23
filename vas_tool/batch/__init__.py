"""Run the whole method on many objects of many videos, from a manifest: ``run_batch``.

The rows run on Ray Data (extra ``batch``) or one after the other in this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vas_tool.batch.batch_run import BatchOptions as BatchOptions
    from vas_tool.batch.batch_run import run_batch as run_batch


def __getattr__(name: str) -> Any:
    """Import ``BatchOptions`` and ``run_batch`` when they are used: a process that needs one module starts sooner."""
    if name not in ("BatchOptions", "run_batch"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vas_tool.batch import batch_run

    return getattr(batch_run, name)
