"""Annotation and result files of SAIL-VOS and TAO-Amodal, right and wrong ones, through the command."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_files import sail_results, sail_sample, square, tao_results, tao_sample, written

from vas_tool.cli import main
from vas_tool.errors import FormatError, InputError
from vas_tool.evaluation import EvaluationRun, Order, evaluate
from vas_tool.masks import to_rle
from vas_tool.types import Mask

AMODAL = [square(10 + 4 * i, 10, 16) for i in range(4)]
BAR = np.arange(60) >= 26
"""Columns that something hides."""
MODAL = [mask & ~BAR for mask in AMODAL]
BOXES: list[list[float]] = [[-10, 0, 20, 10]] * 4
"""Beyond the picture on the left; what is seen of it is 10 x 10."""


def sail(tmp_path: Path, truth: Any, *predictions: Any) -> EvaluationRun:
    paths = [written(tmp_path / f"result{i}.json", p) for i, p in enumerate(predictions)]
    return evaluate("sail-vos", Order(written(tmp_path / "truth.json", truth), tuple(paths)))


def tao(tmp_path: Path, truth: Any, *predictions: Any) -> EvaluationRun:
    paths = [written(tmp_path / f"result{i}.json", p) for i, p in enumerate(predictions)]
    tracks = written(tmp_path / "tracks.json", {"88": 5120})
    return evaluate("tao-amodal", Order(written(tmp_path / "truth.json", truth), tuple(paths), track_map=tracks))


def test_perfect_answers(tmp_path: Path) -> None:
    tables = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(AMODAL)).evaluation.tables
    assert tables["reference"]["result0"]["miou"].mean == pytest.approx(1, abs=1e-6)
    assert tables["strict"]["result0"]["miou"].mean == 1
    assert tables["strict"]["result0"]["miou_occ"].mean == 1
    # On frame 0 (columns 10 to 26) nothing is hidden, on frame 1 four columns are, none after the erosion of 5 x 5.
    assert tables["strict"]["result0"]["miou_occ"].num_frames == 3
    assert tables["reference"]["result0"]["miou_occ"].num_frames == 2


def test_the_modal_row_misses_all_that_is_hidden(tmp_path: Path) -> None:
    tables = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(AMODAL)).evaluation.tables
    assert tables["strict"]["modal"]["miou_occ"].mean == 0
    assert math.isnan(tables["reference"]["modal"]["miou_occ"].mean)  # the papers print a dash
    # Of 16 columns, 16, 12, 8, 4 are seen.
    assert tables["strict"]["modal"]["miou"].mean == (1 + 0.75 + 0.5 + 0.25) / 4
    assert tables["strict"]["convex"]["miou"].mean == tables["strict"]["modal"]["miou"].mean


def test_answers_are_united_with_what_is_seen_and_resized(tmp_path: Path) -> None:
    half = [mask[::2, ::2] & False for mask in AMODAL]  # nothing, at half the size
    tables = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(half)).evaluation.tables
    assert tables["strict"]["result0"]["miou"].mean == tables["strict"]["modal"]["miou"].mean


def test_total_misses_are_dropped_by_the_reference_alone(tmp_path: Path) -> None:
    answers = [*AMODAL[:3], MODAL[3]]  # the last frame hides most, and is missed
    tables = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(answers)).evaluation.tables
    assert tables["reference"]["result0"]["miou_occ"].mean == pytest.approx(1, abs=1e-6)
    assert tables["strict"]["result0"]["miou_occ"].mean == pytest.approx(2 / 3)


def test_missing_answers_are_left_out_by_the_reference_and_count_as_misses_strictly(tmp_path: Path) -> None:
    results = sail_results(AMODAL)
    del results["(103, 7)"]
    evaluation = sail(tmp_path, [sail_sample(AMODAL, MODAL)], results).evaluation
    assert evaluation.tables["strict"]["result0"]["miou"].mean == 0.75
    assert evaluation.tables["reference"]["result0"]["miou"].num_frames == 3
    assert evaluation.left_out == {"missing prediction": 1}
    assert [p.where for p in evaluation.problems] == ["(103, 7)"]


def test_best_of_two(tmp_path: Path) -> None:
    one, two = [*AMODAL[:2], *MODAL[2:]], [*MODAL[:2], *AMODAL[2:]]
    evaluation = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(one), sail_results(two)).evaluation
    assert evaluation.tables["strict"]["top-2"]["miou"].mean == 1
    assert evaluation.tables["strict"]["result0"]["miou"].mean < 1
    assert "top-1" not in evaluation.tables["strict"]


def test_best_of_two_of_what_counts_against(tmp_path: Path) -> None:
    """On frame 0 nothing is hidden; one answer adds 4 columns of 16 there, the other nothing."""
    more = [mask | square(int(mask.any(axis=0).argmax()), 10, 20) & (np.arange(40) < 26)[:, None] for mask in AMODAL]
    evaluation = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(more), sail_results(AMODAL)).evaluation
    strict = evaluation.tables["strict"]
    assert strict["result0"]["invented"].mean == 0.25 and strict["result1"]["invented"].mean == 0
    assert strict["top-2"]["invented"].mean == 0


def test_frames_without_the_object_are_in_no_strict_bucket(tmp_path: Path) -> None:
    nothing = np.zeros_like(AMODAL[0])
    sample = sail_sample([*AMODAL[:3], nothing], [*AMODAL[:3], nothing])
    evaluation = sail(tmp_path, [sample], sail_results([*AMODAL[:3], nothing])).evaluation
    assert evaluation.tables["strict"]["result0"]["miou"].mean == 1
    counts = [table["result0"]["miou"].num_frames for table in evaluation.curves["strict"].values()]
    assert counts == [0, 0, 0, 0, 3]
    # The script takes the mean of 1, 1, 1 and 0 for the clip's visibility.
    counts = [table["result0"]["miou"].num_frames for table in evaluation.curves["reference"].values()]
    assert counts == [0, 0, 0, 4, 0]


def damaged(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    sample = sail_sample(AMODAL, MODAL, obj_id=8, first_image=200)
    change(sample)
    return sample


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("visible_mask"), "it lacks visible_mask"),
        (lambda s: s["image_ids"].pop(), "its lists differ in length"),
        (lambda s: s.update(obj_id="7"), "obj_id must be a whole number"),
        (lambda s: s["image_ids"].__setitem__(1, "x"), "image_ids[1] must be a whole number"),
        (lambda s: s["segmentation"].__setitem__(2, None), "frame 2: a mask must be"),
        (lambda s: s["bbox"].__setitem__(0, [1, 2, 3]), "frame 0: a box must be"),
        (lambda s: s.update(bbox=7), "bbox must be lists"),
    ],
)
def test_a_bad_sample_is_named_and_the_others_are_measured(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    truth = [sail_sample(AMODAL, MODAL), damaged(change), "nonsense"]
    evaluation = sail(tmp_path, truth, sail_results(AMODAL)).evaluation
    assert evaluation.num_frames == 4
    assert evaluation.left_out == {"bad record": 2}
    assert said in str(evaluation.problems[0]) and "sample 1" in evaluation.problems[0].where
    assert "sample 2" in evaluation.problems[1].where


def test_bad_masks_of_the_truth_are_measured_for_nobody(tmp_path: Path) -> None:
    sample = sail_sample(AMODAL, MODAL)
    sample["segmentation"][1]["counts"] = "~~"
    sample["visible_mask"][2]["counts"] += "11"
    sample["visible_mask"][3] = to_rle(MODAL[3][:20, :30])
    evaluation = sail(tmp_path, [sample], sail_results(AMODAL)).evaluation
    assert evaluation.num_frames == 1
    assert evaluation.left_out == {"bad mask": 2, "size differs": 1}
    assert [p.where for p in evaluation.problems] == ["(101, 7)", "(102, 7)", "(103, 7)"]


def test_bad_and_unknown_answers(tmp_path: Path) -> None:
    results = sail_results(AMODAL) | {"(999, 7)": sail_results(AMODAL[:1])["(100, 7)"], "(101, 7)": {"other": 1}}
    results["(102, 7)"]["diffvas_res_rle"]["counts"] = "11"
    evaluation = sail(tmp_path, [sail_sample(AMODAL, MODAL)], results).evaluation
    assert evaluation.left_out == {"bad record": 1, "bad mask": 1, "unknown frame": 1}
    assert evaluation.tables["reference"]["result0"]["miou"].num_frames == 2
    assert evaluation.tables["strict"]["result0"]["miou"].mean == 0.5


def test_a_key_that_a_result_file_has_twice(tmp_path: Path) -> None:
    """JSON readers keep the last of two and say nothing; the names inside a record are not keys of frames."""
    first, last = (json.dumps(sail_results(masks)) for masks in ([MODAL[0]], AMODAL))
    (tmp_path / "ours.json").write_text(f"{first[:-1]}, {last[1:]}")
    truth = written(tmp_path / "truth.json", [sail_sample(AMODAL, MODAL)])
    evaluation = evaluate("sail-vos", Order(truth, (tmp_path / "ours.json",))).evaluation
    assert evaluation.left_out == {"doubled frame": 1}
    assert str(evaluation.problems[0]) == "(100, 7): ours.json has it more than once; the last is taken"
    assert evaluation.tables["strict"]["ours"]["miou"].mean == 1


def test_what_the_script_would_have_done_is_noted(tmp_path: Path) -> None:
    evaluation = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(AMODAL)).evaluation
    assert "8 masks of the truth are not 800 x 1280" in evaluation.notes[1]


def test_rows_that_a_benchmark_cannot_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="convex-restricted is for sail-vos; leave it out for tabe-51"):
        evaluate("tabe-51", Order(tmp_path, restricted=True))


def test_frames_of_two_samples_and_short_samples_are_noted(tmp_path: Path) -> None:
    sample = sail_sample(AMODAL, MODAL)
    evaluation = sail(tmp_path, [sample, sample], sail_results(AMODAL)).evaluation
    assert evaluation.left_out == {"doubled frame": 4}
    assert "2 samples have not 25 frames" in evaluation.notes[0]


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "[1, 2]"])
def test_files_that_are_no_truth(tmp_path: Path, text: str) -> None:
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(FormatError):
        evaluate("sail-vos", Order(tmp_path / "truth.json"))


def test_visibility_and_categories(tmp_path: Path) -> None:
    evaluation = sail(tmp_path, [sail_sample(AMODAL, MODAL)], sail_results(AMODAL)).evaluation
    # Visibility 1, .75, .5, .25: the clip's mean is .625; strictly each frame has its own.
    counts = {b: t["result0"]["miou"].num_frames for b, t in evaluation.curves["reference"].items()}
    assert counts == {(0.0, 0.2): 0, (0.2, 0.4): 0, (0.4, 0.6): 0, (0.6, 0.8): 4, (0.8, 1.0): 0}
    counts = {b: t["result0"]["miou"].num_frames for b, t in evaluation.curves["strict"].items()}
    assert counts == {(0.0, 0.2): 0, (0.2, 0.4): 1, (0.4, 0.6): 1, (0.6, 0.8): 1, (0.8, 1.0): 1}
    assert list(evaluation.categories["strict"]) == ["3"]


def test_restricted_hulls_reach_into_the_other_objects_of_the_picture(tmp_path: Path) -> None:
    """A thing 20 wide behind a post of 6; both are annotated, and nothing else is."""
    whole, post = np.zeros((40, 60), dtype=bool), np.zeros((40, 60), dtype=bool)
    whole[10:20, 10:30] = True
    post[5:30, 18:24] = True
    samples = [sail_sample([whole], [whole & ~post], obj_id=1), sail_sample([post], [post], obj_id=2)]
    order = Order(written(tmp_path / "truth.json", samples), restricted=True, buckets=(0.0, 0.75, 1.0))
    evaluation = evaluate("sail-vos", order).evaluation
    assert evaluation.tables["strict"]["convex-restricted"]["miou"].mean == 1
    assert evaluation.tables["strict"]["modal"]["miou"].mean == (0.7 + 1) / 2
    assert list(evaluation.curves["strict"]) == [(0.0, 0.75), (0.75, 1.0)]
    alone = replace(order, truth=written(tmp_path / "alone.json", samples[:1]))
    strict = evaluate("sail-vos", alone).evaluation.tables["strict"]
    assert strict["convex-restricted"]["miou"].mean == strict["modal"]["miou"].mean == 0.7


def test_visibilities_that_are_no_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = written(tmp_path / "truth.json", [sail_sample(AMODAL, MODAL)])
    assert main(["evaluate", "sail-vos", "--truth", str(truth), "--visibility", "0,x"]) == 1
    assert "0,0.1,0.8,1" in capsys.readouterr().err


# --- TAO-Amodal -------------------------------------------------------------------------------------------------------


def seen(count: int = 4) -> list[Mask]:
    return [square(0, 0, 10)] * count


def test_boxes_by_hand(tmp_path: Path) -> None:
    # Box IoU 1, 1/2 (half the box), 1/3, missing.
    boxes: list[list[float]] = [[-10, 0, 20, 10], [0, 0, 10, 10], [0, 0, 20, 10]]
    evaluation = tao(tmp_path, [tao_sample(seen(), BOXES)], tao_results(boxes)).evaluation
    row = evaluation.tables["reference"]["result0"]
    assert row["miou"].mean == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert [row[m].mean for m in ("ap25", "ap50", "ap75")] == pytest.approx([1, 1 / 3, 1 / 3])
    row = evaluation.tables["strict"]["result0"]
    assert [row[m].mean for m in ("ap25", "ap50", "ap75")] == [3 / 4, 2 / 4, 1 / 4]
    modal = evaluation.tables["reference"]["modal (convex: the same boxes)"]
    assert modal["miou"].mean == 0.5 and modal["ap50"].mean == 0


def test_no_row_but_those_that_were_asked_for(tmp_path: Path) -> None:
    truth, answers = written(tmp_path / "truth.json", [tao_sample(seen(), BOXES)]), tao_results(BOXES)
    tracks = written(tmp_path / "tracks.json", {"88": 5120})
    order = Order(truth, (written(tmp_path / "ours.json", answers),), track_map=tracks, baselines=False)
    assert list(evaluate("tao-amodal", order).evaluation.tables["strict"]) == ["ours"]


def test_track_ids_are_relative_in_the_keys(tmp_path: Path) -> None:
    evaluation = tao(tmp_path, [tao_sample(seen(), BOXES)], tao_results(BOXES, relative=5)).evaluation
    assert evaluation.left_out == {"missing prediction": 4, "unknown frame": 4}
    assert evaluation.problems[0].where == "(88, 'frame0000.jpg', '4')"


def test_one_track_in_two_samples(tmp_path: Path) -> None:
    sample = tao_sample(seen(), BOXES)
    evaluation = tao(tmp_path, [sample, sample], tao_results(BOXES)).evaluation
    assert evaluation.left_out == {"doubled frame": 4} and evaluation.num_frames == 8


@pytest.mark.parametrize("box", [[1, 2, 3], "box", [0, 0, -1, 5], [0, 0, 2**70, 1], [0, 0, 1e300, 1e300], None])
def test_bad_boxes(tmp_path: Path, box: Any) -> None:
    results = tao_results(BOXES)
    results["(88, 'frame0001.jpg', '4')"]["diffvas_res_bbox"] = box
    evaluation = tao(tmp_path, [tao_sample(seen(), BOXES)], results).evaluation
    assert evaluation.left_out == {"bad record": 1}
    assert evaluation.tables["strict"]["result0"]["ap50"].mean == 0.75


def test_videos_that_the_track_map_lacks(tmp_path: Path) -> None:
    evaluation = tao(
        tmp_path, [tao_sample(seen(), BOXES), tao_sample(seen(), BOXES, video_id=9)], tao_results(BOXES)
    ).evaluation
    assert evaluation.left_out == {"bad record": 1}
    assert "no video 9" in str(evaluation.problems[0])


def test_the_track_map_is_needed(tmp_path: Path) -> None:
    truth = written(tmp_path / "truth.json", [tao_sample(seen(), BOXES)])
    with pytest.raises(InputError, match="--tracks"):
        evaluate("tao-amodal", Order(truth))


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_both_forms_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = written(tmp_path / "truth.json", [sail_sample(AMODAL, MODAL)])
    result = written(tmp_path / "ours.json", sail_results(AMODAL))
    arguments = ["evaluate", "sail-vos", "--truth", str(truth), "--predictions", str(result)]
    assert main([*arguments, "--json", str(tmp_path / "out.json")]) == 0
    out = capsys.readouterr().out
    assert "reference:" in out and "strict:" in out and "100.00 (3)" in out
    data = json.loads((tmp_path / "out.json").read_text())
    assert data["tables"]["strict"]["ours"]["miou_occ"] == {"mean": 1.0, "num_frames": 3}
    assert data["tables"]["reference"]["modal"]["miou_occ"]["mean"] is None


def test_the_command_fails_when_something_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = written(tmp_path / "truth.json", [sail_sample(AMODAL, MODAL)])
    result = written(tmp_path / "ours.json", {})
    assert main(["evaluate", "sail-vos", "--truth", str(truth), "--predictions", str(result)]) == 1
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 4 and "(100, 7): ours has no answer" in shown.err
    assert "wrong: missing prediction 4" in shown.out


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "sail-vos", "--truth", str(tmp_path / "no.json")]) == 1
    assert "does not exist" in capsys.readouterr().err
