"""Methods of one's own as engines: their files, what is written for them, what is read back, and what may go wrong."""

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from own_methods import command, write_method
from scene import Scene, make_scene

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.external.engine import ExternalAmodal, ExternalContent
from vas_tool.engines.external.listed import refused
from vas_tool.engines.external.methods import Method, methods_folder, read_method
from vas_tool.engines.external.window_folder import check_answers, read_colours, read_soft_mask, write_window
from vas_tool.errors import Cancelled, EngineError
from vas_tool.evaluation.bench import bench, present_engines
from vas_tool.evaluation.occlusion_cases import behind
from vas_tool.evaluation.silhouettes import FullView
from vas_tool.masks import box_xyxy
from vas_tool.planning.staleness import staleness_of
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.types import Canvas
from vas_tool.ui.actions import perform
from vas_tool.ui.views import state_view
from vas_tool.work import AmodalWork, ContentWork

SCENE = make_scene(6)


@pytest.fixture
def methods(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's folder of methods."""
    monkeypatch.setenv("VAS_TOOL_ENGINES", str(tmp_path / "engines"))
    return tmp_path / "engines"


def method(folder: Path, *options: str, **fields: Any) -> Method:
    (found,) = read_method(write_method(folder, "mine", *options, **fields))
    return found


def work(scene: Scene = SCENE, span: range | None = None, canvas: Canvas | None = None) -> AmodalWork:
    return AmodalWork(scene.clip, scene.modal, scene.depth, canvas or scene.canvas, span or range(len(scene)), seed=3)


# --- the files --------------------------------------------------------------------------------------------------------


def test_a_method_is_listed_after_the_engines_of_the_tool(methods: Path) -> None:
    path = write_method(methods, "mine", note="Mine.", stage=["amodal", "content"], size="128x256")
    for stage in ("amodal", "content"):
        spec = registry.spec_of(stage, "mine")
        assert spec == registry.engines_of(stage)[-1] and registry.is_present(spec)
        assert (spec.note, spec.licence, spec.seeded, spec.windows) == ("Mine.", "ours", False, None)
        assert registry.model_size(spec) == (256, 128)
    assert registry.spec_of("amodal").name != "mine"
    before = registry.spec_of("amodal", "mine").revision
    path.write_text(path.read_text().replace("Mine.", "Mine, mended."))
    assert registry.spec_of("amodal", "mine").revision != before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"stage": "segment"}, "stage must be amodal or content"),
        ({"command": "python run.py {input} {output}"}, "no shell"),
        ({"command": ["python", "{input}"]}, "{output}"),
        ({"name": "My Method"}, "a-z"),
        ({"name": "builtin"}, "engine of the tool"),
        ({"licence": None}, "licence must be a text"),
        ({"reads": ["amodal"]}, "at amodal there is rgbs"),
        ({"window": 0}, "window must be a whole number from 1"),
        ({"window": 4, "overlap": 4}, "overlap must be smaller"),
        ({"time_limit": "long"}, "time_limit must be a number"),
        ({"size": "256"}, "HEIGHTxWIDTH"),
        ({"env": {"A": 1}}, "quotation marks"),
        ({"shell": True}, "no use for shell"),
    ],
)
def test_a_file_that_cannot_be_used_costs_itself_alone(methods: Path, fields: dict[str, Any], said: str) -> None:
    write_method(methods, "good")
    write_method(methods, "bad", **fields)
    (methods / "no.yaml").write_text("name: [")
    (methods / "list.yml").write_text("- 1")
    reasons = {file.path.name: file.reason for file in refused()}
    assert set(reasons) == {"bad.yaml", "no.yaml", "list.yml"} and said in reasons["bad.yaml"]
    assert "YAML" in reasons["no.yaml"] and "fields" in reasons["list.yml"]
    assert registry.spec_of("amodal", "good").name == "good"


def test_two_files_of_one_name_and_a_missing_field(methods: Path) -> None:
    write_method(methods, "a")
    write_method(methods, "b", name="a")
    (methods / "c.yaml").write_text("name: c")
    first, second = refused()
    assert "that of" in first.reason and "lacks stage, command, licence" in second.reason


def test_the_folder_is_that_of_the_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VAS_TOOL_ENGINES")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert methods_folder() == tmp_path / "vas-tool" / "engines"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert methods_folder() == Path.home() / ".config" / "vas-tool" / "engines"


