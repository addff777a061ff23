"""Real browsers that come, go and come back: at once, on a closed tab, on a server that was restarted meanwhile."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from browser import VIEW, Pages, Server, Workbench, free_port
from conftest import write_images
from forking import Forks

from vas_tool.planning.review import FrameState
from vas_tool.sample import sample_clip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]

CAR = (70.0, 238.0)
"""A clip pixel on the sample's object, on frame 0."""


@pytest.fixture
def fresh(tmp_path: Path, forks: Forks) -> Iterator[Server]:
    """A server that nobody has come to yet."""
    server = Server(tmp_path / "projects", sample_clip(), forks=forks)
    server.root.mkdir()
    server.start()
    yield server
    server.kill()


def test_two_browsers_at_the_first_load_and_then_each_on_its_own_project(chromium: Any, fresh: Server) -> None:
    benches = [Workbench(chromium.new_context(viewport=VIEW).new_page()) for _ in range(2)]
    for bench in benches:
        bench.page.goto(fresh.address, wait_until="commit")  # the second comes while the first one's clip is made
    for bench in benches:
        bench.until_ready()
    assert [bench.state()["project"]["name"] for bench in benches] == ["sample", "sample"]
    assert [p.name for p in fresh.root.glob("*/project.json")] == ["project.json"]

    # what one does the other sees, until it goes elsewhere
    one, other = benches
    one.click(*CAR)
    other.until("s => s.objects.length === 1")
    write_images(fresh.root / "squares", 6, (64, 48))
    other.page.locator("#path input, #path textarea").first.fill("squares")
    other.page.locator("#open-path button, button#open-path").first.click()
    other.until("s => s.project.frame_count === 6 && s.objects.length === 0")
    assert one.state()["project"]["name"] == "sample" and len(one.state()["objects"]) == 1
    for bench in benches:
        assert bench.complaints == []
        bench.page.context.close()


def test_a_closed_tab_comes_back_to_its_place_and_its_job_has_gone_on(pages: Pages, short_sample: Path) -> None:
    bench = pages.copy(short_sample)
    bench.click(*CAR)
    bench.press("t")
    bench.until("s => s.job && s.job.kind === 'track'")
    bench.go(5)
    bench.item("layer-others").click()
    bench.page.close(run_before_unload=False)  # before the place was told in the ordinary way

    again = pages.project(bench.folder)
    again.until("s => s.job && s.job.finished && !s.job.cancelled", seconds=240)
    assert again.frame() == 5 and not again.item("layer-others").is_checked()
    assert all(flag & FrameState.MODAL for flag in again.flags())


def test_an_open_page_finds_its_way_back_to_a_restarted_server(
    pages: Pages, server: Server, short_sample: Path
) -> None:
    bench = pages.copy(short_sample)
    bench.click(*CAR)
    bench.go(4)
    bench.until_place_is_kept()
    server.kill()
    bench.page.wait_for_selector("[data-testid=lost]:not([hidden])", timeout=20_000)
    bench.page.mouse.click(*bench.at(200, 200))  # nobody hears this one yet
    assert "Connection lost" in bench.item("lost").inner_text()
    bench.complaints.clear()
    with bench.page.expect_event("load", timeout=60_000):
        server.start()
    bench.until_ready()
    bench.until("s => s.objects[0].clicks.length === 2 && !s.refining")
    assert bench.frame() == 4
    assert "1 change made while it was away is sent" in bench.item("error").inner_text()
    bench.complaints.clear()  # the page said that the line was lost, as it should


class Tunnel:
    """A line to the server that can be cut and mended, as ``ssh -L`` is by a walk to another room."""

    def __init__(self, port: int) -> None:
        self.far_port, self.port = port, free_port()
        self.mend()

    def mend(self) -> None:
        self.ends: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self) -> None:
        for end in (self.listener, *self.ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.far_port))
                self.ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def test_what_is_done_while_the_line_is_down_is_stored_when_it_is_back(
    pages: Pages, server: Server, short_sample: Path
) -> None:
    tunnel = Tunnel(server.port)
    bench = pages.copy(short_sample)
    bench.open(f"http://127.0.0.1:{tunnel.port}/?project={bench.folder.name}")
    bench.click(*CAR)
    bench.page.evaluate("window.sameDocument = true")
    tunnel.cut()
    bench.page.wait_for_selector("[data-testid=lost]:not([hidden])", timeout=20_000)
    bench.page.mouse.click(*bench.at(200, 200))
    bench.page.wait_for_timeout(3000)  # the server takes the tab for closed
    tunnel.mend()
    bench.until("s => s.objects[0].clicks.length === 2")
    bench.page.wait_for_selector("[data-testid=lost]", state="hidden")
    assert bench.page.evaluate("window.sameDocument"), "it was not stored, but the page loaded again"
    bench.page.close()
    bench.complaints.clear()  # the page said that the line was lost, as it should
    tunnel.cut()
