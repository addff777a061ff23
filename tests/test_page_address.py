"""How a person reaches the page, in a real Chromium: the printed secret, a proxy's prefix, uploads, other keyboards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser import Server, SharedBrowser, Workbench
from conftest import SQUARE, square_at, write_images
from forking import Forks
from video_files import make_video

from vas_tool.imports.new_project import create_project

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]

SIZE_WH = (128, 96)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[Server]:
    """One with a secret, and behind a prefix."""
    folder = tmp_path_factory.mktemp("address")
    server = Server(folder / "projects", options=("--root-path", "/vas"), forks=forks)
    server.root.mkdir()
    create_project(server.root / "clip", write_images(folder / "clip", 4, SIZE_WH)).close()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def page(shared_browser: SharedBrowser, server: Server) -> Iterator[Any]:
    yield shared_browser.tabs(server.address).new_page()
    shared_browser.close_tabs()


def test_the_printed_address_opens_the_page_and_only_it_does(server: Server, page: Any) -> None:
    token = urlsplit(server.printed).query.removeprefix("token=")
    page.goto(f"{server.address}vas/?project=clip")
    assert "command line printed" in page.inner_text("body")
    bench = Workbench(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.fill("input[name=token]", token)
    page.press("input[name=token]", "Enter")
    bench.until_ready()
    assert page.url.endswith("/vas/?project=clip") and token not in page.url
    assert [path for path in asked if not path.startswith("/vas/")] == [] and bench.complaints == []
    # The server is started again: the page finds back without the secret being typed.
    server.kill()
    page.wait_for_selector("[data-testid=lost]:not([hidden])", timeout=20_000)
    with page.expect_event("load", timeout=60_000):
        server.start()
    bench.until_ready()


def test_other_pages_cannot_frame_it(server: Server, page: Any) -> None:
    page.goto(server.printed)
    Workbench(page).until_ready()
    page.goto("about:blank")
    with page.expect_event("framenavigated", lambda frame: frame.parent_frame is not None):  # to the error's page
        page.set_content(f"<iframe src='{server.address}vas/'></iframe>")
    assert [frame for frame in page.frames if frame.query_selector(".vas")] == []


def test_every_suffix_can_be_uploaded(server: Server, page: Any, tmp_path: Path) -> None:
    bench = Workbench(page)
    bench.open(server.printed)
    for name in ("IMG_0001.MTS", "b.mxf"):
        video = make_video(tmp_path / "video.mp4", 3)
        page.locator("input[type=file]").first.set_input_files(str(video.rename(tmp_path / name)))
        page.wait_for_function("name => new URL(location).searchParams.get('project') === name", arg=Path(name).stem)
        bench.until("s => s.project.frame_count > 0")
    assert bench.complaints == []


PRESS = """([key, code, more]) => document.body.dispatchEvent(
    new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true, ...more}))"""


def test_keys_of_other_keyboards(server: Server, page: Any) -> None:
    bench = Workbench(page)
    bench.open(f"{server.printed}&project=clip")

    def press(key: str, code: str, **more: bool) -> None:
        page.evaluate(PRESS, [key, code, more])
        bench.until_painted()

    def tool() -> str:
        return str(page.locator("[data-testid^=tool-][aria-pressed=true]").get_attribute("data-testid"))

    for key in ("з", "З", "π", "ㅔ", "ؤ", "פ", "ย", "Process"):  # on the key P
        press("v", "KeyV")
        press(key, "KeyP")
        assert tool() == "tool-brush", key
    size = bench.page.locator("[data-part=radius]")
    before = int(size.inner_text())
    press("х", "BracketLeft")
    assert int(size.inner_text()) < before
    press(";", "KeyQ")  # Greek has a sign there
    assert bench.page.locator("[data-testid=layer-modal]").first.get_attribute("aria-pressed") != "true"
    press("v", "KeyV")  # a Latin keyboard: Dvorak has it there, too, and means the sign
    press(";", "KeyP")
    assert tool() == "tool-point"
    rows, columns = square_at(0, SIZE_WH)
    bench.click(columns.start + SQUARE / 2, rows.start + SQUARE / 2)
    press("Я", "KeyZ", ctrlKey=True)
    bench.until("s => s.objects.length === 0")
    press("я", "KeyZ", ctrlKey=True, shiftKey=True)
    bench.until("s => s.objects.length === 1")
    press("ы", "KeyP", ctrlKey=True)  # the browser's own stays its own
    assert tool() == "tool-point" and bench.complaints == []
