"""Amodal boxes on the real page in a real Chromium, on the bundled sample with the builtin engines."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Pages, Workbench
from PIL import Image
from test_page import CAR

from vas_tool.boxes.cropping import plan_crops
from vas_tool.boxes.crops import CropRule
from vas_tool.project.worktime import work_seconds
from vas_tool.types import AmodalBox

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]


PIXELS = """() => {
  const { width, height } = document.querySelector("[data-testid=crop-canvas]");
  const context = document.querySelector("[data-testid=crop-canvas]").getContext("2d");
  return [width, height, [...context.getImageData(0, 0, width, height).data]];
}"""

SAME = 1.5
"""Mean difference of two ways to decode and cut the same JPEG, of 255."""

SMALL = {"width": 860, "height": 640}
"""A window in which the stage shows the sample's frames smaller than they are."""


def boxes(bench: Workbench) -> list[dict[str, Any]]:
    return list(bench.state()["objects"][0]["amodal_boxes"])


def test_boxes_are_drawn_dragged_and_cropped_to_and_the_worst_frame_comes_first(
    pages: Pages, short_sample: Path
) -> None:
    page = pages.copy(short_sample)
    # T: one click, tracked.
    page.click(*CAR)
    page.run("t")

    # A box around the whole car on two frames, with a live crop; between them it moves by itself.
    page.press("r")
    page.drag([(2, 190), (60, 230), (178, 292)])
    assert [(b["frame_index"], b["x0"], b["y1"]) for b in boxes(page)] == [
        (0, pytest.approx(2, abs=1), pytest.approx(292, abs=1))
    ]
    assert page.item("crop").is_visible() and "a keyframe" in page.item("crop-text").inner_text()
    page.go(8)
    page.drag([(140, 195), (200, 230), (330, 310)])
    page.go(4)
    page.page.wait_for_function("() => document.querySelector('[data-testid=crop-text]').innerText.includes('between')")
    size = page.page.evaluate(
        "() => { const c = document.querySelector('[data-testid=crop-canvas]'); return [c.width, c.height] }"
    )
    assert size[0] >= 176 * 1.5 - 4  # the box and a quarter of it on each side

    # A small box is enlarged to as many pixels as the others, and shows no more for that.
    page.drag([(600, 100), (606, 106), (620, 112)])
    page.page.wait_for_selector("[data-testid=crop-warning]", state="visible")
    shown = re.search(r"the video shows only (\d+) × (\d+) pixels", page.item("crop-warning").inner_text())
    assert shown and [int(side) for side in shown.groups()] == pytest.approx([20, 12], abs=1)  # whole screen pixels
    before = page.state()["version"]
    page.press("Control+z")
    page.until_answered(before)
    page.page.wait_for_selector("[data-testid=crop-warning]", state="hidden")

    # A handle, the whole box, removing.
    page.go(8)
    page.drag([(330, 310), (340, 320)])
    assert boxes(page)[1]["x1"] == pytest.approx(340, abs=1)
    assert boxes(page)[1]["x0"] == pytest.approx(140, abs=1)
    page.drag([(235, 250), (245, 250)])
    assert boxes(page)[1]["x0"] == pytest.approx(150, abs=1)
    before = page.state()["version"]
    page.press("Delete")
    page.until_answered(before)
    assert [b["frame_index"] for b in boxes(page)] == [0]
    before = page.state()["version"]
    page.press("Control+z")
    page.until_answered(before)
    assert len(boxes(page)) == 2
    page.photograph("boxes-1-drawn")

    # K: no box from here on, and again: taken back. The frames before keep theirs.
    page.go(6)
    before = page.state()["version"]
    page.press("k")
    page.until_answered(before)
    assert [b["frame_index"] for b in boxes(page)] == [0, 5, 6, 8] and "x0" not in boxes(page)[2]
    page.page.wait_for_function("() => document.querySelector('[data-testid=crop-text]').innerText.includes('No box')")
    assert page.item("box-end").get_attribute("aria-pressed") == "true"
    before = page.state()["version"]
    page.item("box-end").click()
    page.until_answered(before)
    assert [b["frame_index"] for b in boxes(page)] == [0, 5, 8]
    for _ in range(2):
        before = page.state()["version"]
        page.press("Control+z")
        page.until_answered(before)
    assert [b["frame_index"] for b in boxes(page)] == [0, 8]

    # A box that leaves the picture grows the work area around the frame.
    page.go(0)
    page.drag([(2, 240), (-7, 240)])
    page.until("s => s.project.canvas.left > 0")

    # What comparing costs stands below the picture, and can be saved.
    cost = "want => document.querySelector('[data-testid=cost]').innerText.includes('without the crop') === want"
    page.page.wait_for_function(cost, arg=True)
    page.item("crop-compare").click()
    page.until("s => s.project.crop.compare === false")
    page.page.wait_for_function(cost, arg=False)
    page.item("crop-compare").click()
    page.until("s => s.project.crop.compare === true")

    # A completes through the crop; N goes to the worst frame, Enter accepts it.
    page.run("a")
    agreement = {int(f): share for f, share in page.state()["objects"][0]["agreement"].items()}
    assert sorted(agreement) == list(range(9))
    page.go(4)
    page.page.wait_for_selector("[data-testid=uncropped-canvas]", state="visible")
    page.photograph("boxes-2-completed")
    small = page.item("uncropped-canvas").bounding_box()["width"]
    page.press("z")
    page.page.wait_for_selector(".vas-large[data-testid=crop-tiles]")
    page.photograph("boxes-3-large")
    assert page.item("uncropped-canvas").bounding_box()["width"] > 2 * small
    page.item("crop-tiles").click()
    page.page.wait_for_selector(".vas-large[data-testid=crop-tiles]", state="detached")
    page.go(8)
    page.drag([(160, 320), (160, 420)])  # a box that the mask cannot agree with
    page.until("s => Object.values(s.objects[0].agreement).some(share => share < 0.8)")
    agreement = {int(f): share for f, share in page.state()["objects"][0]["agreement"].items()}
    worst = min(agreement, key=lambda f: agreement[f])

    # A box beyond the work area, on which masks lie: what is cut is said, and one press shows more. Masks stay.
    page.go(0)
    page.drag([(-7, 240), (-215, 240)])
    page.page.wait_for_selector("[data-testid=crop-warning]", state="visible")
    assert "beyond the work area: the mask is cut there" in page.item("crop-warning").inner_text()
    page.item("canvas-50").click()
    page.until("s => s.project.canvas.left === 384")
    page.page.wait_for_selector("[data-testid=crop-warning]", state="hidden")
    assert all(bits & 4 for bits in page.flags()[:9]) and all(bits & 32 for bits in page.flags()[:9])
    for _ in range(2):
        before = page.state()["version"]
        page.press("Control+z")
        page.until_answered(before)
    assert page.state()["project"]["canvas"]["left"] == 192

    page.go(12)  # from a frame that needs no look; else the next worse one comes
    page.press("n")
    page.page.wait_for_function("f => window.__vas.frame() === f", arg=worst)
    assert "agrees only" in page.item("status").inner_text()
    before = page.state()["version"]
    page.press("Enter")
    page.until_answered(before)
    assert page.flags()[worst] & 16

    # L marks a frame for later; the button takes it back, Ctrl+Z brings the mark again.
    page.go(worst)
    for act, marked in (("l", True), ("button", False), ("Control+z", True)):
        before = page.state()["version"]
        page.item("btn-mark").click() if act == "button" else page.press(act)
        page.until_answered(before)
        assert page.state()["objects"][0]["needs_work"] == ([worst] if marked else [])
    assert page.flags()[worst] & 64 and not page.flags()[worst] & 16

    # The seconds of work are kept.
    page.until("s => s.objects[0].work_seconds > 0")
    assert work_seconds(page.folder).get(1, 0) > 0


def test_the_crop_is_shown_as_the_model_sees_it(pages: Pages, short_sample: Path) -> None:
    page = pages.copy(short_sample, view=SMALL)
    page.press("r")
    page.drag([(2, 190), (60, 230), (178, 292)])
    frame = np.asarray(Image.open(page.folder / "frames/00000.jpg"))
    drawn = AmodalBox(0, *(boxes(page)[0][edge] for edge in ("x0", "y0", "x1", "y1")))
    crop = plan_crops([drawn], rule=CropRule(), frame_wh=(768, 432)).crops[0]
    wanted = crop.cut(frame).astype(int)

    def difference() -> float:
        width, height, data = page.page.evaluate(PIXELS)
        assert [width, height] == list(crop.size_wh)
        return float(np.abs(np.array(data).reshape(height, width, 4)[..., :3] - wanted).mean())

    deadline = time.monotonic() + 20  # the stage's smaller picture is there first
    while difference() > SAME and time.monotonic() < deadline:
        page.page.wait_for_timeout(200)
    assert difference() < SAME
