"""Fine-tuning Diffusion-VAS: one step's arithmetic, runs that go on to the bit, results, and what is said of faults."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from tiny_tuning import unet_of, write_samples, write_svd

from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.errors import EngineError, InputError
from vas_tool.training import runs
from vas_tool.training.diffusion_vas import train as training
from vas_tool.training.diffusion_vas import training_step as steps
from vas_tool.training.diffusion_vas.data_sources import Data, by_video, read
from vas_tool.training.diffusion_vas.object_samples import resized_like_torch
from vas_tool.training.diffusion_vas.pasted_occluders import paste_occluders
from vas_tool.training.diffusion_vas.recipe import Recipe, read_config, recipe_of
from vas_tool.training.diffusion_vas.sail_vos_samples import SailVosSamples
from vas_tool.training.diffusion_vas.step_draws import DropoutDraws, draw
from vas_tool.training.diffusion_vas.train import Order, train
from vas_tool.training.diffusion_vas.trained_unet import load_network
from vas_tool.training.diffusion_vas.tuning_plan import Plan

SMALL = Recipe(
    width=32,
    height=16,
    max_train_steps=3,
    learning_rate=1e-3,
    checkpointing_steps=2,
    validation_steps=0,
    validation_sampling_steps=1,
    mixed_precision="no",
)


@pytest.fixture(scope="module")
def svd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_svd(tmp_path_factory.mktemp("svd"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("samples"), (0, 1, 2, 100, 101))


@pytest.fixture(scope="module")
def trained(svd: Path, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of a whole run."""
    AcceleratorState._reset_state(reset_partial_state=True)
    return train(plan(svd, samples, tmp_path_factory.mktemp("trained")))


def plan(svd: Path, samples: Path, out: Path, **changed: object) -> Plan:
    recipe = replace(SMALL, **changed)
    return Plan(out, svd, Data((samples,), hold_out=0.2), recipe, depth_engine="builtin")


