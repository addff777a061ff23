"""Diffusion-VAS's amodal stage: ours against a plain loop that does what the reference does, in one run.

    python benchmarks/diffusion_vas_speed.py [--size tiny|small|full] [--steps 25] [--objects 8] [--seeds 3]
        [--plain-runs N] [--try VARIANT ...]

Random weights (the work is the same). The plain loop encodes frame by frame, keeps nothing, uses the stock network
with full attention, and does one object and one seed at a time; it does the same for each, so it is measured for one
and counted for all. Ours runs all objects and seeds. ``full`` is the released size at 256 x 512 and wants a GPU; there
float16 and seconds by the clock count, on a CPU float32 and processor seconds, so that other work on the machine counts
little. Depth is told apart: the reference computes it anew in every run, ours once for all (random weights).

Measured on 2026-11-30 with the present code, one thread, on two cores that about 20 other processes shared, so only
ratios count: tiny, 25 steps, ours is 1.08 times as fast as the plain loop for one object and seed, 1.11 times for
each of 8 objects x 3 seeds, and 1.16 times with depth. The network takes nine tenths of the time, and every product
of it is needed.

On 2026-11-28, with rewrites of kernels that are gone (they saved a tenth of the UNet), on a quiet two-core AVX-512
machine: tiny 1.24, 1.35 and 1.40 times; small, 10 steps, 8 objects, 1.25, 1.31 and 1.39 times. The targets on a GPU are
not measured.

``--try`` measures variants of the UNet, on a GPU that nobody has measured yet: ``channels_last``, ``compiled`` (its
blocks, by torch.compile) and ``cudnn_benchmark``, also joined by ``+``; how far each is from the plain UNet is printed
beside it. ``--plain-runs 1`` saves time where nothing else runs on the machine.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import _resize_with_antialiasing
from diffusers.utils.logging import set_verbosity_error
from diffusion_vas_random import (
    NUM_FRAMES,
    SCHEDULER,
    SIZES,
    Size,
    make_clip,
    make_depth_network,
    make_disks,
    make_objects,
    make_parts,
)
from torch.utils.flop_counter import FlopCounterMode

from vas_tool.engines.depth_anything.engine import DepthAnything
from vas_tool.engines.depth_anything.resizing import from_network, network_size, to_network
from vas_tool.engines.diffusion_vas.amodal import DiffusionVasAmodal
from vas_tool.engines.diffusion_vas.content import DiffusionVasContent
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.loading import CLIP_MEAN, CLIP_STD, Parts
from vas_tool.engines.diffusion_vas.parameters import DiffusionVasParameters
from vas_tool.engines.diffusion_vas.unet import DiffusionVasUNet
from vas_tool.engines.diffusion_vas.window_model import Encodings, WindowInput, WindowModel, WindowProgress
from vas_tool.types import Canvas
from vas_tool.work import AmodalWork, ContentWork

WANTED_ONE, WANTED_MANY = 1.0, 1.3
"""Of the plain loop's time for one object, at most; and how many times as fast for each of eight (issue 4)."""
PEAK_TFLOPS = {"H200": 790.0, "3090": 71.0}
"""float16, dense: what the floors in the issue were reckoned with."""
WANTED_STAGE, WANTED_ALL = 2.2, 5.0
"""Seconds on an H200: the amodal stage, and depth with both stages, of 25 frames at 256 x 512 (issue 4)."""
VARIANTS = ("channels_last", "compiled", "cudnn_benchmark")
COMPILED = ("SpatioTemporalResBlock", "TransformerSpatioTemporalModel")
"""Blocks of the UNet that ``compiled`` compiles, each kind once for each shape."""
MOST_SHAPES = 64


