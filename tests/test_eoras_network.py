"""EoRaS's arithmetic: against literal loops for what is easily got wrong, and between the ways through a clip."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_eoras import TINY, tiny_network, write_released
from torch.nn import functional

from vas_tool.engines.eoras.birds_eye import BirdsEye, voxel_centres
from vas_tool.engines.eoras.checkpoints import load_network
from vas_tool.engines.eoras.clip_runs import ClipRun
from vas_tool.engines.eoras.options import EorasOptions, options_of, reference_tilt
from vas_tool.engines.eoras.slots import PositionedLayer, sin_cos
from vas_tool.errors import EngineError

KUBRIC = torch.tensor([[35 / 32, 0, -0.5], [0, -35 / 32, -0.5], [0, 0, -1]])


@pytest.fixture(scope="module")
def clip() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return torch.rand(1, 5, 3, 128, 128, generator=random), KUBRIC.expand(1, 5, 3, 3)


def test_voxels_are_cell_centres_in_the_order_x_y_z_turned_about_x() -> None:
    x, y, z = 3, 4, 60
    angle = 0.131664
    index = (x * 5 + y) * 64 + z
    centre = (-10 + (x + 0.5) * 20 / 64, 1.0, (z + 0.5) * 20 / 64)
    turned = (
        centre[0],
        math.cos(angle) * centre[1] - math.sin(angle) * centre[2],
        math.sin(angle) * centre[1] + math.cos(angle) * centre[2],
    )
    torch.testing.assert_close(voxel_centres(0.0)[:, index], torch.tensor(centre))
    torch.testing.assert_close(voxel_centres(angle)[:, index], torch.tensor(turned))


def test_tilts_are_those_of_the_scripts_data_set_names() -> None:
    assert [reference_tilt(name) for name in ("movid_bev", "movib_bev", "kubasic", "KITTI")] == [
        "movid",
        "none",
        "kubasic",
        "none",
    ]
    assert EorasOptions(tilt="movid").tilt_radians == pytest.approx(0.131664, abs=1e-6)
    assert EorasOptions(tilt="kubasic").tilt_radians == pytest.approx(0.217234, abs=1e-6)


def test_a_channel_of_the_birds_eye_view_is_five_times_feature_plus_height() -> None:
    """One voxel by hand: projected, sampled bilinearly with corners on corners, put into row depth, column width."""
    view, features = BirdsEye(8, tilt_radians=0.0), torch.arange(8 * 16 * 16).reshape(1, 8, 16, 16) / 2048
    sampled = view.sampled(features, KUBRIC[None])[0]
    feature, width, height, depth = 7, 30, 2, 40
    x, y, z = voxel_centres(0.0)[:, (width * 5 + height) * 64 + depth].tolist()
    u, v = 0.5 - 35 / 32 * x / z, 0.5 + 35 / 32 * y / z
    column, row = 15 * u, 15 * v
    left, top = math.floor(column), math.floor(row)
    corners = features[0, feature, top : top + 2, left : left + 2]
    across = torch.tensor([left + 1 - column, column - left])
    down = torch.tensor([top + 1 - row, row - top])
    assert sampled[5 * feature + height, depth, width].item() == pytest.approx(
        (down @ corners @ across).item(), abs=1e-5
    )


def test_intrinsics_in_pixels_leave_the_birds_eye_view_empty() -> None:
    pixels = torch.tensor([[718.3, 0, 600.4], [0, 718.3, 181.5], [0, 0, 1]])
    assert not BirdsEye(4, tilt_radians=0.0).sampled(torch.ones(1, 4, 16, 16), pixels[None]).any()


def test_positions_are_added_to_queries_and_keys_and_never_to_values() -> None:
    torch.manual_seed(0)
    layer = PositionedLayer(8, 2, 16, batch_first=True).eval()
    tokens, memory, own, other = (torch.randn(1, n, 8) for n in (3, 5, 3, 5))

    def attention(name: str, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        part = getattr(layer, name)
        weights, biases = part.in_proj_weight.chunk(3), part.in_proj_bias.chunk(3)
        q, k, v = (
            (what @ w.T + b).unflatten(-1, (2, 4)).transpose(1, 2)
            for what, w, b in zip((queries, keys, values), weights, biases, strict=True)
        )
        heads = functional.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v
        return part.out_proj(heads.transpose(1, 2).flatten(2))

    x = layer.norm1(tokens + attention("self_attn", tokens + own, tokens + own, tokens))
    x = layer.norm2(x + attention("multihead_attn", x + own, memory + other, memory))
    x = layer.norm3(x + layer.linear2(torch.relu(layer.linear1(x))))
    torch.testing.assert_close(layer(tokens, memory, position=own, memory_position=other), x)


def test_fixed_positions() -> None:
    table = sin_cos(4, 6)
    assert table.shape == (1, 4, 6)
    assert table[0, 3, 2].item() == pytest.approx(math.sin(3 / 10000 ** (2 / 6)))
    assert table[0, 3, 3].item() == pytest.approx(math.cos(3 / 10000 ** (2 / 6)))


def test_slots_go_through_the_frames_and_updated_tokens_do_not(clip: tuple[torch.Tensor, torch.Tensor]) -> None:
    """The whole network again, frame by frame, as the reference's loop has it."""
    network, (crops, intrinsics) = tiny_network(), clip
    with torch.no_grad():
        frames = [network.tokens(crops[:, t], intrinsics[:, t]) for t in range(3)]
        updated = {}
        for order in ((0, 1, 2), (2, 1, 0)):
            slots = network.slot.weight[None]
            for t in order:
                above = {"position": network.slot_pos, "memory_position": network.bev_pos}
                slots = network.slot_update_bev(slots, frames[t].birds_eye, **above)
                front = {"position": network.slot_pos, "memory_position": network.fea_pos}
                slots = network.slot_update_feature(slots, frames[t].front, **front)
                back = {"position": network.fea_pos, "memory_position": network.slot_pos}
                updated[order, t] = network.feature_update(frames[t].front, slots, **back)
        joined = [torch.cat([updated[(0, 1, 2), t], updated[(2, 1, 0), t]], -1) for t in range(3)]
        maps = torch.cat(joined).transpose(1, 2).reshape(3, 32, 16, 16)
        masks = network(crops[:, :3], intrinsics[:, :3])
        torch.testing.assert_close(masks["fm"][0], network.dec_fm(maps), atol=1e-5, rtol=0)
        torch.testing.assert_close(masks["vm"][0], network.dec_vm(maps), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("block", "kept", "descending"), [(2, 0, False), (3, 1 << 30, True)])
