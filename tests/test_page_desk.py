"""What a person does at the desk with objects that hide one another, on the real page in a real Chromium."""

from collections.abc import Callable

import numpy as np
import pytest
from annotating import annotate, rectangle
from browser import Pages, Workbench

from vas_tool.planning.review import FrameState
from vas_tool.project import Project
from vas_tool.storage import Stamp

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]

SIZE = (160, 120)
CAR = rectangle(SIZE, 20, 40, 60, 80)
CAR_WHOLE = rectangle(SIZE, 20, 40, 90, 80)
BOX = rectangle(SIZE, 60, 20, 80, 110)
"""In front of two thirds of the car's hidden part."""
BALL, NOTHING = rectangle(SIZE, 120, 85, 140, 105), np.zeros(SIZE[::-1], bool)


def put_scene(project: Project) -> None:
    """A car behind a box, on every frame, with depth; a ball that is gone on frames 2 to 4."""
    frames = range(len(project.clip))
    annotate(project, "car", modal=dict.fromkeys(frames, CAR), amodal=dict.fromkeys(frames, CAR_WHOLE))
    annotate(project, "box", modal=dict.fromkeys(frames, BOX), amodal=dict.fromkeys(frames, BOX))
    annotate(project, "ball", modal={f: NOTHING if 2 <= f <= 4 else BALL for f in frames})
    depth = np.full(SIZE[::-1], 0.2, np.float32)
    depth[CAR], depth[BOX] = 0.5, 0.8
    for frame_index in frames:
        project.depth.put(frame_index, depth, Stamp("measured"))


@pytest.fixture
def bench(pages: Pages, make_project: Callable[..., Project]) -> Workbench:
    project = make_project(8, SIZE)
    put_scene(project)
    project.close()
    return pages.copy(project.folder)


REDS = """() => {
  const canvas = document.querySelector("[data-testid=canvas]");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let reds = 0;
  for (let at = 0; at < data.length; at += 4) reds += data[at] > 220 && data[at + 1] < 90 && data[at + 2] < 110;
  return reds;
}"""
"""How many pixels of the stage are red."""


def until_red(bench: Workbench, condition: str) -> int:
    """Wait until the number of red pixels fulfils a condition; gives the number."""
    bench.page.wait_for_function(f"() => {{ const reds = ({REDS})(); return {condition}; }}")
    return int(bench.page.evaluate(REDS))


def nothing_in_front(bench: Workbench) -> None:
    """Red where nothing can hide, also under the brush; counted; gone with its layer."""
    bench.until("s => '0' in s.objects[0].nothing_in_front")  # counted in the background
    assert bench.state()["objects"][0]["nothing_in_front"]["0"] == [400, 1200]
    bench.item("status").filter(has_text="Red: nothing in front of 400 pixels (33 % of the hidden part).").wait_for()
    before = until_red(bench, "reds > 500")
    bench.photograph("desk-nothing-in-front")
    bench.press("p")
    bench.press("m")
    bench.page.mouse.move(*bench.at(110, 20))
    bench.page.mouse.down()
    bench.page.mouse.move(*bench.at(110, 100), steps=6)
    assert until_red(bench, f"reds > {before} + 500") > before
    bench.page.keyboard.press("Escape")  # the stroke is not made
    bench.page.mouse.up()
    until_red(bench, f"reds <= {before} + 20")
    for key in ("v", "i"):
        bench.press(key)
    until_red(bench, "reds === 0")
    bench.press("i")


def order(bench: Workbench) -> None:
    """J and a click, the other way round with a warning, a row dragged to the front, and undo."""
    version = bench.state()["version"]
    bench.press("j")
    bench.item("order-list").get_by_text("seen in front of car").wait_for()
    bench.page.mouse.click(*bench.at(70, 30))
    bench.until_answered(version)
    assert bench.state()["in_front"] == [[2, 1, 0, 7]]
    word = bench.item("said-2-1")
    assert "box in front of car, frames 0 to 7" in str(word.text_content())
    word.get_by_text("⇄").click()
    bench.item("order-problems").filter(has_text="but is farther away by its depth").wait_for()
    bench.photograph("desk-order")
    assert bench.state()["in_front"] == [[1, 2, 0, 7]]
    first, second = (bench.item(f"order-{object_id}").bounding_box() for object_id in (1, 2))
    bench.item("order-scope").select_option("frame")
    bench.page.mouse.move(second["x"] + 60, second["y"] + 10)
    bench.page.mouse.down()
    bench.page.mouse.move(first["x"] + 60, first["y"] + 3, steps=4)
    bench.page.mouse.up()
    bench.until("s => s.in_front.length === 2")
    assert bench.state()["in_front"] == [[2, 1, 0, 0], [1, 2, 1, 7]]
    bench.item("said-2-1").get_by_text("×").click()
    bench.until("s => s.in_front.length === 1")
    for left in (2, 1, 1, 0):
        bench.press("Control+z")
        bench.until(f"s => s.in_front.length === {left} && window.__vas.pending() === 0")


