"""Runs the shipped networks on the CPU with onnxruntime, without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vas_tool.errors import EngineError

MOST_THREADS = 4
"""Most threads. More threads do not make such small networks faster."""


def allowed_threads() -> int:
    """Return how many threads this process may use: the number in ``OMP_NUM_THREADS``, which Ray sets to the CPUs of a
    worker.

    Without such a number, it is the number of CPUs of the computer.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(told)) if told.isdigit() else os.cpu_count() or 1


def open_session(path: Path) -> Any:
    """Return an ``onnxruntime.InferenceSession`` that gives the same bits for the same input.

    Raises EngineError when onnxruntime is missing, or when the file, which is part of the package, is unreadable.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(f"{path.name} needs onnxruntime ({error}); run: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(MOST_THREADS, allowed_threads())
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own exceptions, which derive from Exception
        raise EngineError(
            f"{path} does not hold the network that it should ({error}); install vas-tool anew"
        ) from error
