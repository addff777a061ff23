"""A person who never stops: run as a process of its own and killed by ``killing.py``.

A line of standard input, the seed and the project's folder, starts one. Prints one JSON line with its process id, then
one after each thing that was confirmed: the digest of the truth and the frames that have masks; then how it died.
"""

import json
import os
import random
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from conftest import square_at
from fake_engines import use_fake_engines

from vas_tool.errors import NothingToDo
from vas_tool.planning.fingerprint import digest_of
from vas_tool.project import Project
from vas_tool.project.truth import truth_json
from vas_tool.session import Session
from vas_tool.types import Click, Stroke


class Patch:
    """As much of pytest's monkeypatch as the fakes need."""

    def setattr(self, target, name, value=None):
        if not isinstance(target, str):
            setattr(target, name, value)


def main(folder: Path, seed: int) -> None:
    use_fake_engines(Patch())  # type: ignore[arg-type]
    random.seed(seed)
    session = Session(Project.open(folder))
    while True:
        do_something(session)
        print(json.dumps(confirmed(session)), flush=True)


def do_something(session: Session) -> None:
    """One thing that a person does, at random."""
    random.choice([click, click, stroke, stroke, accept, track, complete, undo, undo, redo, save])(session)


def confirmed(session: Session) -> dict[str, Any]:
    """What the project holds by now: the digest of the truth, and of each object the frames that have masks."""
    project = session.project
    masks = {str(o.id): sorted(project.modal(o.id)) for o in project.truth.objects}
    return {"truth": digest_of(truth_json(project.truth)), "masks": masks}


def click(session: Session) -> None:
    frame = random.randrange(len(session.project.clip))
    rows, columns = square_at(frame, session.project.clip.size_wh)
    objects = [o.id for o in session.project.truth.objects]
    session.prompts.click(
        Click(frame, columns.start + 3, rows.start + 3), object_id=random.choice([*objects[:2], None])
    )


def stroke(session: Session) -> None:
    for obj in session.project.truth.objects[:1]:
        points = tuple((random.uniform(0, 64), random.uniform(0, 48)) for _ in range(30))
        session.prompts.stroke(
            Stroke(random.randrange(8), "modal", adds=True, radius=2, points=points), object_id=obj.id
        )


def accept(session: Session) -> None:
    for obj in session.project.truth.objects[:1]:
        frames = list(session.project.modal(obj.id))
        if frames:
            session.accept(obj.id, random.choice(frames))


def track(session: Session) -> None:
    for obj in session.project.truth.objects[:1]:
        if any(f in session.project.modal(obj.id) for f in obj.prompted()):
            with suppress(NothingToDo):
                session.runs.track(obj.id, 0)
            session.runs.wait()


def complete(session: Session) -> None:
    if any(len(session.project.modal(o.id)) for o in session.project.truth.objects):
        session.runs.complete()
        session.runs.wait()


def undo(session: Session) -> None:
    session.undo()


def redo(session: Session) -> None:
    session.redo()


def save(session: Session) -> None:
    session.set_place({"frame": random.randrange(8)})


def fork(line: str) -> None:
    """Start one, and wait until it is dead. The next one finds all modules imported."""
    seed, folder = line.rstrip("\n").split(" ", 1)
    if (pid := os.fork()) == 0:
        print(json.dumps({"pid": os.getpid()}), flush=True)
        main(Path(folder), int(seed))
    print(json.dumps({"died": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)


if __name__ == "__main__":
    for line in sys.stdin:
        fork(line)