@torch.inference_mode()
def plainly(parts: Parts, first: torch.Tensor, second: torch.Tensor, *, num_steps: int, seed: int = 23) -> torch.Tensor:
    """(T, 3, H, W): the reference's loop, stock parts, nothing batched and nothing kept."""
    unet: Any = parts.unet
    device, dtype, num_frames = unet.device, unet.dtype, len(first)
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for frame in first:
        small = (_resize_with_antialiasing(frame[None].to(device), (224, 224)) + 1) / 2
        mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
        embedding = parts.image_encoder(pixel_values=((small - mean) / std).to(dtype)).image_embeds
        rows += [torch.zeros_like(embedding), embedding]
    hold = {"encoder_hidden_states": torch.stack(rows)}
    hooks = [
        block.register_forward_pre_hook(lambda _, args, kwargs: (args, {**kwargs, **hold}), with_kwargs=True)
        for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks)
        if getattr(block, "has_cross_attention", False)
    ]
    latents = []
    parts.vae.to(torch.float32)
    for pictures in (first, second):
        noise = torch.randn(pictures.shape, generator=generator)
        noisy = (pictures + 0.02 * noise).to(device)
        encoded = [parts.vae.encode(frame[None]).latent_dist.mode() for frame in noisy]
        latents.append(torch.stack([torch.cat([torch.zeros_like(one), one]) for one in encoded], dim=1).to(dtype))
    parts.vae.to(dtype)
    scheduler = EulerDiscreteScheduler.from_config(SCHEDULER)
    scheduler.set_timesteps(num_steps, device=device)
    shape = (1, num_frames, 4, first.shape[2] // 8, first.shape[3] // 8)
    x = torch.randn(shape, generator=generator).to(device, dtype) * scheduler.init_noise_sigma
    ids = torch.tensor([[7, 127, 0.02]] * 2, device=device, dtype=dtype)
    unused = torch.zeros(2, 1, unet.config.cross_attention_dim, device=device, dtype=dtype)
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(torch.cat([x, x]), timestep)
        velocity = unet(torch.cat([scaled, *latents], dim=2), timestep, unused, ids).sample
        without, given = velocity.chunk(2)
        x = scheduler.step(without + 1.5 * (given - without), timestep, x).prev_sample
    for hook in hooks:
        hook.remove()
    chunks = [parts.vae.decode(c / 0.18215, num_frames=len(c)).sample for c in x[0].split(8)]
    return (torch.cat(chunks).float() / 2 + 0.5).clamp(0, 1)


class Ours:
    """The engine's inner part, from what the model is shown to frames."""

    def __init__(self, parts: Parts, parameters: DiffusionVasParameters) -> None:
        parts = replace(parts, unet=DiffusionVasUNet(parts.unet))  # type: ignore[arg-type]
        self.pipeline = DiffusionVasPipeline(parts, device=parts.vae.device)
        self.parameters = parameters

    def __call__(
        self, window_input: WindowInput, seeds: tuple[int, ...], *, encodings: Encodings | None = None
    ) -> list[np.ndarray]:
        """For each seed the frames of one window. ``encodings``: what earlier objects left; nothing when None."""
        told = WindowProgress(lambda done, total, what: None, "", num_windows=1, num_steps=1)
        model = WindowModel(encodings or Encodings(self.pipeline), (range(25),), self.parameters, told)
        return model.frames(0, window_input, seeds)


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """By the clock on a GPU, of the processor on a CPU."""
    if device.type == "cpu":
        before = time.process_time()
        work()
        return time.process_time() - before
    torch.cuda.synchronize()
    before = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - before


def counted(work: Callable[[], object]) -> float:
    """TFLOP; one multiply-add = 2."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) / 1e12


def plain_depth(network: Any, size: Size, device: torch.device) -> None:
    """The reference's loop: frame by frame, made ready on the CPU."""
    clip = make_clip(size)
    size_hw = network_size(clip.size_wh[::-1], short_side=size.depth_short_side)
    for index in range(len(clip)):
        picture = to_network(clip[index], size_hw, device="cpu").to(device)
        with torch.inference_mode():
            from_network(network(picture[None]).predicted_depth[0], clip.size_wh[::-1]).cpu()


def our_depth(engine: DepthAnything, size: Size) -> dict[int, Any]:
    """What our engine makes of the frames."""
    clip = make_clip(size)
    return dict(engine.estimate(clip, range(len(clip)), settings={"short_side": size.depth_short_side}))


def whole_method(ours: Ours, engine: DepthAnything, size: Size) -> None:
    """Depth, amodal masks and content of one object, by the engines, from frames and masks to masks and colours."""
    clip, modal = make_clip(size), dict(enumerate(make_disks(size, 0, 1)))
    where = Canvas(clip.size_wh), range(len(clip)), 23
    amodal = DiffusionVasAmodal(ours.pipeline, ours.parameters)
    masks = dict(amodal.complete(AmodalWork(clip, modal, our_depth(engine, size), *where)))
    dict(DiffusionVasContent(ours.pipeline, ours.parameters).complete(ContentWork(clip, modal, masks, *where)))


@contextmanager
def varied(unet: Any, wanted: Collection[str]) -> Iterator[None]:
    """The UNet in a variant, as long as it lasts."""
    blocks = [block for block in unet.modules() if type(block).__name__ in COMPILED] if "compiled" in wanted else []
    flat = [module for module in unet.modules() if isinstance(module, torch.nn.Conv2d)]
    try:
        for conv in flat if "channels_last" in wanted else ():
            conv.to(memory_format=torch.channels_last)
        for block in blocks:
            torch._dynamo.config.recompile_limit = MOST_SHAPES
            block.compile()
        with torch.backends.cudnn.flags(enabled=True, benchmark="cudnn_benchmark" in wanted):
            yield
    finally:
        for conv in flat:
            conv.to(memory_format=torch.contiguous_format)
        for block in blocks:
            block._compiled_call_impl = None


def try_variant(ours: Ours, names: str, *, obj: WindowInput, device: torch.device) -> None:
    """Prints what a variant of the UNet gains, and how far its frames are from the plain one's after two steps."""
    parameters, run = ours.parameters, partial(ours, obj, (23,))
    ours.parameters = replace(parameters, num_steps=2)
    plain = run()[0]
    with varied(ours.pipeline.parts.unet.stock, names.split("+")):
        ready = seconds_of(run, device)
        apart = np.abs(run()[0] - plain).max()
        ours.parameters = parameters
        took = min(seconds_of(run, device) for _ in range(2))
    print(f"{names}: {took:.3f} s a window; {apart:.1e} apart after 2 steps; {ready:.0f} s to get ready", flush=True)


def try_variants(ours: Ours, variants: Iterable[str], *, obj: WindowInput, device: torch.device) -> None:
    """One after the other; one that this machine cannot do is told, and the next one tried."""
    parameters = ours.parameters
    for names in variants:
        try:
            try_variant(ours, names, obj=obj, device=device)
        except Exception as error:  # of whatever compiles, or runs what was compiled
            print(f"{names}: does not work here ({error})", flush=True)
        ours.parameters = parameters


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(SIZES), default="tiny")
    parser.add_argument("--full", action="store_const", const="full", dest="size", help="the same as --size full")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--objects", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2, help="of the run for one object and seed")
    parser.add_argument("--plain-runs", type=int, help="of the plain loop, at least 1; once an object by default")
    parser.add_argument("--try", nargs="*", default=[], dest="variants", help=f"{', '.join(VARIANTS)}, joined by +")
    options = parser.parse_args()
    strange = {name for variant in options.variants for name in variant.split("+")} - set(VARIANTS)
    if strange:
        parser.error(f"--try knows {', '.join(VARIANTS)}, not {', '.join(sorted(strange))}")
    if options.size == "full" and not torch.cuda.is_available():
        parser.error("--size full takes hours and 14 GB without a GPU; use tiny or small")
    return options


