"""Fine-tuning from the command line: caches, several processes, projects as data, and the engine that comes out."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from annotating import annotate, rectangle
from conftest import write_images
from PIL import Image
from tiny_tuning import unet_of, write_samples, write_svd

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.tuned import register
from vas_tool.errors import EngineError, InputError, ProjectBusy
from vas_tool.exports import export
from vas_tool.formats.sample_reading import read_samples
from vas_tool.project import Project
from vas_tool.training.diffusion_vas.data_sources import Data, read, split_of
from vas_tool.training.diffusion_vas.project_samples import ProjectSamples
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.run_examples import examples_of, make_cache
from vas_tool.training.diffusion_vas.step_draws import draws_of
from vas_tool.training.diffusion_vas.tuning_plan import Plan
from vas_tool.types import AmodalBox

SMALL = ["--width", "32", "--height", "16", "--max-train-steps", "2", "--learning-rate", "1e-3"]
SMALL += ["--validation-steps", "0", "--mixed-precision", "no"]
TINY = Recipe(width=32, height=16, mixed_precision="no")


@pytest.fixture(scope="module")
def svd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_svd(tmp_path_factory.mktemp("svd"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("samples"), (0, 1, 100))


def train_amodal(svd: Path, samples: Path, out: Path, *more: str) -> Path:
    told = ["--data", str(samples), "--from", str(svd), "--depth", "builtin", "--hold-out", "0", *SMALL, *more]
    assert main(["train", "amodal", "--out", str(out), *told]) == 0
    return out / "final"


# --- caches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["amodal", "content"])
def test_a_cache_gives_what_is_computed_anew(svd: Path, samples: Path, tmp_path: Path, stage: str) -> None:
    recipe = replace(TINY, stage=stage, occlude_hidden=True)  # type: ignore[arg-type]
    plan = Plan(tmp_path, svd, Data((samples,), hold_out=0), recipe, depth_engine="builtin")
    cached = replace(plan, cache=tmp_path / "cache")
    assert make_cache(cached) == (3, 1)
    assert make_cache(cached) == (3, 0)  # goes on where it stopped
    split = split_of(plan.data, recipe)
    anew, kept = (examples_of(p, split, dtype=torch.float32, device=torch.device("cpu")) for p in (plan, cached))
    for index in range(3):
        draws = draws_of(recipe, index, dropout=0.5)
        one, other = anew.encoded(index, draws, Random(index)), kept.encoded(index, draws, Random(index))
        for name in ("target", "conditions", "tokens", "condition_sigma"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_kept_draws_are_those_of_the_run_and_need_no_vae(svd: Path, samples: Path, tmp_path: Path) -> None:
    plan = Plan(tmp_path, svd, Data((samples,), hold_out=0), TINY, depth_engine="builtin")
    cached = replace(plan, cache=tmp_path / "cache")
    make_cache(cached, kept_draws=2, part=(0, 1))
    split = split_of(plan.data, TINY)
    anew, kept = (examples_of(p, split, dtype=torch.float32, device=torch.device("cpu")) for p in (plan, cached))
    assert getattr(kept, "encoders", None) is None
    chosen = Random(5).randrange(2)
    draws = draws_of(TINY, 2 + chosen, dropout=0.5)
    one, other = anew.encoded(1, draws, Random(5)), kept.encoded(1, draws, Random(5))
    assert torch.equal(one.conditions, other.conditions) and torch.equal(one.tokens, other.tokens)
    again = kept.encoded(1, draws_of(TINY, 77, dropout=0.5), Random(5))
    assert not torch.equal(again.conditions, other.conditions)  # samples of the latents stay random
    with pytest.raises(InputError, match="made with other recipe"):
        make_cache(replace(cached, recipe=replace(TINY, width=40)), kept_draws=2)


# --- the command line, and the engine -------------------------------------------------------------------------------


def test_prepare_and_train_give_an_engine_that_is_listed_and_named(
    svd: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ["--data", str(samples), "--from", str(svd), "--depth", "builtin", "--hold-out", "0"]
    assert main(["train", "prepare", "--cache", str(tmp_path / "c"), *told, "--width", "32", "--height", "16"]) == 0
    final = train_amodal(svd, samples, tmp_path / "birds", "--cache", str(tmp_path / "c"))
    plain = train_amodal(svd, samples, tmp_path / "plain")
    assert all(torch.equal(value, unet_of(plain)[name]) for name, value in unet_of(final).items())
    capsys.readouterr()
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "tuned-birds" in listed and "2 steps on train.json" in listed
    spec = registry.spec_of("amodal", str(final))
    assert spec.name == "tuned-birds" == registry.spec_of("amodal", "tuned-birds").name
    assert len(spec.revision) == 8 and registry.is_present(spec) and registry.better_engines(spec) == []
    with pytest.raises(EngineError, match="amodal stage, not of content"):
        registry.spec_of("content", str(final))
    with pytest.raises(EngineError, match=r"lacks|is in none"):
        registry.spec_of("amodal", str(tmp_path / "nothing"))
    assert register(final, "birds") == "tuned-birds" and register(plain, "birds") == "tuned-plain"
    assert registry.load("amodal", str(final)).spec == spec


def test_a_tuned_engine_completes_a_project_and_its_export_says_so(svd: Path, samples: Path, tmp_path: Path) -> None:
    final = train_amodal(svd, samples, tmp_path / "birds")
    images = write_images(tmp_path / "images", 2, (64, 48))
    (tmp_path / "masks").mkdir()
    for path in images.iterdir():
        mask = rectangle((64, 48), 10, 10, 30, 30).astype(np.uint8) * 255
        Image.fromarray(mask).save(tmp_path / "masks" / path.name)
    told = ["run", str(images), "--project", str(tmp_path / "p"), "--masks", str(tmp_path / "masks")]
    told += ["--stages", "segment,depth,amodal", "--engine", f"amodal={final}"]
    for one in ("num_steps=1", "guidance=1", "window_length=2", "window_overlap=0"):
        told += ["--set", f"amodal.{one}"]
    assert main(told) == 0
    again = Project.open(tmp_path / "p")
    export([again], "coco", tmp_path / "out.json")
    again.close()
    (first, *_) = json.loads((tmp_path / "out.json").read_text())["annotations"]
    spec = registry.spec_of("amodal", "tuned-birds")
    assert first["engine"]["amodal"]["engine"] == "tuned-birds"
    assert first["engine"]["amodal"]["revision"] == spec.revision


def test_the_papers_two_stages_are_one_command(svd: Path, samples: Path, tmp_path: Path) -> None:
    final = train_amodal(svd, samples, tmp_path / "run", "--two-stage")
    masks = unet_of(tmp_path / "run" / "masks" / "final")
    assert masks["conv_in.weight"].shape[1] == 8
    assert torch.equal(unet_of(final)["conv_in.weight"], masks["conv_in.weight"])  # frozen, as the released one is
    assert json.loads((final / "vas_tool.json").read_text())["recipe"]["learning_rate"] == 1e-3


# --- projects -------------------------------------------------------------------------------------------------------


@pytest.fixture
def accepted(make_project: Callable[..., Project]) -> Project:
    """A project of 54 frames; the object is accepted on all but one of the first 51, and passes behind a bar."""
    project, size = make_project(num_frames=54), (64, 48)
    amodal = {f: rectangle(size, 5 + f // 2, 10, 25 + f // 2, 30) for f in range(54)}
    modal = {f: mask & ~rectangle(size, 30, 0, 36, 48) for f, mask in amodal.items()}
    annotate(project, modal=modal, amodal=amodal, accepted=[f for f in range(51) if f != 25])
    return project


def test_projects_give_the_windows_that_the_export_cuts(accepted: Project, tmp_path: Path) -> None:
    source = ProjectSamples([accepted], TINY)
    export([accepted], "diffusion-vas", tmp_path / "out.json", only_accepted=True)
    exported = read_samples(tmp_path / "out.json").samples
    assert [window.frames[0] for window in source.windows] == [0, 26] and len(exported) == 2
    files = read((tmp_path / "out.json",), Data((), accepted.folder.parent), TINY)
    for index in range(2):
        one, other = source.sample(index), files.sample(index)
        assert np.array_equal(one.modal, other.modal) and np.array_equal(one.amodal, other.amodal)
        assert np.array_equal(one.frames, other.frames) and one.weights is None
    pseudo = ProjectSamples([accepted], replace(TINY, pseudo_weight=0.25))
    assert len(pseudo) == 2
    weights = pseudo.sample(1).weights
    assert weights is not None and weights[0] == 0.25 and weights[1] == 1
    assert pseudo.mark() != source.mark() and pseudo.video(0) == accepted.source.sha256


def test_boxes_make_crops_of_projects(accepted: Project) -> None:
    plain = ProjectSamples([accepted], TINY).sample(0)
    (thing,) = accepted.truth.objects
    boxes = tuple(AmodalBox(f, 5 + f // 2, 10, 25 + f // 2, 30) for f in (0, 53))
    accepted.edit("boxes", accepted.truth.with_object(replace(thing, amodal_boxes=boxes)))
    cropped = ProjectSamples([accepted], TINY).sample(0)
    assert cropped.amodal[0].mean() > 1.2 * plain.amodal[0].mean()
    assert cropped.modal.shape == plain.modal.shape and (cropped.modal & ~cropped.amodal).sum() == 0


def test_a_project_without_accepted_frames_is_told(make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.close()
    with pytest.raises(InputError, match="accept more"):
        read((project.folder,), Data((project.folder,)), TINY)


def test_a_run_keeps_its_samples_of_projects(accepted: Project, tmp_path: Path) -> None:
    before, data = ProjectSamples([accepted], TINY), Data((accepted.folder,), kept=tmp_path)
    first = before.sample(0)
    mark = before.mark()
    with pytest.raises(ProjectBusy):
        read((accepted.folder,), data, TINY)
    accepted.close()
    read((accepted.folder,), data, TINY)
    again = Project.open(accepted.folder)  # a person goes on working in it
    kept = read((accepted.folder,), data, TINY)
    again.close()
    assert len(kept) == 2 and kept.mark() == mark
    for name, value in vars(first).items():
        assert value is None or np.array_equal(value, getattr(kept.sample(0), name))
