"""What several test files need: small projects on disk, and the page in a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import Pages, Server, SharedBrowser, chromium_path
from forking import Forks
from hypothesis import settings

from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.sample import sample_clip
from vas_tool.types import Frame, SizeWH

settings.register_profile("vas-tool", deadline=None)  # a busy machine is no failure
settings.load_profile("vas-tool")

SHORT_SECONDS = 1.6

SQUARE = 12
"""Side of the moving square, in pixels."""


def square_at(frame_index: int, size_wh: SizeWH) -> tuple[slice, slice]:
    """(rows, columns) of the square: it moves two pixels to the right and one down, and turns back at the border."""
    width, height = size_wh
    x, y = ((step * frame_index + 4) % (2 * room) for step, room in ((2, width - SQUARE), (1, height - SQUARE)))
    x, y = min(x, 2 * (width - SQUARE) - x), min(y, 2 * (height - SQUARE) - y)
    return slice(y, y + SQUARE), slice(x, x + SQUARE)


def square_frame(frame_index: int, size_wh: SizeWH) -> Frame:
    """A textured square on a textured ground, (H, W, 3)."""
    random = np.random.default_rng(1)
    frame = random.integers(40, 90, (size_wh[1], size_wh[0], 3), np.uint8)
    frame[square_at(frame_index, size_wh)] = random.integers(150, 250, (SQUARE, SQUARE, 3), np.uint8)
    return frame


def write_images(folder: Path, num_frames: int, size_wh: SizeWH) -> Path:
    folder.mkdir(parents=True)
    for i in range(num_frames):
        cv2.imwrite(str(folder / f"{i:05d}.png"), square_frame(i, size_wh)[..., ::-1])
    return folder


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_this_computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a whole file or run shares, such as a training, must not enter its results among a developer's."""
    with pytest.MonkeyPatch.context() as patch:
        set_apart(patch, tmp_path_factory.mktemp("apart"))
        yield


@pytest.fixture(autouse=True)
def _nothing_of_other_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test has its own."""
    set_apart(monkeypatch, tmp_path)


def set_apart(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """A developer's weights must not decide what ``auto`` is in a test, nor their methods be run, nor speeds kept."""
    patch.setenv("VAS_TOOL_WEIGHTS", str(folder / "no-weights"))
    patch.setenv("HF_HUB_CACHE", str(folder / "no-hub"))
    patch.setenv("VAS_TOOL_ENGINES", str(folder / "no-methods"))
    patch.setenv("VAS_TOOL_SPEEDS", str(folder / "speeds.json"))


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """make_project(num_frames=5, size_wh=(64, 48), name="clip") -> an open project without objects.

    ``name`` may hold slashes. Every project is closed at the end of the test.
    """
    made: list[Project] = []

    def make(num_frames: int = 5, size_wh: SizeWH = (64, 48), name: str = "clip") -> Project:
        images = write_images(tmp_path / "sources" / str(len(made)), num_frames, size_wh)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        made.append(create_project(tmp_path / name, images))
        return made[-1]

    yield make
    for project in made:
        project.close()


@pytest.fixture
def small_project(make_project: Callable[..., Project]) -> Project:
    """Five frames of 64 x 48 pixels, no objects."""
    return make_project()


_SHARED = SharedBrowser()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The browser ends before a test that needs none: asyncio.run fails beside Playwright."""
    if item.get_closest_marker("browser") is None:
        _SHARED.stop()


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[SharedBrowser]:
    chromium_path()
    yield _SHARED
    _SHARED.stop()


@pytest.fixture
def chromium(shared_browser: SharedBrowser) -> Any:
    """The browser, for tests with contexts of their own."""
    return shared_browser.chromium


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts servers quickly."""
    chromium_path()
    forks = Forks()
    yield forks
    forks.close()


def serving(folder: Path, module: str, forks: Forks) -> Iterator[Server]:
    """A server, in one process for all tests."""
    server = Server(folder / "projects", module=module, forks=forks)
    server.root.mkdir()
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[Server]:
    yield from serving(tmp_path_factory.mktemp("page"), "page_tool", forks)


@pytest.fixture
def server(_server: Server) -> Server:
    """The tool with its page, for all tests. Each has projects of its own, and may kill the server."""
    if _server.process.poll() is not None:
        _server.start()
    return _server


@pytest.fixture
def pages(shared_browser: SharedBrowser, server: Server) -> Iterator[Pages]:
    """Pages on that server, closed at the end of the test."""
    pages = Pages(shared_browser, server)
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def _guessing_server(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[Server]:
    yield from serving(tmp_path_factory.mktemp("guessing"), "guessing_tool", forks)


@pytest.fixture
def guessing_pages(shared_browser: SharedBrowser, _guessing_server: Server) -> Iterator[Pages]:
    """As ``pages``, with fake engines that guess."""
    pages = Pages(shared_browser, _guessing_server)
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def short_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the bundled sample's first 13 frames, to copy: tracking and completing all 36 takes seconds."""
    folder = tmp_path_factory.mktemp("sample") / "sample"
    create_project(folder, sample_clip(), end_seconds=SHORT_SECONDS).close()
    return folder
