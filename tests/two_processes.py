"""Runs commands of vas-tool, each in two processes that train together, without a GPU: for ``test_two_processes.py``.

    python two_processes.py PORT '[["train", ...], ...]'

The processes are forked from this one: importing what trains takes seconds, and a launcher would do so once more.
"""

import json
import os
import sys

import vas_tool.training.diffusion_vas.train  # noqa: F401
import vas_tool.training.eoras.train  # noqa: F401
from vas_tool.cli import main

WORLD = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "true"}
"""What a launcher tells each process, beside its rank and the port."""


def fork(rank: int, port: int, command: list[str]) -> int:
    """Start one of the processes; its id."""
    if (pid := os.fork()) == 0:
        os.environ.update(WORLD, RANK=str(rank), LOCAL_RANK=str(rank), MASTER_PORT=str(port))
        status = 1
        try:
            status = main(command)
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


def succeeds(port: int, command: list[str]) -> bool:
    pids = [fork(rank, port, command) for rank in range(2)]
    return all([os.waitpid(pid, 0)[1] == 0 for pid in pids])  # a list: both are waited for


if __name__ == "__main__":
    commands = json.loads(sys.argv[2])
    sys.exit(0 if all(succeeds(int(sys.argv[1]) + i, command) for i, command in enumerate(commands)) else 1)
