"""Better engines on the real page: offered in the row of the one that runs, fetched there, stopped there."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Pages, Server, Workbench
from conftest import write_images

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]


@pytest.fixture
def bench(pages: Pages, tmp_path: Path) -> Workbench:
    return pages.of(write_images(tmp_path / "clip", 4, (64, 48)))


@pytest.fixture
def no_weights_afterwards(server: Server) -> Iterator[None]:
    """Other tests find the server's weights folder empty."""
    yield
    shutil.rmtree(server.environment["VAS_TOOL_WEIGHTS"], ignore_errors=True)


@pytest.mark.usefixtures("no_weights_afterwards")
def test_weights_are_fetched_in_the_row_that_lacks_them_and_options_lie_over_the_picture(bench: Workbench) -> None:
    page, item = bench.page, bench.item
    before = item("canvas").bounding_box()
    page.locator("#import-options").first.click()
    assert page.locator("#fps input").is_visible() and item("canvas").bounding_box() == before
    bench.photograph("options")
    page.keyboard.press("Escape")
    assert not page.locator("#options").is_visible()

    assert item("engine-better").is_visible()
    item("engines").locator("summary").click()
    assert item("gate").is_checked()
    item("gate").click()
    bench.until("s => !s.project.gate")
    assert not item("gate").is_checked()
    bench.photograph("offers")
    assert "pip install" in item("offer-depth").locator("code").inner_text()
    assert item("get-depth").count() == 0
    assert item("get-segment").inner_text() == "Get edgetam, 56 MB, Apache-2.0"
    item("get-segment").click()
    page.wait_for_function("() => document.querySelector('[data-testid=getting-segment]')?.value > 0.1")
    bench.photograph("getting")
    item("stop-segment").click()
    page.wait_for_selector("[data-testid=get-segment] >> text=Go on with edgetam")
    item("get-segment").click()
    page.wait_for_selector("[data-testid=offer-segment]", state="detached", timeout=60_000)
    bench.until("s => s.engines[0].name === 'edgetam'")
    assert "edgetam" in item("engine-segment").locator("option:checked").inner_text()


def test_the_path_field_shows_its_hint_whole(bench: Workbench) -> None:
    for width in (1280, 1440):
        bench.page.set_viewport_size({"width": width, "height": 900})
        field = bench.page.locator("#path input, #path textarea").first
        field.evaluate("field => { field.value = field.placeholder; }")
        assert field.evaluate("field => field.scrollWidth <= field.clientWidth"), width
        field.evaluate("field => { field.value = ''; }")
        assert "rgbs/ and masks/, under /" in field.get_attribute("title")
        bench.photograph(f"start-{width}")


def test_five_tabs_of_one_browser_work_at_once(bench: Workbench) -> None:
    """Browsers open six connections to a host: a tab keeps one of them."""
    context: Any = bench.page.context
    others = [Workbench(context.new_page()) for _ in range(4)]
    for other in others:
        other.open(bench.page.url)
    others[-1].click(10, 10)
    bench.until("s => s.objects.length === 1")
    assert [other.complaints for other in others] == [[]] * 4
