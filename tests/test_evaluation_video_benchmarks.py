"""TABE-51, MOVi and KITTI: their folders and files, made small here, through the command's runner."""

import base64
import io
import json
import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_files import square
from PIL import Image

from vas_tool.cli import main
from vas_tool.errors import FormatError
from vas_tool.evaluation import EvaluationRun, Order, evaluate
from vas_tool.evaluation.kitti import results_of as kitti_results
from vas_tool.evaluation.mask_sources import RleMask
from vas_tool.evaluation.safe_pickle import load_plain
from vas_tool.evaluation.tabe51 import masks_of, pictures_folder, write_results
from vas_tool.masks import to_rle
from vas_tool.types import Mask

NOTHING = np.zeros((40, 60), dtype=bool)
WHOLE = square(10, 10, 10)
HALF = WHOLE & (np.arange(60) < 15)
"""The left half of it."""


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


# --- TABE -------------------------------------------------------------------------------------------------------------

LEVELS = ["NO_OCCLUSION", "SLIGHT_OCCLUSION", "SEVERE_OCCLUSION", "NONE"]
SEEN = [WHOLE, HALF, NOTHING, HALF]


def tabe_video(root: Path, name: str = "ball_roll") -> Path:
    """Four frames: all seen, half seen, nothing seen, half seen and leaving."""
    for i in range(4):
        save(root / name / f"frames/{i:05d}.jpg", np.zeros((40, 60, 3)))
        save(root / name / f"gt_masks/{i:05d}.png", WHOLE * 255)
        save(root / name / f"visible_masks/{i:05d}.png", SEEN[i] * 255)
    occlusion = [{"level": level, "amount": None if level == "NONE" else 0.5} for level in LEVELS]
    (root / name / "annos.json").write_text(json.dumps({"occlusion": occlusion}))
    return root


def tabe(root: Path, *generations: list[Mask]) -> EvaluationRun:
    for number, masks in enumerate(generations):
        write_results(root / "vis", {("ball_roll", i): m for i, m in enumerate(masks)}, generation=number)
    return evaluate("tabe-51", Order(tabe_video(root / "data"), (root / "vis",)))


def test_tabe_by_hand(tmp_path: Path) -> None:
    evaluation = tabe(tmp_path, [WHOLE, HALF, HALF, WHOLE]).evaluation
    row = evaluation.tables["reference"]["generation 0"]
    assert row["miou"].mean == (1 + 0.5 + 0.5 + 1) / 4
    assert row["miou_ffo"].mean == 0.5  # the frame on which nothing is seen
    assert row["miou_fo"].mean == pytest.approx((0.5 + 0.5 + 1) / 3)  # NONE counts
    assert row["miou_occ"].mean == pytest.approx((0 + 0.5 + 1) / 3)  # frames 1, 2, 3 hide something
    assert not evaluation.problems


def test_the_subtraction_punishes_what_is_seen_and_not_predicted(tmp_path: Path) -> None:
    missing = WHOLE & ~HALF  # all that is hidden, nothing that is seen
    evaluation = tabe(tmp_path, [WHOLE, missing, WHOLE, WHOLE]).evaluation
    assert evaluation.tables["reference"]["generation 0"]["miou_occ"].mean == pytest.approx((0.5 + 1 + 1) / 3)
    assert evaluation.tables["strict"]["generation 0"]["miou_occ"].mean == 1


def test_generations_have_a_mean_a_deviation_and_sem(tmp_path: Path) -> None:
    table = tabe(tmp_path, [WHOLE] * 4, [HALF] * 4).evaluation.tables["reference"]
    assert table["mean of 2"]["miou"].mean == 0.75
    assert table["std (ddof 1)"]["miou"].mean == pytest.approx(math.sqrt(0.125))
    assert table["SEM"]["miou"].mean == pytest.approx(math.sqrt(0.125) / math.sqrt(2))
    assert table["top-2"]["miou"].mean == 1


