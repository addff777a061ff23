"""The network over a clip of any length: the slots go through all frames both ways, in memory that does not grow.

The slots are carried through all frames one way first, and kept where blocks of frames begin. Then block after block is
gone through the other way, its first pass repeated from what was kept, and decoded. Tokens of frames (1 MB each) are
kept for as many frames as the memory bound allows, and computed again otherwise.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor

from vas_tool.engines.eoras.network import EorasNetwork, FrameTokens
from vas_tool.engines.eoras.patches import Floats

BLOCK = 12
"""Number of frames that are decoded together: the length of the clips that the network was trained on."""

TOKENS_BYTES = 512 << 20
"""Largest memory, in bytes, for tokens that are stored between the two passes."""

InputOf = Callable[[int], tuple[Floats, Floats]]
"""A function: position of a frame -> its patch (3, 128, 128) in 0..1 and intrinsics (3, 3)."""

Pulse = Callable[[int], None]
"""A function that is called before each frame of each pass with the number of finished steps (two per frame in all). It
may raise Cancelled."""


@dataclass(frozen=True)
class ClipRun:
    """Runs a network in evaluation mode over one object's frames."""

    network: EorasNetwork
    input_of: InputOf
    num_frames: int
    pulse: Pulse = lambda _: None
    block: int = BLOCK
    tokens_bytes: int = TOKENS_BYTES
    decoders: tuple[str, ...] | None = None
    """Names of the mask decoders that are run; None for all of the network."""

    def masks(self, *, descending: bool = False) -> Iterator[tuple[int, dict[str, Floats]]]:
        """Yield (position, decoder -> (121, 121) probabilities) of every frame, in ascending or descending order."""
        positions = range(self.num_frames)[:: -1 if descending else 1]
        blocks = [positions[first : first + self.block] for first in range(0, self.num_frames, self.block)]
        kept = _KeptTokens(self)
        entered = self._entered(blocks[::-1], kept)
        slots, done = self.network.fresh_slots(1), self.num_frames
        for block in blocks:
            against, _ = self._through(block[::-1], entered[block], kept, steps_done=repeat(done))
            along, slots = self._through(block, slots, kept, steps_done=range(done, done + len(block)))
            done += len(block)
            yield from self._decoded(block, along, against[::-1], descending=descending)

    def _entered(self, blocks: Sequence[range], kept: _KeptTokens) -> dict[range, Tensor]:
        """Return block -> the (1, n, d) slots with which the pass against the order of the answers enters it."""
        slots, entered, done = self.network.fresh_slots(1), dict[range, Tensor](), 0
        for block in blocks:
            entered[block] = slots
            _, slots = self._through(block[::-1], slots, kept, steps_done=range(done, done + len(block)))
            done += len(block)
        return entered

    def _through(
        self, positions: range, slots: Tensor, kept: _KeptTokens, *, steps_done: Iterable[int]
    ) -> tuple[list[Tensor], Tensor]:
        """Return the updated tokens (1, 256, d) of each frame, in this order, and the slots after the last frame."""
        updated = list[Tensor]()
        for position, done in zip(positions, steps_done, strict=False):
            self.pulse(done)
            with torch.inference_mode():
                step = self.network.step(slots, kept.of(position))
            updated.append(step.updated)
            slots = step.slots
        return updated, slots

    def _decoded(
        self, block: range, along: Sequence[Tensor], against: Sequence[Tensor], *, descending: bool
    ) -> Iterator[tuple[int, dict[str, Floats]]]:
        """Yield (position, decoder -> mask) of a block. The decoders take the tokens of the forward pass first."""
        forwards, backwards = (against, along) if descending else (along, against)
        with torch.inference_mode():
            decoded = self.network.decoded(torch.cat([*forwards]), torch.cat([*backwards]), self.decoders)
            found = {name: masks[:, 0].float().cpu().numpy() for name, masks in decoded.items()}
        for number, position in enumerate(block):
            yield position, {name: masks[number] for name, masks in found.items()}


class _KeptTokens:
    """A cache of tokens by frame: the most recently used ones, at least a block of them."""

    def __init__(self, run: ClipRun) -> None:
        self._run = run
        self._kept: OrderedDict[int, FrameTokens] = OrderedDict()

    def of(self, position: int) -> FrameTokens:
        """Return the (1, 256, d) tokens of a frame."""
        if position not in self._kept:
            self._kept[position] = self._computed(position)
        self._kept.move_to_end(position)
        while len(self._kept) > max(self._run.block, self._run.tokens_bytes // _num_bytes(self._kept[position])):
            self._kept.popitem(last=False)
        return self._kept[position]

    def _computed(self, position: int) -> FrameTokens:
        network = self._run.network
        device = network.slot.weight.device
        crop, intrinsics = (torch.from_numpy(part)[None].to(device) for part in self._run.input_of(position))
        return network.tokens(crop, intrinsics)


def _num_bytes(tokens: FrameTokens) -> int:
    return sum(part.element_size() * part.nelement() for part in (tokens.front, tokens.birds_eye))
