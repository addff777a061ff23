"""The network over a clip of any length: the slots go through all frames both ways, in memory that does not grow.

The slots are carried backwards first, and kept where blocks of frames begin. Then block after block is gone through
forwards, its backward pass repeated from what was kept, and decoded. Tokens of a frame (1 MB) are kept for as many
blocks as the memory bound allows, and computed again otherwise.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vas_tool.engines.eoras.crops import Floats
from vas_tool.engines.eoras.network import EorasNetwork, FrameTokens

BLOCK = 12
"""Frames that are looked at together: what the network was trained on."""

TOKENS_BYTES = 512 << 20
"""Tokens that are kept between the two passes."""

Look = Callable[[int], tuple[Floats, Floats]]
"""Position of a frame -> its patch (3, 128, 128) in [0, 1] and intrinsics (3, 3)."""

Pulse = Callable[[int], None]
"""Called with the number of frames done, of twice the number of frames. May raise Cancelled."""


@dataclass(frozen=True)
class ClipRun:
    """One object's frames before a network in evaluation mode."""

    network: EorasNetwork
    look: Look
    num_frames: int
    pulse: Pulse = lambda _: None
    block: int = BLOCK
    tokens_bytes: int = TOKENS_BYTES

    def masks(self, *, descending: bool = False) -> Iterator[tuple[int, dict[str, Floats]]]:
        """(position, (121, 121) probabilities by decoder) of every frame, ascending or descending."""
        kept = _KeptTokens(self)
        blocks = [
            range(first, min(first + self.block, self.num_frames)) for first in range(0, self.num_frames, self.block)
        ]
        ordered = blocks[::-1] if descending else blocks
        entered = self._carried(ordered[::-1], kept, along=descending)
        slots = self.network.fresh_slots(1)
        for number, frames in enumerate(ordered):
            self.pulse(self.num_frames + min(number * self.block, self.num_frames))
            tokens = kept.of(frames)
            with torch.inference_mode():
                ahead, slots = self._through(tokens, slots, along=not descending)
                back, _ = self._through(tokens, entered[frames], along=descending)
                forwards, backwards = (back, ahead) if descending else (ahead, back)
                decoded = self.network.decoded(forwards, backwards)
            yield from _by_frame(frames, decoded, descending=descending)

    def _carried(self, blocks: Sequence[range], kept: _KeptTokens, *, along: bool) -> dict[range, Tensor]:
        """The slots (1, n, d) before each block. ``along`` the time, or against it."""
        slots, entered = self.network.fresh_slots(1), {}
        for number, frames in enumerate(blocks):
            self.pulse(min(number * self.block, self.num_frames))
            entered[frames] = slots
            with torch.inference_mode():
                _, slots = self._through(kept.of(frames), slots, along=along)
        return entered

    def _through(self, tokens: Sequence[FrameTokens], slots: Tensor, *, along: bool) -> tuple[Tensor, Tensor]:
        """Updated tokens (N, 256, d) in the order of time, and the slots after the last frame of the pass."""
        steps = self.network.passed(tokens if along else tokens[::-1], slots)
        updated = torch.cat([step.updated for step in (steps if along else steps[::-1])])
        return updated, steps[-1].slots


class _KeptTokens:
    """Tokens by block, the last ones asked for."""

    def __init__(self, run: ClipRun) -> None:
        self._run = run
        self._kept: OrderedDict[range, list[FrameTokens]] = OrderedDict()
        self._bytes = 0

    def of(self, frames: range) -> list[FrameTokens]:
        """Tokens (1, 256, d) of each frame of a block."""
        if frames not in self._kept:
            self._kept[frames] = self._computed(frames)
            self._bytes += _num_bytes(self._kept[frames])
        self._kept.move_to_end(frames)
        while self._bytes > self._run.tokens_bytes and len(self._kept) > 1:
            self._bytes -= _num_bytes(self._kept.popitem(last=False)[1])
        return self._kept[frames]

    def _computed(self, frames: range) -> list[FrameTokens]:
        seen = [self._run.look(position) for position in frames]
        device = next(self._run.network.parameters()).device
        crops, intrinsics = (torch.from_numpy(np.stack(part)).to(device) for part in zip(*seen, strict=True))
        with torch.inference_mode():
            found = [self._run.network.tokens(c[None], k[None]) for c, k in zip(crops, intrinsics, strict=True)]
        return found


def _num_bytes(tokens: Sequence[FrameTokens]) -> int:
    return sum(part.element_size() * part.nelement() for t in tokens for part in (t.front, t.birds_eye))


def _by_frame(
    frames: range, decoded: dict[str, Tensor], *, descending: bool
) -> Iterator[tuple[int, dict[str, Floats]]]:
    found = {name: masks[:, 0].float().cpu().numpy() for name, masks in decoded.items()}
    numbered = list(enumerate(frames))
    for number, position in numbered[::-1] if descending else numbered:
        yield position, {name: masks[number] for name, masks in found.items()}