def test_two_results_of_tabe_keep_their_generations_apart(tmp_path: Path) -> None:
    for result, masks in (("ours", [WHOLE] * 4), ("theirs", [HALF] * 4)):
        for number in (0, 1):
            write_results(tmp_path / result, {("ball_roll", i): m for i, m in enumerate(masks)}, generation=number)
    order = Order(tabe_video(tmp_path / "data"), (tmp_path / "ours", tmp_path / "theirs"))
    table = evaluate("tabe-51", order).evaluation.tables["reference"]
    assert table["ours, generation 1"]["miou"].mean == 1 and table["theirs, generation 0"]["miou"].mean == 0.5
    assert table["ours: mean of 2"]["miou"].mean == 1 and table["theirs: mean of 2"]["miou"].mean == 0.5
    assert table["theirs: SEM"]["miou"].mean == 0


def test_a_report_over_generations(tmp_path: Path) -> None:
    """Their mean and deviation have no curve; the best of three has one."""
    tabe(tmp_path, [WHOLE] * 4, [HALF] * 4, [WHOLE, HALF, HALF, HALF])
    out = tmp_path / "report.html"
    arguments = ["--truth", str(tmp_path / "data"), "--predictions", str(tmp_path / "vis"), "--report", str(out)]
    assert main(["evaluate", "tabe-51", *arguments]) == 0
    html = out.read_text()
    assert "std (ddof 1)" in html and "best of K, reference" in html and "best of K, strict" in html


def test_masks_of_ones_and_masks_of_255(tmp_path: Path) -> None:
    """What is not zero is object; for mIOUocc all masks of a video are divided by 255 when one of them exceeds 1."""
    for name, values in (("ones", WHOLE * 1), ("full", WHOLE * 255), ("grey", WHOLE * 200), ("none", NOTHING * 1)):
        save(tmp_path / f"{name}.png", values)
    mixed = masks_of({i: tmp_path / f"{name}.png" for i, name in enumerate(("none", "ones", "full", "grey"))})
    assert [mask.read().sum() for mask in mixed.values()] == [0, 100, 100, 100]
    assert [mask.second_reading().read().sum() for mask in mixed.values()] == [0, 0, 100, 0]
    ones = masks_of({i: tmp_path / f"{name}.png" for i, name in enumerate(("none", "ones"))})
    assert [mask.second_reading().read().sum() for mask in ones.values()] == [0, 100]


@pytest.mark.parametrize("edge", [1, 128, 254])
def test_grey_edges_count_for_three_measures_and_not_for_the_fourth(tmp_path: Path, edge: int) -> None:
    half = np.where(HALF, 255, np.where(WHOLE, edge, 0))  # what is hidden is answered in grey
    evaluation = tabe(tmp_path, [WHOLE] * 4).evaluation
    for i in range(4):
        save(tmp_path / f"vis/ball_roll/final_outputs/0/masks/{i}.png", half if i == 1 else WHOLE * 255)
    evaluation = evaluate("tabe-51", Order(tmp_path / "data", (tmp_path / "vis",))).evaluation
    row = evaluation.tables["reference"]["generation 0"]
    assert row["miou"].mean == row["miou_fo"].mean == 1
    assert row["miou_occ"].mean == pytest.approx((0 + 1 + 1) / 3)
    assert evaluation.tables["strict"]["generation 0"]["miou_occ"].mean == 1


def test_the_data_sets_own_layout(tmp_path: Path) -> None:
    tabe_video(tmp_path / "TABE-51/data")
    write_results(tmp_path / "vis", {("ball_roll", i): WHOLE for i in range(4)})
    for root in (tmp_path, tmp_path / "TABE-51", tmp_path / "TABE-51/data", tmp_path / "TABE-51/data/ball_roll"):
        evaluation = evaluate("tabe-51", Order(root, (tmp_path / "vis",))).evaluation
        assert evaluation.tables["strict"]["generation 0"]["miou"].mean == 1 and not evaluation.problems
        assert (pictures_folder(root) / "ball_roll/frames/00000.jpg").is_file()
        assert (
            main(["predict", "tabe-51", "--truth", str(root), "--engine", "modal", "--out", str(tmp_path / "v")]) == 0
        )


