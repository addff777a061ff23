"""The report: one file, nothing from elsewhere, whatever the annotations are called."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_files import sail_results, sail_sample, square, tao_results, tao_sample, written
from PIL import Image

from vas_tool.cli import main
from vas_tool.evaluation import Order, evaluate
from vas_tool.evaluation.charts import curves
from vas_tool.evaluation.problems import Problem
from vas_tool.evaluation.report import report_html
from vas_tool.evaluation.worst_frames import ANSWERED, MISSED, RIGHT, SURPLUS, worst_pictures

AMODAL = [square(10 + 4 * i, 10, 16) for i in range(4)]
MODAL = [mask & (np.arange(60) < 26) for mask in AMODAL]


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of turn."""

    VOID = frozenset({"meta", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert not parser.open
    assert not re.search(r'(src|href)="(?!data:)', html) and "http" not in html and "<script" not in html
    return parser


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    answers = [*AMODAL[:2], MODAL[2], square(30, 5, 20)]
    truth = written(tmp_path / "truth.json", [sail_sample(AMODAL, MODAL)])
    return truth, written(tmp_path / "ours.json", sail_results(answers))


def test_one_file_with_tables_curves_and_pictures(files: tuple[Path, Path]) -> None:
    compared = evaluate("sail-vos", Order(files[0], (files[1],)))
    html = report_html(compared.evaluation, worst_pictures(compared))
    seen = checked(html).seen
    assert {"table", "svg", "img", "figure"} <= seen
    for word in ("reference", "strict", "miou_occ", "modal", "convex", "nothing was left out", "erod"):
        assert word in html
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert len(pictures) == 2  # at most two of one clip
    assert cv2.imdecode(np.frombuffer(base64.b64decode(pictures[0]), np.uint8), cv2.IMREAD_COLOR).shape[1] == 320


def test_worst_frames_show_what_was_missed_and_what_was_added(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "seq").mkdir()
    for i in range(4):
        Image.new("RGB", (60, 40), (10, 200, 10)).save(tmp_path / f"seq/{100 + i:06d}.bmp")
    compared = evaluate("sail-vos", Order(files[0], (files[1],)))
    first, second = worst_pictures(compared, tmp_path)
    assert [p.frame.key for p in (first, second)] == ["(102, 7)", "(103, 7)"]
    shown = [cv2.imdecode(np.frombuffer(p.png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for p in (first, second)]
    assert has(shown[0], MISSED) and not has(shown[0], SURPLUS)
    assert has(shown[1], SURPLUS) and shown[0][0, 0, 1] > 100  # the picture's green, darkened
    assert np.abs(shown[1].astype(int) - RIGHT).sum(axis=2).min() < 180


def test_of_equally_bad_frames_those_that_show_least_come_first(tmp_path: Path) -> None:
    truth = written(tmp_path / "truth.json", [sail_sample(AMODAL, MODAL, obj_id=n) for n in (1, 2)])
    answers = sail_results(MODAL, obj_id=1) | sail_results(MODAL, obj_id=2)  # every hidden part is missed
    evaluation = evaluate("sail-vos", Order(truth, (written(tmp_path / "ours.json", answers),))).evaluation
    assert [worst.key for worst in evaluation.worst] == ["(103, 1)", "(103, 2)", "(102, 1)", "(102, 2)"]


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=2).any())


def test_boxes_have_pictures_too(tmp_path: Path) -> None:
    boxes: list[list[float]] = [[-10, 0, 20, 10]] * 3
    truth = written(tmp_path / "truth.json", [tao_sample([square(0, 0, 10)] * 3, boxes)])
    answers = written(tmp_path / "ours.json", tao_results([[0, 0, 10, 10]] * 3))
    order = Order(truth, (answers,), track_map=written(tmp_path / "tracks.json", {"88": 5120}))
    compared = evaluate("tao-amodal", order)
    checked(report_html(compared.evaluation, worst_pictures(compared)))
    picture = next(worst_pictures(compared))
    shown = cv2.imdecode(np.frombuffer(picture.png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert has(shown, RIGHT) and has(shown, ANSWERED)
    _, columns = np.nonzero((shown == RIGHT).all(axis=2))
    assert np.ptp(columns) > 120, "the boxes fill the picture, not a corner of it"
    html = report_html(compared.evaluation, worst_pictures(compared))
    assert "the true box" in html and "rightly added" not in html


def test_boxes_far_beyond_every_picture_are_drawn(tmp_path: Path) -> None:
    truth = written(tmp_path / "truth.json", [tao_sample([square(0, 0, 10)], [[0, 0, 10, 10]])])
    answers = written(tmp_path / "ours.json", tao_results([[-(2.0**31), 0, 2.0**31, 1]]))
    order = Order(truth, (answers,), track_map=written(tmp_path / "tracks.json", {"88": 5120}))
    (picture,) = worst_pictures(evaluate("tao-amodal", order))
    assert max(cv2.imdecode(np.frombuffer(picture.png, np.uint8), cv2.IMREAD_COLOR).shape) == 320


def test_of_many_hypotheses_the_first_and_the_best_have_curves(files: tuple[Path, Path], tmp_path: Path) -> None:
    answers = [written(tmp_path / f"sample{i}.json", sail_results(AMODAL)) for i in range(4)]
    evaluation = evaluate("sail-vos", Order(files[0], tuple(answers))).evaluation
    html = report_html(evaluation)
    checked(html)
    titles = set(re.findall(r"<g><title>([^<]*)</title>", html))
    assert titles == {"sample0", "top-4", "modal", "convex", "miou", "miou_occ"}
    assert html.count(">best of<") == 2  # an axis a form


def test_each_form_says_what_it_measures_and_the_worst_frames_say_of_which_file(files: tuple[Path, Path]) -> None:
    compared = evaluate("sail-vos", Order(files[0], (files[1],)))
    html = report_html(compared.evaluation, worst_pictures(compared))
    strict, reference = html.index("Strict: misses count"), html.index("Reference: as the published")
    assert strict < html.index("a total miss is 0") < reference < html.index("total misses with them")
    assert "Worst frames of ours, strictly" in html


def test_names_from_files_are_escaped(files: tuple[Path, Path]) -> None:
    evaluation = evaluate("sail-vos", Order(files[0], (files[1],))).evaluation
    evil = replace(evaluation, problems=(Problem("<script>x</script>", "a & b", "bad mask"),), notes=("<b>",))
    html = report_html(evil)
    checked(html)
    assert "&lt;script&gt;" in html and "bad mask: 1" in html


def test_curves_skip_what_no_frame_shows() -> None:
    svg = curves("miou", {"one": [(0.1, 0.5), (0.3, float("nan")), (0.5, 1.2)], "none": [(0.1, float("nan"))]})
    assert svg.count("<circle") == 2 and "nan" not in svg
    checked(svg)


def test_the_command_writes_it(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    arguments = ["--truth", str(files[0]), "--predictions", str(files[1]), "--report", str(out)]
    assert main(["evaluate", "sail-vos", *arguments]) == 0
    checked(out.read_text())
