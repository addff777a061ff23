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
from pathlib import Path

from vas_tool.planning.fingerprint import digest_of
from vas_tool.project import Project
from vas_tool.project.truth import truth_json

HANG_SECONDS = 120.0
"""A worker that has not said anything by then hangs."""


def digest(project: Project) -> str:
    return digest_of(truth_json(project.truth))


def work_until_killed(folder: Path, seed: int, chance: random.Random) -> list[dict]:
    """Start the worker, kill it within an action after some were confirmed; everything it confirmed.

    Raises TimeoutError when it takes HANG_SECONDS to confirm them, RuntimeError when it dies by itself.
    """
    tests = Path(__file__).parent
    worker = subprocess.Popen(
        [sys.executable, str(tests / "restless_worker.py"), str(folder), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"},
    )
    assert worker.stdout is not None
    hangs = threading.Timer(HANG_SECONDS, worker.kill)
    hangs.start()
    lines = [worker.stdout.readline() for _ in range(chance.randrange(1, 12))]
    hangs.cancel()
    if not lines[-1]:
        died = worker.wait()
        raise TimeoutError("the worker hung") if died == -signal.SIGKILL else RuntimeError(f"the worker died ({died})")
    time.sleep(chance.uniform(0.0, 0.1))
    worker.send_signal(signal.SIGKILL)
    rest, _ = worker.communicate()
    lines += rest.splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


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