def test_an_absent_program_is_told_before_anything_runs(methods: Path) -> None:
    write_method(methods, "gone", command=["no-such-program", "{input}", "{output}"])
    write_method(methods, "away", cwd="no-such-folder")
    for name, said in (("gone", "no program no-such-program"), ("away", "no folder")):
        assert not registry.is_present(registry.spec_of("amodal", name))
        with pytest.raises(EngineError, match=said):
            registry.load("amodal", name)


def test_an_unknown_engine_says_how_to_add_it(methods: Path) -> None:
    with pytest.raises(EngineError, match=r"theirs\.yaml into .*engines"):
        registry.spec_of("amodal", "theirs")
    write_method(methods, "theirs", window=0)
    with pytest.raises(EngineError, match="cannot be used: window"):
        registry.spec_of("amodal", "theirs")


def test_a_file_in_a_project_is_never_read(methods: Path, make_project: Callable[..., Project]) -> None:
    project = make_project()
    folder = project.folder
    told = folder / "told"
    for place in (".", "engines", ".config/vas-tool/engines", "vas-tool/engines"):
        write_method(folder / place, "theirs", "--told", str(told))
    project.edit("their engine", replace(project.truth, engines={"amodal": "theirs"}))
    for name in ("theirs", str(folder / "theirs.yaml"), str(folder / "engines")):
        with pytest.raises(EngineError):
            registry.load("amodal", name)
    assert not told.exists() and not refused()


# --- what goes out and comes back -------------------------------------------------------------------------------------


def test_what_a_method_reads(tmp_path: Path) -> None:
    canvas = Canvas(SCENE.clip.size_wh, 8, 4, 0, 0)
    told = replace(work(canvas=canvas), depth={1: SCENE.depth[1]})
    write_window(tmp_path / "in", told, [1, 2], method=method(tmp_path))
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["boxes.json", "depth", "masks", "rgbs"]
    paths = (tmp_path / "in" / part / "00000.png" for part in ("rgbs", "masks", "depth"))
    rgb, mask, depth = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths)
    assert np.array_equal(rgb[..., ::-1], canvas.to_canvas(SCENE.clip[1]))
    assert np.array_equal(mask, canvas.to_canvas(SCENE.modal[1]) * 255)
    assert depth.dtype == np.uint16 and abs(int(depth[4:, 8:].max()) - round(0.8 * 65535)) <= 1
    assert not (tmp_path / "in" / "depth" / "00001.png").exists()
    boxes = json.loads((tmp_path / "in" / "boxes.json").read_text())
    assert (boxes["seed"], boxes["size_wh"], boxes["frame_box"]) == (3, [168, 124], [8, 4, 168, 124])
    assert boxes["frames"][1] == {
        "name": "00001.png",
        "frame_index": 2,
        "modal_box": list(box_xyxy(canvas.to_canvas(SCENE.modal[2])) or ()),
    }


def test_pictures_of_a_fixed_size_come_back_to_the_canvas(tmp_path: Path) -> None:
    engine = ExternalAmodal(method(tmp_path, size="60x80"))
    for index, mask in engine.complete(work()):
        x0, y0, x1, y1 = box_xyxy(SCENE.modal[index]) or (0, 0, 0, 0)
        assert mask.shape == (120, 160) and np.abs(np.subtract(box_xyxy(mask) or (), (x0, y0, x1, y1))).max() <= 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 1]], np.uint8), [0, 1]),
        (np.array([[127, 128]], np.uint8), [0, 1]),
        (np.array([[0, 65535]], np.uint16), [0, 1]),
        (np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8), [0, 1]),
    ],
)
def test_masks_of_several_kinds_are_read(tmp_path: Path, values: Any, expected: list[int]) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), values)
    assert read_soft_mask(tmp_path / "a.png", (2, 1)).tolist() == [expected]


def test_answers_are_checked(tmp_path: Path) -> None:
    folder = tmp_path / "amodal"
    with pytest.raises(EngineError, match=r"lacks amodal/ 00000.png, 00001.png"):
        check_answers(folder, 2, (4, 3))
    folder.mkdir()
    for name in ("00000.png", "extra.png"):
        cv2.imwrite(str(folder / name), np.zeros((3, 4), np.uint8))
    with pytest.raises(EngineError, match=r"00001.png; there is extra.png"):
        check_answers(folder, 2, (4, 3))
    with pytest.raises(EngineError, match=r"is \(4, 3\), not \(5, 3\)"):
        check_answers(folder, 1, (5, 3))
    (folder / "00000.png").write_text("no picture")
    with pytest.raises(EngineError, match="does not read as a picture"):
        check_answers(folder, 1, (4, 3))
    with pytest.raises(EngineError, match="does not read as a picture"):
        read_colours(folder / "00000.png", (4, 3))