def test_result_files_sort_by_number(tmp_path: Path) -> None:
    """Twelve frames: 10.png comes after 9.png."""
    root = tmp_path / "data"
    for i in range(12):
        save(root / f"v/frames/{i:05d}.jpg", np.zeros((40, 60, 3)))
        for folder in ("gt_masks", "visible_masks"):
            save(root / f"v/{folder}/{i:05d}.png", square(i, i, 10) * 255)
    write_results(tmp_path / "vis", {("v", i): square(i, i, 10) for i in range(12)})
    row = evaluate("tabe-51", Order(root, (tmp_path / "vis",))).evaluation.tables["reference"]["generation 0"]
    assert row["miou"].mean == 1 and math.isnan(row["miou_fo"].mean)  # no levels


def test_tabe_with_holes(tmp_path: Path) -> None:
    tabe_video(tmp_path / "data")
    (tmp_path / "data/ball_roll/gt_masks/00001.png").unlink()
    (tmp_path / "data/broken/frames").mkdir(parents=True)
    (tmp_path / "data/broken/visible_masks").mkdir()
    write_results(tmp_path / "vis", {("ball_roll", i): WHOLE for i in (0, 3)} | {("other", 0): WHOLE})
    (tmp_path / "vis/ball_roll/final_outputs/0/masks/2.png").write_text("no image")
    evaluation = evaluate("tabe-51", Order(tmp_path / "data", (tmp_path / "vis",))).evaluation
    assert evaluation.num_frames == 3
    assert evaluation.left_out["bad record"] == 2  # the missing truth mask, the empty video
    assert evaluation.left_out["unreadable file"] == 1
    assert {p.where for p in evaluation.problems} >= {"ball_roll/1", "ball_roll/2", "broken", "other"}
    assert evaluation.tables["strict"]["generation 0"]["miou"].mean == pytest.approx(2 / 3)


def test_the_report_finds_the_frames_beside_the_masks(tmp_path: Path) -> None:
    tabe(tmp_path, [WHOLE, HALF, HALF, HALF])
    arguments = ["--truth", str(tmp_path / "data"), "--predictions", str(tmp_path / "vis")]
    out = tmp_path / "report.html"
    assert main(["evaluate", "tabe-51", *arguments, "--report", str(out)]) == 0
    (coded, *_) = re.findall(r"data:image/png;base64,([^\"]+)", out.read_text())
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(coded))))
    assert (picture[0, 0] < 20).all()  # the black frame, not the grey that stands for none


@pytest.mark.parametrize("name", ["data", "vis"])
def test_folders_that_are_no_tabe(tmp_path: Path, name: str) -> None:
    if name == "vis":
        tabe_video(tmp_path / "data")
    (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "vis").mkdir(exist_ok=True)
    with pytest.raises(FormatError, match="name the folder"):
        evaluate("tabe-51", Order(tmp_path / "data", (tmp_path / "vis",)))


# --- MOVi -------------------------------------------------------------------------------------------------------------


def movi(root: Path, answers: list[Mask], *, obj: int = 2) -> EvaluationRun:
    split = root / "data/test"
    split.mkdir(parents=True)
    np.save(split / "instance_list.npy", np.array(["7-2", "8-0"]))
    seen_on = [0, 1, 3]  # on frame 2 nothing is seen: not measured
    instances: list[dict[str, Any]] = [{"bbox_frames": []}, {"bbox_frames": []}, {"bbox_frames": seen_on}]
    (split / "7").mkdir()
    (split / "7/metadata.json").write_text(json.dumps({"instances": instances}))
    for t in range(4):
        save(split / f"7/segmentation_full_{t:05d}.png", SEEN[t] * 3 + ~SEEN[t] * 1)
        save(split / f"7/segmentation_2_{t:05d}.png", WHOLE * 3)
    for t, mask in enumerate(answers):
        save(root / f"out/7/segmentation_{obj}_{t:05d}.png", mask * 3)
    return evaluate("movi", Order(root / "data", (root / "out",)))


