"""Our own exports as truth and as answers, under every benchmark; and what is wrong with one, by id."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotating import annotate, pad
from evaluation_files import square
from test_evaluation_video_benchmarks import HALF, NOTHING, WHOLE, tabe_video

from vas_tool.cli import main
from vas_tool.errors import FormatError
from vas_tool.evaluation import BENCHMARKS, Order, evaluate
from vas_tool.evaluation.reading import read_truth
from vas_tool.formats.coco import write_coco
from vas_tool.formats.youtube_vis import write_youtube_vis
from vas_tool.project import Project

SEEN = [WHOLE, HALF, NOTHING, HALF]


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """Four frames: all seen, half, nothing, half; the whole object is a square of 10."""
    made = make_project(4, (60, 40), name="ball_roll")
    annotate(made, modal=dict(enumerate(SEEN)), amodal=dict.fromkeys(range(4), WHOLE), accepted=(0, 1))
    return made


def exported(project: Project, path: Path) -> Path:
    write_coco([project], path)
    return path


@pytest.mark.parametrize("benchmark", list(BENCHMARKS))
def test_an_export_is_truth_and_answer_at_once(tmp_path: Path, project: Project, benchmark: str) -> None:
    export = exported(project, tmp_path / "export.json")
    evaluation = evaluate(benchmark, Order(export, (export,))).evaluation
    assert not evaluation.problems
    assert evaluation.tables["strict"]["export"]["miou"].mean == 1
    modal = next(row for name, row in evaluation.tables["strict"].items() if name.startswith("modal"))
    seen = {"movi": (1 + 0.5 + 0.5) / 3}.get(benchmark, (1 + 0.5 + 0 + 0.5) / 4)
    assert modal["miou"].mean == pytest.approx(seen)
    assert "2 of 4 frames of the truth were never accepted by a person." in evaluation.notes


def test_frames_that_movi_would_not_measure_are_counted(tmp_path: Path, project: Project) -> None:
    evaluation = evaluate("movi", Order(exported(project, tmp_path / "export.json"))).evaluation
    assert evaluation.num_frames == 3
    assert evaluation.notes[1].startswith("1 frames show nothing of their object")


def test_levels_of_an_export_are_those_of_tabes_rule(tmp_path: Path, project: Project) -> None:
    truth = read_truth("tabe-51", exported(project, tmp_path / "export.json"))
    levels = [frame.level for frame in truth.clips[0].frames]
    assert levels == ["NO_OCCLUSION", "SEVERE_OCCLUSION", "SEVERE_OCCLUSION", "SEVERE_OCCLUSION"]


def test_an_object_beyond_the_picture_has_the_level_none(tmp_path: Path, make_project: Callable[..., Project]) -> None:
    made = make_project(1, (60, 40))
    canvas = pad(made, 0.25)
    whole = np.zeros(canvas.size_wh[::-1], dtype=bool)
    whole[20:30, 5:25] = True
    annotate(made, modal={0: square(0, 10, 10)}, amodal={0: whole})
    (clip,) = read_truth("tabe-51", exported(made, tmp_path / "export.json")).clips
    assert clip.frames[0].level == "NONE"


@pytest.mark.parametrize(
    ("benchmark", "out"), [("sail-vos", "r.json"), ("tabe-51", "vis"), ("movi", "masks"), ("kitti", "r.pkl")]
)
def test_an_export_is_answered_and_measured(tmp_path: Path, project: Project, benchmark: str, out: str) -> None:
    truth = ["--truth", str(exported(project, tmp_path / "export.json"))]
    assert main(["predict", benchmark, *truth, "--out", str(tmp_path / out), "--engine", "modal"]) == 0
    arguments = [*truth, "--predictions", str(tmp_path / out), "--report", str(tmp_path / "report.html")]
    assert main(["evaluate", benchmark, *arguments]) == 0
    compared = evaluate(benchmark, Order(tmp_path / "export.json", (tmp_path / out,)))
    (answers,) = compared.predictions
    strict = compared.evaluation.tables["strict"]
    assert {m: cell.mean for m, cell in strict[answers.name].items()} == pytest.approx(
        {m: cell.mean for m, cell in strict["modal"].items()}, nan_ok=True
    )


def test_several_objects_that_answer_one_video_of_tabe(tmp_path: Path, project: Project) -> None:
    annotate(project, modal={0: WHOLE}, amodal={0: NOTHING, 1: HALF})
    export = exported(project, tmp_path / "export.json")
    evaluation = evaluate("tabe-51", Order(tabe_video(tmp_path / "data"), (export,))).evaluation
    assert evaluation.left_out == {"doubled frame": 2}
    assert str(evaluation.problems[0]) == "ball_roll/0: export.json: object 2 answers it, too; object 1 is taken"
    assert evaluation.tables["strict"]["export"]["miou"].mean == 1


def test_two_objects_of_one_video_are_no_truth_of_tabe(tmp_path: Path, project: Project) -> None:
    annotate(project, modal={0: HALF}, amodal={0: HALF})
    evaluation = evaluate("tabe-51", Order(exported(project, tmp_path / "export.json"))).evaluation
    assert evaluation.left_out == {"doubled frame": 1}


def damaged(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    data = json.loads(path.read_text())
    change(data["annotations"])
    path.write_text(json.dumps(data))
    return path


def test_damaged_masks_of_an_export_are_named(tmp_path: Path, project: Project) -> None:
    def change(annotations: list[dict[str, Any]]) -> None:
        annotations[1]["segmentation"] = {"size": [40], "counts": ""}
        annotations[2]["segmentation"]["counts"] = "11"

    truth = exported(project, tmp_path / "truth.json")
    answers = damaged(exported(project, tmp_path / "ours.json"), change)
    evaluation = evaluate("sail-vos", Order(truth, (answers,))).evaluation
    assert {problem.where: problem.kind for problem in evaluation.problems} == {
        "(2, 1)": "bad record",
        "(3, 1)": "bad mask",
    }
    evaluation = evaluate("sail-vos", Order(answers, (truth,))).evaluation
    assert evaluation.num_frames == 2 and evaluation.left_out == {"bad record": 1, "bad mask": 1}


def test_exports_of_other_formats_are_named(tmp_path: Path, project: Project) -> None:
    write_youtube_vis([project], tmp_path / "other.json")
    with pytest.raises(FormatError, match="of the format youtube-vis; export the project with --format coco"):
        evaluate("sail-vos", Order(tmp_path / "other.json"))
