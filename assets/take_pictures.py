"""Takes the pictures of the page that the README and the documentation show: ``make pictures``.

Drives the real page in Chromium on the data that comes with the repository, with the engines that come with the tool.
Run it after a change of the page, and look at the pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browser import Server, Workbench, browser  # noqa: E402

from vas_tool.cli import main as vas_tool  # noqa: E402
from vas_tool.sample import sample_clip  # noqa: E402

VIEW = {"width": 1280, "height": 800}
CAR_AT_FIRST, CAR_AT_LAST = (70.0, 237.0), (690.0, 245.0)
"""Clip pixels on the sample's toy car, on its first and on its last frame."""
BALL = (160.0, 205.0)
"""On the first frame, behind the car: the first click takes a part of it, too."""
HIDDEN_ON = 11
"""A frame on which blocks hide a part of the car."""
STREET = "val_Made_street"
"""The project that one video of the made TAO-Amodal data becomes."""


def complete_car(bench: Workbench) -> None:
    """The car clicked, tracked and completed."""
    bench.click(*CAR_AT_FIRST)
    bench.click(*BALL, button="right")
    bench.go(bench.state()["project"]["frame_count"] - 1)
    bench.click(*CAR_AT_LAST)
    bench.item("rename-1").click()
    bench.page.keyboard.type("car")
    bench.page.keyboard.press("Enter")
    bench.until("s => s.objects[0].label === 'car'")
    bench.go(0)
    bench.run("t")
    bench.run("a")


def see_car(bench: Workbench) -> None:
    """Where blocks hide a part of it."""
    bench.go(HIDDEN_ON)
    bench.page.mouse.move(*bench.at(500, 60))


def complete_boxes(bench: Workbench) -> None:
    """The first track of boxes made into masks."""
    bench.run("t")
    bench.run("a")


def see_boxes(bench: Workbench) -> None:
    """The frame whose mask agrees least with its box."""
    bench.press("n")
    bench.page.wait_for_selector("[data-testid=status].vas-notice")
    bench.page.mouse.move(*bench.at(20, 20))


def place_template(bench: Workbench) -> None:
    """The outline of the first frame, fitted on two others; shown between these."""
    bench.go(0)
    bench.press("Shift+T")
    bench.until("s => s.objects[0].templates.length === 1")
    for number, frame in enumerate((6, 14), start=2):
        bench.go(frame)
        bench.press(".")
        bench.until(f"s => s.objects[0].templates[0].poses.length === {number}")


def see_template(bench: Workbench) -> None:
    """Between two key frames."""
    bench.go(HIDDEN_ON)
    bench.press("Shift+R")


@contextmanager
def opened(chromium: Any, projects: Path, *, source: Path | None = None, project: str = "") -> Iterator[Workbench]:
    """The page on a server of its own."""
    server = Server(projects, source)
    server.start()
    try:
        bench = Workbench(chromium.new_context(viewport=VIEW).new_page())
        bench.open(f"{server.address}?project={project}" if project else server.address)
        yield bench
        if bench.complaints:
            raise SystemExit(f"the page complained: {bench.complaints}")
        bench.page.context.close()
    finally:
        server.kill()


def keep(bench: Workbench, file: Path) -> None:
    """Photograph the page when everything is sharp: the larger picture of a frame comes after the first."""
    bench.page.wait_for_timeout(1500)
    bench.page.screenshot(path=str(file))
    print(file)


def main() -> None:
    """Take them all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=ROOT / "assets", help="folder for the pictures")
    out = options.parse_args().out
    with tempfile.TemporaryDirectory() as place, browser() as chromium:
        for variable in ("VAS_TOOL_WEIGHTS", "HF_HUB_CACHE", "VAS_TOOL_SPEEDS"):  # nothing of this computer
            os.environ[variable] = f"{place}/none"
        projects = Path(place) / "projects"
        projects.mkdir()
        with opened(chromium, projects, source=sample_clip()) as bench:
            complete_car(bench)
        with opened(chromium, projects, project="sample") as bench:  # a new start tells no times of this computer
            see_car(bench)
            keep(bench, out / "workbench.png")
        masks = ["--masks", str(sample_clip().parent / "truth" / "modal"), "--stages", "segment", "--label", "car"]
        vas_tool(["run", str(sample_clip()), *masks, "--project", str(projects / "template")])
        with opened(chromium, projects, project="template") as bench:
            place_template(bench)
        with opened(chromium, projects, project="template") as bench:
            see_template(bench)
            keep(bench, out / "template.png")
        made = ROOT / "assets" / "tao_made"
        annotations, frames = made / "amodal_annotations" / "validation.json", made / "frames"
        given = [str(annotations), "--frames", str(frames), "--projects", str(projects), "--video", "val/Made/street"]
        vas_tool(["import", "tao-amodal", *given])
        with opened(chromium, projects, project=STREET) as bench:
            complete_boxes(bench)
        with opened(chromium, projects, project=STREET) as bench:
            see_boxes(bench)
            keep(bench, out / "desk.png")


if __name__ == "__main__":
    main()
