"""Accepted frames that are asked a second time, blind, and how far both answers agree."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, pad, rectangle

from vas_tool.cli import main
from vas_tool.errors import ProjectDamaged
from vas_tool.exports import export
from vas_tool.project import Project
from vas_tool.project.rechecks import read_rechecks
from vas_tool.storage import Stamp

SIZE = (64, 48)


@pytest.fixture
def car(make_project: Callable[..., Project]) -> Path:
    """Ten accepted frames, on eight of which the right half of object 2 is hidden. Object 1 was deleted."""
    project = make_project(10, name="car")
    canvas = pad(project, 0.25)
    gone = annotate(project, "gone", modal={0: rectangle(SIZE, 0, 0, 9, 9)})
    project.edit("delete", project.truth.without_object(gone))
    seen, whole = rectangle(SIZE, 10, 10, 30, 30), rectangle(SIZE, 10, 10, 50, 30)
    amodal = {i: canvas.to_canvas(whole if i < 8 else seen) for i in range(10)}
    annotate(project, "car", modal={i: seen for i in range(10)}, amodal=amodal, accepted=range(10))
    project.close()
    return project.folder


def recheck(*arguments: object) -> int:
    return main(["recheck", *map(str, arguments)])


def answer(folder: Path, right: dict[int, int]) -> None:
    """Accept frames with amodal masks that reach to a column."""
    with closing(Project.open(folder)) as project:
        for frame_index, column in right.items():
            mask = project.canvas.to_canvas(rectangle(SIZE, 10, 10, column, 30))
            project.layers(2).amodal.put(frame_index, mask, Stamp("builtin", "2"))
        obj = project.truth.object(2).accepting_all(right)
        project.edit("accept", project.truth.with_object(obj))


def test_the_hidden_part_is_asked_again_and_compared(
    car: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recheck(car, "--share", 0.5, "--annotator", "ann") == 0
    folder = car.with_name("car-recheck-ann")
    said = capsys.readouterr()
    assert said.out.strip() == str(folder) and "4 frames to answer again" in said.err
    (asked,) = read_rechecks(car)
    frames = asked.asked[2]
    assert len(frames) == 4 and set(frames) <= set(range(8)) and asked.asked.keys() == {2}
    with closing(Project.open(folder)) as blind, closing(Project.open(car)) as project:
        (obj,) = blind.truth.objects
        assert (obj.id, obj.label, obj.needs_work, obj.accepted) == (2, "car", frames, ())
        assert blind.canvas == project.canvas and not dict(blind.amodal(2)) and blind.ledger == project.ledger
        assert all(np.array_equal(blind.modal(2)[i], project.modal(2)[i]) for i in range(10))
        assert np.array_equal(blind.clip[3], project.clip[3])
    assert not [p for p in folder.rglob("*.png") if "amodal" in p.parts or "content" in p.parts]
    answer(folder, {frames[0]: 50, frames[1]: 40, 9: 50})
    assert recheck(car) == 0
    said = capsys.readouterr()
    assert "75.00" in said.out.replace("75.0 ", "75.00 ") and "ann: 2 of 4 frames answered" in said.err
    (found,) = read_rechecks(car)
    assert found.found[2] == {frames[0]: 1.0, frames[1]: 0.5}
    with closing(Project.open(car)) as project:
        data = json.loads(export([project], "coco", tmp_path / "out.json").paths[0].read_text())
    assert data["videos"][0]["rechecks"] == [found.json()]


def test_frames_that_are_no_longer_accepted_do_not_count(car: Path) -> None:
    recheck(car, "--share", 1)
    answer(car.with_name("car-recheck-second"), {i: 30 for i in range(8)})
    with closing(Project.open(car)) as project:
        obj = replace(project.truth.object(2), accepted=(0, 1))
        project.edit("take back", project.truth.with_object(obj))
    assert recheck(car) == 0
    (found,) = read_rechecks(car)
    assert found.found[2] == {0: 0.0, 1: 0.0}


def test_what_cannot_be_asked_is_said(car: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recheck(car) == 1 and "nothing of car was asked again" in capsys.readouterr().err
    assert recheck(car, "--share", 2) == 1 and "--share is a part" in capsys.readouterr().err
    assert recheck(car, "--share", 0.1) == 0
    assert recheck(car, "--share", 0.1) == 1 and "second was asked already" in capsys.readouterr().err
    (car.with_name("car-recheck-second") / "project.json").unlink()
    assert recheck(car) == 0 and "is gone" in capsys.readouterr().err
    (car / "rechecks.json").write_text("[1]")
    with pytest.raises(ProjectDamaged, match="take it out"):
        read_rechecks(car)
    with closing(Project.open(car)) as project:
        obj = replace(project.truth.object(2), accepted=(8,))
        project.edit("take back", project.truth.with_object(obj))
    (car / "rechecks.json").unlink()
    assert recheck(car, "--share", 1) == 1 and "no accepted frame with a hidden part" in capsys.readouterr().err
