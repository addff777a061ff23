"""One set of predictions under every protocol, against a literal reading of each rule on whole arrays."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from evaluation_files import sail_results, sail_sample, square, tao_sample, written
from test_evaluation_literal import answer_of, average, blob, seen_of

from vas_tool.cli import main
from vas_tool.evaluation import Order
from vas_tool.evaluation.protocols import HIDDEN, PAPERS, ROWS, WHOLE, Protocols, form_of, measure_protocols
from vas_tool.types import Mask

Frame = tuple[int, Mask, Mask, Mask]
"""Number of the clip, amodal, modal, answer."""


def frames_of(seed: int) -> list[Frame]:
    random = np.random.default_rng(seed)
    frames = []
    for clip, length in enumerate((6, 3, 4)):
        for _ in range(length):
            whole = blob(random) if random.random() > 0.1 else np.zeros((48, 64), bool)
            seen = seen_of(random, whole)
            frames.append((clip, whole, seen, answer_of(random, whole, seen)))
    return frames


def measured(folder: Path, frames: Sequence[Frame]) -> Protocols:
    samples: list[Any] = []
    results: dict[str, Any] = {}
    for clip in sorted({frame[0] for frame in frames}):
        _, wholes, seen, answers = (list(column) for column in zip(*(f for f in frames if f[0] == clip), strict=True))
        samples.append(sail_sample(wholes, seen, obj_id=clip, first_image=100 * clip))
        results |= sail_results(answers, obj_id=clip, first_image=100 * clip)
    files = written(folder / "truth.json", samples), written(folder / "own.json", results)
    return measure_protocols(Order(files[0], (files[1],)))


# --- the rules, read literally ----------------------------------------------------------------------------------------

Number = Callable[[Mask, Mask, Mask], float]
KERNEL = np.ones((5, 5), np.uint8)


def plain(a: Mask, b: Mask, nothing: float = 0.0) -> float:
    return float((a & b).sum() / (a | b).sum()) if (a | b).any() else nothing


def smoothed(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / ((a | b).sum() + 1e-6))


def single(a: Mask, b: Mask) -> float:
    return float(np.float32((a & b).sum()) / (np.float32((a | b).sum()) + np.float32(1e-6)))


def small(mask: Mask) -> Mask:
    return cv2.erode(mask.astype(np.uint8), KERNEL) > 0


def eroded_hidden(a: Mask, m: Mask, p: Mask) -> float:
    return smoothed(small(a & ~m), small(p & ~m))


def subtracted(a: Mask, m: Mask, p: Mask) -> float:
    true, found = ((x.astype(int) - m.astype(int)) != 0 for x in (a, p))
    return plain(true, found) if true.any() else math.nan


def hidden(a: Mask, m: Mask, p: Mask) -> float:
    return plain(a & ~m, p & ~m) if (a & ~m).any() else math.nan


def single_hidden(a: Mask, m: Mask, p: Mask) -> float:
    return single(a & ~m, p & ~m)


def kept_where(condition: Number, value: Number) -> Number:
    return lambda a, m, p: value(a, m, p) if condition(a, m, p) else math.nan


LITERAL: dict[str, tuple[Number, Number, str]] = {
    "Diffusion-VAS": (
        lambda a, m, p: smoothed(a, p | m),
        kept_where(lambda a, m, p: eroded_hidden(a, m, p) >= 1e-6, eroded_hidden),
        "frames",
    ),
    "Diffusion-VAS, no union": (
        lambda a, m, p: smoothed(a, p),
        kept_where(lambda a, m, p: eroded_hidden(a, m, p) >= 1e-6, eroded_hidden),
        "frames",
    ),
    "Diffusion-VAS, no erosion": (
        lambda a, m, p: smoothed(a, p | m),
        kept_where(lambda a, m, p: smoothed(a & ~m, p & ~m) >= 1e-6, lambda a, m, p: smoothed(a & ~m, p & ~m)),
        "frames",
    ),
    "Diffusion-VAS, misses kept": (
        lambda a, m, p: smoothed(a, p | m),
        kept_where(lambda a, m, p: small(a & ~m).any(), eroded_hidden),
        "frames",
    ),
    "EoRaS": (
        lambda a, m, p: single(a, p),
        kept_where(lambda a, m, p: single_hidden(a, m, p) != 1, single_hidden),
        "frames",
    ),
    "EoRaS, union": (
        lambda a, m, p: single(a, p | m),
        kept_where(lambda a, m, p: single_hidden(a, m, p) != 1, single_hidden),
        "frames",
    ),
    "EoRaS, exact answers kept": (lambda a, m, p: single(a, p), single_hidden, "frames"),
    "EoRaS, frames with a hidden part": (
        lambda a, m, p: single(a, p),
        kept_where(lambda a, m, p: single_hidden(a, m, p) != 1 and (a & ~m).any(), single_hidden),
        "frames",
    ),
    "TABE": (lambda a, m, p: plain(a, p), subtracted, "clips"),
    "TABE, union": (lambda a, m, p: plain(a, p | m), lambda a, m, p: subtracted(a, m, p | m), "clips"),
    "strict": (lambda a, m, p: plain(a, p, 1.0), hidden, "clips"),
    "strict, union": (lambda a, m, p: plain(a, p | m, 1.0), hidden, "clips"),
    "strict, erosion": (
        lambda a, m, p: plain(a, p, 1.0),
        kept_where(lambda a, m, p: small(a & ~m).any(), eroded_hidden),
        "clips",
    ),
    "strict, misses dropped": (
        lambda a, m, p: plain(a, p, 1.0),
        kept_where(lambda a, m, p: hidden(a, m, p) >= 1e-6, hidden),
        "clips",
    ),
    "strict, exact answers dropped": (
        lambda a, m, p: plain(a, p, 1.0),
        kept_where(lambda a, m, p: hidden(a, m, p) != 1, hidden),
        "clips",
    ),
    "strict, nothing hidden counts 0": (
        lambda a, m, p: plain(a, p, 1.0),
        lambda a, m, p: hidden(a, m, p) if (a & ~m).any() else 0.0,
        "clips",
    ),
    "strict, mean over frames": (lambda a, m, p: plain(a, p, 1.0), hidden, "frames"),
}


def literal_mean(frames: Sequence[Frame], number: Number, averaging: str) -> tuple[float, int]:
    values = [(clip, number(a, m, p)) for clip, a, m, p in frames]
    kept = [(clip, v) for clip, v in values if not math.isnan(v)]
    if averaging == "frames":
        return average([v for _, v in kept]), len(kept)
    of_clips = [[v for c, v in kept if c == clip] for clip in sorted({c for c, _ in kept})]
    return average([average(vs) for vs in of_clips]), len(kept)


@pytest.mark.parametrize("seed", range(3))
def test_every_row_is_its_rule(tmp_path: Path, seed: int) -> None:
    frames = frames_of(seed)
    table = measured(tmp_path, frames).tables["own"]
    assert table.keys() == LITERAL.keys() == ROWS.keys()
    for row, (whole, part, averaging) in LITERAL.items():
        for measure, number in ((WHOLE, whole), (HIDDEN, part)):
            mean, count = literal_mean(frames, number, averaging)
            cell = table[row][measure]
            assert (cell.mean, cell.num_frames) == (pytest.approx(mean, abs=1e-12, nan_ok=True), count), (row, measure)


def test_a_right_answer_is_right_under_every_protocol(tmp_path: Path) -> None:
    whole = [square(5 + i, 5, 20) for i in range(4)]
    seen = [mask & (np.arange(60) < 15) for mask in whole]
    found = measured(tmp_path, [(0, a, m, a) for a, m in zip(whole, seen, strict=True)])
    for row, cells in found.tables["own"].items():
        assert cells[WHOLE].mean == pytest.approx(1), row
        dropped = row in ("EoRaS", "EoRaS, union", "EoRaS, frames with a hidden part", "strict, exact answers dropped")
        assert cells[HIDDEN].mean == pytest.approx(math.nan if dropped else 1, nan_ok=True), row
    assert found.tables["modal"]["strict"][HIDDEN].mean == 0
    assert found.tables["modal"]["Diffusion-VAS"][HIDDEN].num_frames == 0, "misses are dropped"


def test_what_a_frame_without_an_answer_counts(tmp_path: Path) -> None:
    whole = [square(5, 5, 20)] * 2
    seen = [mask & (np.arange(60) < 15) for mask in whole]
    truth = written(tmp_path / "truth.json", [sail_sample(whole, seen)])
    half = written(tmp_path / "half.json", sail_results(whole[:1]))
    found = measure_protocols(Order(truth, (half,), baselines=False))
    assert found.tables["half"]["strict"][WHOLE].mean == 0.5
    assert found.tables["half"]["EoRaS"][WHOLE].mean == pytest.approx(1)
    assert [problem.kind for problem in found.problems] == ["missing prediction"]
    assert found.spread("half", WHOLE) == (0.5, pytest.approx(1))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(tmp_path, frames_of(0))
    arguments = ["evaluate", "protocols", "--truth", str(tmp_path / "truth.json")]
    arguments += ["--predictions", str(tmp_path / "own.json"), "--json", str(tmp_path / "out.json")]
    assert main([*arguments, "--figures", str(tmp_path / "out.csv")]) == 0
    told = capsys.readouterr().out
    assert all(row in told for row in ROWS) and "points are protocol" in told
    tables = json.loads((tmp_path / "out.json").read_text())["tables"]
    assert tables.keys() == {"own", "modal", "convex"}
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert len(rows) == 3 * len(ROWS) * 2 and {row["row"] for row in rows} >= set(PAPERS)
    boxes = written(tmp_path / "tao.json", [tao_sample([square(3, 3, 9)], [[3, 3, 9, 9]])])
    assert main(["evaluate", "protocols", "--truth", str(boxes)]) == 1
    assert "evaluate tao-amodal" in capsys.readouterr().err


def test_the_form_of_the_truth_is_seen(tmp_path: Path) -> None:
    for place in ("tabe/a/frames", "tabe/a/visible_masks", "movi/test", "kitti/car_data"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "kitti/car_data/test_data.pkl").touch()
    assert [form_of(tmp_path / name) for name in ("tabe", "movi", "kitti")] == ["tabe-51", "movi", "kitti"]
    assert form_of(written(tmp_path / "ours.json", {"videos": []})) == "sail-vos"
    assert form_of(written(tmp_path / "sail.json", [sail_sample([], [])])) == "sail-vos"
