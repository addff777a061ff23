"""What was confirmed survives ``kill -9`` at any moment: a real process, killed at random points, many times."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vas_tool.project import Project
from vas_tool.project.truth import digest_of, truth_json

ROUNDS = 30


def digest(project: Project) -> str:
    return digest_of(truth_json(project.truth))


def work_until_killed(folder: Path, seed: int, seconds: float) -> list[dict]:
    """Start the worker, kill it ``seconds`` after its first confirmation; everything it confirmed."""
    tests = Path(__file__).parent
    worker = subprocess.Popen(
        [sys.executable, str(tests / "restless_worker.py"), str(folder), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"},
    )
    assert worker.stdout is not None
    first = worker.stdout.readline()
    time.sleep(seconds)
    worker.send_signal(signal.SIGKILL)
    rest, _ = worker.communicate()
    lines = [first, *rest.splitlines(keepends=True)]
    return [json.loads(line) for line in lines if line.endswith("\n")]


@pytest.mark.slow
def test_nothing_confirmed_is_lost(make_project: Callable[..., Project]) -> None:
    project = make_project(num_frames=8)
    project.close()
    chance = random.Random(7)
    confirmed = 0
    for seed in range(ROUNDS):
        said = work_until_killed(project.folder, seed, chance.uniform(0.0, 0.6))
        assert said, "the worker died by itself"
        confirmed += len(said)
        check_nothing_lost(project.folder, said[-1])
    assert confirmed > 5 * ROUNDS, "the workers were killed before they did anything"


def check_nothing_lost(folder: Path, last: dict) -> None:
    """The truth is the one last confirmed, or one step beyond it: what was under way when the process died."""
    project = Project.open(folder)
    try:
        beyond = digest(project) != last["truth"]
        if not beyond:
            if not has_masks(project, last):  # an undo of tracking was under way: it leaves the truth as it is
                assert project.redo() is not None and has_masks(project, last), "a confirmed mask is gone"
        for thing in project.truth.objects:
            modal, layers = project.modal(thing.id), project.layers(thing.id)
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