@dataclass
class Measured:
    """Seconds of a window of 25 frames."""

    plain: float
    one: float
    many: float
    """All objects and seeds together."""
    plain_depth: float
    our_depth: float
    whole: float
    """Depth and both stages, by the engines."""
    tflop: float
    """Of the plain loop, without depth."""


def measured(options: argparse.Namespace, stock: Parts, ours: Ours, *, device: torch.device) -> Measured:
    size, encodings = SIZES[options.size], Encodings(ours.pipeline)
    objects, seeds = make_objects(size, options.objects), tuple(range(23, 23 + options.seeds))
    window_input = [
        torch.from_numpy(np.repeat(part[:, None], 3, axis=1)) for part in (objects[0].first, objects[0].second)
    ]
    plain_run = partial(plainly, stock, window_input[0], window_input[1], num_steps=options.steps)
    plains, ones, many, num_plain = [], [], 0.0, options.plain_runs or options.objects
    for turn, obj in enumerate(objects):  # in turns, so that what else the machine does falls on all alike
        if turn < num_plain:
            plains.append(seconds_of(plain_run, device))
        many += seconds_of(partial(ours, obj, seeds, encodings=encodings), device)
        if turn < options.repeats:
            ones.append(seconds_of(partial(ours, obj, seeds[:1]), device))
    network = make_depth_network(size, device)
    engine = DepthAnything(lambda: deepcopy(network), device=device.type)
    our_depth(engine, size)  # so that memory and kernels are there
    depths = (
        seconds_of(partial(plain_depth, network, size, device), device),
        seconds_of(partial(our_depth, engine, size), device),
    )
    whole = seconds_of(partial(whole_method, ours, engine, size), device)
    tflop = tflop_of(stock, window_input, options.steps)
    return Measured(float(np.mean(plains)), float(np.mean(ones)), many, *depths, whole, tflop)


