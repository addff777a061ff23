"""Hypotheses and parameters on the real page in a real Chromium, with an engine that guesses by its seed."""

import json
from pathlib import Path
from typing import Any

import pytest
from browser import Pages, Workbench
from conftest import square_at, write_images

SIZE = (160, 120)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]


@pytest.fixture
def bench(guessing_pages: Pages, tmp_path: Path) -> Workbench:
    return guessing_pages.of(write_images(tmp_path / "clip", 6, SIZE))


def track(bench: Workbench) -> None:
    rows, columns = square_at(0, SIZE)
    bench.click(columns.start + 5, rows.start + 5)
    bench.run("t")


def until_done(bench: Workbench, kind: str) -> None:
    bench.until(f"s => s.job && s.job.kind === '{kind}' && s.job.finished")
    assert bench.state()["job"]["error"] is None


def picks(bench: Workbench) -> Any:
    return bench.state()["objects"][0]["picks"]


def test_hypotheses_side_by_side_one_is_picked_undone_and_exported(bench: Workbench) -> None:
    track(bench)
    bench.item("cost").filter(has_text="A would make depth 6 frames, amodal 6 frames").wait_for()
    bench.press("u")
    bench.item("tray-title").filter(has_text="none yet").wait_for()
    bench.item("tray-cost").filter(has_text="depth 6 frames, amodal 6 frames").wait_for()
    bench.item("tray-count").select_option("5")
    bench.item("tray-make").click()
    until_done(bench, "hypotheses")
    bench.item("job").filter(has_text="done in").filter(has_text="; frames 4-5: its depth is clipped").wait_for()
    bench.item("hypothesis-4").wait_for()
    assert bench.item("tray-tiles").locator("button").count() == 5 and bench.item("hypothesis-heat").is_visible()
    pictures = bench.item("tray-tiles").locator("canvas").evaluate_all("all => all.map(one => one.toDataURL())")
    assert len(set(pictures)) == 6  # five different answers, and where they differ
    assert "5, differ by" in bench.item("tray-title").inner_text()

    # one for the whole object, another for a span, both shown as chosen where they hold
    bench.item("hypothesis-2").click()
    until_done(bench, "pick")
    bench.until("s => s.objects[0].picks.length === 1")
    assert picks(bench) == [[0, 5, "seed", [2]]]
    bench.page.wait_for_selector('[data-testid="hypothesis-2"][aria-pressed="true"]')
    bench.item("tray-scope").select_option("span")
    bench.item("tray-last").fill("99")
    assert bench.item("tray-last").get_attribute("aria-invalid") == "true"
    bench.item("tray-first").fill("3")
    bench.item("tray-last").fill("4")
    bench.item("hypothesis-majority").click()
    bench.until("s => s.objects[0].picks.length === 3 && s.job.finished")
    assert picks(bench)[1] == [3, 4, "majority", [0, 1, 2, 3, 4]]
    bench.press("y")  # the field does not keep the keys
    bench.page.wait_for_selector('[data-testid="layer-differ"]:checked')
    bench.photograph("hypotheses")
    assert bench.page.locator('[data-testid="hypothesis-2"]').get_attribute("aria-pressed") == "true"
    bench.go(3)
    bench.page.wait_for_selector('[data-testid="hypothesis-majority"][aria-pressed="true"]')

    # undo, and the export says what holds
    bench.press("Control+z")
    bench.until("s => s.objects[0].picks.length === 1")
    bench.press("Control+y")
    bench.until("s => s.objects[0].picks.length === 3")
    bench.page.locator("#export button, button#export").first.click()
    bench.page.wait_for_selector("#message >> text=Exported", timeout=60_000)
    file = bench.folder / "exports" / "coco.json"
    chosen = {a["frame_index"]: a["hypothesis"] for a in json.loads(file.read_text())["annotations"]}
    majority = {"majority": [0, 1, 2, 3, 4]}
    assert chosen == {0: 2, 1: 2, 2: 2, 3: majority, 4: majority, 5: 2}


def test_a_parameter_is_set_on_the_page_refused_and_set_back(bench: Workbench) -> None:
    bench.item("parameters").locator("summary").click()
    row = bench.item("parameter-amodal-stretch")
    assert "Pixels further to the right" in row.inner_text() and "Default 1" in row.inner_text()
    field = row.locator("input")
    field.fill("99")
    field.press("Enter")
    bench.item("error").filter(has_text="a whole number from 1 to 8").wait_for()
    shown = "document.querySelector('[data-testid=parameter-amodal-stretch] input').value"
    bench.page.wait_for_function(f"() => {shown} === '1'")
    row.locator("input").fill("4")
    row.locator("input").press("Enter")
    bench.until("s => s.engines[2].parameters[0].value === 4")
    bench.photograph("parameters")
    row.get_by_role("button", name="Back to 1").click()
    bench.until("s => s.engines[2].parameters[0].value === 1")


def test_an_engine_with_one_answer_says_so_and_shows_one(bench: Workbench) -> None:
    bench.item("engines").locator("summary").click()
    bench.item("engine-amodal").select_option("fake")
    bench.until("s => s.engines[2].name === 'fake'")
    track(bench)
    bench.press("u")
    assert "fake gives one answer, whatever the seed" in bench.item("tray-note").inner_text()
    assert bench.item("tray-count").is_hidden()
    bench.item("tray-make").click()
    until_done(bench, "hypotheses")
    bench.item("hypothesis-0").wait_for()
    assert bench.item("tray-tiles").locator("canvas").count() == 1 and bench.item("hypothesis-majority").count() == 0
