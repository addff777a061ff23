"""The real page in a real Chromium, on the bundled sample with the builtin engines."""

import json
import socket
import threading
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Pages, Server, Workbench
from conftest import write_images
from PIL import Image
from test_docs import documented_keys

from vas_tool.formats.verify import verify
from vas_tool.imports.new_project import create_project
from vas_tool.masks import iou
from vas_tool.planning.review import FrameState
from vas_tool.sample import sample_clip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]

CAR = (70.0, 238.0)
"""A clip pixel on the sample's object, on frame 0."""

GROUND = (120.0, 380.0)
"""One that is not."""

FITTED = "() => window.__vas.toScreen(64, 48).x - window.__vas.toScreen(0, 0).x > 200"
"""A clip of 64 x 48 pixels is as large as the window allows; before, it has the scale of a larger one."""

LISTED_KEYS = """() => [...document.querySelectorAll("dialog.vas-help section")].map((part) => [
  part.querySelector("h4").textContent,
  [...part.querySelectorAll(".vas-key")].map((row) => [
    [...row.querySelectorAll("kbd")].map((key) => key.textContent), row.lastElementChild.textContent]),
])"""
"""The keys that the page's help shows: (section, [(keys, what they do)])."""


SCALE, STEP = 0.5, 3
"""Of the smaller sample: its frames are half as wide, and every third is there."""


@pytest.fixture
def small_sample(tmp_path: Path) -> Path:
    """The frames of the whole sample, fewer and smaller: tracking and completing all of it takes half a minute."""
    folder = tmp_path / "small"
    folder.mkdir()
    with closing(create_project(tmp_path / "whole", sample_clip())) as project:
        for f in range(0, len(project.clip), STEP):
            Image.fromarray(project.clip[f]).reduce(round(1 / SCALE)).save(folder / f"{f:05d}.png")
    return folder


SMALL_CAR, SMALL_GROUND = (70.0 * SCALE, 238.0 * SCALE), (120.0 * SCALE, 380.0 * SCALE)
SMALL_CAR_AT_END = (680.0 * SCALE, 245.0 * SCALE)
"""On the last of its frames."""


@pytest.fixture
def bench(pages: Pages, short_sample: Path) -> Workbench:
    return pages.copy(short_sample)


def small_truth(frame_index: int, layer: str) -> Any:
    """Of a frame of the smaller sample."""
    whole = Image.open(sample_clip().parent / "truth" / layer / f"{frame_index * STEP:05d}.png").convert("L")
    return np.asarray(whole.reduce(round(1 / SCALE))) > 127


def mask_on_disk(bench: Workbench, layer: str, frame_index: int) -> Any:
    path = bench.folder / "objects/001" / layer / f"{frame_index:05d}.png"
    return np.asarray(Image.open(path).convert("L")) > 127


def test_the_whole_job_from_a_click_to_a_coco_file(pages: Pages, small_sample: Path) -> None:
    bench = pages.of(small_sample)

    # a click, a wrong click, and its undo
    bench.click(*SMALL_CAR)
    bench.photograph("1-click")
    assert iou(mask_on_disk(bench, "modal", 0), small_truth(0, "modal")) > 0.5
    good = mask_on_disk(bench, "modal", 0)
    bench.click(*SMALL_GROUND)
    assert not np.array_equal(mask_on_disk(bench, "modal", 0), good)
    version = bench.state()["version"]
    bench.press("Control+z")
    bench.until(f"s => s.version > {version}")
    assert np.array_equal(mask_on_disk(bench, "modal", 0), good)
    assert len(bench.state()["objects"][0]["clicks"]) == 1

    # the car again where it has come out, then track between and complete
    last = bench.state()["project"]["frame_count"] - 1
    bench.go(last)
    bench.click(*SMALL_CAR_AT_END)
    bench.go(0)
    bench.run("t")
    assert all(flag & FrameState.MODAL for flag in bench.flags())
    bench.photograph("2-tracked")
    bench.press("p")
    bench.drag([(SMALL_CAR[0] - 10, SMALL_CAR[1]), (SMALL_CAR[0] + 10, SMALL_CAR[1] + 2)])
    assert bench.state()["objects"][0]["strokes"] == [[0, "modal"]]
    bench.press("v")
    bench.page.wait_for_function("() => document.querySelector('[data-testid=status]').textContent.includes('T would')")
    assert [f for f, flag in enumerate(bench.flags()) if flag & FrameState.STALE] == []  # touched up, not outdated
    bench.run("a")
    flags = bench.flags()
    assert all(flag & FrameState.AMODAL and flag & FrameState.CONTENT for flag in flags)
    assert any(flag & FrameState.OCCLUDED for flag in flags)
    hidden = next(f for f, flag in enumerate(flags) if flag & FrameState.OCCLUDED and f > 3)
    bench.go(hidden)
    bench.photograph("3-completed")

    # accept, export, and read the file back
    bench.press("Enter")
    bench.until(f"s => parseInt(s.objects[0].frames.slice({2 * hidden}, {2 * hidden + 2}), 16) & 16")
    bench.page.locator("#export button, button#export").first.click()
    bench.page.wait_for_selector("#message >> text=Exported", timeout=60_000)
    bench.photograph("4-exported")
    file = bench.folder / "exports" / "coco.json"
    report = verify(file)
    assert report.problems == () and report.num_annotations > len(flags) // 2
    reviews = {a["frame_index"]: a["review"] for a in json.loads(file.read_text())["annotations"]}
    assert reviews[hidden] == "accepted" and reviews[0] == "unseen"

    # a reload comes back to the same place
    frame = bench.frame()
    bench.until_place_is_kept()
    bench.page.reload()
    bench.until_ready()
    assert bench.frame() == frame and bench.flags() == flags_with(flags, hidden)


