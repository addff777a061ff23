"""TABE as an engine: what it keeps, what content takes of it, how it stops and goes on, and its predictions."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import square_at
from fake_engines import use_fake_engines
from scene import Scene, make_scene
from test_evaluation_video_benchmarks import tabe_video
from test_session_diffusion_vas import done
from tiny_tabe import SMALL, not_white, tiny_model, write_tiny

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.tabe import lora
from vas_tool.engines.tabe.engine import NO_COLOURS, TabeAmodal, TabeContent, open_amodal, open_content
from vas_tool.engines.tabe.keys import TUNED
from vas_tool.engines.tabe.memory import GIGABYTE, planned
from vas_tool.engines.tabe.model import TabeModel
from vas_tool.engines.tabe.recent import Recent
from vas_tool.engines.tabe.released import COCOCO
from vas_tool.engines.tabe.settable import PARAMETERS, QUIRKS, TabeOptions, options_of
from vas_tool.engines.tabe.tuned_weights import kept_state
from vas_tool.errors import Cancelled, EngineError
from vas_tool.hypotheses import Recipe
from vas_tool.project import Project
from vas_tool.run_warnings import collected_warnings
from vas_tool.session import Session
from vas_tool.types import Click, Mask, Stroke
from vas_tool.work import AmodalWork, ContentWork, WindowAnswer, WindowKey

TWO_STEPS = replace(SMALL, num_tuning_steps=2)


class Kept(dict[WindowKey, WindowAnswer]):
    """A WindowStore in memory."""

    def read(self, key: WindowKey) -> WindowAnswer | None:
        return self.get(key)

    def keep(self, key: WindowKey, answer: WindowAnswer) -> None:
        self[key] = answer

    @property
    def painted(self) -> list[WindowKey]:
        return [key for key in self if key.window != TUNED]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> TabeModel:
    return tiny_model(tmp_path_factory.mktemp("tabe"))


@pytest.fixture
def model(shared: TabeModel) -> TabeModel:
    """As if it had just been loaded."""
    shared.recent = Recent()
    torch.nn.Module.to(shared.parts.network.unet, torch.float32)
    return shared


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(6)


def work(scene: Scene, store: Kept | None = None, **changed: object) -> AmodalWork:
    return replace(AmodalWork(scene.clip, scene.modal, scene.depth, scene.canvas, range(6), store=store), **changed)


def content(scene: Scene, store: Kept | None = None, **changed: object) -> ContentWork:
    asked = ContentWork(scene.clip, scene.modal, scene.amodal, scene.canvas, range(6), store=store, depth=scene.depth)
    return replace(asked, **changed)


def amodal(model: TabeModel, options: TabeOptions = SMALL) -> TabeAmodal:
    return TabeAmodal(model, options, segmenters=not_white)


def same(one: dict[int, Mask], other: dict[int, Mask]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[index], other[index]) for index in one)


def fail_to_tune(monkeypatch: pytest.MonkeyPatch, model: TabeModel) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was tuned")

    monkeypatch.setattr(model, "tuning", never)


def test_generations_are_hypotheses_and_content_takes_the_colours_of_the_chosen_one(
    model: TabeModel, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is tuned or painted twice: the store of the amodal stage is that of the content stage."""
    store = Kept()
    found = dict(amodal(model).sample(work(scene, store), (4, 1)))
    alone = dict(amodal(model).complete(work(scene, seed=1)))
    assert same({index: masks[1] for index, masks in found.items()}, alone)
    assert any((masks[0] != masks[1]).any() for masks in found.values())
    assert sorted(key.seed for key in store.painted) == [1, 4]
    model.recent = Recent()
    fail_to_tune(monkeypatch, model)
    monkeypatch.setattr(model, "paint", None)
    colours = {seed: dict(TabeContent(model, SMALL).complete(content(scene, store, seed=seed))) for seed in (1, 4)}
    chosen = dict(TabeContent(model, SMALL).complete(content(scene, store, seed=1, hypotheses={4: 4})))
    assert all(np.array_equal(chosen[index], colours[4 if index == 4 else 1][index]) for index in range(6))
    assert not np.array_equal(colours[1][4], colours[4][4])


