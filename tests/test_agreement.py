"""How far several answers agree: against plain loops over pixels, by properties, and from projects."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vas_tool.cli import main
from vas_tool.evaluation.agreement import NUM_BINS, FrameAgreement, frame_agreement
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.types import Mask

MASKS = st.lists(arrays(bool, (3, 5)), min_size=2, max_size=5)


def agreed(hidden: Sequence[Mask], truth: Mask | None = None) -> FrameAgreement:
    found = frame_agreement(0, hidden, truth)
    assert found
    return found


# --- against plain loops ----------------------------------------------------------------------------------------------


def literal(hidden: Sequence[Mask], truth: Mask | None) -> tuple[float, float, float]:
    """Pairwise IoU, coverage and calibration error, pixel by pixel."""
    sets = [set(zip(*np.nonzero(mask), strict=True)) for mask in hidden]
    ious = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in combinations(sets, 2)]
    true = None if truth is None else set(zip(*np.nonzero(truth), strict=True))
    rounds = [(true, sets)] if true is not None else [(s, sets[:k] + sets[k + 1 :]) for k, s in enumerate(sets)]
    covered = [len(t & set().union(*others)) / len(t) for t, others in rounds if t]
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(NUM_BINS)]
    for t, others in rounds:
        for pixel in set().union(t, *others):
            share = sum(pixel in s for s in others), len(others)
            place = next(b for b in range(NUM_BINS) if share[0] * NUM_BINS <= (b + 1) * share[1])
            bins[place].append((share[0] / share[1], pixel in t))
    total = sum(map(len, bins))
    errors = [abs(sum(p for p, _ in b) - sum(y for _, y in b)) for b in bins]
    return float(np.mean(ious)), float(np.mean(covered)) if covered else math.nan, sum(errors) / total


@given(MASKS, st.none() | arrays(bool, (3, 5)))
def test_every_number_is_its_rule(hidden: list[Mask], truth: Mask | None) -> None:
    found = frame_agreement(0, hidden, truth)
    if not any(mask.any() for mask in (*hidden, *([] if truth is None else [truth]))):
        assert found is None
        return
    assert found
    ours = found.pairwise_iou, found.coverage, found.calibration_error
    assert ours == pytest.approx(literal(hidden, truth), abs=1e-12, nan_ok=True)


@given(MASKS, st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(hidden: list[Mask], random: object) -> None:
    one, other = frame_agreement(0, hidden), frame_agreement(0, hidden[::-1])
    if one and other:
        assert one.pairwise_iou == pytest.approx(other.pairwise_iou)
        assert one.coverage == pytest.approx(other.coverage, nan_ok=True)
        assert one.calibration_error == pytest.approx(other.calibration_error)


@given(arrays(bool, (3, 5)).filter(np.any), st.integers(2, 5))
def test_equal_answers_agree(mask: Mask, count: int) -> None:
    found = agreed([mask] * count)
    assert (found.pairwise_iou, found.coverage, found.calibration_error) == (1, 1, 0)


def test_a_half_that_is_right_by_half_is_calibrated() -> None:
    one, other = np.array([[True, True, False]]), np.array([[True, False, True]])
    truth = np.array([[True, True, False]])
    found = agreed([one, other], truth)
    # One pixel of 1 that is true; two of 0.5, one of which is true.
    assert found.calibration_error == 0 and found.coverage == 1 and found.pairwise_iou == pytest.approx(1 / 3)
    assert agreed([other, other], truth).calibration_error == pytest.approx(2 / 3)
    assert agreed([~truth, ~truth], np.ones((1, 3), bool)).coverage == pytest.approx(1 / 3)


# --- projects ---------------------------------------------------------------------------------------------------------

Make = Callable[..., Project]
SIZE = (64, 48)
SEEN, WIDE, WIDER = (rectangle(SIZE, 5, 5, x, 25) for x in (20, 30, 40))


def test_the_hypotheses_of_one_project(make_project: Make, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    project = make_project(3)
    obj = annotate(project, modal=dict.fromkeys(range(3), SEEN), amodal=dict.fromkeys(range(3), WIDE))
    for seed, mask in ((0, WIDE), (7, WIDER)):
        project.layers(obj).hypothesis(seed).put(1, mask, Stamp("builtin", "2", seed=seed))
    project.layers(obj).hypothesis(0).put(2, WIDE, Stamp("builtin", "2"))  # one alone agrees with nobody
    project.close()
    files = ["--json", str(tmp_path / "a.json"), "--figures", str(tmp_path / "a.csv")]
    assert main(["agreement", str(project.folder), *files]) == 0
    out = capsys.readouterr().out
    assert "object 1 (car)" in out and "frame 1: 50.00" in out
    (frame,) = json.loads((tmp_path / "a.json").read_text())["object 1 (car)"]
    assert frame["frame_index"] == 1 and frame["num_answers"] == 2
    assert frame["pairwise_iou"] == pytest.approx(0.5) and frame["coverage"] == pytest.approx(0.75)
    rows = {r["measure"]: r for r in csv.DictReader((tmp_path / "a.csv").read_text().splitlines())}
    assert float(rows["pairwise_iou"]["percent"]) == pytest.approx(50) and rows["coverage"]["frames"] == "1"


def test_several_annotators_and_a_truth(make_project: Make, capsys: pytest.CaptureFixture[str]) -> None:
    projects = [make_project(2, name=name) for name in ("ann", "ben", "true", "other")]
    pad(projects[1], 0.25)
    bens = projects[1].canvas.to_canvas(WIDER)
    for project, whole in zip(projects, (WIDE, bens, WIDER), strict=False):
        annotate(project, modal={0: SEEN}, amodal={0: whole})
    for project in projects:
        project.close()
    ann, ben, true, other = (str(project.folder) for project in projects)
    assert main(["agreement", ann, ben]) == 0
    assert "50.00 (1)" in capsys.readouterr().out
    assert main(["agreement", ann, ben, "--truth", true]) == 0
    out = capsys.readouterr().out
    assert "100.00 (1)" in out and "the union of all answers" in out
    for too_few in ([ann, other], [ann]):
        assert main(["agreement", *too_few]) == 1 and "--hypotheses" in capsys.readouterr().err
    shorter = make_project(1, name="shorter")
    shorter.close()
    assert main(["agreement", ann, str(shorter.folder)]) == 1
    assert "projects of one clip" in capsys.readouterr().err