def flags_with(flags: list[int], accepted: int) -> list[int]:
    """What the flags become when one frame is accepted: it needs no look and no new run any more."""
    settled = flags[accepted] & ~(FrameState.NEEDS_LOOK | FrameState.STALE) | FrameState.ACCEPTED
    return [settled if f == accepted else flag for f, flag in enumerate(flags)]


def test_a_killed_server_comes_back_to_the_same_place(bench: Workbench, server: Server) -> None:
    bench.click(*CAR)
    for _ in range(3):
        bench.press("ArrowRight")
    bench.until_place_is_kept()
    server.kill()
    server.start()
    bench.page.reload()
    bench.until_ready()
    assert bench.frame() == 3
    assert [o["label"] for o in bench.state()["objects"]] == ["object 1"]
    bench.complaints.clear()  # the page said that the line was lost, as it should


def test_two_browsers_on_two_projects_do_not_disturb_each_other(bench: Workbench, pages: Pages, server: Server) -> None:
    write_images(server.root / "squares", 6, (64, 48))
    other = pages.project(bench.folder)
    other.page.locator("#path input, #path textarea").first.fill("squares")
    other.page.locator("#open-path button, button#open-path").first.click()
    other.until("s => s.project.frame_count === 6")
    other.page.wait_for_function(FITTED)
    other.click(8, 8)
    bench.click(*CAR)
    assert bench.state()["project"]["name"] != other.state()["project"]["name"]
    assert len(bench.state()["objects"]) == len(other.state()["objects"]) == 1
    other.page.reload()
    other.until_ready()
    assert other.state()["project"]["frame_count"] == 6


def test_what_is_remarked_of_a_run_leaves_room_for_the_rest(bench: Workbench) -> None:
    bench.click(*CAR)
    height = bench.page.evaluate(
        """() => {
          const at = (name) => document.querySelector(name);
          at('[data-testid=status]').textContent = 'Click what is missing, Shift-click what is too much. '.repeat(2);
          at('[data-testid=cost]').textContent = 'A would make depth 9 frames, amodal 9 frames. '.repeat(3);
          at('[data-testid=job]').hidden = false;
          at('[data-part=job-text]').textContent = 'Tracking car: done' + '; frames 3-5: depth is clipped'.repeat(5);
          return at('.vas-line').getBoundingClientRect().height;
        }"""
    )
    assert 20 < height < 120, "the hint stands one word a line over the whole page"


def test_objects_can_be_added_after_tracking_and_chosen_by_number(bench: Workbench) -> None:
    bench.click(*CAR)
    bench.press("o")
    bench.until("s => s.objects.length === 2")
    bench.click(*GROUND)
    assert [len(o["clicks"]) for o in bench.state()["objects"]] == [1, 1]
    bench.press("1")
    bench.click(CAR[0] + 8, CAR[1] + 6)
    assert [len(o["clicks"]) for o in bench.state()["objects"]] == [2, 1]


def test_clicking_a_dot_deletes_it_and_dragging_draws_a_box(bench: Workbench) -> None:
    bench.drag([(CAR[0] - 60, CAR[1] - 40), (CAR[0] + 60, CAR[1] + 40)])
    assert len(bench.state()["objects"][0]["boxes"]) == 1
    bench.click(*CAR)
    assert len(bench.state()["objects"][0]["clicks"]) == 1
    bench.click(*CAR)
    assert bench.state()["objects"][0]["clicks"] == []


