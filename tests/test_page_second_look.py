"""Blind second looks: from the page in a real Chromium, and what the session says of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from annotating import annotate, rectangle
from browser import Pages
from conftest import write_images

from vas_tool.errors import InputError, PromptError
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.session.second_looks import SecondLooks

SIZE = (64, 48)
SEEN, WHOLE = rectangle(SIZE, 10, 10, 30, 30), rectangle(SIZE, 10, 10, 50, 30)


def accepted(project: Project) -> None:
    frames = range(len(project.clip))
    annotate(project, modal=dict.fromkeys(frames, SEEN), amodal=dict.fromkeys(frames, WHOLE), accepted=frames)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sockets of the browser's driver
def test_frames_are_asked_again_and_compared(guessing_pages: Pages, tmp_path: Path) -> None:
    folder = guessing_pages.server.root / "second-look"
    project = create_project(folder, write_images(tmp_path / "clip", 3, SIZE))
    accepted(project)
    project.close()
    first = guessing_pages.project(folder)
    first.item("second-look").locator("summary").click()
    first.item("recheck-ask").click()
    first.page.get_by_text("name the annotator who answers again").wait_for()
    first.item("recheck-annotator").fill("ann")
    first.item("recheck-share").fill("100")
    first.item("recheck-ask").click()
    first.page.get_by_text("0 of 3").wait_for()
    first.photograph("second-look")
    with first.page.context.expect_page() as opening:
        first.item("recheck-table").locator("a").click()
    opening.value.close()
    second = guessing_pages.project(folder.with_name("second-look-recheck-ann"))
    second.run("a")
    for frame in range(3):  # they are marked: accepting all at once leaves them out
        second.go(frame)
        before = second.state()["version"]
        second.press("Enter")
        second.until_answered(before)
    first.item("recheck-compare").click()  # the copy is open in the other tab
    first.page.get_by_text("3 of 3").wait_for()
    (row,) = first.item("recheck-table").locator("tr").all_inner_texts()[1:]
    assert row.startswith("ann\t3 of 3\t") and 0 <= float(row.rpartition("\t")[2]) <= 100


def test_what_goes_wrong_is_told(make_project: Callable[..., Project]) -> None:
    project = make_project(2)
    looks = SecondLooks(project)
    with pytest.raises(PromptError, match="name the annotator"):
        looks.ask(0.1, " ")
    with pytest.raises(InputError, match="was asked again yet"):
        looks.compare()
    looks.ask(0.1, "ann")
    looks.close(10)
    assert looks.state() == {
        "asking": None,
        "error": "clip has no accepted frame with a hidden part; accept some on the page first, then ask again",
        "looks": [],
    }
    accepted(project)
    looks = SecondLooks(project)
    looks.close(0)  # a copy that is stopped leaves nothing
    looks.ask(0.1, "ann")
    looks.close(10)
    assert not project.folder.with_name("clip-recheck-ann").exists() and looks.state()["looks"] == []
