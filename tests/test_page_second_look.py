"""Blind second looks, and composed clips, from the page in a real Chromium."""

from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, rectangle
from browser import Pages
from conftest import write_images

from vas_tool.evaluation.case_files import read_cases
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project

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
    link = first.item("recheck-table").locator("a").get_attribute("href")
    assert link.endswith("project=second-look-recheck-ann")
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


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_test_clip_is_composed(guessing_pages: Pages, tmp_path: Path) -> None:
    root = guessing_pages.server.root
    for name in ("composing-ball", "composing-wall"):
        project = create_project(root / name, write_images(tmp_path / name, 3, SIZE))
        annotate(project, modal=dict.fromkeys(range(3), SEEN))
        project.close()
    bench = guessing_pages.project(root / "composing-ball")
    bench.item("compose").locator("summary").click()
    bench.item("compose-front").locator("option", has_text="composing-wall").wait_for(state="attached")
    bench.item("compose-front").select_option("composing-wall")
    bench.item("compose-x").fill("10")
    bench.item("compose-start").click()
    bench.item("compose-made").wait_for()
    bench.photograph("compose")
    assert bench.item("compose-made").inner_text().endswith(": 3 frames. 50.0 % of the object is hidden.")
    (case,) = (c for c in read_cases(root / "composed") if c.name.startswith("composing-ball"))
    assert np.array_equal(case.modal[1], SEEN & ~rectangle(SIZE, 20, 10, 40, 30))
    bench.item("compose-object").fill("7")
    bench.item("compose-start").click()
    bench.item("compose-error").wait_for()
    assert "there is no object 7" in bench.item("compose-error").inner_text()