@pytest.fixture(autouse=True)
def _no_precision_of_another_test() -> Iterator[None]:
    """accelerate keeps the first number format that a process asks for."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


# --- one step -------------------------------------------------------------------------------------------------------


def test_draws_come_in_the_released_order() -> None:
    torch.manual_seed(7)
    unused, target = torch.randn(2, 4, 2, 4), torch.randn(2, 4, 2, 4)
    found = draw(torch.Generator().manual_seed(7), num_frames=2, size_hw=(16, 32), dropout=0.5)
    assert torch.equal(found.target, target) and not torch.equal(unused, target)
    torch.randn(2, 4, 2, 4)
    assert torch.equal(found.latents, torch.randn(1, 2, 4, 2, 4)[0])
    assert torch.equal(found.condition_level, torch.rand(1))
    assert torch.equal(found.first_pixels, torch.randn(1, 2, 3, 16, 32)[0])


def test_p_is_the_released_sequence() -> None:
    drawn = DropoutDraws(23)
    assert [round(drawn[i], 6) for i in (5, 0, 1)] == [0.109953, 0.428258, 0.288863]


@pytest.mark.parametrize(
    ("p", "tokens", "latents"),
    [(0.0999999, True, False), (0.1, True, True), (0.1999999, True, True), (0.2, False, True), (0.3, False, False)],
)
def test_what_p_leaves_out(p: float, tokens: bool, latents: bool) -> None:
    assert steps.dropped(p, SMALL) == (tokens, latents)
    both = p < 0.1
    assert steps.dropped(p, replace(SMALL, dropout="together")) == (both, both)


def test_what_learns_is_the_temporal_blocks_and_the_input_that_begins_with_zeros(svd: Path) -> None:
    network = load_network(svd, SMALL)
    names = set(network.learning())
    assert all("temporal_transformer_block" in name or name.startswith("conv_in2.") for name in names)
    state, own = network.released_state(), unet_of(svd)
    assert torch.equal(state["conv_in2.weight"][:, :8], own["conv_in.weight"])
    assert not state["conv_in2.weight"][:, 8:].any() and torch.equal(state["conv_in2.bias"], own["conv_in.bias"])
    assert state.keys() - own.keys() == {"conv_in2.weight", "conv_in2.bias"}


def test_loss_is_that_of_edm() -> None:
    sigma = torch.tensor([2.0])
    target, velocity = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    noisy = target + sigma * torch.randn(3, 4, 2, 2)
    clip = steps.Encoded(target, torch.zeros(3, 8, 2, 2), torch.zeros(3, 5), sigma)
    shown = steps.UnetInput(noisy, noisy, clip.tokens, sigma, sigma, sigma, False, False)
    clean = velocity * (-2 / 5**0.5) + noisy / 5
    assert torch.allclose(steps.loss_of(velocity, shown, clip), (5 / 4 * (clean - target) ** 2).mean())
    half = replace(clip, weights=torch.full((3, 1, 2, 2), 0.5))
    assert torch.allclose(steps.loss_of(velocity, shown, half) * 2, steps.loss_of(velocity, shown, clip))


def test_occluders_are_added_until_enough_is_hidden(samples: Path) -> None:
    source = SailVosSamples(samples, samples.parent, size_hw=(16, 32))
    one = source.sample(3)
    found = paste_occluders(one.modal, one.amodal, source, random=Random(1))
    assert len(found.choices) == len(found.ious) and (found.ious[-1] < 0.7 or len(found.ious) == 5)
    left = one.modal.copy()
    for choice in found.choices:
        left &= ~resized_like_torch(source.occluder(choice), (16, 32))
    assert np.array_equal(found.modal, left)
    moved = paste_occluders(one.modal, one.amodal, source, random=Random(1), how="moved")
    assert moved.ious[0] < 1  # it passes over the object


# --- recipes --------------------------------------------------------------------------------------------------------


def test_the_released_file_reads_and_faults_are_told(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text(
        "learning_rate: 3e-6\nmax_grad_norm: 1.0\nmax_train_steps: null\nrank: 128\nreport_to: tensorboard\n"
    )
    said = read_config(path)
    assert said == {"learning_rate": 3e-6, "max_grad_norm": 1.0, "max_train_steps": 0}
    assert recipe_of(said).learning_rate == 3e-6
    for wrong in ({"speed": 1}, {"width": "wide"}, {"width": 12}, {"noise": "loud"}, {"seed": True}):
        with pytest.raises(InputError):
            recipe_of(wrong)


def test_held_out_are_whole_videos(samples: Path) -> None:
    source = read((samples,), Data((samples,)), SMALL)
    learned, out = by_video(source, 0.4, seed=1)
    assert out is not None and len(learned) + len(out) == len(source) == 5 and len(out) == 2
    assert not {learned.video(i) for i in range(len(learned))} & {out.video(i) for i in range(len(out))}


def test_processes_have_the_turns_of_one_that_takes_several_clips() -> None:
    own = replace(SMALL, noise="own")
    one = Order(5, replace(own, gradient_accumulation_steps=2), num_processes=1)
    two = Order(5, own, num_processes=2)
    assert one.steps_an_epoch == two.steps_an_epoch == 3
    for step in range(7):
        assert list(one.clips_of(step, 0)) == [*two.clips_of(step, 0), *two.clips_of(step, 1)]
    same = Order(5, SMALL, num_processes=2)
    (first,), (second,) = same.clips_of(4, 0), same.clips_of(4, 1)
    assert first.position == second.position and first.index != second.index


# --- runs -----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nobody catches it."""


def stop_after(number: int):
    def stop(step: int, _: object) -> None:
        if step == number:
            raise Killed

    return stop