def test_an_engine_is_chosen_and_what_another_made_is_made_again(bench: Workbench) -> None:
    bench.click(*CAR)
    bench.item("engines").locator("summary").click()
    chooser = bench.item("engine-segment")
    assert chooser.input_value() == "auto" and "auto: builtin" in chooser.inner_text()
    assert not bench.item("make-again-segment").is_visible()
    chooser.select_option("twin")
    bench.until("s => s.engines[0].name === 'twin' && s.objects[0].others.segment")
    assert bench.item("engine-cost-segment").inner_text() == "Costs nothing."
    assert "1 frame of object 1 was made by builtin" in bench.item("engine-again-segment").inner_text()
    bench.photograph("6-engines")
    bench.item("make-again-segment").click()
    bench.until("s => s.job && s.job.finished && !s.objects[0].others.segment")
    assert bench.item("engine-again-segment").is_hidden()
    bench.press("Control+z")
    bench.press("Control+z")
    bench.until("s => s.engines[0].chosen === 'auto'")
    assert chooser.input_value() == "auto" and bench.complaints == []


def test_keys_typed_into_a_field_do_nothing_else(bench: Workbench) -> None:
    field = bench.page.locator("#path input, #path textarea").first
    field.fill("")
    field.press_sequentially("otab 123?")
    assert bench.state()["objects"] == [] and field.input_value() == "otab 123?"


def test_a_path_outside_the_root_is_refused_in_words(bench: Workbench) -> None:
    bench.page.locator("#path input, #path textarea").first.fill("/etc")
    bench.page.locator("#open-path button, button#open-path").first.click()
    alert = bench.page.wait_for_selector("#message [role=alert]", timeout=20_000)
    assert "outside the folder" in alert.inner_text()
    assert bench.state()["project"]["frame_count"] > 1


def test_help_shows_the_keys(bench: Workbench) -> None:
    bench.press("?")
    assert bench.item("help-dialog").is_visible()
    bench.photograph("5-help")
    shown = {title: [(keys, text) for keys, text in rows] for title, rows in bench.page.evaluate(LISTED_KEYS)}
    assert {title: rows for title, rows in shown.items() if rows} == documented_keys()
    bench.press("Escape")
    assert not bench.item("help-dialog").is_visible()


FILM_COLOURS = """() => {
  const film = document.querySelector(".vas-film");
  const { data } = film.getContext("2d").getImageData(0, 20, film.width, 1);
  return new Set(new Uint32Array(data.buffer)).size;
}"""


def test_the_filmstrip_shows_the_clip_and_goes_to_the_frame_under_the_pointer(bench: Workbench) -> None:
    bench.press("Shift+F")
    bench.page.wait_for_function(f"() => ({FILM_COLOURS})() > 50")
    box = bench.item("filmstrip").bounding_box()
    bench.page.mouse.click(box["x"] + box["width"] - 20, box["y"] + 20)
    assert bench.frame() == bench.state()["project"]["frame_count"] - 1
    bench.item("btn-filmstrip").click()
    bench.until_painted()
    assert not bench.item("filmstrip").is_visible()


def test_pictures_need_the_token(server: Server) -> None:
    for path in ("state", "frames/0.jpg", "masks/0", "depth/0.png"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.address}api/nobody/{path}")
        assert refused.value.code == 404
        refused.value.close()


def test_a_request_that_is_sent_again_acts_once(bench: Workbench) -> None:
    token = bench.page.evaluate("() => performance.getEntriesByType('resource').map(e => e.name).join(' ')")
    token = token.split("/api/")[1].split("/")[0]
    send = """([token, body]) => fetch(`api/${token}/do`, {method: 'POST', body: JSON.stringify(body),
        headers: {'Content-Type': 'application/json'}}).then(r => r.json())"""
    body = {"action": "new_object", "client": "a", "seq": 1}
    answers = [bench.page.evaluate(send, [token, body]) for _ in range(2)]
    assert answers[0] == answers[1] and len(answers[1]["state"]["objects"]) == 1


def test_it_works_through_a_tunnel(bench: Workbench, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=forward, args=(listener, server.port), daemon=True).start()
        bench.open(f"http://127.0.0.1:{listener.getsockname()[1]}/?project={bench.folder.name}")
        bench.click(*CAR)
        assert bench.flags()[0] & FrameState.MODAL and bench.complaints == []
        bench.page.close()


def forward(listener: socket.socket, port: int) -> None:
    """What ``ssh -L`` does: every connection to the listener goes on to the port."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()

    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", port))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()
