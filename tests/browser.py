"""A real Chromium on the real tool: the server as a process of its own, the page driven as a person would."""

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from forking import Forks

from vas_tool.imports.new_project import create_project
from vas_tool.session.session import PLACE

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

ROOT = Path(__file__).parent.parent
START_SECONDS = 300
"""On a busy machine; a server that dies is noticed at once."""
VIEW = {"width": 1280, "height": 800}
"""Of a window, in CSS pixels."""


def chromium_path() -> str:
    """The browser's path; skips the test when there is none, unless REQUIRE_CHROMIUM forbids that."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail("REQUIRE_CHROMIUM is set, and there is no Chromium on this machine")
        pytest.skip("needs Chromium (Debian: apt install chromium)")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``vas-tool open`` in a process of its own; can be killed and started again on the same port."""

    def __init__(
        self,
        root: Path,
        source: Path | None = None,
        *,
        module: str = "vas_tool.cli",
        options: Sequence[str] = ("--no-token",),
        forks: Forks | None = None,
    ) -> None:
        """``module`` is what runs: another one can change what there is before it calls the command line. It is forked
        by ``forks``, which is quicker, where these are given.

        Without a token every test can open any address; what the secret is for has tests of its own.
        """
        self.root, self.source, self.port, self.module, self.options = root, source, free_port(), module, options
        self._forks = forks
        self.address = f"http://127.0.0.1:{self.port}/"
        own = {"WEIGHTS": "weights", "SPEEDS": "speeds.json", "TOKEN_FILE": "token"}
        self.environment = {
            **os.environ,
            **{f"VAS_TOOL_{name}": str(root.parent / file) for name, file in own.items()},
            "HF_HUB_CACHE": str(root.parent / "no-hub"),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
        }
        """Nothing of this computer decides what the page shows."""

    def start(self) -> None:
        source = [str(self.source)] if self.source else []
        command = ["open", *source, "--root", str(self.root), *self.options, "--port", str(self.port), "--no-browser"]
        self.log = (self.root.parent / "server.log").open("a")
        if self._forks:
            self.process = self._forks.start(self.module, command, environment=self.environment, log=self.log.name)
        else:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *command],
                cwd=ROOT,
                stdout=self.log,
                stderr=self.log,
                env=self.environment,
            )
        try:
            self._wait_until_up()
        except BaseException:  # nobody else would end it
            self.kill()
            raise

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.address, timeout=5) as answer:
                    answer.read()
                return
            except urllib.error.HTTPError as answer:  # it asks for the secret
                answer.close()
                return
            except OSError:
                assert self.process.poll() is None, f"the server died; see {self.log.name}"
                time.sleep(0.05)
        raise AssertionError(f"the server was not up after {START_SECONDS} s")

    @property
    def printed(self) -> str:
        """The address that the command line printed last, with the secret."""
        return re.findall(r"vas-tool is at (\S+)", Path(self.log.name).read_text())[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


@contextmanager
def browser(*arguments: str) -> Iterator[Any]:
    """A headless Chromium (a Playwright browser)."""
    path = chromium_path()
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        yield chromium
        chromium.close()


class SharedBrowser:
    """A Chromium with one context for many tests, started when it is asked for.

    A new page in it costs a third of what one in a context of its own costs: scripts are fetched and compiled once,
    because one page always stays open and all share a process.
    """

    def __init__(self) -> None:
        self._running = ExitStack()
        self._chromium: Any = None

    @property
    def chromium(self) -> Any:
        """The Playwright browser."""
        if self._chromium is None:
            self._chromium = self._running.enter_context(browser("--renderer-process-limit=1"))
            self._context = self._chromium.new_context(viewport=VIEW)
            self._keeper = self._context.new_page()
        return self._chromium

    def tabs(self, address: str) -> Any:
        """The context, which knows nothing yet of the server at that address."""
        assert self.chromium
        self._keeper.goto(f"{address}favicon.ico")
        self._keeper.evaluate("localStorage.clear()")
        self._context.clear_cookies()
        return self._context

    def close_tabs(self) -> None:
        for page in self._context.pages:
            if page is not self._keeper:
                page.close()

    def stop(self) -> None:
        self._running.close()
        self._chromium = None


class Workbench:
    """The page as a person sees it. Points are clip pixels."""

    def __init__(self, page: Any, folder: Path | None = None) -> None:
        """``folder`` is the project's that is open."""
        self.page, self._folder = page, folder
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console", lambda m: self.complaints.append(f"{m.text} {m.location['url']}") if m.type == "error" else None
        )

    @property
    def folder(self) -> Path:
        """The open project's."""
        assert self._folder is not None
        return self._folder

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.until_ready()

    def until_ready(self) -> None:
        self.page.wait_for_function("window.__vas && window.__vas.ready", timeout=60_000)

    def state(self) -> dict[str, Any]:
        return self.page.evaluate("window.__vas.state()")

    def frame(self) -> int:
        return int(self.page.evaluate("window.__vas.frame()"))

    def go(self, frame_index: int) -> None:
        """Look at a frame, and wait until it is painted."""
        self.page.evaluate("i => window.__vas.go(i)", frame_index)
        self.page.wait_for_function("i => window.__vas.lastPaint?.frame === i", arg=frame_index)

    def item(self, name: str) -> Any:
        return self.page.get_by_test_id(name)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a clip pixel is in the window."""
        box = self.item("canvas").bounding_box()
        point = self.page.evaluate("([x, y]) => window.__vas.toScreen(x, y)", [x, y])
        return box["x"] + point["x"], box["y"] + point["y"]

    def click(self, x: float, y: float, *, button: str = "left") -> None:
        """Click a clip pixel and wait until the answer is stored and refined."""
        before = self.state()["version"]
        self.page.mouse.click(*self.at(x, y), button=button)
        self.until_answered(before)

    def drag(self, points: list[tuple[float, float]]) -> None:
        before = self.state()["version"]
        start, *rest = [self.at(*point) for point in points]
        self.page.mouse.move(*start)
        self.page.mouse.down()
        for point in rest:
            self.page.mouse.move(*point, steps=4)
        self.page.mouse.up()
        self.until_answered(before)

    def until_answered(self, version: int) -> None:
        """Wait until what was done after ``version`` is stored, answered and refined."""
        self.until(f"s => s.version > {version} && !s.refining && window.__vas.pending() === 0")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.until_painted()

    def until_painted(self) -> None:
        """Panels render what changed before the next paint: after two paints the page shows all that is known."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def until(self, condition: str, *, seconds: float = 60) -> None:
        """Wait for a JavaScript predicate over the state."""
        self.page.wait_for_function(
            f"() => window.__vas.state() && ({condition})(window.__vas.state())", timeout=seconds * 1000
        )
        self.until_painted()

    def run(self, key: str, *, seconds: float = 240) -> None:
        """Start long work with a key and wait for its end."""
        before = self.state()["version"]
        self.press(key)
        self.until(
            f"s => s.version > {before} && s.job && s.job.finished && window.__vas.pending() === 0", seconds=seconds
        )
        assert self.state()["job"]["error"] is None

    def flags(self, object_id: int = 1) -> list[int]:
        """One number a frame: see ``review.FrameState``."""
        obj = next(o for o in self.state()["objects"] if o["id"] == object_id)
        return list(bytes.fromhex(obj["frames"]))

    def until_place_is_kept(self) -> None:
        """Wait until the frame that the person has stopped at is on the disk."""
        kept, deadline = self.folder / PLACE, time.monotonic() + 30
        while not kept.exists() or json.loads(kept.read_text())["frame"] != self.frame():
            assert time.monotonic() < deadline, "the place was not told"
            self.page.wait_for_timeout(50)

    def photograph(self, name: str) -> None:
        """Keep a picture of the page when somebody wants to look (SCREENSHOTS=folder)."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.wait_for_timeout(300)  # what moves has come to rest
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png")


class Pages:
    """Opens pages on one server and on projects that no other test has."""

    numbers = itertools.count(1)

    def __init__(self, shared: SharedBrowser, server: Server) -> None:
        self._shared, self.server = shared, server
        self._tabs = shared.tabs(server.address)
        self.opened: list[Workbench] = []

    def project(self, folder: Path, *, view: dict[str, int] = VIEW) -> Workbench:
        """The page on a project under the server's root."""
        bench = Workbench(self._tabs.new_page(), folder)
        if view != VIEW:
            bench.page.set_viewport_size(view)
        self.opened.append(bench)
        bench.open(f"{self.server.address}?project={folder.relative_to(self.server.root)}")
        return bench

    def of(self, source: Path, name: str = "", *, view: dict[str, int] = VIEW) -> Workbench:
        """The page on a new project, made of a video or a folder of pictures."""
        folder = self.server.root / (name or f"{source.stem}-{next(self.numbers)}")
        create_project(folder, source).close()
        return self.project(folder, view=view)

    def copy(self, project: Path, *, view: dict[str, int] = VIEW) -> Workbench:
        """The page on a copy of a project."""
        folder = self.server.root / f"{project.name}-{next(self.numbers)}"
        shutil.copytree(project, folder)
        return self.project(folder, view=view)

    def close(self) -> None:
        """Close all pages. None may have complained."""
        self._shared.close_tabs()
        complaints = [words for bench in self.opened for words in bench.complaints]
        assert not complaints, complaints
