"""The command line: what it does, what it prints, and how it ends."""

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from conftest import square_at, write_images
from fake_engines import SAMPLED, WINDOWED, use_fake_engines
from PIL import Image
from video_files import make_video

from vas_tool.cli import FORMATS, main
from vas_tool.commands.shared_arguments import MASK_VALUES
from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines import registry, specs
from vas_tool.engines.settings import Settings
from vas_tool.errors import EngineError
from vas_tool.exports import EXPORTS
from vas_tool.formats.mask_values import MaskValues
from vas_tool.project import Project

SIZE = (64, 48)
TAO_MADE = Path(__file__).parent.parent / "assets/tao_made/amodal_annotations/validation.json"


@pytest.fixture(autouse=True)
def _fake_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_engines(monkeypatch)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "clip", 6, SIZE)


def click() -> str:
    rows, columns = square_at(0, SIZE)
    return f"0,{columns.start + 4},{rows.start + 4}"


def test_run_export_verify(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, file = tmp_path / "project", tmp_path / "coco.json"
    assert main(["run", str(images), "--project", str(project), "--click", click(), "--label", "car"]) == 0
    assert "6 modal masks, 6 amodal masks" in capsys.readouterr().out
    assert main(["export", str(project), "--format", "coco", "--out", str(file)]) == 0
    assert capsys.readouterr().out.strip() == str(file)
    assert main(["verify", str(file)]) == 0
    data = json.loads(file.read_text())
    assert [c["name"] for c in data["categories"]] == ["car"] and len(data["annotations"]) == 6


def test_run_keeps_the_camera_and_takes_another(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, clicks = tmp_path / "project", ["--click", click(), "--stages", "segment"]
    assert main(["run", str(images), "--project", str(project), *clicks, "--intrinsics", "7,8,3"]) == 1
    assert "--intrinsics needs FX,FY,CX,CY" in capsys.readouterr().err
    for said, kept in (("70,80,32,24", 70), (None, 70), ("90,80,32,24", 90)):
        camera = ["--intrinsics", said] if said else []
        assert main(["run", str(images), "--project", str(project), *clicks, *camera]) == 0
        assert json.loads((project / "project.json").read_text())["intrinsics"]["fx"] == kept


def test_verify_lists_what_is_wrong_and_fails(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", str(images), "--project", str(tmp_path / "p"), "--click", click()])
    main(["export", str(tmp_path / "p"), "--format", "coco", "--out", str(tmp_path / "c.json")])
    data = json.loads((tmp_path / "c.json").read_text())
    data["annotations"][0]["area"] += 1
    (tmp_path / "c.json").write_text(json.dumps(data))
    capsys.readouterr()
    assert main(["verify", str(tmp_path / "c.json")]) == 1
    told = capsys.readouterr()
    assert "area" in told.out and "c.json (coco): 6 images, 6 annotations, 1 problem\n" in told.err


def test_a_second_run_goes_on_with_the_project(images: Path, tmp_path: Path) -> None:
    arguments = ["run", str(images), "--project", str(tmp_path / "p"), "--click", click(), "--label", "car"]
    assert main([*arguments, "--stages", "segment"]) == 0
    masks = {p: p.stat().st_mtime_ns for p in (tmp_path / "p/objects/001/modal").iterdir() if p.stem != "00000"}
    assert main(arguments) == 0
    assert masks == {p: p.stat().st_mtime_ns for p in masks}
    assert len(list((tmp_path / "p/objects/001/amodal").iterdir())) == 6


def test_a_project_with_several_objects_is_told_which(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = str(tmp_path / "p")
    for label in ("car", "lorry"):
        new = ["run", str(images), "--project", made, "--click", click(), "--label", label, "--stages", "segment"]
        assert main(new) == 0
    capsys.readouterr()
    assert main(["run", made]) == 1
    assert "1 (car), 2 (lorry); choose one with --object ID, or all with --object all" in capsys.readouterr().err
    assert main(["run", made, "--object", "all", "--click", click()]) == 1
    assert "choose it with --object ID" in capsys.readouterr().err
    assert main(["run", made, "--object", "7"]) == 1 and main(["run", made, "--object", "last"]) == 1
    assert main(["run", made, "--object", "2"]) == 0
    amodal = {n: sorted((tmp_path / f"p/objects/{n}/amodal").glob("*")) for n in ("001", "002")}
    assert len(amodal["002"]) == 6 and not amodal["001"]
    assert main(["run", made, "--object", "all"]) == 0
    assert "object 1 (car)" in (told := capsys.readouterr().out) and "object 2 (lorry)" in told
    assert len(list((tmp_path / "p/objects/001/amodal").iterdir())) == 6


def test_a_source_that_is_no_project_needs_a_place(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(images), "--click", click()]) == 1
    assert "say with --project DIR" in capsys.readouterr().err


def test_masks_and_a_negative_click_and_a_box(images: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for i in range(6):
        mask = np.zeros(SIZE[::-1], np.uint8)
        mask[square_at(i, SIZE)] = 255
        Image.fromarray(mask).save(masks / f"{i:05d}.png")
    assert main(["run", str(images), "--project", str(tmp_path / "p"), "--masks", str(masks)]) == 0
    assert (
        main(["run", str(images), "--project", str(tmp_path / "q"), "--box", "2,0,0,40,40", "--click", "2,1,1,-"]) == 0
    )
    project = Project.open(tmp_path / "q")
    obj = project.truth.object(1)
    assert not obj.clicks[0].positive and obj.boxes[0].frame_index == 2
    project.close()


def test_masks_of_several_objects_become_several(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for i in (0, 3):
        both = np.zeros(SIZE[::-1], np.uint8)
        both[square_at(i, SIZE)], both[:4, :4] = 128, 255
        Image.fromarray(both).save(masks / f"{i:05d}.png")
    command = ["run", str(images), "--project", str(tmp_path / "p"), "--stages", "segment", "--masks", str(masks)]
    assert main(command) == 1 and "are 0, 128, 255. Say what they mean with --mask-values" in capsys.readouterr().err
    assert main([*command, "--mask-values", "ids", "--box", "0,1,1,9,9"]) == 1
    assert "has masks of 2 objects (values 128, 255)" in capsys.readouterr().err
    assert main([*command, "--mask-values", "ids"]) == 0
    project = Project.open(tmp_path / "p")
    assert [(t.label, t.given) for t in project.truth.objects] == [("object 1", (0, 3)), ("object 2", (0, 3))]
    assert project.modal(1)[3].sum() == 144 and project.modal(2)[3].sum() == 16
    project.close()


def test_sequences_and_layers_come_out(images: Path, tmp_path: Path) -> None:
    main(["run", str(images), "--project", str(tmp_path / "p"), "--click", click()])
    assert main(["export", str(tmp_path / "p"), "--format", "sequences", "--out", str(tmp_path / "s")]) == 0
    assert len(list((tmp_path / "s").rglob("masks/*.png"))) == 6
    sequence = next((tmp_path / "s").rglob("masks")).parent
    assert main(["run", str(sequence), "--project", str(tmp_path / "again"), "--stages", "depth,amodal,content"]) == 0
    assert main(["export", str(tmp_path / "p"), "--format", "layers", "--out", str(tmp_path / "l")]) == 0
    assert {p.suffix for p in (tmp_path / "l").rglob("*") if p.is_file()} >= {".png", ".mp4", ".gif"}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run", "missing.mp4", "--project", "p", "--click", "0,1,1"], "missing.mp4"),
        (["run", "{images}", "--project", "{tmp}/p"], "--click"),
        (["run", "{images}", "--project", "{tmp}/p", "--click", "0,1"], "FRAME,X,Y"),
        (
            ["run", "{images}", "--project", "{tmp}/p", "--click", "0,999,1"],
            "the click at x 999, y 1 on frame 0 lies outside the clip (64 x 48 pixels, frames 0 to 5)",
        ),
        (["run", "{images}", "--project", "{tmp}/p", "--click", "99,1,1"], "on frame 99 lies outside the clip"),
        (["run", "{images}", "--project", "{tmp}/p", "--click", "nan,1,1"], "FRAME,X,Y"),
        (["run", "{images}", "--project", "{tmp}/p", "--click", "inf,1,1"], "FRAME,X,Y"),
        (["run", "{images}", "--project", "{tmp}/p", "--click", "0,nan,1"], "got the click at x nan, y 1 on frame 0"),
        (
            ["run", "{images}", "--project", "{tmp}/p", "--box", "0,70,9,90,20"],
            "the box from x 70, y 9 to x 90, y 20 on frame 0 lies outside the clip",
        ),
        (["run", "{images}", "--project", "{tmp}/p", "--box", "0,9,9,3,20"], "got the box from x 9, y 9 to x 3, y 20"),
        (["run", "{images}", "--project", "{tmp}/p", "--click", "0,1,1", "--stages", "guess"], "--stages"),
        (["run", "{images}", "--project", "{tmp}/p", "--click", "0,1,1", "--engine", "depth=oracle"], "oracle"),
        (["export", "{images}", "--format", "coco", "--out", "{tmp}/c.json"], "no project"),
        (["verify", "{tmp}/none.json"], "does not exist"),
        (["open", "{tmp}/none.mp4"], "does not exist"),
    ],
)
def test_errors_are_one_line_that_says_what_to_do(
    arguments: list[str], words: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([a.format(images=images, tmp=tmp_path) for a in arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("vas-tool: ") and error.count("\n") == 1 and words in error


def test_a_bad_click_leaves_no_project_behind_that_a_second_try_trips_over(images: Path, tmp_path: Path) -> None:
    arguments = ["run", str(images), "--project", str(tmp_path / "p"), "--click"]
    assert main([*arguments, "0,999,1"]) == 1
    assert main([*arguments, click()]) == 0


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_tao_amodals_own_file_is_told_apart_from_the_samples_made_of_it(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "map.json").write_text("{}")
    arguments = [command, "tao-amodal", "--truth", str(TAO_MADE), "--tracks", str(tmp_path / "map.json")]
    assert main([*arguments, *(["--out", str(tmp_path / "o.json")] if command == "predict" else [])]) == 1
    error = capsys.readouterr().err
    assert "TAO-Amodal's own annotation file" in error and "diffusion_vas_tao_amodal_val.json" in error
    assert "verify" not in error and error.count("\n") == 1


def test_tao_amodals_own_predictions_are_told_apart_from_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in (("map", {}), ("truth", []), ("all_tao", [{"image_id": 1, "score": 1.0}])):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    files = ["--truth", str(tmp_path / "truth.json"), "--tracks", str(tmp_path / "map.json")]
    assert main(["evaluate", "tao-amodal", *files, "--predictions", str(tmp_path / "all_tao.json")]) == 1
    assert "all_tao.json is a list of TAO-Amodal predictions" in capsys.readouterr().err


def test_every_format_can_be_said() -> None:
    assert tuple(EXPORTS) == FORMATS
    assert get_args(MaskValues) == MASK_VALUES


HEAVY = ("numpy", "cv2", "gradio", "torch")


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys; from vas_tool.cli import parser; parser(); print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_progress_bar_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressBar()(1, 2, "modal masks")
    assert capsys.readouterr().err == ""


def test_parameters_are_set_kept_and_reach_the_engine(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fake_engines(monkeypatch, first=(SAMPLED,))
    run = ["run", str(images), "--project", str(tmp_path / "p"), "--click", click(), "--seed", "2"]
    assert main([*run, "--set", "amodal.stretch=3", "--set", "amodal.size=large"]) == 0
    project = Project.open(tmp_path / "p")
    assert project.truth.settings_of("amodal", "fake-sampled") == {"stretch": 3, "size": "large"}
    assert project.amodal(1)[0].sum() - project.modal(1)[0].sum() == 6 * 12  # the square's height
    project.close()


def test_parameters_go_together_whatever_their_order(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def together(settings: Settings) -> None:
        if settings["stretch"] == 3 and settings["size"] == "small":
            raise EngineError("too small to stretch")

    use_fake_engines(monkeypatch, first=(replace(SAMPLED, together=together),))
    run = ["run", str(images), "--project", str(tmp_path / "p"), "--click", click(), "--stages", "segment"]
    assert main([*run, "--set", "amodal.stretch=3"]) == 1
    assert "too small to stretch" in capsys.readouterr().err and not (tmp_path / "p").exists()
    assert main([*run, "--set", "amodal.stretch=3", "--set", "amodal.size=large"]) == 0


@pytest.mark.parametrize(
    "text, words",
    [
        ("amodal.strech=3", "it has stretch, size"),
        ("amodal.stretch=99", "a whole number from 1 to 8"),
        ("depth.stretch=3", "it has none"),
        ("amodal", "STAGE.NAME=VALUE"),
        ("paint.stretch=3", "STAGE.NAME=VALUE"),
    ],
)
def test_a_wrong_parameter_is_told_before_anything_is_imported(
    text: str,
    words: str,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_fake_engines(monkeypatch, first=(SAMPLED,))
    assert main(["run", str(images), "--project", str(tmp_path / "p"), "--click", click(), "--set", text]) == 1
    assert words in capsys.readouterr().err and not (tmp_path / "p").exists()


def test_a_parameter_of_another_engine_names_the_engine_that_has_it(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = replace(SAMPLED, name="plain", parameters=())
    use_fake_engines(monkeypatch, first=(plain, SAMPLED))
    run = ["run", str(images), "--project", str(tmp_path / "p"), "--click", click(), "--set", "amodal.stretch=3"]
    assert main(run) == 1
    assert "it has none; it is one of fake-sampled: --engine amodal=fake-sampled" in capsys.readouterr().err
    assert main([*run, "--engine", "amodal=fake-sampled"]) == 0


def test_a_named_engine_makes_the_results_of_another_engine_again(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_fake_engines(monkeypatch, first=(SAMPLED, replace(SAMPLED, name="plain", parameters=())))
    made = str(tmp_path / "p")
    assert main(["run", str(images), "--project", made, "--click", click()]) == 0
    capsys.readouterr()
    assert main(["run", made, "--engine", "amodal=plain"]) == 0
    told = [line.split()[2:4] for line in capsys.readouterr().err.splitlines()]
    assert told == [["amodal", "6"], ["content", "6"]]
    assert main(["run", made, "--engine", "amodal=plain"]) == 0 and not capsys.readouterr().err
    with closing(Project.open(tmp_path / "p")) as project:
        stamp = project.layers(1).amodal.stamp(5)
    assert stamp is not None and stamp.engine == "plain"


def test_hypotheses_are_made_and_one_is_picked_and_the_cost_is_told_before(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_fake_engines(monkeypatch, first=(WINDOWED,))
    run = ["run", str(images), "--project", str(tmp_path / "p"), "--click", click(), "--seed", "1", "--hypotheses", "3"]
    assert main([*run, "--pick", "majority"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "3 hypotheses: depth 6 frames, amodal 2 windows (6 frames); not yet timed at this size"
    assert told[1].startswith("to make: content 6 frames")  # the amodal masks are taken from the hypotheses
    project = Project.open(tmp_path / "p")
    layers = project.layers(1)
    assert sorted(layers.hypotheses_on(5)) == [1, 2, 3]
    stamp = layers.amodal.stamp(5)
    assert stamp is not None and (stamp.how, stamp.seeds) == ("majority", (1, 2, 3))
    project.close()
    for wrong in (["--hypotheses", "0"], ["--pick", "7"], ["--seed", "-1"]):
        assert main([*run, *wrong]) == 1
    assert main([*run[:-2], "--pick", "union"]) == 1
    assert "--hypotheses K" in capsys.readouterr().err


def test_an_engine_with_one_answer_says_so(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", str(images), "--project", str(tmp_path / "p"), "--click", click(), "--hypotheses", "3"]
    assert main(run) == 0
    assert "fake gives one answer, whatever the seed" in capsys.readouterr().err


def test_models_lists_parameters_with_default_and_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_fake_engines(monkeypatch, first=(SAMPLED,))
    assert main(["models", "--parameters"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(p.name in out and str(p.default) in out and p.reason in out for p in SAMPLED.parameters)


def test_models_lists_every_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert all(stage in out for stage in ("segment", "depth", "amodal", "content")) and "licence" in out


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_models_keeps_to_the_width_and_says_everything_once(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "ENGINES", specs.ENGINES)
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in (["models"], ["models", "--parameters"]):
        assert main(arguments) == 0
        out = capsys.readouterr().out
        paths = [line for line in out.splitlines() if "/" in line]
        assert all(len(line) <= max(columns, 92) or line in paths for line in out.splitlines())
        told = " ".join(out.split())
        assert all(told.count(text) <= 1 for text in {s.cost for s in specs.ENGINES if s.cost})
    assert all(spec.name in out for spec in specs.ENGINES if spec.parameters)


def test_output_that_nobody_reads_any_more_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "import sys; from vas_tool.cli import main; sys.exit(main(['models']))"
    with os.fdopen(writer, "w") as gone:
        done = subprocess.run([sys.executable, "-c", code], stdout=gone, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "")


def test_run_tells_what_was_odd_about_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [np.full((48, 64, 3), 60 * i, np.uint8) for i in range(4)]
    source = make_video(tmp_path / "wide.mp4", frames, rate=8, sar=Fraction(2))
    options = ["--click", "0,8,8", "--stages", "segment"]
    for _ in range(2):  # made, then there
        assert main(["run", str(source), "--project", str(tmp_path / "project"), *options]) == 0
        assert "its pixels are not square (2.000)" in capsys.readouterr().err
