"""The network: Stable Diffusion 1.5's inpainting UNet, frame by frame, with CoCoCo's motion modules between its parts.

The spatial part is diffusers' class with its nine input channels. A motion module runs in a hook on the part that it
follows, so that skip connections and down-samplers get its output.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from vas_tool.engines.tabe.motion import MotionModule, Surroundings

LATENT_CHANNELS = 4
INPUT_CHANNELS = 9
"""Channels of the input: four of noisy latents, one of the pixels to paint, four of the shown picture's latents."""


class TabeNetwork:
    """The network: noisy latents of a few frames -> the noise in them."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        """``unet`` is diffusers' network. Motion modules are added to it."""
        self.unet = unet
        self.around = Surroundings()
        add_motion(unet, self.around)

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights."""
        return self.unet.conv_in.weight.dtype

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.unet.conv_in.weight.device

    def keep(self, *, all_of_it: bool) -> None:
        """Choose whether tuning keeps all intermediate results. If not, it takes less memory and a third more time,
        because the backward pass computes each part again.
        """
        if all_of_it:
            self.unet.disable_gradient_checkpointing()
        else:
            self.unet.enable_gradient_checkpointing()
        self.around.checkpointing = not all_of_it

    def __call__(self, shown: Tensor, timestep: Tensor | int, text: Tensor) -> Tensor:
        """Return the (B, 4, F, h, w) noise in (B, 9, F, h, w) latents with (B, K, D) text tokens. All frames have one
        timestep.
        """
        batch, _, num_frames = shown.shape[:3]
        # They stay behind the call: a part whose inside is computed again in the backward pass asks for them there.
        self.around.num_frames, self.around.text = num_frames, text
        frames = shown.transpose(1, 2).flatten(0, 1)
        noise: Tensor = self.unet(frames, timestep, text.repeat_interleave(num_frames, 0), return_dict=False)[0]
        return noise.unflatten(0, (batch, num_frames)).transpose(1, 2)


def add_motion(unet: UNet2DConditionModel, around: Surroundings) -> None:
    """Add two modules to each down block, one to the middle block, and three to each up block."""
    config = unet.config
    make = partial(MotionModule, text_width=config.cross_attention_dim, num_groups=config.norm_num_groups)
    widths = list(config.block_out_channels)
    for block, width in zip(unet.down_blocks, widths, strict=True):
        _add(block, [make(width) for _ in block.resnets], around)
    _add(unet.mid_block, [make(widths[-1])], around)
    for block, width in zip(unet.up_blocks, reversed(widths), strict=True):
        _add(block, [make(width) for _ in block.resnets], around)


def _add(block: Any, modules: list[MotionModule], around: Surroundings) -> None:
    """Add modules after the block's attentions, or after its residual parts if it has no attentions."""
    block.motion_modules = nn.ModuleList(modules)
    parts = getattr(block, "attentions", None) or block.resnets
    for part, motion in zip(parts, modules, strict=True):
        part.register_forward_hook(partial(_moved, motion, around))


def _moved(motion: MotionModule, around: Surroundings, _: object, __: object, output: Any) -> Any:
    """Return the part's output after its motion module: a tensor, or a tuple that begins with one."""
    if isinstance(output, tuple):
        return (motion(output[0], around), *output[1:])
    return motion(output, around)