def test_movi_by_hand(tmp_path: Path) -> None:
    evaluation = movi(tmp_path, [WHOLE, HALF, NOTHING, WHOLE]).evaluation
    row = evaluation.tables["reference"]["out"]
    assert row["miou_full"].mean == pytest.approx((1 + 0.5 + 1) / 3)
    # Frame 0 hides nothing and counts as 0, frame 1 is missed, frame 3 is exactly right and dropped.
    assert row["miou_occ"].mean == 0 and row["miou_occ"].num_frames == 2
    assert evaluation.tables["strict"]["out"]["miou_occ"].mean == 0.5
    assert evaluation.left_out == {"bad record": 1}  # 8-0 is not there; frame 2 was answered, and is not measured
    assert evaluation.notes[0].startswith("1 frames show nothing of their object")


def test_exact_answers_are_dropped_after_the_best_was_taken(tmp_path: Path) -> None:
    """Frame 1: one answer is exactly right, the other misses. The best is exact, and does not count."""
    movi(tmp_path, [WHOLE, WHOLE, NOTHING, HALF])
    for t, mask in ((0, WHOLE), (1, HALF), (3, HALF)):
        save(tmp_path / f"again/7/segmentation_2_{t:05d}.png", mask * 3)
    order = Order(tmp_path / "data", (tmp_path / "out", tmp_path / "again"))
    table = evaluate("movi", order).evaluation.tables["reference"]
    assert table["out"]["miou_occ"].num_frames == 2 and table["again"]["miou_occ"].num_frames == 3
    assert table["top-2"]["miou_occ"].num_frames == 2


def test_movi_answers_of_another_object(tmp_path: Path) -> None:
    evaluation = movi(tmp_path, [WHOLE] * 4, obj=1).evaluation
    assert evaluation.left_out["missing prediction"] == 3


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", pickle.dumps(["1-2"])])
def test_lists_of_instances_that_do_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "instance_list.npy").write_bytes(content)
    with pytest.raises(FormatError, match="list of instances"):
        evaluate("movi", Order(tmp_path))


# --- KITTI ------------------------------------------------------------------------------------------------------------


def rle(mask: Mask) -> dict[str, Any]:
    """As pycocotools leaves it in a pickle: counts in bytes."""
    encoded = to_rle(mask)
    return {"size": encoded["size"], "counts": encoded["counts"].encode()}


BOXES = [[10, 19, 10, 19], [10, 19, 10, 14], [0, 0, 0, 0], [10, 19, 10, 14]]
"""Row_min, row_max, col_min, col_max of ``SEEN``, the last ones inside."""


def kitti_truth(root: Path) -> Path:
    (root / "car_data").mkdir(parents=True)
    seen = {"0001": {4: {t: {"VM": rle(SEEN[t]), "VM_bbox": np.array(BOXES[t])} for t in range(4)}}}
    whole = {"0001": {4: {t: {"FM": rle(WHOLE if t != 2 else NOTHING)} for t in range(4)}}}
    (root / "car_data/test_data.pkl").write_bytes(pickle.dumps(seen))
    (root / "car_data/test_data_full_mask.pkl").write_bytes(pickle.dumps(whole))
    return root


def test_kitti_by_hand(tmp_path: Path) -> None:
    masks = {("0001", "4", t): RleMask.from_mask(m) for t, m in enumerate([WHOLE, HALF, NOTHING, WHOLE])}
    (tmp_path / "out.json").write_text(json.dumps(kitti_results(masks)))
    (tmp_path / "again.pkl").write_bytes(pickle.dumps({"0001": {4: {0: {"FM": rle(WHOLE)}}}}))
    order = Order(kitti_truth(tmp_path / "data"), (tmp_path / "out.json", tmp_path / "again.pkl"))
    evaluation = evaluate("kitti", order).evaluation
    assert evaluation.num_frames == 3 and "1 frames have an empty full mask" in evaluation.notes[0]
    row = evaluation.tables["reference"]["out"]
    # Four frames: the script pads them to eight with the last one, and counts that five times. Strictly it is one.
    assert row["miou_full"].mean == pytest.approx((1 + 0.5 + 5 * 1) / 7) and row["miou_full"].num_frames == 7
    assert row["miou_occ"].mean == 0 and row["miou_occ"].num_frames == 2
    assert evaluation.tables["strict"]["out"]["miou"].mean == pytest.approx((1 + 0.5 + 1) / 3)
    assert "1 clips have fewer than 8 frames" in evaluation.notes[1]
    assert evaluation.tables["reference"]["again"]["miou_full"].mean == 1
    assert evaluation.left_out == {"missing prediction": 2}