def test_settings_of_the_amodal_stage_hold_for_content(model: TabeModel, scene: Scene) -> None:
    store = Kept()
    set_to = {"guidance": 3, "lora_dropout": "reference"}
    list(amodal(model).complete(work(scene, store, settings=set_to)))
    list(TabeContent(model, SMALL).complete(content(scene, store, amodal_settings=set_to)))
    assert len(store) == 2
    with pytest.raises(EngineError, match="no parameter guidance"):
        list(TabeContent(model, SMALL).complete(content(scene, settings=set_to)))


def test_a_tuning_that_is_stopped_goes_on_and_gives_the_same(model: TabeModel, scene: Scene) -> None:
    straight = dict(amodal(model, TWO_STEPS).complete(work(scene)))
    model.recent, store, reports = Recent(), Kept(), []

    def stop(done: int, total: int, what: str) -> None:
        reports.append((done, total, what))
        if "step 1 of 2" in what and len(store) == 0:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        list(amodal(model, TWO_STEPS).complete(work(scene, store), progress=stop))
    ((key, _),) = store.items()
    state = kept_state(store, key)
    assert state is not None and state["num_steps"] == 1 and "optimizer" in state
    model.recent, before = Recent(), len(reports)
    assert same(dict(amodal(model, TWO_STEPS).complete(work(scene, store), progress=stop)), straight)
    assert next(what for *_, what in reports[before:] if "step" in what).endswith("step 1 of 2")
    state = kept_state(store, key)
    assert state is not None and state["num_steps"] == 2 and "optimizer" not in state
    totals = {total for _, total, what in reports[before:] if "hidden" not in what}
    assert len(totals) == 1  # one total for all the work, so that the time left is that of all of it


def test_seeds_that_were_painted_before_it_was_stopped_are_kept(model: TabeModel, scene: Scene) -> None:
    store = Kept()

    def stop(done: int, total: int, what: str) -> None:
        if store.painted:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        list(amodal(model).sample(work(scene, store), (0, 1, 2), progress=stop))
    assert [key.seed for key in store.painted] == [0]


