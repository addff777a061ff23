"""What the page says of an export, and what it may ask for."""

from __future__ import annotations

import numpy as np
import pytest
from fake_engines import use_fake_engines

from vas_tool.formats.notes import Note, named
from vas_tool.formats.tally import on_objects
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.storage import Stamp
from vas_tool.ui.reports import report_html, split_by_object
from vas_tool.ui.views import state_view


def test_a_name_is_not_said_twice() -> None:
    assert named(18, "object 18") == "object 18" and named(18, "cup") == "object 18 (cup)"


def test_all_that_is_said_of_an_object_is_one_line() -> None:
    frames = {("clip", 1, "object 1"): [0, 1], ("clip", 2, "a: b (c)"): [3]}
    written = Note("written", numbers=(2, 4, 1))
    general, lines = split_by_object([written, *on_objects("not_accepted", frames), *on_objects("needs_work", frames)])
    assert general == ["2 annotations on 4 images, 1 accepted."]
    assert lines == [
        "object 1: 2 frames not accepted (0-1); 2 frames in need of work (0-1).",
        "object 2 (a: b (c)): 1 frame not accepted (3); 1 frame in need of work (3).",
    ]


def test_long_reports_are_folded_and_names_are_only_text() -> None:
    short = report_html("/x", [("coco.json", "api/t/exports/coco.json")], notes=["9 files."], lines=["<b>: 1 frame."])
    assert '<a href="api/t/exports/coco.json">coco.json</a>. 9 files.' in short
    assert "<li>&lt;b&gt;: 1 frame.</li>" in short and "<details>" not in short
    long = report_html("/x", [], notes=[], lines=["one", "two", "three", "four"])
    assert "<details><summary>Notes on 4 objects</summary>" in long


def test_the_page_knows_which_frames_have_depth(small_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)
    session = Session(small_project)
    assert state_view(session, None)["depth"] == []
    for frame_index in (0, 1, 3):
        small_project.depth.put(frame_index, np.zeros((48, 64), np.float32), Stamp("builtin", "1"))
    assert state_view(session, None)["depth"] == [[0, 1], [3, 3]]
    session.close()
