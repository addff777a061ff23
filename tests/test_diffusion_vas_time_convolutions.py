"""Convolutions along time give the stock network's numbers, and three-dimensional ones are no longer called."""

import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder
from tiny_diffusion_vas import VAE

from vas_tool.engines.diffusion_vas.time_convolutions import use_2d_kernels


@pytest.mark.parametrize("size_hw", [(4, 8), (5, 7)])
def test_the_numbers_are_the_stock_ones(size_hw: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    vae = AutoencoderKLTemporalDecoder.from_config(VAE).eval()
    latents = torch.randn(5, 4, *size_hw)
    with torch.inference_mode():
        wanted = vae.decode(latents, num_frames=5).sample
        use_2d_kernels(vae)
        monkeypatch.setattr(torch.nn.Conv3d, "forward", None)
        got = vae.decode(latents, num_frames=5).sample
    assert wanted.std() > 0.01 and (got - wanted).abs().max() < 2e-5 * wanted.abs().max()