def the_same_one(bench: Workbench) -> None:
    """Its first frame asks; no makes an object of its own, undo puts the two together, and yes settles it."""
    bench.press("3")
    bench.go(4)
    assert bench.item("same").is_hidden()
    bench.go(5)
    bench.item("same-title").filter(has_text="Is it the same ball? It was gone for 3 frames.").wait_for()
    bench.photograph("desk-same")
    bench.item("same-no").click()
    bench.until("s => s.objects.length === 4")
    assert [f & FrameState.MODAL for f in bench.flags(4)] == [0] * 5 + [FrameState.MODAL] * 3
    assert not any(f & FrameState.MODAL for f in bench.flags(3)[5:])
    bench.press("Control+z")
    bench.until("s => s.objects.length === 3 && window.__vas.pending() === 0")
    bench.press("3")
    bench.item("same").wait_for()
    bench.press("Shift+Y")
    bench.item("same").wait_for(state="hidden")
    assert not bench.flags(3)[5] & FrameState.NEEDS_LOOK


def jumps_and_links(bench: Workbench) -> None:
    """From change to change, to the middle of key frames, and the address as a link to a frame and an object."""
    for key in ("1", "p", "m"):  # with the brush, M takes the other mask: the modal one again
        bench.press(key)
    for frame_index in (0, 7):
        bench.go(frame_index)
        bench.drag([(30.0, 50.0), (40.0, 60.0)])
    bench.press("v")
    bench.go(0)
    for key, there in (("m", 3), ("PageDown", 7), ("PageUp", 1)):
        bench.press(key)
        bench.page.wait_for_function("i => window.__vas.lastPaint?.frame === i", arg=there)
    bench.page.wait_for_function("() => new URL(location).searchParams.get('frame') === '1'")
    assert "object=1" in bench.page.url
    bench.open(bench.page.url.replace("frame=1", "frame=6").replace("object=1", "object=2"))
    assert bench.frame() == 6
    bench.page.wait_for_selector("[data-testid=object-row-2].vas-chosen")


def scene(bench: Workbench) -> None:
    """The car dragged away in the scene, made smaller, left out, and all of it undone; no prompt is set meanwhile."""
    bench.go(0)
    bench.press("1")
    bench.item("scene").locator("summary").click()
    with bench.page.expect_response(lambda answer: "/scene/0.jpg" in answer.url and answer.ok):
        bench.item("scene-show").click()
    bench.drag([(30, 50), (50, 55), (60, 60)])
    bench.until("s => s.scene.layers.length === 1")
    layer = bench.state()["scene"]["layers"][0]
    assert (layer["object_id"], layer["dx"], layer["dy"]) == (1, pytest.approx(30, abs=1), pytest.approx(10, abs=1))
    bench.item("scene-scale").fill("50")
    bench.item("scene-scale").press("Enter")
    bench.until("s => s.scene.layers[0].scale === 0.5")
    with bench.page.expect_response(lambda answer: "/scene/0.jpg" in answer.url and answer.ok):
        bench.item("scene-front").click()
    bench.until("s => s.scene.order.length === 1")
    bench.until_painted()
    bench.photograph("desk-scene")
    for _ in range(3):
        bench.press("Control+z")
    bench.until("s => s.scene.layers.length + s.scene.order.length === 0 && window.__vas.pending() === 0")
    assert bench.item("scene-reset").is_disabled() and not bench.state()["objects"][0]["clicks"]
    bench.press("Shift+v")
    assert not bench.item("scene-show").is_checked()


def test_what_a_person_does_at_the_desk(bench: Workbench) -> None:
    """One page for all: a server and a browser take longer than what is tested."""
    nothing_in_front(bench)
    order(bench)
    the_same_one(bench)
    jumps_and_links(bench)
    scene(bench)
