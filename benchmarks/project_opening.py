"""How long the first look at a large project takes: ``python benchmarks/project_opening.py``.

Makes a project whose objects have a modal mask, an amodal mask and content on every frame, opens it, and asks for all
that the page shows of it. Three ways: as it is; without the files that are kept beside the masks (a project of an
older version, opened once); and the same with amodal masks that do not say over which modal masks they were made.
Prints a table in seconds of the processor. The project lies in the system's memory: a cold disk adds its own time.

Measured with 2,000 frames of 320 x 180 and 40 objects: before there were such files, 54 s (19 s to read what is said
of 240,000 pictures, 35 s to read masks).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from vas_tool.imports.new_project import create_project
from vas_tool.planning.fingerprint import NOTHING, Fingerprint
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.session import Session
from vas_tool.storage import Stamp
from vas_tool.ui.views import state_view
from vas_tool.video.storing import encode_jpeg

SIZE = (320, 180)
KEPT = (".stamps.json", "areas.json", "boxes.json")
"""Files that spare an opening to look at the pictures."""


def make(folder: Path, *, frames: int, objects: int, made_over: bool) -> None:
    """A project; all objects look alike."""
    source = folder.with_name("source")
    source.mkdir(exist_ok=True)
    picture = encode_jpeg(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    for index in range(frames):
        (source / f"{index:05d}.jpg").write_bytes(picture)
    with closing(create_project(folder, source)) as project:
        truth = project.truth
        for number in range(1, objects + 1):
            truth = truth.with_object(AnnotatedObject(number, f"thing {number}"))
        project.edit("objects", truth)
        fill(project, made_over=made_over)
    for number in range(2, objects + 1):
        shutil.copytree(folder / "objects" / "001", folder / "objects" / f"{number:03d}")


def fill(project: Project, *, made_over: bool) -> None:
    """Masks and content of the first object."""
    layers, modal = project.layers(1), project.modal(1)
    down, across = np.mgrid[: SIZE[1], : SIZE[0]]
    for frame in range(len(project.clip)):
        x = 60 + frame % 200
        whole = (across - x) ** 2 + (down - 90) ** 2 < 2500
        layers.modal.put(frame, whole & (across > x - 10), Stamp("sam2", "1"))
        made_from = Fingerprint(modal=modal.state(frame), setup=("how",), around=("what",)) if made_over else NOTHING
        layers.amodal.put(frame, whole, Stamp("diffusion-vas", "1", made_from=made_from))
        layers.content.put(frame, np.repeat(whole[..., None], 4, 2).astype(np.uint8) * 255, Stamp("diffusion-vas", "1"))


def look(folder: Path) -> tuple[float, float, float]:
    """Processor seconds until it is open, until a person may work, and until the page has all that it shows."""
    times = [time.process_time()]
    with closing(Session(Project.open(folder))) as session:
        times.append(time.process_time())
        state_view(session, None)
        times.append(time.process_time())
        state_view(session, session.changes.version)
        times.append(time.process_time())
    return times[1] - times[0], times[2] - times[1], times[3] - times[2]


def forget(folder: Path) -> None:
    """Make it a project of an older version."""
    for name in KEPT:
        for file in folder.rglob(name):
            file.unlink()


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--frames", type=int, default=2000)
    options.add_argument("--objects", type=int, default=40)
    asked = options.parse_args()
    os.fsync = lambda descriptor: None  # making it is not what is measured
    print(
        f"{asked.frames} frames, {asked.objects} objects\n{'':34}{'open':>8}{'view':>8}{'again':>8}{'first look':>12}"
    )
    for made_over in (True, False):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "project"
            make(folder, frames=asked.frames, objects=asked.objects, made_over=made_over)
            rows = {"as it is": look(folder)}
            forget(folder)
            rows["of an older version, once"] = look(folder)
            rows["the same, the next time"] = look(folder)
        for name, (opening, view, again) in rows.items():
            what = f"{'' if made_over else 'unmeasured, '}{name}"
            print(f"{what:34}{opening:8.2f}{view:8.2f}{again:8.2f}{opening + view:12.2f}", flush=True)


if __name__ == "__main__":
    main()
