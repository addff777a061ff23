"""Blind second looks, and composed clips: what the session says of them."""

from collections.abc import Callable
from typing import Any

import pytest
from annotating import annotate
from test_page_second_look import SEEN, accepted
from waiting import until

from vas_tool.errors import InputError, PromptError
from vas_tool.project import Project
from vas_tool.session.compositions import CompositionOrder, Compositions
from vas_tool.session.second_looks import SecondLooks


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


def test_a_project_can_be_its_own_front(make_project: Callable[..., Project]) -> None:
    project = make_project(2)
    accepted(project)
    annotate(project, "cat", modal={0: SEEN, 1: SEEN})
    clips = Compositions(project)
    with pytest.raises(PromptError, match="no project 'elsewhere' beside this one"):
        clips.start(CompositionOrder(2, "elsewhere"))
    clips.start(CompositionOrder(2, "clip", 2, (0, 10)))
    state = until_composed(clips)
    assert (state["error"], state["fronts"]) == ("", ["clip"]) and state["made"]["hidden"] == 0.5
    clips.start(CompositionOrder(1, "clip", 2))
    assert "is hidden in part on the frames 0-1" in until_composed(clips)["error"]


def until_composed(clips: Compositions) -> dict[str, Any]:
    until(lambda: not clips.state()["composing"])
    return clips.state()