# --- running ----------------------------------------------------------------------------------------------------------


def told_frames(path: Path) -> list[list[int]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("fields", "span", "runs"),
    [
        ({}, range(6), [[0, 1, 2, 3, 4, 5]]),
        ({"window": 4, "overlap": 1}, range(6), [[0, 1, 2, 3], [2, 3, 4, 5]]),
        ({"window": 4, "overlap": 1}, range(5, 4, -1), [[2, 3, 4, 5]]),
        ({"window": 1}, range(5, 1, -1), [[2, 3, 4, 5]]),
    ],
)
def test_a_command_runs_once_a_window(tmp_path: Path, fields: dict[str, Any], span: range, runs: Any) -> None:
    engine = ExternalAmodal(method(tmp_path, "--told", str(tmp_path / "told"), **fields))
    assert [index for index, _ in engine.complete(work(span=span))] == list(span)
    assert told_frames(tmp_path / "told") == runs


def test_what_needs_no_answer_is_not_run(tmp_path: Path) -> None:
    told = tmp_path / "told"
    alone = ExternalAmodal(method(tmp_path, "--told", str(told), window=1))
    nothing = {i: np.zeros_like(mask) for i, mask in SCENE.modal.items()}
    list(alone.complete(replace(work(), modal={**nothing, 2: SCENE.modal[2]})))
    assert told_frames(told) == [[2]]
    content = ExternalContent(method(tmp_path, "--told", str(told), stage="content"))
    list(content.complete(ContentWork(SCENE.clip, SCENE.modal, SCENE.modal, SCENE.canvas, range(6))))
    assert told_frames(told) == [[2]]


def test_the_error_shows_the_last_words_of_a_command(tmp_path: Path) -> None:
    engine = ExternalAmodal(method(tmp_path, "--fail"))
    with pytest.raises(EngineError, match=r"(?s)mine on frames 0 to 5: .* status 1; .*out of memory, said"):
        list(engine.complete(work()))
    engine = ExternalAmodal(method(tmp_path, "--leave-out", "00003.png"))
    with pytest.raises(EngineError, match=r"lacks amodal/ 00003.png"):
        list(engine.complete(work()))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("by", ["limit", "cancel"])
def test_a_stop_ends_all_processes_of_the_command(tmp_path: Path, by: str) -> None:
    child = tmp_path / "child"
    fields = {"time_limit": 0.3} if by == "limit" else {}
    engine = ExternalAmodal(method(tmp_path, "--wait", "50", "--child", str(child), **fields))

    def progress(done: int, total: int, what: str) -> None:
        if by == "cancel" and child.exists() and child.read_text():
            raise Cancelled("enough")

    error, said = (EngineError, "longer than 0.3 s") if by == "limit" else (Cancelled, "enough")
    with pytest.raises(error, match=said):
        list(engine.complete(work(), progress=progress))
    end = time.monotonic() + 5
    while child.exists() and is_alive(int(child.read_text())) and time.monotonic() < end:
        time.sleep(0.02)
    assert not child.exists() or not is_alive(int(child.read_text()))


def test_the_command_gets_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "ours")
    shell = ["/bin/sh", "-c", 'echo "[$PYTHONPATH] $OWN $(pwd) $1"; exit 3', "{input}{output}", "{seed}"]
    (tmp_path / "here").mkdir()
    engine = ExternalAmodal(method(tmp_path, command=shell, env={"OWN": "mine"}, cwd="here"))
    with pytest.raises(EngineError, match=rf"\[\] mine {os.path.realpath(tmp_path)}/here 3"):
        list(engine.complete(work()))


def test_every_argument_of_a_command_stays_one(tmp_path: Path) -> None:
    found = method(tmp_path, command=[*command("--told", "{output}/a b; rm -r {input}"), "{seed}"])
    arguments = found.arguments(folder_in=Path("/in {seed}"), folder_out=Path("/out"), seed=7)
    assert arguments[-2:] == ["/out/a b; rm -r /in {seed}", "7"] and found.seeded


# --- through the doors ------------------------------------------------------------------------------------------------


