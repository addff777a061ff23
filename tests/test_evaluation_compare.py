"""Two runs side by side, and figures as files for other programs."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from evaluation_files import sail_results, sail_sample, square, written
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.cli import main
from vas_tool.errors import InputError
from vas_tool.evaluation.comparing import Run, compare_runs, read_run
from vas_tool.evaluation.comparison_report import comparison_html, signed
from vas_tool.evaluation.figure_files import FORMS, latex
from vas_tool.types import Mask

AMODAL = [square(10 + 4 * i, 10, 16) for i in range(4)]
MODAL = [mask & (np.arange(60) < 26) for mask in AMODAL]
GOOD, BAD = AMODAL, [*AMODAL[:3], MODAL[3]]
"""All right; the hidden part of the last frame is missed."""


def run_of(folder: Path, name: str, masks: list[Mask]) -> Path:
    truth = written(folder / "truth.json", [sail_sample(AMODAL, MODAL)])
    results = written(folder / "results.json", sail_results(masks))
    files = [str(folder / f"{name}{ending}") for ending in (".csv", ".tex")]
    arguments = ["evaluate", "sail-vos", "--truth", str(truth), "--predictions", str(results)]
    assert main([*arguments, "--json", str(folder / f"{name}.json"), "--figures", *files]) == 0
    return folder / f"{name}.json"


def test_what_changed_and_on_which_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = (run_of(tmp_path, name, masks) for name, masks in (("good", GOOD), ("bad", BAD)))
    capsys.readouterr()
    report = tmp_path / "report.html"
    more = ["--report", str(report), "--json", str(tmp_path / "c.json"), "--figures", str(tmp_path / "c.csv")]
    assert main(["compare", str(good), str(bad), "--tolerance", "1", *more]) == 1
    told = capsys.readouterr()
    assert "percentage points" in told.err
    assert re.search(r"results +miou_occ +100.00 +66.67 +-33.33 +3 +0 +1", told.out)  # three frames hide something
    assert "sample 0 (obj_id 7): (103, 7)" in told.out
    assert main(["compare", str(bad), str(good), "--tolerance", "0"]) == 0
    assert "(103, 7)" in report.read_text()
    changes = json.loads((tmp_path / "c.json").read_text())["changes"]
    assert {change["key"] for change in changes} == {"(103, 7)"} and {change["row"] for change in changes} == {
        "results"
    }
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    (change,) = [r for r in rows if (r["table"], r["row"], r["measure"]) == ("change", "results", "miou_occ")]
    assert float(change["percent"]) == pytest.approx(-100 / 3) and change["frames"] == "3"


def test_figures_say_what_the_tables_say(tmp_path: Path) -> None:
    tables = json.loads(run_of(tmp_path, "bad", BAD).read_text())["tables"]
    for row in csv.DictReader((tmp_path / "bad.csv").read_text().splitlines()):
        cell = tables[row["table"]][row["row"]][row["measure"]]
        assert int(row["frames"]) == cell["num_frames"]
        assert (row["percent"] == "") == (cell["mean"] is None)
        assert cell["mean"] is None or float(row["percent"]) == pytest.approx(100 * cell["mean"])
    text = (tmp_path / "bad.tex").read_text()
    assert text.count(r"\begin{tabular}{lrr}") == 1 and text.count(r"\end{tabular}") == 2
    assert f"results & {100 * tables['strict']['results']['miou']['mean']:.2f}" in text and r"miou\_occ" in text


def test_letters_that_latex_minds() -> None:
    assert latex("50 % of a_b & {c}") == r"50 \% of a\_b \& \{c\}"
    assert latex("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = run_of(tmp_path, "good", GOOD)
    old = written(tmp_path / "old.json", {"benchmark": "sail-vos", "hypotheses": [], "frames": None})
    assert main(["compare", str(old), str(good)]) == 1 and "--json" in capsys.readouterr().err
    run = read_run(good)
    other = Run("other", "movi", run.hypotheses, run.keys, run.clips, run.rows)
    with pytest.raises(InputError, match="compare like runs"):
        compare_runs(run, other)
    arguments = ["evaluate", "sail-vos", "--truth", str(tmp_path / "truth.json"), "--figures", str(tmp_path / "x.xls")]
    assert main(arguments) == 1 and ".csv" in capsys.readouterr().err


KEYS = tuple("abcdef")
NUMBERS = st.lists(st.none() | st.floats(0, 1), min_size=6, max_size=6)


def made_run(name: str, values: list[float | None], others: list[float | None]) -> Run:
    clips = dict(zip(KEYS, "112233", strict=True))
    rows = {measure: {k: float("nan") if v is None else v for k, v in zip(KEYS, given_, strict=True)}
            for measure, given_ in (("miou", values), ("invented", others))}  # fmt: skip
    return Run(name, "bench", (), KEYS, clips, {"row": rows})


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_comparison_turned_round_is_its_negative(
    first: list[float | None], second: list[float | None], third: list[float | None]
) -> None:
    one, two = made_run("one", first, third), made_run("two", second, first)
    there, back = compare_runs(one, two), compare_runs(two, one)
    assert {(c.measure, c.key, -c.gain) for c in there.changes} == {(c.measure, c.key, c.gain) for c in back.changes}
    assert there.num_same == back.num_same
    for measure, cell in there.tables["change"]["row"].items():
        other = back.tables["change"]["row"][measure]
        assert cell.num_frames == other.num_frames and -cell.mean == pytest.approx(other.mean, nan_ok=True)
    assert compare_runs(one, one).changes == () and compare_runs(one, one).worst_fall == 0


def test_less_of_what_was_invented_is_better() -> None:
    one, two = made_run("one", [None] * 6, [0.5] * 6), made_run("two", [None] * 6, [0.25] * 6)
    assert compare_runs(one, two).worst_fall == 0 and compare_runs(two, one).worst_fall == 0.25
    assert all(change.gain == 0.25 for change in compare_runs(one, two).changes)
    assert "&lt;" in comparison_html(compare_runs(made_run("<b>", [0] * 6, [0] * 6), two))
    assert (signed(0.01), signed(-0.01), signed(0.0)) == ("+1.00", "-1.00", "0.00")


def test_every_form_of_figures_takes_an_empty_table() -> None:
    for write in FORMS.values():
        assert isinstance(write({"strict": {}}), str)
