"""Takes the pictures of the page that the README and the documentation show: ``make pictures``.

Drives the real page in Chromium on the bundled sample, with the engines that come with the tool, and keeps what it
shows. Run it after a change of the page, and look at the pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browser import Server, Workbench, browser  # noqa: E402

from vas_tool.sample import sample_clip  # noqa: E402

VIEW = {"width": 1280, "height": 800}
CAR_AT_FIRST, CAR_AT_LAST = (70.0, 237.0), (690.0, 245.0)
"""Clip pixels on the sample's toy car, on its first and on its last frame."""
BALL = (160.0, 205.0)
"""On the first frame, behind the car: the first click takes a part of it, too."""
HIDDEN_ON = 11
"""A frame on which blocks hide a part of the car."""


def workbench(bench: Workbench, out: Path) -> None:
    """The car clicked, tracked and completed, seen where blocks hide a part of it."""
    bench.click(*CAR_AT_FIRST)
    bench.click(*BALL, button="right")
    last = bench.state()["project"]["frame_count"] - 1
    bench.go(last)
    bench.click(*CAR_AT_LAST)
    bench.item("rename-1").click()
    bench.page.keyboard.type("car")
    bench.page.keyboard.press("Enter")
    bench.until("s => s.objects[0].label === 'car'")
    bench.go(0)
    bench.run("t")
    bench.run("a")
    bench.go(HIDDEN_ON)
    bench.page.mouse.move(*bench.at(500, 60))
    bench.page.wait_for_timeout(1000)  # the larger picture comes after the first
    bench.page.screenshot(path=str(out))


def main() -> None:
    """Take them all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=ROOT / "assets", help="folder for the pictures")
    out = options.parse_args().out
    with tempfile.TemporaryDirectory() as place, browser() as chromium:
        for variable in ("VAS_TOOL_WEIGHTS", "HF_HUB_CACHE", "VAS_TOOL_SPEEDS"):  # nothing of this computer
            os.environ[variable] = f"{place}/none"
        server = Server(Path(place) / "projects", sample_clip())
        server.root.mkdir()
        server.start()
        try:
            bench = Workbench(chromium.new_page(viewport=VIEW))
            bench.open(server.address)
            workbench(bench, out / "workbench.png")
            if bench.complaints:
                raise SystemExit(f"the page complained: {bench.complaints}")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