def test_work_without_a_store_is_remembered_while_the_model_is_loaded(
    model: TabeModel, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(amodal(model).complete(work(scene)))
    fail_to_tune(monkeypatch, model)
    list(TabeContent(model, SMALL).complete(content(scene)))


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    recent = Recent(most_bytes=250)
    keys = [WindowKey(range(1), seed, "a") for seed in range(3)]
    for key in (*keys[:2], keys[0], keys[2]):
        recent.put(key, np.zeros(100, np.uint8))
    assert list(recent.kept) == [keys[0], keys[2]]


def test_an_object_that_is_whole_on_too_few_frames_is_refused_before_anything_is_tuned(
    model: TabeModel, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_tune(monkeypatch, model)
    with pytest.raises(EngineError, match=r"learns it from at least 6.*fewest_whole.*another engine"):
        list(amodal(model).complete(work(scene, settings={"fewest_whole": 6})))


def test_what_nothing_hides_is_answered_without_the_model(model: TabeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_tune(monkeypatch, model)
    clear = make_scene(4, bar=None)
    found = dict(amodal(model).complete(work(clear, frame_indices=range(4))))
    assert same(found, clear.modal)


def test_another_object_gets_weights_of_its_own(model: TabeModel, scene: Scene) -> None:
    store = Kept()
    other = {index: np.roll(mask, 30, axis=0) for index, mask in scene.modal.items()}
    first = amodal(model).complete(work(scene, store))
    started = [next(first)]
    list(amodal(model).complete(work(scene, store, modal=other)))
    assert len(store) == 4  # two tunings, two painted chunks
    model.recent = Recent()
    assert same(dict([*started, *first]), dict(amodal(model).complete(work(scene))))


def test_dropout_while_painting_is_an_option_and_a_seed_is_the_same_alone_and_among_others(
    model: TabeModel, scene: Scene
) -> None:
    store, set_to = Kept(), {"lora_dropout": "reference"}
    list(amodal(model).sample(work(scene, store), (0,)))
    list(amodal(model).sample(work(scene, store, settings=set_to), (0, 1)))
    without, zero, _ = (store[key] for key in store.painted)
    assert not np.array_equal(without, zero)
    alone, model.recent = Kept(), Recent()
    list(amodal(model).sample(work(scene, alone, settings=set_to), (0,)))
    assert np.array_equal(alone[alone.painted[0]], zero)
    assert not any(module.lora_dropout.training for module in lora_layers(model))


def lora_layers(model: TabeModel) -> list[lora.LoraLayer]:
    return [module for module in model.parts.network.unet.modules() if isinstance(module, lora.LoraLayer)]


def test_painting_in_half_precision_with_parts_moved_away_leaves_the_tuning_as_it_is(
    model: TabeModel, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a small GPU: painted in float16, tuned in float32 before and after."""
    full, half, again = Kept(), Kept(), Kept()
    list(amodal(model).complete(work(scene, full)))
    monkeypatch.setattr(model, "painted_dtype", torch.float16)
    monkeypatch.setattr(model, "memory", replace(model.memory, keeps_all=True, offloads=True, words="little memory"))
    with collected_warnings() as heard:
        for store in (half, again):
            model.recent = Recent()
            list(amodal(model).complete(work(scene, store)))
    assert "little memory" in heard.words
    (tuned,) = (key for key in full if key.window == TUNED)
    assert np.array_equal(half[tuned], again[tuned]) and np.array_equal(half[tuned], full[tuned])
    ours, theirs = (store[store.painted[0]].view(np.float16).astype(float) for store in (half, full))
    assert np.abs(ours - theirs).mean() < 0.02 * np.abs(theirs).mean()


def test_sliced_attention_gives_the_same(model: TabeModel) -> None:
    """On the CPU the model slices; the stock attention is that of a GPU."""
    from diffusers.models.attention_processor import AttnProcessor2_0

    network, generator = model.parts.network, torch.Generator().manual_seed(0)
    shown = torch.randn(1, 9, 6, 16, 8, generator=generator)
    text = torch.randn(1, 77, 16, generator=generator)
    sliced = network.unet.attn_processors
    with torch.no_grad():
        ours = network(shown, 5, text)
        network.unet.set_attn_processor(AttnProcessor2_0())
        stock = network(shown, 5, text)
        network.unet.set_attn_processor(sliced)
    torch.testing.assert_close(ours, stock, rtol=1e-4, atol=1e-4)


def test_memory_is_asked_before_and_said() -> None:
    assert planned(40 * GIGABYTE).keeps_all and not planned(40 * GIGABYTE).words
    middle, small = planned(16 * GIGABYTE), planned(12 * GIGABYTE)
    assert not middle.keeps_all and not middle.offloads and small.offloads
    assert "needs 21 GB of the GPU's memory, and 16 GB were free" in middle.words
    with pytest.raises(EngineError, match="TABE needs 11 GB of the GPU's memory, and 6 GB are free; close"):
        planned(6 * GIGABYTE)


def test_content_where_nothing_was_painted_is_said(model: TabeModel, scene: Scene) -> None:
    late = replace(content(scene), modal={5: scene.modal[5]})
    with collected_warnings() as heard:
        found = dict(TabeContent(model, SMALL).complete(late))
    assert any(NO_COLOURS in words for words in heard.words)
    assert all(np.array_equal(found[index][..., 3] > 0, scene.amodal[index]) for index in found)


def test_parameters_are_options_of_the_same_name() -> None:
    said = {p.name: p.choices[1] if p.name == "lora_dropout" else p.default for p in PARAMETERS}
    assert options_of(said) == TabeOptions()
    assert options_of({"loss_mean": "repaired", "num_steps": 7}).quirks.loss_mean == "repaired"
    assert {p.name for p in PARAMETERS} >= set(QUIRKS)


def test_models_lists_both_weights_and_that_one_of_them_is_yours_to_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAS_TOOL_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    spec = registry.spec_of("amodal", "tabe")
    diffusion, cococo = spec.lacking
    assert {diffusion, cococo} <= set(registry.all_weights())
    assert "neither ship nor fetch" in cococo.licence and "OpenRAIL-M" in diffusion.licence
    assert diffusion.name in spec.get and str(tmp_path / "cococo") in spec.get
    (tmp_path / "cococo").mkdir()
    for number in range(4):
        (tmp_path / "cococo" / f"model_{number}.pth").write_bytes(b"")
    assert spec.lacking == [diffusion] and not registry.is_present(spec)
    with pytest.raises(EngineError, match=r"tabe is not complete: stable-diffusion-inpainting is in none of"):
        registry.load("amodal", "tabe")


@pytest.fixture
def present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TABE's weights where they are looked for: tiny random ones."""
    folder = tmp_path / "weights"
    diffusion, _ = write_tiny(folder)
    diffusion.rename(folder / "stable-diffusion-v1-5-inpainting")
    monkeypatch.setenv("VAS_TOOL_WEIGHTS", str(folder))
    registry.unload_all()
    return folder


def test_the_stages_share_one_model_that_is_told_from_others_by_its_files(present: Path) -> None:
    amodal_engine, content_engine = open_amodal(), open_content()
    model = amodal_engine.model
    assert content_engine.model is model
    mark = COCOCO.mark()
    os.utime(present / "cococo" / "model_2.pth", ns=(1, 1))
    assert mark in model.made_by and COCOCO.mark() != mark


def test_five_generations_are_predicted_and_evaluated(
    present: Path, model: TabeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vas_tool.engines.tabe.engine.open_amodal", lambda: amodal(model, SMALL))
    root, vis = tabe_video(tmp_path / "data"), tmp_path / "vis"
    asked = ["predict", "tabe-51", "--truth", str(root), "--out", str(vis), "--engine", "tabe", "--depth", "builtin"]
    assert main([*asked, "--set", "guidance=2"]) == 0
    assert "seeds 0 to 4, guidance 2.0 (as you said)" in capsys.readouterr().out
    masks = sorted(path.relative_to(vis / "ball_roll" / "final_outputs") for path in vis.rglob("*.png"))
    assert masks == [Path(f"{g}/masks/{i}.png") for g in range(5) for i in range(4)]
    assert main(["evaluate", "tabe-51", "--truth", str(root), "--predictions", str(vis)]) == 0
    assert "mean of 5" in capsys.readouterr().out
    assert main([*asked, "--seed", "3"]) == 0
    assert (vis / "ball_roll/final_outputs/5/masks/0.png").exists() and not (vis / "ball_roll/final_outputs/6").exists()


_OPENED: dict[str, object] = {}


def open_tiny(stage: str) -> object:
    return _OPENED[stage]


def test_in_a_project_the_chosen_generation_gives_amodal_masks_and_content(
    model: TabeModel, make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    _OPENED.update(amodal=amodal(model), content=TabeContent(model, SMALL))
    lines = [
        replace(spec, module=__name__, attribute="open_tiny", options=(("stage", spec.stage),), weights=(), also=())
        for spec in registry.ENGINES
        if spec.name == "tabe"
    ]
    use_fake_engines(monkeypatch, first=tuple(replace(line, needs_gpu=False) for line in lines))
    session = Session(make_project(num_frames=6))
    rows, columns = square_at(0, (64, 48))
    session.prompts.click(Click(0, columns.start + 4, rows.start + 4))
    session.prompts.settle()
    session.runs.track(1, 0)
    done(session)
    rows, columns = square_at(3, (64, 48))  # on frame 3 most of it is hidden
    erased = tuple((float(x), float(rows.start + 2)) for x in range(columns.start - 2, columns.stop + 2))
    session.prompts.stroke(Stroke(3, layer="modal", adds=False, radius=6, points=erased), object_id=1)
    session.runs.make_hypotheses(1, 2)
    done(session)
    layers = session.project.layers(1)
    assert any((layers.disagreement(index) or 0) > 0 for index in range(6))
    session.runs.choose_hypothesis(1, Recipe.of_seed(1), range(2, 5))
    done(session)
    model.recent = Recent()  # content takes what the project keeps
    fail_to_tune(monkeypatch, model)
    monkeypatch.setattr(model, "paint", None)
    session.runs.complete(1)
    done(session)
    assert np.array_equal(layers.amodal[3], layers.hypothesis(1)[3]) and len(layers.content) == 6
    session.close()
