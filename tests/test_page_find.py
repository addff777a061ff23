"""Finding by words, and a second tracker, on the real page in a real Chromium, with fake engines."""

from pathlib import Path

import pytest
from browser import Pages
from conftest import square_at, write_images

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]


def test_found_objects_are_shown_side_by_side_and_kept(guessing_pages: Pages, tmp_path: Path) -> None:
    bench = guessing_pages.of(write_images(tmp_path / "clip", 3, (160, 120)))
    bench.item("find").locator("summary").click()
    bench.page.wait_for_function("() => !document.querySelector('[data-testid=find-start]').disabled")
    bench.item("find-words").fill("square, ground")
    bench.item("find-words").press("Enter")
    bench.item("found").wait_for()
    assert bench.item("found").locator("img").count() == 2
    assert "square 90 %, 3 frames" in bench.item("found").inner_text()
    bench.page.wait_for_function("() => [...document.querySelectorAll('.vas-found img')].every(i => i.naturalWidth)")
    bench.photograph("found")
    bench.item("found-2").uncheck()
    assert bench.item("found-keep").inner_text() == "Keep 1 of 2"
    bench.item("found-keep").click()
    bench.until("s => s.objects.length === 1 && s.objects[0].label === 'square'")
    bench.item("found").wait_for(state="detached")
    bench.item("btn-undo").click()
    bench.until("s => s.objects.length === 0")


LOOKS = "s.objects[0].frames.match(/../g).flatMap((state, i) => parseInt(state, 16) & 64 ? [i] : []).join()"
"""The frames of the first object that need a look, by its state."""


def test_where_a_second_tracker_disagrees_the_frame_needs_a_look(guessing_pages: Pages, tmp_path: Path) -> None:
    size = (160, 120)
    bench = guessing_pages.of(write_images(tmp_path / "clip", 6, size))
    rows, columns = square_at(0, size)
    bench.click(columns.start + 5, rows.start + 5)
    bench.until("s => s.objects.length === 1")
    bench.item("btn-track-both").click()
    bench.until("s => s.job?.finished && s.job.kind === 'track'")
    bench.item("second-opinion").locator("summary").click()
    bench.item("second-engine").locator("option").first.wait_for(state="attached")
    assert bench.item("second-engine").locator("option").all_inner_texts() == ["second"]
    bench.item("second-ask").click()
    bench.until(f"s => {LOOKS} === '2,4'")
    bench.item("btn-next-look").click()
    bench.page.get_by_text("a second tracker disagrees here (IoU 0%)").first.wait_for()
    bench.photograph("second-tracker")
