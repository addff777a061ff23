"""A person at work on a disk that is full, or nearly: run as a process of its own by ``small_disk``.

Prints one JSON line: how many actions were tried, confirmed, refused with a message; and what went wrong otherwise.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from pathlib import Path

from conftest import write_images
from fake_engines import use_fake_engines
from killing import check_nothing_lost
from restless_worker import Patch, confirmed, do_something

from vas_tool.errors import VasToolError
from vas_tool.exports import export
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.session import Session

ROOM_KIB = 16 * 1024
"""Of the disk: the project needs less, with all that a few actions add."""

LEFT_KIB = (0, 0, 1, 4, 16, 64)
"""What is free during an action."""


def work_on_small_disk(folder: Path, seed: int, actions: int) -> dict:
    """Make a disk of ROOM_KIB at ``folder``, seen by one new process alone, and work there. What that process printed.

    Raises OSError with the reason where this computer gives no such disk to this user.
    """
    disk = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f'mount -t tmpfs -o size={ROOM_KIB}k tmpfs "$0" && exec "$@"'
    if shutil.which("unshare") is None:
        raise OSError("a small disk needs Linux's unshare (util-linux)")
    if (tried := subprocess.run([*disk, mount, str(folder), "true"], capture_output=True, text=True)).returncode:
        raise OSError(f"this computer gives no small disk to this user: {tried.stderr.strip()}")
    work = [sys.executable, str(Path(__file__)), str(folder), str(seed), str(actions)]
    path = f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parent.parent}"
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([*disk, mount, str(folder), *work], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"the worker died ({done.returncode}): {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main(disk: Path, seed: int, actions: int) -> None:
    use_fake_engines(Patch())  # type: ignore[arg-type]
    random.seed(seed)
    create_project(disk / "clip", write_images(disk / "source", 8, (64, 48))).close()
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for _ in range(actions):
        outcome = one_action(disk)
        counts[outcome.split(":")[0]] += 1
        if ":" in outcome:
            faults.append(outcome)
    print(json.dumps({**counts, "faults": faults}))


def one_action(disk: Path) -> str:
    """Something is done while little is free; then, with all free again, whether what was confirmed before is there."""
    session = Session(Project.open(disk / "clip"))
    last = confirmed(session)
    fill(disk, leave_kib=random.choice(LEFT_KIB))
    try:
        outcome = tried(session)
        if outcome == "confirmed":
            last = confirmed(session)
        outcome = outcome if ":" in outcome else exported(session, disk, outcome)
        session.close()
    except Exception:
        outcome = f"crashed: {traceback.format_exc()}"
    finally:
        (disk / "ballast").unlink()
    try:
        check_nothing_lost(disk / "clip", last)
    except Exception:
        return f"lost: {traceback.format_exc()}"
    return outcome


def tried(session: Session) -> str:
    try:
        do_something(session)
    except VasToolError:
        return "refused"
    except Exception:
        return f"crashed: {traceback.format_exc()}"
    job = session.runs.job
    return "refused" if job is not None and job.error else "confirmed"


def exported(session: Session, disk: Path, outcome: str) -> str:
    """What there is can be exported to another disk while this one is full."""
    if any(confirmed(session)["masks"].values()):
        try:
            export([session.project], "coco", disk.parent / "out.json")
        except Exception:
            return f"crashed: {traceback.format_exc()}"
    return outcome


def fill(disk: Path, *, leave_kib: int) -> None:
    """Write a file that leaves so much free."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        free = shutil.disk_usage(disk).free // 1024 - leave_kib
        for _ in range(max(0, free)):
            ballast.write(bytes(1024))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
