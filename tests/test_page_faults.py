"""What a person who used the page for the first time stumbled over, done again in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from browser import VIEW, Pages, Server, Workbench
from conftest import SQUARE, square_at, write_images

from vas_tool.planning.review import FrameState
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import SizeWH

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]

Size = dict[str, int]


OpenClip = Callable[..., Workbench]


@pytest.fixture
def open_clip(pages: Pages, tmp_path: Path) -> OpenClip:
    """open_clip(name, num_frames=6, size_wh=(128, 96), view=VIEW) -> the page on a new project of that name."""

    def open_it(name: str, *, num_frames: int = 6, size_wh: SizeWH = (128, 96), view: Size = VIEW) -> Workbench:
        return pages.of(write_images(tmp_path / name, num_frames, size_wh), name, view=view)

    return open_it


def square(frame_index: int, size_wh: SizeWH = (128, 96)) -> tuple[float, float]:
    """The middle of the moving square, in clip pixels."""
    rows, columns = square_at(frame_index, size_wh)
    return columns.start + SQUARE / 2, rows.start + SQUARE / 2


def around(frame_index: int) -> list[tuple[float, float]]:
    """A drag around the square."""
    x, y = square(frame_index)
    return [(x - 10, y - 10), (x + 10, y + 10)]


def test_selecting_all_text_does_not_throw_drags_away(open_clip: OpenClip) -> None:
    bench = open_clip("select-all")
    bench.page.evaluate("() => document.execCommand('selectAll')")  # as the browser's menu does
    bench.drag(around(0))
    assert len(bench.state()["objects"][0]["boxes"]) == 1
    bench.item("canvas").focus()
    bench.press("Control+a")
    assert bench.page.evaluate("() => getSelection().isCollapsed")
    bench.press("p")
    bench.drag(around(0))
    assert len(bench.state()["objects"][0]["strokes"]) == 1


def away(bench: Workbench, server: Server) -> None:
    """The server stops, and the page has noticed."""
    server.kill()
    bench.page.wait_for_selector("[data-testid=lost]:not([hidden])", timeout=20_000)


def test_what_is_done_while_the_server_is_away_is_sent_to_the_restarted_one(
    open_clip: OpenClip, server: Server
) -> None:
    bench = open_clip("away")
    bench.click(*square(0))
    away(bench, server)
    bench.press("Enter")  # accepts frame 0, goes to 1
    bench.press("o")
    bench.page.mouse.click(*bench.at(100, 80))  # two clicks on the object that is yet to be made
    bench.page.mouse.click(*bench.at(110, 85))
    bench.go(1)
    bench.press("ArrowRight")
    said = bench.item("lost").inner_text()
    assert "4 changes wait here and will be sent" in said
    with bench.page.expect_event("load", timeout=60_000):
        server.start()
    bench.until_ready()
    bench.until("s => s.objects.length === 2 && s.objects[1].clicks.length === 2 && window.__vas.pending() === 0")
    assert bench.flags(1)[0] & FrameState.ACCEPTED and bench.frame() == 2
    assert [len(o["clicks"]) for o in bench.state()["objects"]] == [1, 2]
    assert bench.page.locator("[data-testid=object-row-2].vas-chosen").count() == 1
    assert "4 changes made while it was away are sent now" in bench.item("error").inner_text()
    bench.complaints.clear()  # the page said that the line was lost, as it should


def test_a_project_that_has_changed_meanwhile_is_not_sent_what_was_meant_for_the_old(
    open_clip: OpenClip, server: Server
) -> None:
    bench = open_clip("away-changed")
    bench.click(*square(0))
    away(bench, server)
    bench.press("Enter")
    bench.press("l")
    bench.press("End")
    with closing(Session(Project.open(bench.folder))) as other:
        other.rename(1, "square")
    with bench.page.expect_event("load", timeout=60_000):
        server.start()
    bench.until_ready()
    assert bench.frame() == 5 and not bench.flags()[0] & FrameState.ACCEPTED
    said = bench.item("error").inner_text()
    assert "2 changes could not be sent" in said and "Make them again" in said
    bench.complaints.clear()  # the page said that the line was lost, as it should


def test_a_server_that_is_away_is_asked_ever_less(open_clip: OpenClip, server: Server) -> None:
    bench = open_clip("away-asked")
    bench.click(*square(0))
    away(bench, server)
    asked: list[str] = []
    bench.page.on("requestfailed", lambda request: asked.append(request.url))
    for _ in range(5):
        bench.press("ArrowRight")
        bench.page.wait_for_timeout(2000)
    ours = [url for url in asked if "/api/" in url]
    assert len(ours) <= 8 and not any("/frames/" in url or "/masks/" in url for url in ours)
    server.start()
    bench.until_ready()
    bench.go(3)
    bench.complaints.clear()  # the page said that the line was lost, as it should


def export_button(bench: Workbench) -> Any:
    return bench.page.locator("button#export")


def test_an_export_reports_a_line_an_object_and_says_that_it_runs(open_clip: OpenClip) -> None:
    bench = open_clip("report", num_frames=60, size_wh=(640, 480))
    for place in ((60, 60), (200, 60), (300, 300), (500, 200)):
        bench.press("o")
        bench.click(*place)
    export_button(bench).click()
    bench.page.wait_for_selector("button#export:disabled >> text=Exporting", timeout=20_000)
    bench.photograph("exporting")
    bench.page.wait_for_selector("#message >> text=Exported", timeout=60_000)
    bench.page.wait_for_selector("button#export:not(:disabled)", timeout=20_000)
    message = bench.page.locator("#message")
    assert message.locator("summary").inner_text() == "Notes on 4 objects"
    assert not message.locator("li").first.is_visible()
    message.locator("summary").click()
    lines = message.locator("li").all_inner_texts()
    assert len(lines) == 4 and lines[0].startswith("object 1: 1 frame not accepted (0)")
    bench.photograph("report")
    link = message.locator("a").first
    assert bench.page.request.get(link.evaluate("node => node.href")).ok

    # the next one starts with an empty report
    bench.page.evaluate(
        """() => {
          const seen = (window.seen = []);
          const look = () => seen.push([document.querySelector('button#export').disabled,
                                        document.querySelector('#message').textContent.includes('Exported')].join());
          new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
        }"""
    )
    export_button(bench).click()
    bench.page.wait_for_function("() => window.seen.includes('true,false')", timeout=20_000)
    bench.page.wait_for_selector("#message >> text=Exported", timeout=60_000)
    bench.page.wait_for_selector("button#export:not(:disabled)", timeout=20_000)


PLACES_OF_PROGRESS = """() => {
  const names = ["#message", "#message .progress-level-inner", "#brand", "#stop-import", "#export"];
  const boxes = names.map((name) => document.querySelector(name)?.getBoundingClientRect());
  return boxes.every((box) => box?.height) ? boxes.map(({ top, bottom }) => ({ top, bottom })) : null;
}"""
"""All at one moment: the import may be done before a second question is answered."""


def test_the_progress_of_an_import_is_seen(open_clip: OpenClip, server: Server) -> None:
    bench = open_clip("import")
    write_images(server.root / "pictures", 150, (640, 480))
    bench.page.locator("#path input, #path textarea").first.fill("pictures")
    bench.page.locator("button#open-path").click()
    places = bench.page.wait_for_function(PLACES_OF_PROGRESS, timeout=20_000).json_value()
    message, line, *row = places
    assert message["top"] <= line["top"] and line["bottom"] <= message["bottom"]
    assert max(box["top"] for box in row) - min(box["top"] for box in row) < 20, "the row above wraps"
    bench.until("s => s.project.frame_count === 150")


def objects_at(bench: Workbench, places: list[tuple[float, float]]) -> None:
    for place in places:
        bench.press("o")
        bench.click(*place)


def press_until(bench: Workbench, key: str, condition: str) -> None:
    bench.press(key)
    bench.until(condition)


def test_the_job_line_keeps_the_name_of_an_object_that_was_deleted(open_clip: OpenClip) -> None:
    bench = open_clip("job-line")
    objects_at(bench, [square(0), (100, 20)])
    bench.press("1")
    bench.run("t")
    press_until(bench, "Delete", "s => s.objects.length === 1")
    assert bench.item("job").inner_text().startswith("Tracking object 1: done")
    bench.page.reload()
    bench.until_ready()
    bench.until_painted()
    assert bench.item("job").is_hidden()


ANSWER_ALL_WITH_AN_ERROR = """(error) => {
  window.realFetch = window.fetch;
  const refused = JSON.stringify({ ok: false, error });
  window.fetch = async (url, how) => String(url).endsWith("/do") ? new Response(refused) : window.realFetch(url, how);
}"""


def test_what_is_up_to_date_is_said_calmly_and_errors_go(open_clip: OpenClip) -> None:
    bench = open_clip("calm")
    bench.click(*square(0))
    bench.run("t")
    bench.press("t")
    error = bench.item("error")
    error.wait_for()
    assert error.inner_text().startswith("Every frame there is up to date")
    assert "vas-calm" in error.get_attribute("class")
    bench.press("Escape")
    assert error.is_hidden()

    # a real error stays, until the person goes on
    bench.page.evaluate(
        ANSWER_ALL_WITH_AN_ERROR, "the disk is full"
    )  # under a route of Playwright this failed at times
    bench.press("l")
    error.wait_for()
    assert error.inner_text().startswith("The disk is full") and "vas-calm" not in error.get_attribute("class")
    bench.page.evaluate("() => { window.fetch = window.realFetch }")
    bench.page.wait_for_timeout(2000)
    assert error.is_visible()
    bench.press("ArrowRight")
    assert error.is_hidden()


def test_messages_let_clicks_through_to_the_picture(open_clip: OpenClip) -> None:
    bench = open_clip("messages")
    objects_at(bench, [square(0), (100, 80)])
    press_until(bench, "Delete", "s => s.objects.length === 1")
    error = bench.item("error")
    error.wait_for()
    box = error.bounding_box()
    before = bench.state()["version"]
    bench.page.mouse.click(box["x"] + 30, box["y"] + box["height"] / 2)
    bench.until_answered(before)
    assert len(bench.state()["objects"][0]["clicks"]) == 2
    error.get_by_role("button").click()
    assert error.is_hidden()


def test_only_what_exists_is_asked_for(open_clip: OpenClip) -> None:
    bench = open_clip("asked", num_frames=10)
    refused: list[str] = []
    bench.page.on("response", lambda answer: refused.append(answer.url) if answer.status == 404 else None)
    bench.item("layer-depth").click()
    bench.click(*square(0))
    bench.run("t")
    bench.run("a")
    bench.go(9)
    objects_at(bench, [(100, 80)])
    bench.page.wait_for_timeout(450)  # the cost of completing it is about to be asked
    press_until(bench, "Delete", "s => s.objects.length === 1")
    bench.page.wait_for_timeout(1000)
    assert refused == []


def test_a_box_can_be_ended_right_after_a_reload(open_clip: OpenClip) -> None:
    bench = open_clip("box-end")
    bench.click(*square(0))
    bench.press("r")
    bench.drag([(2, 2), (60, 60)])
    bench.go(3)
    bench.until_place_is_kept()
    bench.page.reload()
    bench.until_ready()
    bench.until("s => window.__vas.lastPaint.frame === 3")
    bench.page.wait_for_selector("[data-testid=box-end]:not(:disabled)")


@pytest.mark.parametrize("box", ["#project", "#export-format"])
def test_a_list_above_gives_the_keys_back(open_clip: OpenClip, box: str) -> None:
    bench = open_clip(f"keys-{box[1:]}")
    bench.click(*square(0))
    field = bench.page.locator(f"{box} input")
    for how in ("Escape", "Enter", "mouse"):
        field.click()
        bench.page.wait_for_selector("[role=option]")
        if how == "mouse":
            bench.page.locator("[role=option][aria-selected=true]").first.click()
        else:
            bench.page.keyboard.press(how)
        bench.page.wait_for_timeout(200)
        value = field.input_value()
        bench.press("p")
        bench.page.wait_for_selector("[data-testid=tool-brush][aria-pressed=true]")
        assert field.input_value() == value, how
        bench.press("v")


def test_digits_choose_by_row_and_colours_differ(open_clip: OpenClip) -> None:
    bench = open_clip("digits")
    for _ in range(8):
        before = bench.state()["version"]
        bench.press("o")
        bench.until_answered(before)
    for _ in range(7):  # all but the first: numbers are not given again
        before = bench.state()["version"]
        bench.press("Delete")
        bench.until_answered(before)
        bench.press("End")
    before = bench.state()["version"]
    bench.press("o")
    bench.until_answered(before)
    first, second = (o["id"] for o in bench.state()["objects"])
    assert (first, second) == (1, 9)  # by number they would have the same colour
    bench.press("1")
    assert bench.page.locator(f"[data-testid=object-row-{first}].vas-chosen").count() == 1
    bench.press("2")
    assert bench.page.locator(f"[data-testid=object-row-{second}].vas-chosen").count() == 1
    rows = bench.page.locator(".vas-objects li")
    assert rows.locator("kbd").all_inner_texts() == ["1", "2"]
    colours = [chip.evaluate("node => node.style.background") for chip in rows.locator(".vas-chip").all()]
    assert len(set(colours)) == 2
    bench.photograph("digits")


def is_cut(bench: Workbench, selector: str) -> list[str]:
    """Elements whose content does not fit into them."""
    cut: list[str] = bench.page.evaluate(
        "s => [...document.querySelectorAll(s)].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)",
        selector,
    )
    return cut


def test_the_bars_above_fit_into_a_small_window(open_clip: OpenClip) -> None:
    bench = open_clip("bars", num_frames=25)
    bench.click(*square(0))
    for width in (1024, 1100, 1280, 1600):
        bench.page.set_viewport_size({"width": width, "height": 700})
        bench.page.reload()
        bench.until_ready()
        bench.go(12)
        bench.photograph(f"bars-{width}")
        icons = bench.page.locator(".vas-top svg:visible").all()
        assert {round(icon.bounding_box()["width"]) for icon in icons} == {16}, width
        assert is_cut(bench, ".vas-top, .vas-top button, .vas-counter, .vas-counter span") == [], width
        row = [bench.page.locator(f"#{name}").bounding_box()["y"] for name in ("brand", "only-accepted", "export")]
        assert max(row) - min(row) < 20, f"the row above wraps at {width}"


def test_the_picture_keeps_its_size_while_hints_come_and_go(open_clip: OpenClip) -> None:
    bench = open_clip("hints", view={"width": 1024, "height": 700})
    heights = {bench.item("canvas").bounding_box()["height"]}
    bench.click(*square(0))
    heights.add(bench.item("canvas").bounding_box()["height"])
    for key in ("p", "m", "r", "g", "v"):
        bench.press(key)
        heights.add(bench.item("canvas").bounding_box()["height"])
    bench.run("t")
    heights.add(bench.item("canvas").bounding_box()["height"])
    bench.page.wait_for_timeout(1000)
    heights.add(bench.item("canvas").bounding_box()["height"])
    bench.photograph("hints")
    assert len(heights) == 1


def test_long_names_push_nothing_away_and_the_tab_bears_the_projects(open_clip: OpenClip) -> None:
    name = "a_clip_with_a_rather_long_name_indeed"
    bench = open_clip(name, view={"width": 1024, "height": 700})
    assert bench.page.title() == f"{name} · vas-tool"
    bench.click(*square(0))
    bench.page.locator(".vas-choose").dblclick()
    bench.page.keyboard.type("a name as long as names can be, " * 3)
    bench.page.keyboard.press("Enter")
    bench.until("s => s.objects[0].label.length > 60")
    bench.photograph("long-names")
    arrow = bench.page.locator("#project .icon-wrap").bounding_box()
    text_ends = bench.page.locator("#project input").evaluate(
        "node => node.getBoundingClientRect().right - parseFloat(getComputedStyle(node).paddingRight)"
    )
    assert text_ends <= arrow["x"]
    legend = bench.page.locator(".vas-legend").bounding_box()
    foot = bench.page.locator(".vas-foot").bounding_box()
    assert legend["x"] + legend["width"] <= foot["x"] + foot["width"]


def test_help_shows_all_or_says_that_there_is_more(open_clip: OpenClip) -> None:
    bench = open_clip("help")
    for height in (700, 900):
        bench.page.set_viewport_size({"width": 1280, "height": height})
        bench.page.reload()
        bench.until_ready()
        bench.press("?")
        bench.photograph(f"help-{height}")
        dialog = bench.item("help-dialog")
        more = dialog.locator(".vas-more")
        assert more.is_visible() == dialog.evaluate("node => node.scrollHeight > node.clientHeight + 2"), height
        dialog.evaluate("node => node.scrollTo(0, node.scrollHeight)")
        bench.page.wait_for_timeout(100)
        assert more.is_hidden(), height
        bench.press("Escape")


def test_what_a_job_has_made_is_not_said_to_be_yet_to_make(open_clip: OpenClip) -> None:
    bench = open_clip("cost", num_frames=6)
    bench.click(*square(0))
    bench.run("t")
    bench.page.wait_for_function("document.querySelector('[data-testid=cost]').innerText.includes('would make')")
    bench.run("a")
    assert "would make" not in bench.item("cost").inner_text()
