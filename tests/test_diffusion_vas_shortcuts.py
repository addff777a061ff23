"""The shortcuts through the stock networks give the stock networks' numbers, and are taken."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from tiny_diffusion_vas import UNET, VAE

from vas_tool.engines.diffusion_vas import shortcuts
from vas_tool.engines.diffusion_vas.shortcuts import take_shortcuts

CPU = torch.device("cpu")
Run = Callable[[torch.nn.Module, tuple[int, int]], torch.Tensor]


def through_unet(unet: torch.nn.Module, size_hw: tuple[int, int]) -> torch.Tensor:
    torch.manual_seed(3)
    sample, tokens = torch.randn(2, 5, 8, *size_hw), torch.randn(2, 1, UNET["cross_attention_dim"])
    with torch.inference_mode():
        return unet(sample, torch.tensor(0.3), tokens, torch.tensor([[7, 127, 0.02]] * 2)).sample  # type: ignore[no-any-return]


def through_decoder(vae: torch.nn.Module, size_hw: tuple[int, int]) -> torch.Tensor:
    torch.manual_seed(3)
    with torch.inference_mode():
        return vae.decode(torch.randn(5, 4, *size_hw), num_frames=5).sample  # type: ignore[no-any-return, operator]


def networks() -> list[tuple[torch.nn.Module, Run]]:
    torch.manual_seed(1)
    unet = UNetSpatioTemporalConditionModel.from_config(UNET)
    return [(unet, through_unet), (AutoencoderKLTemporalDecoder.from_config(VAE), through_decoder)]


@pytest.mark.parametrize("size_hw", [(4, 8), (5, 7)])  # of an odd size, the doubling cuts the last row off
@pytest.mark.parametrize("fuses", [True, False])
def test_the_numbers_are_the_stock_ones(size_hw: tuple[int, int], fuses: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not fuses:
        monkeypatch.setattr(shortcuts, "_can_fuse", lambda: False)
    for stock, run in networks():
        ours = deepcopy(stock).eval()
        take_shortcuts(ours, CPU)
        wanted, got = run(stock.eval(), size_hw), run(ours, size_hw)
        assert wanted.std() > 0.01 and (got - wanted).abs().max() < 2e-5 * wanted.abs().max()


def test_long_feed_forwards_are_cut_in_pieces_and_doubling_is_not_done_pixel_by_pixel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the stock way")

    monkeypatch.setattr(shortcuts, "CACHE_BYTES", 1)
    monkeypatch.setattr(shortcuts, "MIN_ROWS", 16)
    for stock, run in networks():
        wanted = run(stock.eval(), (4, 8))
        take_shortcuts(stock, CPU)
        with monkeypatch.context() as patch:
            patch.setattr("diffusers.models.upsampling.F.interpolate", never)
            patch.setattr("diffusers.models.activations.GEGLU.forward", never)
            assert (run(stock, (4, 8)) - wanted).abs().max() < 2e-5 * wanted.abs().max()


def test_fused_products_are_used_where_torch_has_them() -> None:
    assert shortcuts._can_fuse() == hasattr(torch.ops.mkldnn, "_linear_pointwise")
