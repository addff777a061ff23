"""Kills a real process at work on a project, and looks whether what it confirmed is there.

For ``test_kill.py``, ``full_disk_worker.py`` and ``benchmarks/torture.py``.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Self

from vas_tool.planning.fingerprint import digest_of
from vas_tool.project import Project
from vas_tool.project.truth import truth_json

HANG_SECONDS = 120.0
"""A worker that has not said anything by then hangs."""


def digest(project: Project) -> str:
    return digest_of(truth_json(project.truth))


class Workers:
    """Forks workers, one after the other, from one process: importing everything takes longer than the work."""

    def __init__(self) -> None:
        tests = Path(__file__).parent
        self._forking = subprocess.Popen(
            [sys.executable, str(tests / "restless_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forking.communicate()

    def work_until_killed(self, folder: Path, seed: int, chance: random.Random) -> list[dict]:
        """Start a worker, kill it within an action after some were confirmed; everything it confirmed.

        Raises TimeoutError when it takes HANG_SECONDS to confirm them, RuntimeError when it dies by itself.
        """
        assert self._forking.stdin is not None
        print(seed, folder, file=self._forking.stdin, flush=True)
        pid = self._line()["pid"]
        hangs = threading.Timer(HANG_SECONDS, os.kill, (pid, signal.SIGKILL))
        hangs.start()
        rest, wanted = self._until_dead(), chance.randrange(1, 12)
        said = list(islice(rest, wanted))
        hangs.cancel()
        if len(said) < wanted:
            died = self._died
            raise TimeoutError("the worker hung") if died == -signal.SIGKILL else RuntimeError(f"it died ({died})")
        time.sleep(chance.uniform(0.0, 0.1))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return [*said, *rest]

    def _until_dead(self) -> Iterator[dict]:
        while "died" not in (line := self._line()):
            yield line
        self._died = line["died"]

    def _line(self) -> dict:
        """What the worker, or the process that forks it, says next."""
        assert self._forking.stdout is not None
        return json.loads(self._forking.stdout.readline())


def check_nothing_lost(folder: Path, last: dict) -> None:
    """The truth is the one last confirmed, or one step beyond it: what was under way when the process died."""
    project = Project.open(folder)
    try:
        beyond = digest(project) != last["truth"]
        if not beyond and not has_masks(project, last):  # an undo of tracking was under way: the truth stays as it is
            assert project.redo() is not None and has_masks(project, last), "a confirmed mask is gone"
        for obj in project.truth.objects:
            modal, layers = project.modal(obj.id), project.layers(obj.id)
            assert all(modal[f].shape == (48, 64) for f in modal)
            assert all(layers.content[f].shape == (48, 64, 4) for f in layers.content)
        if beyond:
            assert one_step_away(project, last["truth"]), "a confirmed edit is gone"
    finally:
        project.close()


def has_masks(project: Project, last: dict) -> bool:
    """Whether all masks are there that were confirmed."""
    return all(set(frames) <= set(project.modal(int(object_id))) for object_id, frames in last["masks"].items())


def one_step_away(project: Project, truth: str) -> bool:
    """Whether undoing or redoing once gives that truth (and leaves the project as it was)."""
    for there, back in ((project.undo, project.redo), (project.redo, project.undo)):
        if there() is not None:
            found = digest(project) == truth
            back()
            if found:
                return True
    return False