@pytest.mark.parametrize("changed", [{}, {"use_ema": True, "gradient_accumulation_steps": 2, "lr_scheduler": "cosine"}])
def test_a_run_that_was_killed_ends_with_the_same_bits(
    svd: Path, samples: Path, trained: Path, tmp_path: Path, changed: dict
) -> None:
    straight = unet_of(train(plan(svd, samples, tmp_path / "straight", **changed)) if changed else trained)
    with pytest.raises(Killed):
        train(plan(svd, samples, tmp_path / "killed", **changed), on_step=stop_after(3))
    with pytest.raises(InputError, match="--resume"):
        train(plan(svd, samples, tmp_path / "killed", **changed))
    resumed = unet_of(train(replace(plan(svd, samples, tmp_path / "killed", **changed), resume=True)))
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[name]) for name, value in straight.items())
    lines = [json.loads(line) for line in (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3] and all(line["loss"] > 0 for line in lines)
    begun = unet_of(svd)
    moved = {name for name, value in begun.items() if not torch.equal(value, straight[name])}
    assert moved and all("temporal_transformer_block" in name for name in moved)


def test_the_result_is_an_engine_and_the_run_is_told(svd: Path, samples: Path, tmp_path: Path) -> None:
    final = train(plan(svd, samples, tmp_path, validation_steps=3, num_validation_clips=1))
    pipeline = DiffusionVasPipeline.load(final, device="cpu")
    shown = torch.zeros(5, 3, 16, 32)
    assert np.isfinite(pipeline(shown, shown, num_steps=1).frames).all()
    assert {p.name for p in (final / "unet").iterdir()} >= {"diffusion_pytorch_model.fp16.safetensors", "config.json"}
    assert json.loads((final / "vas_tool.json").read_text())["steps"] == 3
    page = (tmp_path / "run.html").read_text()
    assert "data:image/png" in page and "loss" in page and "http" not in page
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert 0 <= last["hidden_iou"] <= 1 and last["seconds_left"] == 0
    assert runs.checkpoints(tmp_path).keys() == {2, 3}
    assert (tmp_path / "checkpoint-3" / "unet" / "diffusion_pytorch_model.safetensors").is_file()


def test_weights_that_have_their_input_keep_it(trained: Path) -> None:
    kept, reset = (load_network(trained, replace(SMALL, input_convolution=how)) for how in ("keep", "reset"))
    assert kept.released_state()["conv_in2.weight"][:, 8:].any()
    assert not reset.released_state()["conv_in2.weight"][:, 8:].any()


def test_savings_and_other_layouts_of_tokens_go_together(svd: Path, samples: Path, tmp_path: Path) -> None:
    changed = {"mixed_precision": "bf16", "gradient_checkpointing": True, "frozen_half": True, "use_ema": True}
    changed |= {"tokens": "reference", "max_grad_norm": 1.0, "max_train_steps": 2, "validation_steps": 1}
    final = train(plan(svd, samples, tmp_path, num_validation_clips=1, **changed))
    assert all(torch.isfinite(value).all() for value in unet_of(final).values())
    with pytest.raises(InputError, match="frozen_half needs"):
        train(plan(svd, samples, tmp_path / "full", frozen_half=True))


def test_content_learns_from_whole_objects(svd: Path, samples: Path, tmp_path: Path) -> None:
    changed = {"stage": "content", "max_train_steps": 1, "validation_steps": 1, "num_validation_clips": 1}
    final = train(plan(svd, samples, tmp_path, **changed))
    assert (final / "unet").is_dir() and len(list((tmp_path / "validation").glob("*.gif"))) == 1


def test_masks_alone_then_depth(svd: Path, samples: Path, tmp_path: Path) -> None:
    first = train(plan(svd, samples, tmp_path / "masks", conditions="first", max_train_steps=1))
    alone = unet_of(first)
    assert alone["conv_in.weight"].shape[1] == 8 and "conv_in2.weight" not in alone
    begun = load_network(first, SMALL).released_state()
    assert torch.equal(begun["conv_in2.weight"][:, :8], alone["conv_in.weight"])
    assert not torch.equal(alone["conv_in.weight"], unet_of(svd)["conv_in.weight"])


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_and_the_checkpoint_is_whole(
    svd: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = training.loss_of
    calls = []

    def broken(*unet_input: object) -> torch.Tensor:
        calls.append(1)
        return real(*unet_input) * (float("nan") if len(calls) == 3 else 1)

    with monkeypatch.context() as patch:
        patch.setattr(training, "loss_of", broken)
        with pytest.raises(InputError, match=r"step 3 is not a number; the checkpoint of step 2"):
            train(plan(svd, samples, tmp_path))
    assert train(replace(plan(svd, samples, tmp_path), resume=True)).is_dir()


def test_full_memory_and_full_disks_are_told(
    svd: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(training, "velocity_of", full)
        with pytest.raises(EngineError, match="gradient_checkpointing"):
            train(plan(svd, samples, tmp_path / "memory"))

    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    stopped = plan(svd, samples, tmp_path / "disk", checkpointing_steps=1)
    with pytest.raises(Killed):
        train(stopped, on_step=stop_after(2))
    with monkeypatch.context() as patch:
        patch.setattr(training, "write_unet", no_space)
        with pytest.raises(InputError, match=r"step 1 is whole.*make room"):
            train(replace(stopped, resume=True))
    assert runs.checkpoints(tmp_path / "disk").keys() == {1}
    assert train(replace(stopped, resume=True)).is_dir()


def test_a_run_does_not_go_on_otherwise(svd: Path, samples: Path, tmp_path: Path) -> None:
    one = plan(svd, samples, tmp_path, max_train_steps=1)
    train(one)
    with pytest.raises(InputError, match="seed was 23, is 24"):
        train(replace(one, recipe=replace(one.recipe, seed=24), resume=True))
    with pytest.raises(EngineError, match="lacks"):
        train(replace(one, start=tmp_path / "nowhere", out=tmp_path / "other"))
