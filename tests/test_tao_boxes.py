"""TAO-Amodal's own figures, against loops that say the rules one by one, and against pycocotools where it has them."""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tao_boxes_literal import KEEPS, THRESHOLDS, detection_ap, track_ap

from vas_tool.cli import main
from vas_tool.errors import FormatError
from vas_tool.evaluation.tao_boxes import columns, measure
from vas_tool.evaluation.tao_boxes.tao_files import read_answers, read_truth


def made(seed: int, *, level: float = 4.0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A small federated truth and answers that are near it, far from it, doubled, and of equal scores."""
    random = np.random.default_rng(seed)
    categories = [{"id": 10 * c, "name": f"c{c}", "frequency": "rcf"[c % 3]} for c in (1, 2, 3, 4)]
    ids = [c["id"] for c in categories]

    def some(count: int) -> list[int]:
        return [int(i) for i in random.permutation(ids)[:count]]

    lists = {"neg_category_ids": [], "not_exhaustive_category_ids": []}
    videos, images, annotations, predictions = [], [], [], []
    for v in (7, 3):
        videos.append({"id": v, "name": f"v{v}", "width": 100, "height": 100} | {key: some(2) for key in lists})
        images += [
            {"id": 100 * v + f, "video_id": v, "file_name": f"{f}.jpg"} | {key: some(1) for key in lists}
            for f in range(8)
        ]
        for t in range(5):
            category, box = int(random.choice(ids)), [*random.uniform(-20, 80, 2), *random.uniform(10, 60, 2)]
            for f in range(8):
                box = [float(x) for x in np.round(np.array(box) + random.normal(0, [3, 3, 1, 1]), 3)]
                box[2:] = [max(5.0, side) for side in box[2:]]
                common = {"image_id": 100 * v + f, "category_id": category, "video_id": v}
                if random.random() < 0.85:
                    annotations.append(
                        common
                        | {
                            "id": len(annotations),
                            "track_id": t,
                            "bbox": box,
                            "out_of_frame": bool(random.random() < 0.3),
                        }
                        | {"visibility": float(random.choice([0, 0.1, 0.4, 0.79, 0.8, 1.0]))}
                    )
                for copy in range(int(random.integers(0, 3))):
                    near = [float(x) for x in np.array(box) + random.normal(0, level, 4)]
                    near[2:] = [max(1.0, side) for side in near[2:]]
                    score = float(np.round(random.random(), 1))
                    predictions.append(common | {"bbox": near, "score": score, "track_id": 10 * t + copy})
    other = {"image_id": 700, "category_id": ids[0], "video_id": 7, "track_id": 999, "score": 0.5}
    predictions.append(other | {"bbox": [0.0, 0.0, 9.0, 9.0]})
    order = random.permutation(len(predictions))
    truth = {"videos": videos, "images": images, "categories": categories, "annotations": annotations}
    return truth, [predictions[i] for i in order]


def written(folder: Path, truth: dict[str, Any], predictions: list[dict[str, Any]]) -> tuple[Any, Any]:
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "predictions.json").write_text(json.dumps(predictions))
    read = read_truth(folder / "truth.json")
    answers, problems = read_answers(folder / "predictions.json", read)
    assert not problems and not read.problems
    return read, answers


@pytest.mark.parametrize("seed", range(6))
def test_every_figure_is_that_of_the_rules_said_as_loops(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 300 if seed % 2 else 4
    monkeypatch.setattr(columns, "MOST_AN_IMAGE", most)
    truth, predictions = made(seed)
    read, answers = written(tmp_path, truth, predictions)
    figures = measure(read.image_table, read.boxes, answers)
    for keep in KEEPS:
        for name, thresholds in (("AP", THRESHOLDS), ("AP50", [0.5]), ("AP75", [0.75])):
            figure = f"{name}-{keep}" if keep else name
            literal = detection_ap(truth, predictions, keep=keep, thresholds=thresholds, most=most)
            assert figures.detection[figure] == pytest.approx(literal, abs=1e-9), figure
    for hidden, suffix in ((False, ""), (True, "-HP")):
        for name, thresholds in (("3DmAP", THRESHOLDS), ("3DmAP50", [0.5])):
            literal = track_ap(truth, predictions, hidden=hidden, thresholds=thresholds, most=most)
            assert figures.tracks[name + suffix] == pytest.approx(literal, abs=1e-9), name + suffix


def test_rare_common_and_frequent_categories_are_means_of_their_own(tmp_path: Path) -> None:
    truth, predictions = made(1)
    read, answers = written(tmp_path, truth, predictions)
    figures = measure(read.image_table, read.boxes, answers).detection
    for letter, name in (("r", "APr"), ("c", "APc"), ("f", "APf")):
        part = truth | {"categories": [c for c in truth["categories"] if c["frequency"] == letter]}
        assert figures[name] == pytest.approx(
            detection_ap(part, predictions, keep="", thresholds=THRESHOLDS, most=300), abs=1e-9
        )


def test_it_is_pycocotools_where_every_category_is_annotated_everywhere(tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, predictions = made(3)
    for record in (*truth["images"], *truth["videos"]):
        record |= {"neg_category_ids": [c["id"] for c in truth["categories"]], "not_exhaustive_category_ids": []}
    read, answers = written(tmp_path, truth, predictions)
    for annotation in truth["annotations"]:
        annotation |= {"area": annotation["bbox"][2] * annotation["bbox"][3], "iscrowd": 0, "id": annotation["id"] + 1}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(predictions), "bbox")
        evaluation.params.maxDets = [300]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]
    assert measure(read.image_table, read.boxes, answers).detection["AP"] == pytest.approx(
        100 * precision[precision > -1].mean(), abs=1e-9
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_truth_itself_is_found(seed: int) -> None:
    truth, _ = made(seed)
    exact = [a | {"score": 0.9, "bbox": a["bbox"]} for a in truth["annotations"]]
    for record in (*truth["images"], *truth["videos"]):
        record |= {"neg_category_ids": [], "not_exhaustive_category_ids": []}
    with tempfile.TemporaryDirectory() as folder:
        read, answers = written(Path(folder), truth, exact)
    figures = measure(read.image_table, read.boxes, answers)
    assert figures.detection["AP"] == pytest.approx(100)
    assert figures.tracks["3DmAP"] == pytest.approx(100)


def test_a_filter_that_keeps_nothing_has_no_figure(tmp_path: Path) -> None:
    truth, predictions = made(2)
    for annotation in truth["annotations"]:
        annotation["visibility"] = 1.0
    read, answers = written(tmp_path, truth, predictions)
    figures = measure(read.image_table, read.boxes, answers)
    assert figures.detection["AP50-HO"] is None
    assert figures.tracks["3DmAP-HP"] is None


def test_records_that_are_wrong_are_told_by_id_and_the_rest_is_measured(tmp_path: Path) -> None:
    truth, predictions = made(4)
    truth["annotations"][0]["bbox"] = [1, 2, -3, 4]
    truth["annotations"][1]["image_id"] = 12345
    wrong = [{"image_id": 1}, 3, predictions[0] | {"score": "high"}, predictions[1] | {"category_id": 5}]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "predictions.json").write_text(json.dumps([*predictions, *wrong]))
    read = read_truth(tmp_path / "truth.json")
    assert [str(p).split(":")[0] for p in read.problems] == ["annotation 0", "annotation 1"]
    answers, problems = read_answers(tmp_path / "predictions.json", read)
    assert len(problems) == 4 and len(answers) == len(predictions)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"images": []}')
    with pytest.raises(FormatError, match="validation_lvis_v1"):
        read_truth(tmp_path / "a.json")


def test_the_command_prints_a_column_a_file_and_every_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, predictions = made(5)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    for name, part in (("all", predictions), ("half", [*predictions[::2], {"image_id": "none"}])):
        (tmp_path / f"{name}.json").write_text(json.dumps(part))
    files = [str(tmp_path / f"{name}.json") for name in ("all", "half")]
    command = ["evaluate", "tao-amodal-boxes", "--truth", str(tmp_path / "truth.json"), "--predictions", *files]
    assert main([*command, "--json", str(tmp_path / "out.json")]) == 1
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines() if line.startswith("AP50")] == [
        *("AP50", "AP50-HO", "AP50-PO", "AP50-HV", "AP50-HP", "AP50-OOF")
    ]
    assert "image_id 'none'" in said.err
    figures = json.loads((tmp_path / "out.json").read_text())["figures"]
    assert figures["all"]["detection"]["AP50"] > figures["half"]["detection"]["AP50"] > 0
    assert main(command[:4]) == 1
    assert "needs --predictions" in capsys.readouterr().err