@pytest.mark.parametrize(
    ("box", "full", "counts"),
    [
        ([10, 19, 10, 14], square(15, 10, 5), True),  # rows 5..23, columns 8..16: beside what is seen, in the crop
        ([10, 19, 10, 14], square(16, 10, 5), True),  # its first column is the crop's last
        ([10, 19, 10, 14], square(17, 10, 5), False),
        ([10, 19, 10, 14], square(3, 1, 5), False),  # above and to the left
        ([10, 19, 10, 14], square(0, 0, 5) | square(30, 20, 5), False),  # its box holds the crop, its pixels do not
        (None, square(17, 10, 5), False),  # the box of the visible mask
        ([30, 39, 50, 59], square(55, 35, 5), True),  # cut at the picture's border
    ],
)
def test_the_full_mask_must_show_in_the_crop(tmp_path: Path, box: Any, full: Mask, counts: bool) -> None:
    seen = square(10, 10, 10) & (np.arange(60) < 15)
    record = {"VM": rle(seen)} | ({} if box is None else {"VM_bbox": box})
    (tmp_path / "test_data.pkl").write_bytes(pickle.dumps({"0001": {4: {0: record, 1: {"VM": rle(WHOLE)}}}}))
    whole = {"0001": {4: {0: {"FM": rle(full)}, 1: {"FM": rle(WHOLE)}}}}
    (tmp_path / "test_data_full_mask.pkl").write_bytes(pickle.dumps(whole))
    evaluation = evaluate("kitti", Order(tmp_path)).evaluation
    assert evaluation.num_frames == 1 + counts and not evaluation.problems
    assert ("1 frames have an empty full mask, or one that is empty inside the crop" in evaluation.notes[0]) != counts


@pytest.mark.parametrize("box", ["a box", [1, 2, 3], [1, 2, None, 4], [1, 2, math.inf, 4], {}])
def test_boxes_of_kitti_that_are_none(tmp_path: Path, box: Any) -> None:
    root = kitti_truth(tmp_path / "data")
    seen = {"0001": {4: {t: {"VM": rle(WHOLE), "VM_bbox": box if t else BOXES[0]} for t in range(2)}}}
    (root / "car_data/test_data.pkl").write_bytes(pickle.dumps(seen))
    problems = evaluate("kitti", Order(root)).evaluation.problems
    assert any(str(p).startswith("0001-4/00001: VM_bbox must be") for p in problems)


def test_single_records_of_kitti_that_are_wrong(tmp_path: Path) -> None:
    root = kitti_truth(tmp_path / "data")
    right = {"FM": rle(WHOLE)}
    wrong = {0: right, "0": right, 1: {"VM": rle(WHOLE)}, 3: {"FM": {"size": [40, 60]}}, "x": right}
    (tmp_path / "ours.pkl").write_bytes(pickle.dumps({"0001": {4: wrong, 5: 7}, "0002": None}))
    evaluation = evaluate("kitti", Order(root, (tmp_path / "ours.pkl",))).evaluation
    assert {problem.where: problem.kind for problem in evaluation.problems} == {
        "0002": "bad record",
        "0001-5": "bad record",
        "0001-4/0": "bad record",
        "0001-4/00001": "bad record",
        "0001-4/00003": "bad record",
        "0001-4/x": "bad record",
    }
    assert evaluation.tables["strict"]["ours"]["miou"].mean == pytest.approx(1 / 3)


def test_single_records_of_kittis_truth_that_are_wrong(tmp_path: Path) -> None:
    root = kitti_truth(tmp_path / "data")
    whole = {
        "0001": {
            4: {0: {"FM": rle(WHOLE)}, 1: {}, 3: {"FM": {"size": [40, 60], "counts": b"11"}}, 9: {"FM": rle(WHOLE)}}
        }
    }
    (root / "car_data/test_data_full_mask.pkl").write_bytes(pickle.dumps(whole))
    evaluation = evaluate("kitti", Order(root)).evaluation
    assert evaluation.num_frames == 1
    assert [problem.where for problem in evaluation.problems] == ["0001-4/00001", "0001-4/00003", "0001-4/00009"]


