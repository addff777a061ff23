"""The bench's own truth: puppets in full view, occluders that hide what they should, and engines run on them."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.errors import EngineError, FormatError
from vas_tool.evaluation import bench as bench_module
from vas_tool.evaluation.bench import SIMPLE, bench
from vas_tool.evaluation.occluders import HIDES_ALL, OCCLUDERS, ObjectPath
from vas_tool.evaluation.occlusion_cases import (
    LEAST_HIDDEN,
    MOST_GONE,
    MOST_HIDDEN,
    behind,
    occlusion_cases,
    views_in,
)
from vas_tool.evaluation.silhouettes import NUM_FRAMES, SIZE_WH, FullView, silhouettes


@pytest.fixture(scope="module")
def views() -> list[FullView]:
    return list(silhouettes())


@pytest.fixture(scope="module")
def small(views: list[FullView]) -> FullView:
    """Every third frame of the walker at half the size."""
    frames, masks = views[0].frames[::3, ::2, ::2], views[0].masks[::3, ::2, ::2]
    return FullView("walker", np.ascontiguousarray(frames), np.ascontiguousarray(masks))


def test_puppets_are_one_piece_in_full_view_and_move(views: list[FullView]) -> None:
    for view in views:
        assert view.frames.shape == (NUM_FRAMES, *SIZE_WH[::-1], 3)
        border = np.ones(SIZE_WH[::-1], dtype=bool)
        border[1:-1, 1:-1] = False
        for mask in view.masks:
            assert cv2.connectedComponents(mask.astype(np.uint8))[0] == 2, view.name
            assert not (mask & border).any(), f"{view.name} leaves the picture"
        assert 0.01 < view.masks.mean() < 0.2
        assert (view.masks[0] & view.masks[-1]).sum() < 0.9 * view.masks[0].sum()


def test_the_shape_itself_changes(views: list[FullView]) -> None:
    """Moved onto one another, the silhouettes of two frames differ: limbs turn."""
    for view in views:
        first, later = (view.masks[i][_box(view.masks[i])] for i in (0, 6))
        shape = max(first.shape[0], later.shape[0]), max(first.shape[1], later.shape[1])
        padded = [np.pad(m, ((0, shape[0] - m.shape[0]), (0, shape[1] - m.shape[1]))) for m in (first, later)]
        assert (padded[0] ^ padded[1]).mean() > 0.05, view.name


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def test_the_same_seed_gives_the_same_bits(small: FullView) -> None:
    one, two = behind(small, "leaves", seed=3), behind(small, "leaves", seed=3)
    assert (one.clip.frames == two.clip.frames).all()
    assert all((one.depth[i] == two.depth[i]).all() and (one.modal[i] == two.modal[i]).all() for i in one.modal)
    assert any((one.modal[i] != m).any() for i, m in behind(small, "leaves", seed=4).modal.items())


@pytest.mark.parametrize("kind", list(OCCLUDERS))
@pytest.mark.parametrize("seed", range(3))
def test_occluders_hide_what_they_should(small: FullView, kind: str, seed: int) -> None:
    case = behind(small, kind, seed=seed)
    assert LEAST_HIDDEN <= case.hidden_fraction <= MOST_HIDDEN
    assert bool(case.gone) == (kind in HIDES_ALL) and len(case.gone) <= MOST_GONE * len(case.clip)
    for i, modal in case.modal.items():
        assert not (modal & ~case.amodal[i]).any()
        seen = case.clip[i] == case.whole[i]
        assert seen[modal].all(), "what is seen keeps its colours"
        hidden = case.hidden(i)
        if hidden.sum() > 50 and modal.sum() > 50:
            assert case.depth[i][hidden].mean() > case.depth[i][modal].mean() + 0.1


def test_layers_lie_at_different_depths(small: FullView) -> None:
    case = behind(small, "layers", seed=0)
    hidden = np.concatenate([case.depth[i][case.hidden(i)] for i in case.modal])
    assert (hidden > 0.8).mean() > 0.1 and ((hidden > 0.6) & (hidden < 0.8)).mean() > 0.1


def test_a_thing_that_is_hardly_ever_there_is_refused() -> None:
    frames = np.zeros((5, 40, 60, 3), np.uint8)
    with pytest.raises(FormatError, match="no pixel"):
        behind(FullView("nothing", frames, np.zeros((5, 40, 60), dtype=bool)), "bar", seed=0)
    once = np.zeros((5, 40, 60), dtype=bool)
    once[0, 10:20, 10:20] = True  # on the frame on which the bar is still beside it
    with pytest.raises(FormatError, match="is there on most frames"):
        behind(FullView("once", frames, once), "bar", seed=0)


def test_the_course_goes_on_where_the_object_is_away() -> None:
    masks = np.zeros((3, 20, 30), dtype=bool)
    masks[0, 5:9, 10:14] = True
    course = ObjectPath.of(masks)
    assert course.centres.tolist() == [[12, 7]] * 3 and course.width == 4


# --- anyone's masks ---------------------------------------------------------------------------------------------------


def write_masks(folder: Path, masks: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for i, mask in enumerate(masks):
        Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(folder / f"{i:03d}.png")
    return folder


def test_a_folder_of_masks_is_enough(tmp_path: Path, small: FullView) -> None:
    (view,) = views_in(write_masks(tmp_path / "mine", small.masks))
    assert view.name == "mine" and (view.masks == small.masks).all()
    inside = view.frames[0][view.masks[0]].mean(axis=0) - view.frames[0][~view.masks[0]].mean(axis=0)
    assert np.abs(inside).max() > 30, "the object has colours of its own"


def test_masks_with_pictures_and_many_clips(tmp_path: Path, small: FullView) -> None:
    for name in ("a", "b"):
        write_masks(tmp_path / name / "masks", small.masks)
        (tmp_path / name / "rgbs").mkdir()
        for i, frame in enumerate(small.frames):
            Image.fromarray(frame).save(tmp_path / name / "rgbs" / f"{i:03d}.png")
    one, two = views_in(tmp_path)
    assert (one.name, two.name) == ("a", "b") and (one.frames == small.frames).all()


def test_large_clips_are_shrunk(tmp_path: Path) -> None:
    masks = np.zeros((2, 600, 960), dtype=bool)
    masks[:, 200:400, 300:600] = True
    (view,) = views_in(write_masks(tmp_path / "large", masks))
    assert view.masks.shape == (2, 300, 480) and view.masks[0].sum() == 100 * 150


def test_folders_that_do_not_fit(tmp_path: Path, small: FullView) -> None:
    with pytest.raises(FormatError, match="no folder"):
        views_in(tmp_path / "nowhere")
    write_masks(tmp_path / "clip" / "masks", small.masks)
    write_masks(tmp_path / "clip" / "rgbs", small.masks[:2])
    with pytest.raises(FormatError, match="one picture"):
        views_in(tmp_path / "clip")


# --- engines ----------------------------------------------------------------------------------------------------------


def test_rows_and_fully_hidden_frames(small: FullView) -> None:
    cases = [behind(small, kind, seed=0) for kind in ("bar", "block")]
    compared = bench(cases, engines=["builtin"])
    strict = compared.evaluation.tables["strict"]
    assert list(strict) == [*SIMPLE, "builtin"]
    assert strict["modal"]["miou_occ"].mean == 0 and strict["modal"]["miou_gone"].mean == 0
    assert strict["modal"]["miou_gone"].num_frames == len(cases[1].gone)
    assert strict["builtin"]["miou"].mean > strict["modal"]["miou"].mean
    assert strict["convex, nearer"]["miou_occ"].mean > 0.02
    assert compared.evaluation.milliseconds["builtin"] > compared.evaluation.milliseconds["modal"]
    assert set(compared.evaluation.categories["strict"]) == {"bar", "block"}
    assert set(compared.pictures) == {frame.key for clip in compared.truth.clips for frame in clip.frames}


def test_an_engine_that_fails_is_named_and_its_frames_count_as_misses(
    small: FullView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(work: object, *, completer: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(bench_module, "amodal_masks", broken)
    evaluation = bench([behind(small, "bar", seed=0)], engines=["builtin"]).evaluation
    assert evaluation.left_out == {"engine failed": 1} and "no memory" in str(evaluation.problems[0])
    assert evaluation.tables["strict"]["builtin"]["miou"].mean == 0


def test_engines_are_those_of_the_table(small: FullView) -> None:
    assert "builtin" in bench_module.present_engines()
    assert {spec.name for spec in registry.engines_of("amodal")} >= set(bench_module.present_engines())
    with pytest.raises(EngineError):
        bench([behind(small, "bar", seed=0)], engines=["no such engine"])


def test_every_view_behind_every_occluder(small: FullView) -> None:
    names = [case.name for case in occlusion_cases([small], num_seeds=2)]
    assert len(names) == len(set(names)) == 2 * len(OCCLUDERS)


def test_clips_of_one_name_are_told_apart(tmp_path: Path, small: FullView) -> None:
    """Two folders called masks: each keeps its own truth and answers."""
    one, two = (write_masks(tmp_path / name / "masks", small.masks) for name in ("a", "b"))
    names = {
        case.name.rpartition(" ")[0].rpartition(" ")[0] for case in occlusion_cases([*views_in(one), *views_in(two)])
    }
    assert names == {"masks", "masks (2)"}
    case = behind(small, "bar", seed=0)
    with pytest.raises(FormatError, match="two cases are called walker bar 0"):
        bench([case, case], engines=[])


def test_the_command(tmp_path: Path, small: FullView, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_masks(tmp_path / "mine", small.masks[:5])
    assert main(["bench", "--masks", str(folder), "--engine", "builtin"]) == 0
    out = capsys.readouterr().out
    assert "occlusion bench: 6 clips, 30 frames" in out and "ms a frame" in out and "boundary_f" in out


def test_masks_made_elsewhere_are_a_row(tmp_path: Path, small: FullView, capsys: pytest.CaptureFixture[str]) -> None:
    """Modal masks, handed in as answers in both layouts, get what the baseline of modal masks gets."""
    told = ["bench", "--masks", str(write_masks(tmp_path / "mine", small.masks[:3]))]
    assert main([*told, "--write", str(tmp_path / "cases")]) == 0
    for case in (tmp_path / "cases" / "occluders").iterdir():
        shutil.copytree(case / "masks", tmp_path / "plain" / case.name)
        shutil.copytree(case / "masks", tmp_path / "nested" / "occluders" / case.name / "amodal")
    rows = [f"--import={name}={tmp_path / name}" for name in ("plain", "nested")]
    assert main([*told, "--engine", "builtin", *rows, "--json", str(tmp_path / "out.json")]) == 0
    table = json.loads((tmp_path / "out.json").read_text())["tables"]["reference"]
    assert table["plain"] == table["nested"] == table["modal"] and "builtin" in table
    cases, answers = tmp_path / "cases" / "occluders", tmp_path / "answers"
    assert main(["predict", "cases", "--truth", str(cases), "--engine", "builtin", "--out", str(answers)]) == 0
    assert "6 cases, 18 frames" in capsys.readouterr().out
    written = ["bench", "--cases", str(cases), "--engine", "builtin", f"--import=again={answers}"]
    assert main([*written, "--json", str(tmp_path / "out.json")]) == 0
    table = json.loads((tmp_path / "out.json").read_text())["tables"]["reference"]
    assert table["again"] == table["builtin"]
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    assert main([*told, "--engine", "builtin", f"--import=none={tmp_path / 'empty'}"]) == 1
    assert "has no answer; name its pictures 00000.png" in " ".join(capsys.readouterr().err.split())
    for wrong in ("nothing", "=folder", "builtin="):
        assert main([*told, "--import", wrong]) == 1
