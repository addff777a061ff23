"""How long Depth Anything V2 takes for one frame: a plain loop that does what the reference does, and our engine.

    python benchmarks/depth_speed.py [--size small] [--frames 6] [--picture 512x256] [--batches 1,4] [--device cpu]

Random weights (the work is the same). The plain loop takes frame after frame through the network in float32, with
attention written out, as the original does without xformers. Ours is ``DepthAnything.estimate`` with each of the
batches and, on CUDA, with the batch it chooses itself, in float16. All take turns on the same frames; the fastest turn
counts. On a CPU, processor seconds are compared, so that other work on the machine counts little. TFLOP are counted by
torch for one frame: what the convolutions and matrix products need at least.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sam_integration.presets import best_device
from vas_tool.engines.depth_anything.checkpoints import config_of
from vas_tool.engines.depth_anything.engine import DepthAnything
from vas_tool.engines.depth_anything.positions import use_positions
from vas_tool.engines.depth_anything.released import ARCHITECTURES
from vas_tool.engines.depth_anything.resizing import from_network, network_size, to_network
from vas_tool.types import ArrayClip


def random_network(size: str, attention: str = "sdpa") -> Any:
    import torch
    from transformers import DepthAnythingForDepthEstimation

    config = config_of(ARCHITECTURES[size])  # type: ignore[index]
    config.backbone_config._attn_implementation = attention
    torch.manual_seed(0)
    network = DepthAnythingForDepthEstimation(config).eval().requires_grad_(False)
    use_positions(network, "reference")
    return network


def teraflop_a_frame(size: str, size_hw: tuple[int, int]) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network, picture = random_network(size, "eager"), torch.empty(1, 3, *size_hw)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(picture)
    return counter.get_total_flops() / 1e12


def plain_loop(network: Any, clip: ArrayClip, device: str) -> None:
    import torch

    height_width = clip.size_wh[::-1]
    for index in range(len(clip)):
        picture = to_network(clip[index], network_size(height_width), device="cpu")
        with torch.inference_mode():
            answer = network(picture[None].to(device)).predicted_depth[0]
        from_network(answer, height_width).cpu().numpy()


def seconds(work: Callable[[], object], device: str) -> float:
    """Of the clock on a GPU, of the processor divided by its threads on a CPU."""
    import torch

    clock, share = (time.process_time, torch.get_num_threads()) if device == "cpu" else (time.perf_counter, 1)
    began = clock()
    work()
    return (clock() - began) / share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="small", choices=list(ARCHITECTURES))
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--picture", default="512x256", help="width x height")
    parser.add_argument("--batches", default="1,4")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default=None)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    device = arguments.device or best_device()
    width, height = map(int, arguments.picture.split("x"))
    frames = np.random.default_rng(0).integers(0, 256, (arguments.frames, height, width, 3), np.uint8)
    batches: list[int | None] = [int(text) for text in arguments.batches.split(",")]
    if device.startswith("cuda"):
        batches.append(None)
    plain = random_network(arguments.size, "eager").to(device)
    ways: dict[str, Callable[[], object]] = {"plain loop": lambda: plain_loop(plain, ArrayClip(frames), device)}
    for batch in batches:
        engine = DepthAnything(lambda: random_network(arguments.size), device=device, batch=batch)
        ways[f"ours, batch {batch or 'by free memory'}"] = lambda engine=engine: list(
            engine.estimate(ArrayClip(frames), range(len(frames)))
        )
    size_hw = network_size((height, width))
    work = teraflop_a_frame(arguments.size, size_hw)
    print(f"{arguments.size} on {device}, {width} x {height} seen at {size_hw[1]} x {size_hw[0]}: {work:.3f} TFLOP")
    best = {name: float("inf") for name in ways}
    for _ in range(arguments.turns):
        for name, way in ways.items():
            best[name] = min(best[name], seconds(way, device) / len(frames))
    for name, time_a_frame in best.items():
        speed = best["plain loop"] / time_a_frame
        print(f"{name:<28} {time_a_frame:8.3f} s a frame  {work / time_a_frame:7.2f} TFLOP/s  {speed:5.2f} x")


if __name__ == "__main__":
    main()
