"""Result files that we write are those the references' scripts read; and what those scripts compute, we compute."""

import ast
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from annotating import annotate, pad
from evaluation_files import sail_results, sail_sample, square, tao_sample, written
from PIL import Image
from pycocotools import mask as coco
from test_evaluation_video_benchmarks import WHOLE, kitti_truth, movi, tabe_video

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.diffusion_vas.settable import parameters_of
from vas_tool.evaluation import Order, evaluate, predicting
from vas_tool.evaluation.kitti import read_truth as read_kitti_truth
from vas_tool.evaluation.predicting import moved
from vas_tool.evaluation.sail_vos import read_predictions
from vas_tool.formats.coco import write_coco
from vas_tool.project import Project
from vas_tool.types import Canvas, Clip, Depth, Mask
from vas_tool.work import AmodalWork

AMODAL = [square(10 + 3 * i, 8, 20) for i in range(6)]
MODAL = [mask & (np.arange(60) < 26) for mask in AMODAL]


def as_the_script(record: Any) -> np.ndarray:
    """(256, 512): what the reference's script makes of a result's mask; it stops at masks of another size."""
    return np.array(coco.decode(record), np.uint8).reshape(256, 512)


def naive_metric(
    truth: Path, predictions: Path, size_wh: tuple[int, int], read: Callable[[Any], np.ndarray] = as_the_script
) -> dict[str, float]:
    """metric_diffusion_vas_sailvos.py, literally, on whole arrays: slow, and independent of the code under test."""
    answers = json.loads(predictions.read_text())
    whole, hidden = [], []
    for sample in json.loads(truth.read_text()):
        for i, image_id in enumerate(sample["image_ids"]):
            record = answers[str((image_id, sample["obj_id"]))]["diffvas_res_rle"]
            a, m = (coco.decode(sample[key][i]) > 0 for key in ("segmentation", "visible_mask"))
            p = cv2.resize(np.ascontiguousarray(read(record)), size_wh, interpolation=cv2.INTER_LINEAR) > 0
            p = np.logical_or(p, m)
            whole.append((a & p).sum() / ((a | p).sum() + 1e-6))
            ha, hp = (cv2.erode((x & ~m).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for x in (a, p))
            hidden.append((ha & hp).sum() / ((ha | hp).sum() + 1e-6))
    kept = [x for x in hidden if x >= 1e-6]
    return {"miou": float(np.mean(whole)), "miou_occ": float(np.mean(kept)) if kept else float("nan")}


def test_our_reference_form_is_the_script_read_literally(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    samples, results = [], {}
    for clip in range(4):
        amodal = [cv2.dilate((random.random((40, 60)) < 0.01).astype(np.uint8), np.ones((11, 9))) > 0 for _ in range(6)]
        modal = [mask & (random.random() * 60 > np.arange(60)) for mask in amodal]
        answers = [cv2.resize(m.astype(np.uint8), (37, 23), interpolation=cv2.INTER_NEAREST) > 0 for m in amodal]
        answers = [np.roll(m, int(random.integers(-2, 3)), axis=1) for m in answers]
        samples.append(sail_sample(amodal, modal, obj_id=clip, first_image=100 * clip))
        results |= sail_results(answers, obj_id=clip, first_image=100 * clip)
    truth, predictions = written(tmp_path / "truth.json", samples), written(tmp_path / "ours.json", results)
    ours = evaluate("sail-vos", Order(truth, (predictions,))).evaluation.tables["reference"]["ours"]
    assert {k: c.mean for k, c in ours.items()} == pytest.approx(
        naive_metric(truth, predictions, (60, 40), coco.decode), abs=1e-12
    )


def pictures(folder: Path, names: list[str]) -> None:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        frame = np.full((40, 60, 3), 90, np.uint8)
        frame[AMODAL[i % 6]] = (200, 80, 40)
        frame[:, 26:40] = (30, 60, 160)
        Image.fromarray(frame).save(folder / name)


@pytest.fixture
def sail(tmp_path: Path) -> Path:
    sample = sail_sample(AMODAL, MODAL)
    pictures(tmp_path / "frames", sample["image_file_names"])
    return written(tmp_path / "truth.json", [sample])


def predict(benchmark: str, truth: Path, out: Path, *more: str) -> int:
    return main(["predict", benchmark, "--truth", str(truth), "--out", str(out), *more])


@pytest.mark.parametrize("engine", ["modal", "convex", "convex-nearer", "builtin"])
def test_sail_vos_results_are_read_by_the_script_and_by_us(sail: Path, tmp_path: Path, engine: str) -> None:
    out = tmp_path / "results.json"
    assert predict("sail-vos", sail, out, "--engine", engine, "--frames", str(tmp_path / "frames")) == 0
    data = json.loads(out.read_text())
    assert [ast.literal_eval(key) for key in data] == [(100 + i, 7) for i in range(6)]
    assert out.read_text().startswith('{\n    "(100, 7)"')  # indented by 4
    ours = evaluate("sail-vos", Order(sail, (out,))).evaluation
    assert not ours.problems
    assert not any("256 x 512" in note for note in ours.notes)
    if engine == "modal":  # what the script would take the mean of is nothing then
        back = cv2.resize(as_the_script(data["(103, 7)"]["diffvas_res_rle"]), (60, 40))
        assert (back == MODAL[3]).all() and read_predictions(out).masks["(103, 7)"].read().shape == (256, 512)
    means = {key: cell.mean for key, cell in ours.tables["reference"]["results"].items()}
    assert means == pytest.approx(naive_metric(sail, out, (60, 40)), abs=1e-12, nan_ok=True)


def test_results_of_another_size_are_noted(tmp_path: Path) -> None:
    truth = written(tmp_path / "truth.json", [sail_sample(AMODAL, MODAL)])
    notes = evaluate("sail-vos", Order(truth, (written(tmp_path / "old.json", sail_results(AMODAL)),))).evaluation.notes
    assert "6 masks of old.json are not 256 x 512 (height, width), the grid of results" in notes[-1]


# --- the protocol that an engine was published with -------------------------------------------------------------------


class Asked:
    """A depth and an amodal engine that answer with the frame's lower half, and keep what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seed, self.settings, self.depth_wh = -1, dict[str, Any](), (0, 0)
        specs = {"amodal": registry.spec_of("amodal", "diffusion-vas"), "depth": registry.spec_of("depth", "builtin")}
        load = {stage: registry.LoadedEngine(spec, self) for stage, spec in specs.items()}
        monkeypatch.setattr(registry, "load", lambda stage, name="auto": load[stage])

    def estimate(self, clip: Clip, frame_indices: range, **_: Any) -> Iterator[tuple[int, Depth]]:
        self.depth_wh = clip.size_wh
        for i in frame_indices:
            assert clip[i].shape == (*clip.size_wh[::-1], 3)
            yield i, np.tile(np.linspace(0, 1, clip.size_wh[0], dtype=np.float32), (clip.size_wh[1], 1))

    def complete(self, work: AmodalWork, **_: Any) -> Iterator[tuple[int, Mask]]:
        self.seed, self.settings = work.seed, dict(work.settings)
        assert all(work.depth[i].shape == work.clip.size_wh[::-1] for i in work.frame_indices)
        width, height = work.canvas.size_wh
        lower = np.tile(np.arange(height)[:, None] >= height // 2, (1, width))
        yield from ((i, lower.copy()) for i in work.frame_indices)


def test_diffusion_vas_answers_sail_vos_as_it_was_published(
    sail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seed 23, hard edges, depth of squeezed frames; what is seen is not added: the metric does that."""
    asked, out = Asked(monkeypatch), tmp_path / "out.json"
    assert predict("sail-vos", sail, out, "--engine", "diffusion-vas", "--frames", str(tmp_path / "frames")) == 0
    assert (asked.seed, asked.settings) == (23, {"mask_edges": "hard", "union_with_modal": False})
    assert asked.depth_wh == (512, 256)
    for record in json.loads(out.read_text()).values():
        assert (as_the_script(record["diffvas_res_rle"]) == (np.arange(256)[:, None] >= 128)).all()
    said = capsys.readouterr().out
    assert "the protocol of diffusion-vas for sail-vos: seed 23, mask_edges hard, union_with_modal false" in said


def test_what_is_set_goes_before_the_protocol(
    sail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, out = Asked(monkeypatch), tmp_path / "out.json"
    more = ["--seed", "5", "--set", "mask_edges=soft", "--set", "amodal.union_with_modal=true", "--set", "num_steps=3"]
    given = ["--engine", "diffusion-vas", "--frames", str(tmp_path / "frames")]
    assert predict("sail-vos", sail, out, *given, *more) == 0
    assert asked.seed == 5
    assert asked.settings == {"mask_edges": "soft", "union_with_modal": True, "num_steps": 3}
    first = as_the_script(json.loads(out.read_text())["(100, 7)"]["diffvas_res_rle"])
    assert first[:128].any()  # what is seen was added
    said = capsys.readouterr().out
    assert "seed 5 (as you said), mask_edges soft (as you said)" in said and "num_steps 3 (as you said)" in said
    for wrong, words in (("mask_edges", "needs NAME=VALUE"), ("nothing=1", "no parameter nothing"), ("fps=0", "fps")):
        assert predict("sail-vos", sail, out, *given, "--set", wrong) == 1
        assert words in capsys.readouterr().err
    assert predict("sail-vos", sail, out, "--engine", "modal", "--set", "fps=2") == 1


def test_diffusion_vas_answers_tao_amodal_as_it_was_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, sample = Asked(monkeypatch), tao_sample(MODAL, [[0, 0, 9, 9]] * 6)
    pictures(tmp_path / "frames", sample["file_names"])
    truth, tracks = written(tmp_path / "truth.json", [sample]), written(tmp_path / "tracks.json", {"88": 5120})
    more = ["--tracks", str(tracks), "--frames", str(tmp_path / "frames"), "--engine", "diffusion-vas"]
    assert predict("tao-amodal", truth, tmp_path / "out.json", *more) == 0
    assert (asked.seed, asked.settings) == (23, {"fps": 2, "mask_edges": "linear"})
    assert asked.depth_wh == (60, 40)
    assert parameters_of(asked.settings).fps == 2


def test_other_engines_have_no_protocol(sail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = str(tmp_path / "frames")
    assert predict("sail-vos", sail, tmp_path / "out.json", "--engine", "builtin", "--frames", frames) == 0
    assert capsys.readouterr().out.splitlines()[0] == "builtin: seed 0"


def test_engines_need_pictures(sail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("sail-vos", sail, tmp_path / "out.json", "--engine", "builtin") == 1
    assert "--frames" in capsys.readouterr().err


def test_a_clip_without_its_pictures_is_named(sail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "frames/seq/000103.bmp").unlink()
    more = sail_sample(AMODAL, MODAL, obj_id=9, first_image=500)
    pictures(tmp_path / "frames", more["image_file_names"])
    written(sail, [*json.loads(sail.read_text()), more])
    frames = str(tmp_path / "frames")
    assert predict("sail-vos", sail, tmp_path / "out.json", "--engine", "convex-nearer", "--frames", frames) == 1
    assert "sample 0 (obj_id 7)" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "out.json").read_text())) == 6


def test_an_engine_that_fails_on_a_clip_loses_no_other(
    sail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = sail_sample(AMODAL, MODAL, obj_id=9, first_image=500)
    pictures(tmp_path / "frames", more["image_file_names"])
    written(sail, [*json.loads(sail.read_text()), more])
    made = predicting.convex_nearer

    def breaks_once(modal: Mask, depth: Depth) -> Mask:
        monkeypatch.setattr(predicting, "convex_nearer", made)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(predicting, "convex_nearer", breaks_once)
    frames = str(tmp_path / "frames")
    assert predict("sail-vos", sail, tmp_path / "out.json", "--engine", "convex-nearer", "--frames", frames) == 1
    shown = capsys.readouterr()
    assert "sample 0 (obj_id 7): RuntimeError out of memory" in shown.err and "6 of 12 frames" in shown.out
    assert len(json.loads((tmp_path / "out.json").read_text())) == 6


def test_an_engine_that_is_not_here_stops_before_the_first_clip(
    sail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.unload_all()  # another test's tiny checkpoint must not stand in
    frames = str(tmp_path / "frames")
    assert predict("sail-vos", sail, tmp_path / "out.json", "--engine", "diffusion-vas", "--frames", frames) == 1
    assert "diffusion-vas is not complete" in capsys.readouterr().err and not (tmp_path / "out.json").exists()


# --- TAO-Amodal -------------------------------------------------------------------------------------------------------


def project_of(make_project: Callable[..., Project], fraction: float) -> Project:
    """Three frames of 64 x 48; the object reaches 6 pixels out of the picture on the left."""
    project = make_project(3, (64, 48))
    canvas = pad(project, fraction)
    modal = [square(0, 10, 12, (48, 64))] * 3
    whole = np.zeros(canvas.size_wh[::-1], dtype=bool)
    whole[canvas.pad_top + 10 : canvas.pad_top + 22, canvas.pad_left - 6 : canvas.pad_left + 12] = True
    annotate(project, modal=dict(enumerate(modal)), amodal={i: whole for i in range(3)})
    return project


@pytest.mark.parametrize("fraction", [0.25, 0.5])
def test_tao_results_of_a_project(tmp_path: Path, make_project: Callable[..., Project], fraction: float) -> None:
    project = project_of(make_project, fraction)
    project.close()
    truth = written(tmp_path / "truth.json", [tao_sample([square(0, 10, 12, (48, 64))] * 3, [[-6, 10, 18, 12]] * 3)])
    tracks, out = written(tmp_path / "tracks.json", {"88": 5120}), tmp_path / "out.json"
    more = ["--tracks", str(tracks), "--project", str(project.folder), "1", "0"]
    assert predict("tao-amodal", truth, out, *more) == 0
    record = json.loads(out.read_text())["(88, 'frame0001.jpg', '4')"]
    assert record["diffvas_res_bbox"] == [-6, 10, 18, 12]
    assert record["diffvas_res_rle"]["size"] == [48 + 2 * 12, 64 + 2 * 16]
    shown = coco.decode(record["diffvas_res_rle"])
    assert shown[12 + 10, 16 - 6] == 1 and shown.sum() == 18 * 12
    assert coco.decode(record["modal_res_rle"]).sum() == 12 * 12
    evaluation = evaluate("tao-amodal", Order(truth, (out,), track_map=tracks)).evaluation
    assert evaluation.tables["strict"]["out"]["ap75"].mean == 1 and not evaluation.problems


def test_projects_that_do_not_fit(tmp_path: Path, sail: Path, make_project: Callable[..., Project]) -> None:
    project = project_of(make_project, 0)
    project.close()
    for arguments in (["1", "0"], ["1", "7"], ["x", "0"]):
        assert predict("sail-vos", sail, tmp_path / "out.json", "--project", str(project.folder), *arguments) == 1
    assert not (tmp_path / "out.json").exists()


def test_masks_move_between_canvases() -> None:
    mask = np.ones((10, 20), dtype=bool)
    frame = (10, 6)
    wide, narrow = Canvas(frame, 5, 2, 5, 2), Canvas(frame, 1, 0, 0, 4)
    assert moved(mask, wide, narrow).shape == (10, 11)
    assert moved(mask, wide, narrow)[:8].all() and not moved(mask, wide, narrow)[8:].any()
    assert moved(moved(mask, wide, narrow), narrow, wide).sum() == 8 * 11


# --- the others -------------------------------------------------------------------------------------------------------


def test_tabe_results_grow_by_generations(tmp_path: Path) -> None:
    root, vis = tabe_video(tmp_path / "data"), tmp_path / "vis"
    for engine in ("modal", "builtin"):
        assert predict("tabe-51", root, vis, "--engine", engine) == 0
    evaluation = evaluate("tabe-51", Order(root, (vis,))).evaluation
    assert not evaluation.problems
    assert "mean of 2" in evaluation.tables["reference"]
    assert evaluation.tables["reference"]["generation 0"]["miou"].mean == (1 + 0.5 + 0 + 0.5) / 4


def test_movi_results(tmp_path: Path) -> None:
    movi(tmp_path, [WHOLE] * 4)
    assert predict("movi", tmp_path / "data", tmp_path / "hulls", "--engine", "convex") == 1  # 8-0 is not there
    evaluation = evaluate("movi", Order(tmp_path / "data", (tmp_path / "hulls",))).evaluation
    row = evaluation.tables["strict"]["hulls"]
    assert row["miou"].mean == evaluation.tables["strict"]["convex"]["miou"].mean
    assert np.asarray(Image.open(tmp_path / "hulls/7/segmentation_2_00000.png")).max() == 3


@pytest.mark.parametrize("name", ["out.pkl", "out.json"])
def test_kitti_results(tmp_path: Path, name: str) -> None:
    root = kitti_truth(tmp_path / "data")
    assert predict("kitti", root, tmp_path / name, "--engine", "modal") == 0
    evaluation = evaluate("kitti", Order(root, (tmp_path / name,))).evaluation
    assert not evaluation.problems
    assert evaluation.tables["strict"]["out"]["miou"].mean == evaluation.tables["strict"]["modal"]["miou"].mean
    if name == "out.pkl":
        data: dict[str, Any] = pickle.loads((tmp_path / name).read_bytes())
        assert coco.decode(data["0001"][4][0]["FM"]).sum() == 100


def test_kitti_is_answered_from_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = kitti_truth(tmp_path / "data")
    assert predict("kitti", root, tmp_path / "out.pkl", "--engine", "builtin") == 1
    assert "no picture is known of 3 frames, 0001-4/00000 first" in capsys.readouterr().err
    folder = root / "Kitti/raw_video/2011_09_26/0001"
    folder.mkdir(parents=True)
    for number in (9, 10, 11, 12):  # by number, not by letter
        Image.fromarray(np.full((*WHOLE.shape, 3), 20 * number, np.uint8)).save(folder / f"{number}.png")
    assert predict("kitti", root, tmp_path / "out.pkl", "--engine", "builtin") == 0
    truth = read_kitti_truth(root)
    assert [Path(frame.image).stem for frame in truth.clips[0].frames] == ["9", "10", "12"]
    assert not evaluate("kitti", Order(root, (tmp_path / "out.pkl",))).evaluation.problems


# --- our exports ------------------------------------------------------------------------------------------------------


def test_our_export_as_truth_and_as_answers(tmp_path: Path, make_project: Callable[..., Project]) -> None:
    project = project_of(make_project, 0.25)
    truth = tmp_path / "truth.json"
    write_coco([project], truth)
    for benchmark, measure in (("sail-vos", "miou"), ("tao-amodal", "ap50")):
        evaluation = evaluate(benchmark, Order(truth, (truth,))).evaluation
        assert evaluation.tables["strict"]["truth"][measure].mean == 1 and not evaluation.problems
        assert "3 of 3 frames of the truth were never accepted" in evaluation.notes[0]


def test_our_export_answers_tabe(tmp_path: Path, make_project: Callable[..., Project]) -> None:
    root = tabe_video(tmp_path / "data", name="ball_roll")
    project = make_project(4, (60, 40), name="ball_roll")
    half: Mask = WHOLE & (np.arange(60) < 15)
    annotate(project, modal={i: half for i in range(4)}, amodal={i: WHOLE for i in range(4)})
    write_coco([project], tmp_path / "export.json")
    evaluation = evaluate("tabe-51", Order(root, (tmp_path / "export.json",))).evaluation
    assert evaluation.tables["strict"]["export"]["miou"].mean == 1 and not evaluation.problems
