"""The EoRaS network: tokens of each frame from the backbone and the bird's-eye view, joined by slots, decoded to masks.

Backbone and bird's-eye view look at one frame alone. The slots go through the frames forwards and, from fresh slots,
backwards; the decoders see both. Equal to the released code (amazon-science, commit cb56baf).
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from vas_tool.engines.eoras.backbone import FrontFeatures
from vas_tool.engines.eoras.birds_eye import BirdsEye, voxel_centres
from vas_tool.engines.eoras.options import EorasOptions, Tilt
from vas_tool.engines.eoras.slots import GRID_SIDE, PositionedDecoder, position_table, positions_in


@dataclass(frozen=True)
class FrameTokens:
    """The tokens of frames before the slots are applied to them."""

    front: Tensor
    """(..., 256, d) tokens of the front features, row-major."""
    birds_eye: Tensor
    """(..., 256, d) tokens of the view from above, rows by depth, columns by width."""


@dataclass(frozen=True)
class Step:
    """The result of applying the slots to one frame."""

    slots: Tensor
    """(B, n, d) slots for the next frame."""
    updated: Tensor
    """(B, 256, d) front tokens updated by the slots; the decoders take them."""


class MaskDecoder(nn.Module):
    """Decodes features (N, 2d, 16, 16) into probabilities (N, 1, 121, 121)."""

    def __init__(self, options: EorasOptions) -> None:
        super().__init__()
        wide, narrow = options.decoder_channels
        self.deconv1 = nn.ConvTranspose2d(2 * options.d_model, wide, 3, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1)
        self.deconv3 = nn.ConvTranspose2d(narrow, 1, 3, stride=2, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, 1, 121, 121) probabilities for (N, 2d, 16, 16) features."""
        widened = functional.leaky_relu(self.deconv1(features))
        widened = functional.leaky_relu(self.deconv2(widened))
        return torch.sigmoid(self.deconv3(widened))


class EorasNetwork(nn.Module):
    """The network: crops (B, T, 3, 128, 128) in 0..1 and intrinsics (B, T, 3, 3) -> probabilities (B, T, 1, 121, 121)
    by decoder.
    """

    def __init__(self, options: EorasOptions) -> None:
        super().__init__()
        self.options = options
        num_tokens = GRID_SIDE**2
        self.slot_pos = position_table(options, options.num_slots)
        self.fea_pos, self.bev_pos = position_table(options, num_tokens), position_table(options, num_tokens)
        self.feature_extractor = FrontFeatures(options.feature_channels, options.blocks)
        self.bev_generator = BirdsEye(options.feature_channels, tilt_radians=options.tilt_radians)
        self.slot_update_bev = PositionedDecoder(options)
        self.slot_update_feature = PositionedDecoder(options)
        self.feature_update = PositionedDecoder(options)
        self.fea_fc = nn.Linear(options.feature_channels, options.d_model)
        self.bev_fc = nn.Linear(options.feature_channels, options.d_model)
        for name in options.decoders:
            self.add_module(f"dec_{name}", MaskDecoder(options))
        self.slot = nn.Embedding(options.num_slots, options.d_model)

    def tilted(self, tilt: Tilt) -> EorasNetwork:
        """Return a network with another tilt of the voxel grid. It shares this network's weight tensors."""
        other = deepcopy(self, {id(tensor): tensor for tensor in (*self.parameters(), *self.buffers())})
        other.options = replace(self.options, tilt=tilt)
        points = self.bev_generator.points
        other.bev_generator.points = voxel_centres(other.options.tilt_radians).to(points.device)
        return other

    def tokens(self, crops: Tensor, intrinsics: Tensor) -> FrameTokens:
        """Return the (N, 256, d) tokens of frames from crops (N, 3, 128, 128) and intrinsics (N, 3, 3)."""
        features = self.feature_extractor(crops)
        view = self.bev_generator(features, intrinsics)
        return FrameTokens(*(fc(_flat(map_)) for fc, map_ in ((self.fea_fc, features), (self.bev_fc, view))))

    def fresh_slots(self, batch: int) -> Tensor:
        """Return the (B, n, d) slots before the first frame of a pass."""
        return self.slot.weight.expand(batch, -1, -1)

    def step(self, slots: Tensor, frame: FrameTokens) -> Step:
        """Apply slots (B, n, d) to the tokens (B, 256, d) of one frame: slots attend to the bird's-eye view, then to
        the front tokens; then front tokens attend to slots.
        """
        own, front, above = (positions_in(table) for table in (self.slot_pos, self.fea_pos, self.bev_pos))
        slots = self.slot_update_bev(slots, frame.birds_eye, position=own, memory_position=above)
        slots = self.slot_update_feature(slots, frame.front, position=own, memory_position=front)
        return Step(slots, self.feature_update(frame.front, slots, position=front, memory_position=own))

    def passed(self, frames: Iterable[FrameTokens], slots: Tensor) -> list[Step]:
        """Return the steps of one pass through the frames in the given order."""
        steps = []
        for frame in frames:
            steps.append(self.step(slots, frame))
            slots = steps[-1].slots
        return steps

    def decoded(self, forwards: Tensor, backwards: Tensor, names: tuple[str, ...] | None = None) -> dict[str, Tensor]:
        """Return decoder -> (N, 1, 121, 121) probabilities from the updated tokens (N, 256, d) of both passes over the
        same frames. Only the decoders of these names are run; None for all.
        """
        joined = torch.cat([forwards, backwards], -1).transpose(1, 2).unflatten(2, (GRID_SIDE, GRID_SIDE))
        return {name: getattr(self, f"dec_{name}")(joined) for name in names or self.options.decoders}

    def forward(self, crops: Tensor, intrinsics: Tensor) -> dict[str, Tensor]:
        """Return decoder -> (B, T, 1, 121, 121) probabilities. ``clip_runs`` does the same for clips of any length."""
        batch, num_frames = crops.shape[:2]
        frames = self._frames(crops, intrinsics)
        forwards = self.passed(frames, self.fresh_slots(batch))
        backwards = self.passed(frames[::-1], self.fresh_slots(batch))[::-1]
        updated = (torch.stack([s.updated for s in steps], 1).flatten(0, 1) for steps in (forwards, backwards))
        return {name: mask.unflatten(0, (batch, num_frames)) for name, mask in self.decoded(*updated).items()}

    def _frames(self, crops: Tensor, intrinsics: Tensor) -> list[FrameTokens]:
        """Return the (B, 256, d) tokens of each frame.

        In training one frame at a time: the reference's batch norms see the statistics of one frame, not of the clip.
        """
        if self.training:
            return [self.tokens(c, k) for c, k in zip(crops.unbind(1), intrinsics.unbind(1), strict=True)]
        shape = crops.shape[:2]
        tokens = self.tokens(crops.flatten(0, 1), intrinsics.flatten(0, 1))
        pairs = (all_.unflatten(0, shape).unbind(1) for all_ in (tokens.front, tokens.birds_eye))
        return [FrameTokens(front, view) for front, view in zip(*pairs, strict=True)]


def _flat(features: Tensor) -> Tensor:
    """Return (N, C, 16, 16) features as (N, 256, C) tokens, row-major."""
    return features.flatten(2).transpose(1, 2)
