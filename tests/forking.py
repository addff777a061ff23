"""Processes of the tool that start in a moment: forked from one that has imported everything. Imports take seconds."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Forks:
    """One process that imports the tool and forks others of it. They end with it."""

    def __init__(self) -> None:
        tests = Path(__file__).parent
        self._forking = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tests.parent,
            env={
                **os.environ,
                "HF_HUB_CACHE": str(Path(tempfile.gettempdir()) / "no-hub"),  # read when it is imported
                "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)]),
            },
        )

    def start(self, module: str, arguments: Sequence[str], *, environment: Mapping[str, str], log: str) -> Forked:
        """``python -m module arguments``, with both outputs behind the file ``log``."""
        order = {"module": module, "arguments": list(arguments), "environment": dict(environment), "log": log}
        return Forked(self, self.ask(start=order))

    def ask(self, **order: Any) -> Any:
        assert self._forking.stdin is not None and self._forking.stdout is not None
        print(json.dumps(order), file=self._forking.stdin, flush=True)
        return json.loads(self._forking.stdout.readline())

    def close(self) -> None:
        """End it, and with it all that it started."""
        self._forking.communicate()


class Forked:
    """A process of ``Forks``, used as a ``Popen`` is."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self._forks, self.pid = forks, pid

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        status: int | None = self._forks.ask(poll=self.pid)
        return status

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        return int(self._forks.ask(wait=self.pid))


class _Forking:
    """What the process does that forks: answers one order a line."""

    def __init__(self) -> None:
        self._ended: dict[int, int | None] = {}

    def start(self, order: dict[str, Any]) -> int:
        if pid := os.fork():
            self._ended[pid] = None
            return pid
        for number, name in enumerate((os.devnull, order["log"], order["log"])):
            os.dup2(os.open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT), number)
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = [order["module"], *order["arguments"]]
        runpy.run_module(order["module"], run_name="__main__")
        raise SystemExit(0)

    def poll(self, pid: int) -> int | None:
        return self._look(pid, os.WNOHANG)

    def wait(self, pid: int) -> int | None:
        return self._look(pid, 0)

    def _look(self, pid: int, how: int) -> int | None:
        if self._ended[pid] is None and os.waitpid(pid, how)[0]:
            self._ended[pid] = 0
        return self._ended[pid]

    def close(self) -> None:
        for pid in [pid for pid in self._ended if self.poll(pid) is None]:
            os.kill(pid, signal.SIGKILL)
            self.wait(pid)


def _import_everything() -> None:
    import matplotlib  # noqa: F401  Gradio's

    import vas_tool.ui.server  # noqa: F401


if __name__ == "__main__":
    _import_everything()
    forking = _Forking()
    for line in sys.stdin:
        ((what, given),) = json.loads(line).items()
        print(json.dumps(getattr(forking, what)(given)), flush=True)
    forking.close()
