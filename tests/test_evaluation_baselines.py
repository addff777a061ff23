"""The made sets, the baselines on them in one table, answers of other tools in folders, and the printed numbers."""

import csv
import itertools
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from test_evaluation_literal import SIZE_HW, blob

import vas_tool.evaluation.made_sets as made_sets
from vas_tool.cli import main
from vas_tool.commands.measure_arguments import BENCHMARKS
from vas_tool.commands.measure_arguments import MADE_SETS as CHOICES
from vas_tool.evaluation.baselines import convex_hull, convex_restricted
from vas_tool.evaluation.bench import SIMPLE, bench
from vas_tool.evaluation.case_files import answers_in, folder_name, write_cases
from vas_tool.evaluation.made_sets import MADE_SETS, OcclusionCase, side_by_side
from vas_tool.evaluation.mask_sources import ImageMask
from vas_tool.evaluation.printed import printed
from vas_tool.types import ArrayClip, Canvas, Mask

OWN = {"sail-vos": {"miou", "miou_occ"}, "movi": {"miou_full", "miou_occ"}, "tao-amodal": {"ap25", "ap50", "ap75"}}


@pytest.fixture(scope="module")
def cases() -> dict[str, list[OcclusionCase]]:
    """The first of each set, every fourth frame at half the size."""
    return {name: [small(next(made.cases(0)))] for name, made in MADE_SETS.items() if name != "occluders"}