def main() -> None:
    options = read_options()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    set_verbosity_error()  # it warns of every conversion of the VAE
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    size = SIZES[options.size]
    started = time.monotonic()
    stock = make_parts(size, device, dtype)
    parameters = DiffusionVasParameters(num_steps=options.steps, height=size.height, width=size.width)
    ours = Ours(deepcopy(stock), replace(parameters, num_steps=2))
    print(f"{time.monotonic() - started:.0f} s for random weights", flush=True)
    (first,) = make_objects(size, 1)
    window_input = [torch.from_numpy(np.repeat(part[:, None], 3, axis=1)) for part in (first.first, first.second)]
    plain_frames = plainly(stock, window_input[0], window_input[1], num_steps=2).permute(0, 2, 3, 1).cpu().numpy()
    apart = np.abs(ours(first, (23,))[0] - plain_frames).max()
    print(f"largest difference of the frames after 2 steps: {apart:.1e}", flush=True)
    ours.parameters = parameters
    report(options, device, measured(options, stock, ours, device=device))
    del stock
    try_variants(ours, options.variants, obj=first, device=device)


def tflop_of(stock: Parts, window_input: list[torch.Tensor], num_steps: int) -> float:
    """Of the plain loop, counted over one and two steps."""
    one, two = (counted(partial(plainly, stock, window_input[0], window_input[1], num_steps=n)) for n in (1, 2))
    return one + (num_steps - 1) * (two - one)


def report(options: argparse.Namespace, device: torch.device, took: Measured) -> None:
    runs, plain, one = options.objects * options.seeds, took.plain, took.one
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {options.threads} thread(s)"
    print(f"{name}, {options.size}, 25 frames, {options.steps} steps; seconds a frame, of one object and seed")
    many_name = f"ours, {options.objects} objects x {options.seeds} seeds"
    each, each_with_depth = took.many / runs, (took.many + took.our_depth) / runs
    for what, alone, with_depth in (
        ("plain loop", plain, plain + took.plain_depth),
        ("ours, 1 object, 1 seed", one, one + took.our_depth),
        (many_name, each, each_with_depth),
    ):
        print(f"  {what:30} {alone / NUM_FRAMES:8.4f}   with depth {with_depth / NUM_FRAMES:8.4f}")
    print(f"one object: {plain / one:.2f} times as fast as the plain loop (wanted: {WANTED_ONE:.1f})")
    gain, gain_with_depth = plain / each, (plain + took.plain_depth) / each_with_depth
    print(f"{many_name}: {gain:.2f} times, with depth {gain_with_depth:.2f} times (wanted: {WANTED_MANY})")
    print(f"amodal stage, one object: {one:.2f} s; depth and both stages by the engines: {took.whole:.2f} s a window")
    tflop = took.tflop
    print(f"work of the plain loop: {tflop:.3f} TFLOP; plain {tflop / plain:.3f}, ours {tflop / one:.3f} TFLOP/s")
    for chip, peak in PEAK_TFLOPS.items():
        if chip in name:
            print(f"floor on this {chip} at {peak:.0f} TFLOP/s: {tflop / peak:.2f} s a window; ours takes {one:.2f} s")
            print(f"  wanted on an H200: {WANTED_STAGE} s, and {WANTED_ALL} s for depth and both stages")


if __name__ == "__main__":
    main()
