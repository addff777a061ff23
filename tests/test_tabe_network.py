"""TABE's network, tuning and generation, with tiny random weights in the published layouts."""

import math
from itertools import islice

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from test_tabe_samples import tuned
from tiny_tabe import UNET, write_tiny
from torch.nn import functional

from vas_tool.engines.tabe import lora
from vas_tool.engines.tabe.canvas import ModelInput
from vas_tool.engines.tabe.generation import (
    GenerationOptions,
    Painter,
    chunk_input,
    chunk_noise,
    prompt_tokens,
    round_noise,
)
from vas_tool.engines.tabe.latents import as_signed, decoded, noise_levels, places_of
from vas_tool.engines.tabe.motion import (
    FramesAttention,
    PlacesAttention,
    TemporalTransformer,
    TextAttention,
    small_size,
)
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.engines.tabe.released_parts import load_network, load_parts
from vas_tool.engines.tabe.tuning import Batch, StepNoise, Tuner, batch_of, drawn_steps, step_noise, tune
from vas_tool.errors import EngineError

REFERENCE = Quirks()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("tabe"))


@pytest.fixture(scope="module")
def parts(folders):
    parts = load_parts(*folders, dtype=torch.float32)
    lora.add_lora(parts.network.unet, lora.UNET_LAYERS)
    lora.add_lora(parts.text_encoder, lora.TEXT_LAYERS)
    for model in (parts.network.unet, parts.text_encoder):
        lora.reset(model, torch.Generator().manual_seed(1))
    return parts


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A network with all parts of the real one, with its additions."""
    folders = write_tiny(tmp_path_factory.mktemp("deep"), UNET)
    network = load_network(folders[0] / "unet", folders[1], dtype=torch.float32)
    lora.add_lora(network.unet, lora.UNET_LAYERS)
    return network


def by_hand(attention, queries, memory):
    """One head after the other: (n, C), (m, D) -> (n, C)."""
    heads = []
    q, k, v = attention.to_q(queries), attention.to_k(memory), attention.to_v(memory)
    size = q.shape[1] // 8
    for head in range(8):
        own = slice(head * size, (head + 1) * size)
        heads.append(functional.softmax(q[:, own] @ k[:, own].T / math.sqrt(size), -1) @ v[:, own])
    return attention.to_out[0](torch.cat(heads, 1))


def test_frames_are_compared_at_each_place_with_positions_on_what_is_attended() -> None:
    torch.manual_seed(0)
    attention, features = FramesAttention(16), torch.randn(1, 3, 4, 16)
    found = attention.attend(features, (2, 2), torch.empty(0))
    placed = features[0, :, 2] + attention.pos_encoder.pe[0, :3]
    torch.testing.assert_close(found[0, :, 2], by_hand(attention, placed, placed))


def test_places_of_all_frames_are_compared_in_small_pictures() -> None:
    """Tokens in the order frame, row, column; resized there and back by the nearest place."""
    torch.manual_seed(0)
    attention, features = PlacesAttention(16), torch.randn(1, 2, 24 * 5, 16)
    found = attention.attend(features, (24, 5), torch.empty(0))
    assert small_size((24, 5)) == (12, 2) and small_size((12, 40)) == (12, 40)  # only the height decides
    pictures = features.reshape(2, 24, 5, 16)[:, ::2][:, :, [0, 2]]  # 5 -> 2 columns
    tokens = pictures.reshape(-1, 16) + attention.pos_encoder.pe[0, :48]
    small = by_hand(attention, tokens, tokens).reshape(2, 12, 2, 16)
    back = small.repeat_interleave(2, 1)[:, :, [0, 0, 0, 1, 1]]
    torch.testing.assert_close(found.reshape(2, 24, 5, 16), back)


def test_text_is_seen_from_each_frames_position() -> None:
    torch.manual_seed(0)
    attention, features, text = TextAttention(16, 6), torch.randn(2, 3, 4, 16), torch.randn(2, 5, 6)
    found = attention.attend(features, (2, 2), text)
    placed = features[1, 2] + attention.pos_encoder.pe[0, 2]
    torch.testing.assert_close(found[1, 2], by_hand(attention, placed, text[1]))


def test_the_norm_of_a_motion_module_sees_one_frame() -> None:
    torch.manual_seed(0)
    module, features, text = TemporalTransformer(16, 6, 8), torch.randn(3, 16, 2, 2), torch.randn(1, 5, 6)
    seen = []
    module.proj_in.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    module(features, 3, text)
    alone = functional.group_norm(features[1:2], 8, module.norm.weight, module.norm.bias, 1e-6)
    torch.testing.assert_close(seen[0][1], alone[0].flatten(1).T)


def test_without_motion_it_is_the_stock_network_frame_by_frame(folders) -> None:
    network = load_network(folders[0] / "unet", folders[1], dtype=torch.float32)
    for name, parameter in network.unet.named_parameters():
        if "motion_modules" in name and ".proj_out." in name:
            parameter.data.zero_()
    stock = UNet2DConditionModel.from_config(network.unet.config)
    stock.load_state_dict({k: v for k, v in network.unet.state_dict().items() if "motion_modules" not in k})
    shown, text = torch.randn(2, 9, 3, 16, 8), torch.randn(2, 77, 16)
    with torch.no_grad():
        found = network(shown, 500, text)
        frame = stock(shown[1:, :, 2], 500, text[1:]).sample
    torch.testing.assert_close(found[1:, :, 2], frame, rtol=1e-3, atol=1e-4)


def test_motion_follows_attentions_or_residual_parts(deep) -> None:
    """In front of the samplers: what the skip connections take has moved."""
    unet, seen = deep.unet, {}
    for name in ("down_blocks.0.attentions.1", "down_blocks.3.resnets.0", "mid_block.attentions.0"):
        block, _, number = name.rpartition(".")
        owner = block.rpartition(".")[0]
        motion = unet.get_submodule(f"{owner}.motion_modules.{number}")
        motion.register_forward_hook(lambda _, inputs, output, name=name: seen.__setitem__(name, output))
        unet.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.__setitem__(f"{name} out", output)
        )
    with torch.no_grad():
        deep(torch.randn(1, 9, 2, 16, 8), 1, torch.randn(1, 77, 16))
    for name in list(seen)[::2]:
        out = seen[f"{name} out"]
        assert (out[0] if isinstance(out, tuple) else out) is seen[name]


def test_samples_of_a_batch_do_not_see_one_another(parts) -> None:
    shown, text = torch.randn(2, 9, 3, 16, 8), torch.randn(2, 77, 16)
    with torch.no_grad():
        both = parts.network(shown, 9, text)
        torch.testing.assert_close(parts.network(shown[1:], 9, text[1:]), both[1:], rtol=1e-3, atol=1e-4)


def test_weights_of_the_shards_win_and_tables_are_computed(deep) -> None:
    unet = deep.unet
    assert (unet.conv_in.bias == 7).all()
    tables = [m for m in unet.modules() if isinstance(m, SinusoidalPositionalEmbedding)]
    assert len(tables) == 84
    assert tables[0].pe[0, 1, 0].item() == torch.tensor(math.sin(1)).half().item()
    assert all((p == p.half()).all() for name, p in unet.named_parameters() if ".lora_" not in name)


def test_a_tensor_in_two_shards_is_the_later_ones(folders, tmp_path) -> None:
    from vas_tool.engines.tabe.released_parts import shards_state

    for number in range(4):
        name = "module.a" if number in (1, 3) else f"module.down.{number}"
        torch.save(
            {name: torch.full((1,), number), "module.pos_encoder.pe": torch.ones(1)}, tmp_path / f"model_{number}.pth"
        )
    assert {name: int(t) for name, t in shards_state(tmp_path).items()} == {"down.0": 0, "a": 3, "down.2": 2}


def test_missing_tensors_and_other_networks_are_errors(folders, tmp_path) -> None:
    for number in range(4):
        torch.save({}, tmp_path / f"model_{number}.pth")
    with pytest.raises(EngineError, match="tensors are missing"):
        load_network(folders[0] / "unet", tmp_path, dtype=torch.float32)
    with pytest.raises(EngineError, match="no inpainting network"):
        load_network(folders[0] / "vae", folders[1], dtype=torch.float32)


def test_only_the_attentions_are_tuned(deep, parts) -> None:
    names = [name for name, _ in lora.factors(deep.unet)]
    assert len(names) == 2 * 464
    assert len(list(lora.factors(parts.text_encoder))) == 2 * 4
    assert {n for n, p in deep.unet.named_parameters() if p.requires_grad} == set(names)


def test_the_loss_counts_frames_of_weight_0_unless_repaired(parts) -> None:
    noise = StepNoise(torch.empty(0), torch.empty(0), torch.zeros(1, 4, 4, 2, 2), 0)
    batch = Batch(*[torch.empty(0)] * 3, torch.tensor([1.0, 0, 0, 0]), torch.empty(0))
    predicted = torch.full((1, 4, 4, 2, 2), 2.0)
    assert Tuner(parts, quirks=REFERENCE).loss(predicted, batch, noise).item() == 1.0
    assert Tuner(parts, quirks=Quirks(loss_mean="repaired")).loss(predicted, batch, noise).item() == 4.0


def test_steps_go_on_where_they_were_left() -> None:
    """Three frames are whole: the fifth step is the second of the second epoch."""
    clip = tuned(4, (2, 2, 1, 2))
    kept = dict(quirks=REFERENCE, side=16, num_frames=2)
    whole = list(islice(drawn_steps(clip, **kept), 6))
    later = list(islice(drawn_steps(clip, first=4, **kept), 2))
    for (sample, timestep), (again, same) in zip(whole[4:], later, strict=True):
        assert timestep == same
        assert (sample.images == again.images).all() and (sample.places == again.places).all()


def untuned(parts):
    for model in (parts.network.unet, parts.text_encoder):
        lora.reset(model, torch.Generator().manual_seed(1))
    return Tuner(parts, quirks=REFERENCE)


def test_a_tuning_that_was_stopped_gives_the_same(parts, tmp_path) -> None:
    clip, small = tuned(3), {"side": 32, "num_frames": 2}
    straight = untuned(parts)
    tune(straight, clip, num_steps=2, **small)
    ours = straight.state()["unet"]
    stopped = untuned(parts)
    tune(stopped, clip, num_steps=1, **small)
    torch.save(stopped.state(), tmp_path / "state.pt")
    resumed, steps = untuned(parts), []
    resumed.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    tune(resumed, clip, num_steps=2, on_step=steps.append, **small)
    assert steps == [1, 2]
    theirs = resumed.state()["unet"]
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert any(tensor.any() for name, tensor in ours.items() if ".lora_B." in name)
    untuned(parts)


def test_tuning_keeps_the_reference_order_of_draws(parts) -> None:
    sample, timestep = next(drawn_steps(tuned(3), quirks=REFERENCE, side=16, num_frames=2))
    batch = batch_of(sample, parts)
    noise = step_noise(batch, timestep, torch.Generator().manual_seed(5))
    torch.manual_seed(5)
    assert torch.equal(noise.images, torch.randn(2, 4, 2, 2)) and torch.equal(noise.shown, torch.randn(2, 4, 2, 2))
    assert torch.equal(noise.target, torch.randn(1, 4, 2, 2, 2))
    assert (batch.shown[batch.places.expand(-1, 3, -1, -1) > 0] == 0).all()


def test_computing_again_instead_of_keeping_changes_no_gradient(parts) -> None:
    gradients, text = [], torch.randn(1, 77, 16)
    shown = torch.randn(1, 9, 2, 16, 8)
    for keeps in (True, False):
        parts.network.keep(all_of_it=keeps)
        parts.network(shown, 7, text).square().mean().backward()
        named = lora.factors(parts.network.unet)
        gradients.append({name: parameter.grad.clone() for name, parameter in named if ".lora_B." in name})
        parts.network.unet.zero_grad()
    parts.network.keep(all_of_it=True)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-5)


def test_levels_of_noise() -> None:
    levels = noise_levels()
    levels.set_timesteps(50)
    assert levels.timesteps[:3].tolist() == [981, 961, 941] and levels.timesteps[-1] == 1
    assert levels.alphas_cumprod[0].item() == pytest.approx(1 - 0.00085)
    levels.set_timesteps(4)
    assert levels.timesteps.tolist() == [751, 501, 251, 1]


def test_rounds_share_a_stream_of_noise() -> None:
    stream = torch.Generator().manual_seed(42)
    rounds = [torch.randn(1, 4, 3, 2, 4, generator=stream) for _ in range(2)]
    assert torch.equal(round_noise(0, 3, (16, 32)), rounds[0]) and torch.equal(round_noise(1, 3, (16, 32)), rounds[1])
    assert torch.equal(round_noise(5, 3, (16, 32)), torch.randn(1, 4, 3, 2, 4, generator=stream.manual_seed(43)))


def test_rounds_together_are_rounds_alone_and_cancel_stops_between_steps(parts) -> None:
    frames = [ModelInput(np.full((64, 64, 3), 200, np.uint8), np.eye(64, dtype=np.bool_)) for _ in range(2)]
    shown = chunk_input(parts, frames, chunk_noise(2, (64, 64)))
    assert shown.places.shape == (1, 1, 2, 8, 8) and shown.places[0, 0, 0].diagonal().all()
    noises = [round_noise(seed, 2, (64, 64)) for seed in (0, 1)]
    text, found, reported = prompt_tokens(parts), [], []
    for at_once in (1, 4):
        options = GenerationOptions(num_steps=2, guidance=2.0, at_once=at_once)
        found.append(Painter(parts, text, options).painted(shown, noises, reported.append))
    assert reported == [0, 1, 2, 3, 0, 2]
    for other in found[1:]:
        torch.testing.assert_close(torch.stack(other), torch.stack(found[0]), rtol=1e-3, atol=1e-3)
    with pytest.raises(ZeroDivisionError):
        Painter(parts, text).painted(shown, noises, lambda done: 1 // (1 - done))
    assert Painter(parts, text).frames(found[0][0]).shape == (2, 64, 64, 3)


def test_dropout_is_off_and_can_be_switched_on(parts) -> None:
    for model in (parts.network.unet, parts.text_encoder):
        lora.set_dropout(model, on=False)
    for _, parameter in lora.factors(parts.text_encoder):
        parameter.data.fill_(0.1)
    assert torch.equal(prompt_tokens(parts), prompt_tokens(parts))
    lora.set_dropout(parts.text_encoder, on=True)
    assert not torch.equal(prompt_tokens(parts), prompt_tokens(parts))
    lora.set_dropout(parts.text_encoder, on=False)


def test_pictures_go_to_signed_numbers_and_places_by_the_nearest() -> None:
    assert as_signed(np.array([0, 255], np.uint8)).tolist() == [-1, 1]
    mask = np.zeros((1, 1, 16, 16), np.bool_)
    mask[0, 0, 8, 0] = True
    assert places_of(mask, (2, 2)).flatten().tolist() == [0, 0, 1, 0]


def test_decoded_colours_are_truncated() -> None:
    class Vae:
        dtype = torch.float32

        def decode(self, latents):
            return type("Found", (), {"sample": torch.tensor([-3.0, 0.0, 0.999]).reshape(1, 3, 1, 1)})

    assert decoded(Vae(), torch.zeros(4, 1, 1, 1)).tolist() == [[[[0, 127, 254]]]]