class Evil:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return __import__("os").system, ("exit 1",)


def test_pickles_that_hold_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"0001": Evil()}))
    with pytest.raises(FormatError, match="no plain data"):
        load_plain(tmp_path / "evil.pkl")


def test_pickles_of_plain_data_read(tmp_path: Path) -> None:
    data = {"a": [1, 2.5, b"x", "y"], "n": np.float32(2), "v": np.arange(3), 4: (None, True)}
    for protocol in (2, 4, 5):
        (tmp_path / "plain.pkl").write_bytes(pickle.dumps(data, protocol=protocol))
        read = load_plain(tmp_path / "plain.pkl")
        assert read["a"] == data["a"] and read["n"] == 2 and read["v"].tolist() == [0, 1, 2]


def test_arrays_of_numbers_come_back_of_any_numpy(tmp_path: Path) -> None:
    shared = np.arange(6.0).reshape(2, 3)
    frozen = np.arange(4)
    frozen.flags.writeable = False
    arrays: dict[str, Any] = {"c": shared, "f": np.asfortranarray(shared), "big": np.arange(3, dtype=">i4")}
    arrays |= {"none": np.zeros((0, 4)), "one": np.array(3), "bool": np.eye(3, dtype=bool), "frozen": frozen}
    data = {"arrays": arrays, "again": [shared, shared], "ordered": OrderedDict(a=b""), "numbers": [np.int64(2**40)]}
    for protocol in range(6):
        dumped = pickle.dumps(data, protocol=protocol)
        for content in (dumped, dumped.replace(b"numpy._core", b"numpy.core") if protocol < 4 else dumped):
            (tmp_path / "plain.pkl").write_bytes(content)
            read = load_plain(tmp_path / "plain.pkl")
            for name, array in arrays.items():
                found, wanted = read["arrays"][name], pickle.loads(dumped)["arrays"][name]
                assert found.dtype == wanted.dtype and found.shape == array.shape and (found == array).all()
            assert read["again"][0] is read["again"][1] and type(read["numbers"][0]) is int
            assert read["ordered"] == {"a": b""} and read["numbers"] == [2**40]


HARM = {
    "objects": pickle.dumps(np.array([{}, 1], dtype=object)),
    "a dtype that turns into objects": pickle.dumps(np.arange(3), protocol=2).replace(b"i8", b"O8"),
    "records": pickle.dumps(np.zeros(2, dtype=[("a", "O")])),
    "more than there is": pickle.dumps(np.arange(3), protocol=2).replace(b"K\x03\x85", b"K\x09\x85"),
    "ndarray called": b"cnumpy\nndarray\n(tR.",
    "our own functions changed": b'c_codecs\nencode\n}S"__defaults__"\n(S"a"\ntsb.',
    "bytes of any length": b"cbuiltins\nbytes\n(I1000000000000\ntR.",
    "a bytearray of any length": b"\x80\x05\x96" + (2**50).to_bytes(8, "little") + b"abc.",
    "tuples in tuples as a key": b"})" + b"\x85" * 300_000 + b"K\x01s.",
    "a class of Python": b"cbuiltins\nobject\n)\x81.",
}


@pytest.mark.parametrize("name", list(HARM))
def test_pickles_that_would_do_harm_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "evil.pkl").write_bytes(HARM[name])
    with pytest.raises(FormatError, match="no pickle of plain data"):
        load_plain(tmp_path / "evil.pkl")


def test_a_number_in_a_pickle_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "plain.pkl").write_bytes(b"\x80\x04K\x07r\xff\xff\xff\x7f.")  # "remember this as number 2147483647"
    assert load_plain(tmp_path / "plain.pkl") == 7


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps([1]), pickle.dumps({"v": {"o": {"x": {"FM": 1}}}})])
def test_kitti_files_that_are_none(tmp_path: Path, content: bytes) -> None:
    root = kitti_truth(tmp_path / "data")
    (root / "car_data/test_data_full_mask.pkl").write_bytes(content)
    with pytest.raises(FormatError):
        evaluate("kitti", Order(root))