def test_a_clip_in_blocks_is_the_clip_whole(
    clip: tuple[torch.Tensor, torch.Tensor], block: int, kept: int, descending: bool
) -> None:
    network, (crops, intrinsics) = tiny_network(), clip
    with torch.no_grad():
        whole = network(crops, intrinsics)
    run = ClipRun(network, lambda i: (crops[0, i].numpy(), KUBRIC.numpy()), 5, block=block, tokens_bytes=kept)
    answers = list(run.masks(descending=descending))
    assert [i for i, _ in answers] == sorted(range(5), reverse=descending)
    for i, found in answers:
        np.testing.assert_allclose(found["fm"], whole["fm"][0, i, 0], atol=1e-5)


def test_the_released_format_reads_and_says_its_sizes(tmp_path: Path) -> None:
    network, path = tiny_network(), tmp_path / "checkpoint-0050.pth.gz"
    write_released(path, network)
    again = load_network(path)
    assert again.options == TINY
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_learned_positions_are_told_by_their_keys() -> None:
    options = replace(TINY, positions="random", decoders=("fm",))
    shapes = {name: tuple(t.shape) for name, t in tiny_network(options).state_dict().items()}
    assert options_of(shapes, tilt="none") == options


@pytest.mark.parametrize("content", [{"model": 3}, [1], {"model": {"module.slot.weight": torch.zeros(2)}}])
def test_another_file_is_refused_by_name(tmp_path: Path, content: object) -> None:
    path = tmp_path / "wrong.pth.gz"
    torch.save(content, path)
    with pytest.raises(EngineError, match="EoRaS"):
        load_network(path)
