"""What was confirmed survives ``kill -9`` at any moment: a real process, killed at random points, many times."""

import random
from collections.abc import Callable

import pytest
from killing import Workers, check_nothing_lost

from vas_tool.project import Project

ROUNDS = 30


@pytest.mark.slow
def test_nothing_confirmed_is_lost(make_project: Callable[..., Project]) -> None:
    project = make_project(num_frames=8)
    project.close()
    chance = random.Random(7)
    confirmed = 0
    with Workers() as workers:
        for seed in range(ROUNDS):
            said = workers.work_until_killed(project.folder, seed, chance)
            confirmed += len(said)
            check_nothing_lost(project.folder, said[-1])
    assert confirmed > 5 * ROUNDS, "the workers were killed before they did anything"
