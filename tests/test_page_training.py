"""Training on what was accepted, on the real page in a real Chromium; the training itself is replaced."""

from pathlib import Path

import pytest
from browser import Pages
from conftest import square_at, write_images

SIZE = (160, 120)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]


def test_a_training_is_offered_started_and_told_of(guessing_pages: Pages, tmp_path: Path) -> None:
    images = write_images(tmp_path / "clip", 3, SIZE)
    bench = guessing_pages.of(images, "training/clip")  # projects beside it would be trained on, too
    bench.item("training").locator("summary").click()
    bench.item("train-learned").wait_for()
    assert bench.item("train-learned").is_disabled() and bench.item("train-amodal").is_disabled()
    assert "nothing is accepted yet" in bench.item("training").inner_text()
    rows, columns = square_at(0, SIZE)
    bench.click(columns.start + 5, rows.start + 5)
    bench.until("s => s.objects.length === 1")
    bench.item("accept-all-1").click()
    bench.page.wait_for_function("() => !document.querySelector('[data-testid=train-learned]').disabled")
    command = bench.item("train-command-learned").inner_text()
    assert command.startswith("vas-tool train learned --data ") and "--out" in command
    assert "1 accepted frame of 1 project" in bench.item("training").inner_text()
    bench.photograph("training")
    bench.item("train-learned").click()
    bench.item("stop-training").wait_for()
    bench.page.get_by_text("learned: step 120 of 150, 30 s left").wait_for()
    (told,) = guessing_pages.server.root.parent.rglob("metrics.jsonl")
    told.with_name("seen").touch()
    bench.item("training-scores").wait_for(timeout=30_000)
    assert "Choose tuned-clip-learned under Engines" in bench.item("training-run").inner_text()
    assert "25.0\t50.0" in bench.item("training-scores").inner_text()
