"""What a person who used the page for the first time stumbled over, done again in a real Chromium."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Server, Workbench, browser
from conftest import SQUARE, square_at, write_images

from vas_tool.project import Project
from vas_tool.types import SizeWH

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]

VIEW = {"width": 1280, "height": 800}

Size = dict[str, int]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests here: each has a project of its own."""
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAS_TOOL_SPEEDS", str(folder / "speeds.json"))
        patch.setenv("VAS_TOOL_WEIGHTS", str(folder / "no-weights"))
        patch.setenv("HF_HUB_CACHE", str(folder / "no-hub"))
        server = Server(folder / "projects")
        server.root.mkdir()
        server.start()
        yield server
        server.kill()


OpenClip = Callable[..., Workbench]


@pytest.fixture
def open_clip(chromium: Any, server: Server, tmp_path: Path) -> Iterator[OpenClip]:
    """open_clip(name, num_frames=6, size_wh=(128, 96), view=VIEW) -> the page on a new project of that name."""
    pages: list[Workbench] = []

    def open_it(name: str, *, num_frames: int = 6, size_wh: SizeWH = (128, 96), view: Size = VIEW) -> Workbench:
        Project.create(server.root / name, write_images(tmp_path / name, num_frames, size_wh)).close()
        bench = Workbench(chromium.new_context(viewport=view).new_page())
        pages.append(bench)
        bench.open(f"{server.address}?project={name}")
        return bench

    yield open_it
    for bench in pages:
        bench.page.context.close()
    assert [bench.complaints for bench in pages] == [[] for _ in pages]


def photograph(bench: Workbench, name: str) -> None:
    """Keep a picture of the page when somebody wants to look (SCREENSHOTS=folder)."""
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        bench.page.screenshot(path=f"{folder}/{name}.png")


def square(frame_index: int, size_wh: SizeWH = (128, 96)) -> tuple[float, float]:
    """The middle of the moving square, in clip pixels."""
    rows, columns = square_at(frame_index, size_wh)
    return columns.start + SQUARE / 2, rows.start + SQUARE / 2


def around(frame_index: int) -> list[tuple[float, float]]:
    """A drag around the square."""
    x, y = square(frame_index)
    return [(x - 10, y - 10), (x + 10, y + 10)]


def test_selecting_all_text_does_not_throw_drags_away(open_clip: OpenClip) -> None:
    bench = open_clip("select-all")
    bench.page.evaluate("() => document.execCommand('selectAll')")  # as the browser's menu does
    bench.drag(around(0))
    assert len(bench.state()["objects"][0]["boxes"]) == 1
    bench.item("canvas").focus()
    bench.press("Control+a")
    assert bench.page.evaluate("() => getSelection().isCollapsed")
    bench.press("p")
    bench.drag(around(0))
    assert len(bench.state()["objects"][0]["strokes"]) == 1
