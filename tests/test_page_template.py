"""The tool that places a template, on the real page in a real Chromium."""

from pathlib import Path

import pytest
from browser import Pages
from test_page import CAR

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]


def test_an_outline_is_taken_placed_on_key_frames_and_moves_between_them(pages: Pages, short_sample: Path) -> None:
    page = pages.copy(short_sample)
    page.press("Shift+R")
    assert "First click the object" in page.item("status").inner_text()
    page.press("v")
    page.click(*CAR)
    page.run("t")

    # Shift+T takes the outline; on a later frame it lies where the first one has it, and is dragged by its middle.
    page.press("Shift+T")
    page.until("() => window.__vas.state().objects[0].templates.length === 1")
    (template,) = page.state()["objects"][0]["templates"]
    (first,) = template["poses"]
    page.go(6)
    page.until_painted()
    assert "beyond them" in page.item("template-text").inner_text()
    page.drag([(first["x"], first["y"]), (first["x"] + 60, first["y"] + 1), (first["x"] + 111, first["y"] + 2)])
    page.until("() => window.__vas.state().objects[0].templates[0].poses.length === 2")
    snapped = page.state()["objects"][0]["templates"][0]["poses"][1]
    assert snapped["frame_index"] == 6
    amodal = [bool(flags & 4) for flags in page.flags()]
    assert amodal[:8] == [True] * 7 + [False]

    page.photograph("template-dragged")
    # Nothing moves where nothing is drawn, nor by a press that trembles; Del takes no object away here.
    page.press("h")
    before = page.state()["objects"][0]["templates"]
    page.page.mouse.move(*page.at(snapped["x"], snapped["y"]))
    page.page.mouse.down()
    page.page.mouse.move(*page.at(snapped["x"] + 30, snapped["y"]), steps=3)
    page.page.mouse.up()
    page.press("h")
    page.page.mouse.down()
    page.page.mouse.move(*page.at(snapped["x"] + 31, snapped["y"]), steps=2)
    page.page.mouse.up()
    page.until_painted()
    page.go(3)
    page.press("Delete")
    assert page.state()["objects"][0]["templates"] == before
    page.go(6)

    # "." fits it to what is seen; "," takes the key frame back, and Ctrl+Z brings it again.
    page.press(".")
    page.until("() => document.querySelector('[data-testid=template-text]').innerText.includes('This frame is one')")
    before = page.state()["version"]
    page.press(",")
    page.until_answered(before)
    assert len(page.state()["objects"][0]["templates"][0]["poses"]) == 1
    before = page.state()["version"]
    page.press("Control+z")
    page.until_answered(before)
    assert len(page.state()["objects"][0]["templates"][0]["poses"]) == 2

    # With Shift it stays where it is put; the round handle turns it, a corner scales it.
    fitted = page.state()["objects"][0]["templates"][0]["poses"][1]
    page.page.keyboard.down("Shift")
    page.drag([(fitted["x"], fitted["y"]), (fitted["x"] + 3, fitted["y"])])
    page.page.keyboard.up("Shift")
    page.until(f"() => window.__vas.state().objects[0].templates[0].poses[1].x > {fitted['x'] + 1}")
    moved = page.state()["objects"][0]["templates"][0]["poses"][1]
    assert moved["x"] == pytest.approx(fitted["x"] + 3, abs=0.6) and moved["angle"] == fitted["angle"]
    _, _, width, height = template["box"]
    assert fitted["angle"] == pytest.approx(0, abs=8)
    corner = moved["x"] + width * moved["scale"] / 2, moved["y"] + height * moved["scale"] / 2
    page.page.keyboard.down("Shift")
    page.drag([corner, (corner[0] + width / 10, corner[1] + height / 10)])
    page.page.keyboard.up("Shift")
    page.until(f"() => window.__vas.state().objects[0].templates[0].poses[1].scale > {moved['scale'] * 1.1}")
    page.photograph("template-scaled")