def test_models_lists_methods_and_why_a_file_is_none(methods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_method(methods, "mine")
    write_method(methods, "absent", command=["no-such-program", "{input}", "{output}"])
    write_method(methods, "bad", window=0)
    assert main(["models"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "amodal mine a program of yours ready ours" in out
    assert "needs a program: there is no program no-such-program" in out
    assert "bad.yaml cannot be used: window must be a whole number from 1" in out


def test_run_uses_a_method_and_an_export_names_its_revision(
    methods: Path, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    write_method(methods, "mine", stage=["amodal", "content"], window=3)
    project = make_project()
    folder = project.folder
    project.close()
    ask = ["run", str(folder), "--click", "0,8,8", "--stages", "segment,amodal,content"]
    assert main([*ask, "--engine", "amodal=mine", "--engine", "content=mine"]) == 0
    with closing(Project.open(folder)) as opened:
        masks = opened.amodal(1)
        assert all(masks[i].sum() >= opened.modal(1)[i].sum() > 0 for i in range(5))
        stamps = [layer.stamp(0) for layer in (opened.layers(1).amodal, opened.layers(1).content)]
        revision = registry.spec_of("amodal", "mine").revision
        assert [(stamp.engine, stamp.revision) for stamp in stamps if stamp] == 2 * [("mine", revision)]
        assert not staleness_of(opened, 1).amodal.frames
        write_method(methods, "mine", stage=["amodal", "content"], window=3, note="another")
        assert set(staleness_of(opened, 1).made_by_others("amodal").values()) == {"an earlier mine"}
    assert main(["export", str(folder), "--format", "coco", "--out", str(tmp_path / "out.json")]) == 0
    text = (tmp_path / "out.json").read_text()
    assert '"mine"' in text and revision in text


def test_the_page_offers_a_method_and_says_how_to_add_one(
    methods: Path, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    write_method(methods, "mine", note="Mine.")
    with closing(Session(make_project())) as session:
        perform(session, "engine", {"stage": "amodal", "name": "mine"})
        view = next(engine for engine in state_view(session, None)["engines"] if engine["stage"] == "amodal")
        (choice,) = [choice for choice in view["choices"] if choice["name"] == "mine"]
        assert view["name"] == "mine" and (choice["note"], choice["licence"], choice["lacks"]) == ("Mine.", "ours", "")
        (methods / "mine.yaml").unlink()
        view = next(engine for engine in state_view(session, None)["engines"] if engine["stage"] == "amodal")
        assert "put its file mine.yaml into" in view["choices"][-1]["note"]


def test_the_bench_measures_a_method(methods: Path, tmp_path: Path) -> None:
    write_method(methods, "mine")
    view = FullView("block", *blocks())
    evaluation = bench([behind(view, "bar", seed=0)], engines=["mine"]).evaluation
    reference = evaluation.tables["reference"]
    assert "mine" in present_engines() and not evaluation.problems
    assert reference["mine"]["miou"].mean > reference["modal"]["miou"].mean


def blocks() -> tuple[Any, Any]:
    """A grey block that moves to the right: its whole shape is the box of what is seen but where an end is hidden."""
    masks = np.zeros((5, 60, 80), bool)
    for i in range(5):
        masks[i, 20:40, 15 + 8 * i : 40 + 8 * i] = True
    return np.repeat(masks[..., None] * np.uint8(120), 3, axis=-1), masks


# --- the examples of the documentation --------------------------------------------------------------------------------

EXAMPLES = re.findall(r"```yaml\n(.*?)```", (Path(__file__).parents[1] / "docs" / "methods.md").read_text(), re.S)


def test_the_documentation_has_the_examples() -> None:
    names = {yaml.safe_load(text)["name"] for text in EXAMPLES}
    assert names == {"pcnet-m", "aisformer", "pix2gestalt", "c2f-seg", "taco", "ic-amodal"}


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: str(yaml.safe_load(text)["name"]))
def test_an_example_runs_with_a_stand_in(tmp_path: Path, text: str) -> None:
    """The file as it is printed, but for the program, its script and its folder."""
    path = tmp_path / "example.yaml"
    path.write_text(text)
    for printed in read_method(path):
        assert printed.command[0].startswith(str(Path.home())) and printed.command[1] == "complete_window.py"
        arguments = command()[:-2] + [part for part in printed.command[2:] if part not in ("--seed", "{seed}")]
        own = replace(printed, command=tuple(arguments), cwd=tmp_path)
        if own.stage == "content":
            amodal = {i: np.ones_like(mask) for i, mask in SCENE.modal.items()}
            told = ContentWork(SCENE.clip, SCENE.modal, amodal, SCENE.canvas, range(6))
            assert all(content[..., 3].all() for _, content in ExternalContent(own).complete(told))
        else:
            masks = dict(ExternalAmodal(own).complete(work()))
            assert all((masks[i] & SCENE.modal[i]).sum() == SCENE.modal[i].sum() < masks[i].sum() for i in range(6))
