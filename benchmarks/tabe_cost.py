"""What TABE costs: operations of its full-size network, counted without weights; seconds of a tiny one on this CPU.

    python benchmarks/tabe_cost.py [--frames 30] [--seconds]

Operations are counted on torch's meta device, one multiply-add as two. ``--seconds`` also times a tiny random network:
a step of tuning with and without keeping what it computes, and generations alone and together.
"""

from __future__ import annotations

import argparse
import time

import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from vas_tool.engines.tabe.generation import GUIDANCE, NUM_ROUNDS, NUM_STEPS
from vas_tool.engines.tabe.motion_unet import INPUT_CHANNELS, TabeNetwork
from vas_tool.engines.tabe.tuning import NUM_STEPS as TUNING_STEPS
from vas_tool.engines.tabe.tuning_samples import NUM_FRAMES, SIDE

FULL = {"in_channels": INPUT_CHANNELS, "cross_attention_dim": 768, "attention_head_dim": 8, "layers_per_block": 2}
TINY = {**FULL, "block_out_channels": (32, 32, 32, 32), "cross_attention_dim": 32}
TERA = 1e12


def network_of(config: dict[str, object], device: str) -> TabeNetwork:
    with torch.device(device):
        return TabeNetwork(UNet2DConditionModel.from_config(config))


def inputs(
    config: dict[str, object], *, device: str, frames: int, side: int, samples: int = 1
) -> tuple[torch.Tensor, ...]:
    shown = torch.ones(samples, INPUT_CHANNELS, frames, side // 8, side // 8, device=device)
    return (
        shown,
        torch.ones((), device=device),
        torch.ones(samples, 77, int(str(config["cross_attention_dim"])), device=device),
    )


def operations(network: TabeNetwork, *, frames: int, side: int) -> float:
    """Tera-operations of one call."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs(FULL, device="meta", frames=frames, side=side))
    return counter.get_total_flops() / TERA


def seconds(network: TabeNetwork, *, samples: int, backward: bool) -> float:
    given = inputs(TINY, device="cpu", frames=4, side=128, samples=samples)
    started = time.perf_counter()
    with torch.set_grad_enabled(backward):
        found = network(*given)
        if backward:
            found.square().mean().backward()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=30, help="frames of a chunk")
    parser.add_argument("--seconds", action="store_true", help="time a tiny network, too")
    chosen = parser.parse_args()
    network = network_of(FULL, "meta")
    call, tuned = operations(network, frames=chosen.frames, side=512), operations(network, frames=NUM_FRAMES, side=SIDE)
    num_calls = NUM_ROUNDS * NUM_STEPS * 2
    print(f"one call, {chosen.frames} frames of 512 x 512: {call:.1f} TFLOP")
    print(f"a chunk: {num_calls} calls (guidance {GUIDANCE:g} needs two a step), {call * num_calls / 1000:.1f} PFLOP")
    print(f"one step of tuning, {NUM_FRAMES} frames of {SIDE} x {SIDE}: {tuned:.2f} TFLOP forward, as much again back")
    # Frozen weights need no gradient of their own.
    print(f"a tuning: {TUNING_STEPS} steps, about {2 * tuned * TUNING_STEPS / 1000:.1f} PFLOP, and the autoencoder's")
    if chosen.seconds:
        tiny = network_of(TINY, "cpu")
        for keeps in (True, False):
            tiny.keep(all_of_it=keeps)
            print(
                f"tiny step, {'kept' if keeps else 'computed again'}: {seconds(tiny, samples=1, backward=True):.2f} s"
            )
        for samples in (1, 2, 10):
            one = seconds(tiny, samples=samples, backward=False) / samples
            print(f"tiny call, {samples} samples together: {one:.2f} s a sample")


if __name__ == "__main__":
    main()
