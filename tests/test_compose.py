"""Clips whose hidden part is known: composed from objects of projects, and measured by the bench."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotating import annotate, rectangle
from PIL import Image

from vas_tool.cli import main
from vas_tool.evaluation.bench import bench
from vas_tool.evaluation.case_files import read_cases, write_cases
from vas_tool.evaluation.composition import (
    FrontPicture,
    border_alpha,
    composite,
    moved_into,
    visible_part,
    without_ground,
)
from vas_tool.evaluation.made_sets import MADE_SETS
from vas_tool.imports.given_masks import import_sequences
from vas_tool.project import Project
from vas_tool.storage import Stamp

SIZE = (64, 48)


def plain(colour: int) -> Any:
    return np.full((48, 64, 3), colour, np.uint8)


# --- pixels ---------------------------------------------------------------------------------------------------------


def test_a_hard_border_replaces_a_soft_one_mixes() -> None:
    mask = rectangle(SIZE, 10, 10, 40, 40)
    hard, soft = border_alpha(mask, 0), border_alpha(mask, 3)
    assert set(np.unique(hard)) == {0, 1} and (soft[~mask] == 0).all() and (soft[mask] > 0).all()
    assert soft[25, 10] == pytest.approx(0.25) and soft[25, 13] == 1
    assert (composite(plain(10), [FrontPicture(plain(210), hard)])[mask] == 210).all()
    mixed = composite(plain(10), [FrontPicture(plain(210), soft)])
    assert mixed[25, 10, 0] == 60 and (mixed[~mask] == 10).all()
    assert not (visible_part(mask, [FrontPicture(plain(0), soft)])).any()  # covered in part is not seen


def test_the_empty_scene_is_taken_out_of_soft_borders() -> None:
    alpha = border_alpha(rectangle(SIZE, 10, 10, 40, 40), 3)
    filmed = composite(plain(80), [FrontPicture(plain(200), alpha)])
    own = without_ground(filmed, alpha, plain(80))
    assert (np.abs(own[alpha > 0].astype(int) - 200) <= 2).all()
    over_black = composite(plain(0), [FrontPicture(own, alpha)])
    assert over_black[25, 10, 0] == pytest.approx(50, abs=1)


def test_the_nearest_thing_is_last_and_things_may_leave_the_picture() -> None:
    far, near = (FrontPicture(plain(c), border_alpha(rectangle(SIZE, 0, 0, 9, 9), 0)) for c in (100, 200))
    assert composite(plain(0), [far, near])[0, 0, 0] == 200
    mask = rectangle(SIZE, 60, 40, 64, 48)
    assert np.argwhere(moved_into(mask, SIZE, (3, -45))).tolist() == [[0, 63], [1, 63], [2, 63]]
    assert not moved_into(mask, SIZE, (900, -900)).any()


# --- projects -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ball(make_project: Callable[..., Project]) -> Project:
    project = make_project(4, name="ball")
    annotate(project, "ball", modal={i: rectangle(SIZE, 10 + 10 * i, 10, 20 + 10 * i, 20) for i in range(4)})
    return project


def composed(*arguments: Any) -> int:
    return main(["compose", *map(str, arguments)])


def test_a_composed_clip_is_measured_by_the_bench(
    ball: Project, make_project: Callable[..., Project], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wall = make_project(1, name="wall")  # of one frame, as the front of a container: it stays
    annotate(wall, "cat", modal={0: rectangle(SIZE, 0, 0, 4, 4)})
    annotate(wall, "wall", modal={0: rectangle(SIZE, 0, 0, 15, 30)})
    frame, before = wall.clip[0], [ball.clip[i] for i in range(4)]
    for project in (ball, wall):
        project.close()
    assert composed(ball.folder, f"{wall.folder}:2", "--shift", "25,0", "--out", tmp_path / "mine") == 0
    assert "4 frames, 37.5 % of the object hidden, all of it on the frames 2." in capsys.readouterr().err
    (case,) = read_cases(tmp_path / "mine")
    assert case.name == "ball_ball_behind_wall_wall" and len(case.clip) == 4
    for i in range(4):
        whole, front = rectangle(SIZE, 10 + 10 * i, 10, 20 + 10 * i, 20), rectangle(SIZE, 25, 0, 40, 30)
        assert np.array_equal(case.amodal[i], whole) and np.array_equal(case.modal[i], whole & ~front)
        assert np.array_equal(case.others[i][0], front)
        assert np.array_equal(case.clip[i][0:30, 25:40], frame[0:30, 0:15])
        assert np.array_equal(case.clip[i][~front], before[i][~front])
    assert case.depth[1][0:30, 25:40].mean() > case.depth[1][10:20, 20:25].mean()
    table = bench([case], engines=[], protocol=MADE_SETS["occluders"].protocol).evaluation.tables["strict"]
    assert table["modal"]["miou_occ"].mean == 0 and table["modal"]["miou"].mean < 1
    assert main(["bench", "--cases", str(tmp_path / "mine"), "--sets", "movi"]) == 1
    import_sequences(next((tmp_path / "mine").iterdir()), tmp_path / "again").close()


def test_what_the_bench_writes_comes_back(tmp_path: Path) -> None:
    case = next(MADE_SETS["tao-amodal"].cases(0))
    write_cases([case], tmp_path / "out")
    (again,) = read_cases(tmp_path / "out")
    assert again.canvas == case.canvas and np.array_equal(again.amodal, case.amodal)
    assert all(np.array_equal(again.modal[i], case.modal[i]) for i in case.modal)


def test_a_completed_object_can_be_put_in_front(
    ball: Project, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    front = make_project(4, name="front")
    seen, whole = rectangle(SIZE, 30, 0, 40, 30), rectangle(SIZE, 20, 0, 40, 30)
    car = annotate(front, "car", modal={i: seen for i in range(4)}, amodal={i: whole for i in range(4)})
    colours = np.zeros((48, 64, 4), np.uint8)
    colours[whole] = (7, 8, 9, 255)
    for i in range(4):
        front.layers(car).content.put(i, colours, Stamp("builtin"))
    for project in (ball, front):
        project.close()
    arguments = (ball.folder, front.folder, "--delay", 1, "--out")
    assert composed(*arguments, tmp_path / "seen") == 0 and composed(*arguments, tmp_path / "whole", "--whole") == 0
    ((seen_only,), (completed,)) = (list(read_cases(tmp_path / name)) for name in ("seen", "whole"))
    assert completed.clip[1][5, 25].tolist() == [7, 8, 9] != seen_only.clip[1][5, 25].tolist()
    assert np.array_equal(completed.others[1][0], whole) and not completed.others[0][0].any()  # begins a frame later
    assert not completed.modal[1][:, 20:40].any() and seen_only.modal[1][15, 25]


def test_what_cannot_be_composed_is_said(
    ball: Project, make_project: Callable[..., Project], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = make_project(4, name="half")
    annotate(half, "box", modal={0: rectangle(SIZE, 0, 0, 9, 9)}, amodal={0: rectangle(SIZE, 0, 0, 9, 20)})
    annotate(half, "cup", modal={i: rectangle(SIZE, 0, 0, 9, 9) for i in range(4)})
    annotate(
        half, "pen", modal={i: rectangle(SIZE, 0, 0, 9, 9) for i in range(4)}, amodal={2: ~rectangle(SIZE, 0, 0, 1, 1)}
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    for project in (ball, half):
        project.close()
    for arguments, said in {
        (half.folder, ball.folder): "half has the objects 1 (box), 2 (cup), 3 (pen); name one",
        (f"{half.folder}:1", ball.folder): "no modal mask on the frames 1-3",
        (f"{half.folder}:3", ball.folder): "hidden in part on the frames 2",
        (ball.folder, f"{half.folder}:1"): "no modal mask on the frames 1-3",
        (ball.folder, f"{half.folder}:2", "--shift", "4"): "--shift needs X,Y",
        (ball.folder, f"{half.folder}:2", "--delay", "1", "--delay", "1"): "--delay is given 2 times for 1 front",
        (ball.folder, f"{half.folder}:2", "--reference", tmp_path / "small.png"): "the reference picture is (8, 8)",
    }.items():
        assert composed(*arguments, "--out", tmp_path / "out") == 1
        assert said in capsys.readouterr().err
    assert composed(ball.folder, f"{half.folder}:2", "--shift", "99,99", "--out", tmp_path / "out") == 0
    assert "half cup is nowhere in the picture" in capsys.readouterr().err