def small(case: OcclusionCase) -> OcclusionCase:
    width, height, canvas = *case.clip.size_wh, case.canvas
    kept = [i for i in case.modal if i % 4 == 0]

    def half(mask: Mask) -> Mask:
        return np.ascontiguousarray(mask[::2, ::2])

    return replace(
        case,
        clip=ArrayClip(np.ascontiguousarray(case.clip.frames[::4, ::2, ::2])),
        modal={k: half(case.modal[i]) for k, i in enumerate(kept)},
        amodal=np.stack([half(case.amodal[i]) for i in kept]),
        depth={k: np.ascontiguousarray(case.depth[i][::2, ::2]) for k, i in enumerate(kept)},
        others={k: [half(mask) for mask in case.others[i]] for k, i in enumerate(kept)},
        padded=Canvas((width // 2, height // 2), *(p // 2 for p in (canvas.pad_left, canvas.pad_top) * 2)),
    )


def test_the_choices_are_the_sets() -> None:
    assert tuple(MADE_SETS) == CHOICES and set(MADE_SETS) - {"occluders"} <= set(BENCHMARKS)


def test_cases_are_what_their_benchmark_takes(cases: dict[str, list[OcclusionCase]]) -> None:
    for name, some in cases.items():
        for case in some:
            size_wh = case.canvas.size_wh
            assert case.amodal.shape == (len(case.clip), *size_wh[::-1])
            for i, modal in case.modal.items():
                assert not (case.canvas.to_canvas(modal) & ~case.amodal[i]).any(), "what is seen is of the object"
                assert not any((modal & other).any() for other in case.others[i]), "a pixel shows one thing"
            assert case.hidden_fraction >= made_sets.LEAST_HIDDEN or name == "tao-amodal"
            assert all(modal.any() for modal in case.modal.values()) or name == "tabe-51"
    assert cases["movi"][0].clip.size_wh == (128, 128) and len(cases["movi"][0].clip) == 6
    beyond = [case.amodal[i] & ~case.canvas.to_canvas(np.ones_like(case.modal[i]))
              for case in cases["tao-amodal"] for i in case.modal]  # fmt: skip
    assert np.mean([mask.any() for mask in beyond]) > 0.3
    assert next(MADE_SETS["tabe-51"].cases(0)).gone


def test_the_same_seed_gives_the_same_case() -> None:
    one, two, other = (next(MADE_SETS["movi"].cases(seed)) for seed in (3, 3, 4))
    assert (one.clip.frames == two.clip.frames).all() and (one.depth[5] == two.depth[5]).all()
    assert (one.clip.frames != other.clip.frames).any()


def test_every_set_by_its_protocol_in_one_table(cases: dict[str, list[OcclusionCase]]) -> None:
    found = {name: bench(some, engines=[], protocol=MADE_SETS[name].protocol) for name, some in cases.items()}
    tables = side_by_side({name: compared.evaluation for name, compared in found.items()})
    assert list(tables) == ["reference", "strict"] and list(tables["reference"]) == list(SIMPLE)
    for name, measures in OWN.items():
        assert {f"{name} {m}" for m in measures} <= set(tables["reference"]["modal"])
    for name in ("sail-vos", "movi"):
        rows = tables["strict"]
        assert rows["modal"][f"{name} miou_occ"].mean == 0 < rows["convex-restricted, depth"][f"{name} miou_occ"].mean
        whole = {row: rows[row][f"{name} miou"].mean for row in rows}
        assert whole["convex-restricted, depth"] > whole["modal"]
    boxes = tables["reference"]
    assert boxes["convex"]["tao-amodal ap75"] == boxes["modal"]["tao-amodal ap75"], "a hull has the box of its mask"
    assert boxes["modal"]["tao-amodal ap25"].mean > boxes["modal"]["tao-amodal ap75"].mean


# --- Convex^R ---------------------------------------------------------------------------------------------------------


def literal_restricted(modals: list[Mask], behind: np.ndarray) -> list[Mask]:
    """``behind[i, j]``: whether i stands directly behind j. Ancestors by breadth first."""
    answers = []
    for i, modal in enumerate(modals):
        ancestors, queue = set[int](), [i]
        while queue:
            for j in np.flatnonzero(behind[queue.pop(0)]):
                if j not in ancestors and j != i:
                    ancestors.add(int(j))
                    queue.append(int(j))
        hull = convex_hull(modal)
        eraser = np.any([modals[j] for j in ancestors], axis=0) if ancestors else np.zeros_like(modal)
        hull[~eraser & ~modal] = False
        answers.append(hull)
    return answers


@pytest.mark.parametrize("seed", range(5))
def test_convex_restricted_in_both_orders(seed: int) -> None:
    random = np.random.default_rng(seed)
    wholes = [blob(random) for _ in range(4)]
    modals = [mask & ~np.any([*wholes[:k], np.zeros(SIZE_HW, bool)], axis=0) for k, mask in enumerate(wholes)]
    depth = random.random(SIZE_HW).astype(np.float32)
    for modal in modals:
        depth[modal] = depth[modal] / 10 + random.random()
    behind = {order: np.zeros((4, 4), bool) for order in ("hulls", "depth")}
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    for i, j in itertools.permutations(range(4), 2):
        touching = (cv2.dilate(modals[i].astype(np.uint8), cross) > 0) & modals[j]
        if touching.any() and modals[i].any():
            reach = [(convex_hull(modals[a]) & ~modals[a] & modals[b]).sum() for a, b in ((i, j), (j, i))]
            behind["hulls"][i, j] = reach[0] > reach[1]
            behind["depth"][i, j] = np.median(depth[modals[i]]) < np.median(depth[modals[j]])
    for given, order in ((None, "hulls"), (depth, "depth")):
        ours, literal = convex_restricted(modals, given), literal_restricted(modals, behind[order])
        assert all((a == b).all() for a, b in zip(ours, literal, strict=True)), order


# --- folders of other tools -------------------------------------------------------------------------------------------


def test_answers_of_another_tool(
    tmp_path: Path, cases: dict[str, list[OcclusionCase]], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = cases["tao-amodal"][0]
    assert write_cases([case], tmp_path / "out") == 1
    own = tmp_path / "out" / folder_name(case)
    assert {path.name for path in own.iterdir()} == {"rgbs", "masks", "depth", "truth"}
    assert (ImageMask(own / "masks/00005.png").read() == case.modal[5]).all()
    (tmp_path / "mine").mkdir()
    (own / "truth").rename(tmp_path / "mine" / folder_name(case))
    (tmp_path / "mine" / folder_name(case) / "00003.png").unlink()
    read = answers_in(tmp_path / "mine")(case, {})
    assert set(read) == set(case.modal) - {3} and all((mask == case.amodal[i]).all() for i, mask in read.items())
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "mine" / folder_name(case) / "00003.png")
    protocol = MADE_SETS["tao-amodal"].protocol
    evaluation = bench([case], engines=[], protocol=protocol, folders={"mine": tmp_path / "mine"}).evaluation
    assert evaluation.left_out == {"engine failed": 1} and "(3, 3)" in str(evaluation.problems[0])


def test_the_command(
    tmp_path: Path,
    cases: dict[str, list[OcclusionCase]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("movi", "tao-amodal"):
        made = made_sets.MadeSet(lambda seed, name=name: iter(cases[name][:1]), *_rest(name))  # type: ignore[misc]
        monkeypatch.setitem(MADE_SETS, name, made)
    sets = ["bench", "--sets", "movi", "tao-amodal"]
    assert main([*sets, "--write", str(tmp_path / "out")]) == 0
    assert main([*sets, "--write", str(tmp_path / "out")]) == 1, "nothing is written over"
    for name in ("movi", "tao-amodal"):
        folder = folder_name(cases[name][0])
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "out" / name / folder / "truth").rename(tmp_path / "mine" / name / folder)
    capsys.readouterr()
    files = ["--json", str(tmp_path / "f.json"), "--figures", str(tmp_path / "f.csv"), str(tmp_path / "f.tex")]
    files += ["--report", str(tmp_path / "f.html")]
    more = ["--engine", "builtin", "--printed", "--answers", str(tmp_path / "mine")]
    assert main([*sets, *more, *files]) == 0
    out = capsys.readouterr().out
    assert "Diffusion-VAS Top-1, MOVi-B (printed)" in out and "mine" in out
    rows = {
        (r["table"], r["row"], r["measure"]): r for r in csv.DictReader((tmp_path / "f.csv").read_text().splitlines())
    }
    assert float(rows["strict", "mine", "movi miou"]["percent"]) == 100
    assert float(rows["printed in the papers, tao-amodal", "Modal (printed)", "ap75"]["percent"]) == pytest.approx(
        63.12
    )
    assert "builtin" in json.loads((tmp_path / "f-movi.json").read_text())["tables"]["strict"]
    assert "Worst frames of builtin" in (tmp_path / "f-tao-amodal.html").read_text()
    assert main(["bench", "--sets", "movi", "--masks", str(tmp_path)]) == 1


def _rest(name: str) -> tuple[object, object]:
    return MADE_SETS[name].protocol, MADE_SETS[name].shown


# --- printed numbers --------------------------------------------------------------------------------------------------


def test_printed_rows_are_marked_and_have_the_measures_of_the_reference() -> None:
    assert printed("tabe-51") == {}
    for benchmark, measures in (*OWN.items(), ("kitti", OWN["movi"])):
        table = printed(benchmark)
        assert table and all(name.endswith("(printed)") for name in table)
        assert all(set(row) == measures and all(c.num_frames == 0 for c in row.values()) for row in table.values())
    assert printed("sail-vos")["Diffusion-VAS Top-1 (printed)"]["miou_occ"].mean == pytest.approx(0.5512)
    assert "C2F-Seg, MOVi-D (printed)" in printed("movi") and "C2F-Seg, MOVi-B (printed)" not in printed("movi")
