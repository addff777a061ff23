"""Runs the command of a method: with a time limit, and so that a stop ends all of its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from vas_tool.engines.external.methods import Method
from vas_tool.errors import EngineError

OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables of this process that would make another Python import this one's packages."""

POLL_SECONDS = 0.02
"""Seconds between two looks at a command that has just started. The time doubles up to ``LONGEST_POLL``."""

LONGEST_POLL = 0.25
"""Seconds: within this time, a stop is noticed."""

GRACE_SECONDS = 3.0
"""Seconds that the processes have to end by themselves before they are killed."""

TAIL_BYTES = 2000
"""Bytes of the command's output that an error shows."""


def run_command(method: Method, arguments: Sequence[str], log: Path, *, tick: Callable[[], None]) -> None:
    """Run a command and wait for its end. Its output goes to the file ``log``.

    ``tick`` is called while it runs; what it raises ends the command. Raises EngineError when the command cannot be
    started, fails, or takes longer than its time limit; the error ends with the last lines of its output.
    """
    with log.open("wb") as output:
        process = _started(method, arguments, output.fileno())
    try:
        _wait(process, method, log, tick=tick)
    except BaseException:
        _end(process)
        raise
    if process.returncode:
        raise EngineError(f"the command ended with status {process.returncode}; {_last_words(log)}")


def _started(method: Method, arguments: Sequence[str], output: int) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | dict(method.env)
    try:
        return subprocess.Popen(
            arguments,
            cwd=method.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its own process group, so that all of its processes can be ended together
        )
    except OSError as error:
        raise EngineError(f"the command cannot be started ({error}); mend command and cwd in {method.path}") from error


def _wait(process: subprocess.Popen[bytes], method: Method, log: Path, *, tick: Callable[[], None]) -> None:
    end, pause = time.monotonic() + method.time_limit, POLL_SECONDS
    while process.poll() is None:
        tick()
        if time.monotonic() > end:
            raise EngineError(
                f"the command took longer than {method.time_limit:g} s and was ended; raise time_limit in "
                f"{method.path}; {_last_words(log)}"
            )
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            pause = min(2 * pause, LONGEST_POLL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and the processes that it started: first politely, then by force."""
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    if os.name == "posix":
        _signal(process, signal.SIGKILL)  # also what outlived the command in its group
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):  # all of them have ended
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.kill()


def _last_words(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        words = file.read().decode(errors="replace").strip()
    return f"its output ends with:\n{words}" if words else "it printed nothing"
