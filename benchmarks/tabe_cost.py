"""What TABE costs: operations and memory of its full-size network, counted without weights; seconds where asked.

    python benchmarks/tabe_cost.py [--frames 30] [--memory] [--seconds]

Operations are counted on torch's meta device, one multiply-add as two. ``--memory`` computes the peak of all tensors
that live at once, without computing a number of them. ``--seconds`` times the full-size network with random weights
where there is a CUDA GPU, and a tiny one on the CPU elsewhere: a step of tuning, and samples alone and together.
"""

from __future__ import annotations

import argparse
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from vas_tool.engines.tabe import lora
from vas_tool.engines.tabe.generation import NUM_ROUNDS
from vas_tool.engines.tabe.motion import TextAttention
from vas_tool.engines.tabe.motion_unet import INPUT_CHANNELS, TabeNetwork
from vas_tool.engines.tabe.settable import DEFAULT

FULL = {"in_channels": INPUT_CHANNELS, "cross_attention_dim": 768, "attention_head_dim": 8, "layers_per_block": 2}
TINY = {**FULL, "block_out_channels": (32, 32, 32, 32), "cross_attention_dim": 32}
TERA, GIGA = 1e12, 1e9
NUM_TOKENS = 77
TUNED, SHOWN = DEFAULT.sizes.tuned, DEFAULT.sizes.shown


def network_of(config: dict[str, Any], device: str) -> TabeNetwork:
    """With the additions that are tuned, random or without numbers."""
    with torch.device(device):
        network = TabeNetwork(UNet2DConditionModel.from_config(config))
        network.unet.requires_grad_(False).eval()
        lora.add_lora(network.unet, lora.UNET_LAYERS)
    return network


def inputs(network: TabeNetwork, *, frames: int, side: int, samples: int = 1) -> tuple[torch.Tensor, ...]:
    """Ones: what is shown, the timestep, the text."""
    made = {"device": network.device, "dtype": network.dtype}
    shown = torch.ones(samples, INPUT_CHANNELS, frames, side // 8, side // 8, **made)
    text = torch.ones(samples, NUM_TOKENS, network.unet.config.cross_attention_dim, **made)
    return shown, torch.ones((), **made), text


def called(network: TabeNetwork, *, backward: bool, **size: int) -> None:
    """One call; with ``backward`` also the gradients."""
    with torch.set_grad_enabled(backward):
        found = network(*inputs(network, **size))
        if backward:
            found.square().mean().backward()


# --- operations -------------------------------------------------------------------------------------------------------


def operations(network: TabeNetwork, *, backward: bool = False, **size: int) -> float:
    """Tera-operations of one call."""
    with FlopCounterMode(display=False) as counter:
        called(network, backward=backward, **size)
    return counter.get_total_flops() / TERA


def text_operations(network: TabeNetwork, **size: int) -> float:
    """Tera-operations more when the text's keys and values are computed at every place, as in the reference."""
    more: list[float] = []

    def count(module: TextAttention, features: torch.Tensor, *_: object) -> torch.Tensor:
        key = module.to_k.weight
        more.append((features.shape[2] - 1) * 2 * 2 * NUM_TOKENS * key.shape[0] * key.shape[1])
        return features

    with _replaced(count):
        called(network, backward=False, **size)
    return sum(more) / TERA


@contextmanager
def _replaced(attend: Callable[..., torch.Tensor]) -> Iterator[None]:
    stock = TextAttention.attend
    TextAttention.attend = attend  # type: ignore[method-assign]
    try:
        yield
    finally:
        TextAttention.attend = stock  # type: ignore[method-assign]


def tell_operations(frames: int) -> None:
    network = network_of(FULL, "meta")
    call = operations(network, frames=frames, side=SHOWN)
    text = text_operations(network, frames=frames, side=SHOWN)
    num_calls = NUM_ROUNDS * DEFAULT.num_steps * 2
    print(f"one call, {frames} frames of {SHOWN} x {SHOWN}: {call:.1f} TFLOP")
    print(f"  with the text's keys and values at every place, as in the reference: {call + text:.1f} TFLOP")
    print(f"a chunk: {num_calls} calls, {call * num_calls / 1000:.1f} PFLOP")
    window = DEFAULT.sizes.num_tuned_frames
    step = operations(network, frames=window, side=TUNED, backward=True)
    forward = operations(network, frames=window, side=TUNED)
    num_steps = DEFAULT.num_tuning_steps
    print(f"a step of tuning, {window} frames of {TUNED} x {TUNED}: {step:.1f} TFLOP, without the autoencoder")
    print(f"  computed again instead of kept: {step + forward:.1f} TFLOP at most")
    print(f"a tuning: {num_steps} steps, {step * num_steps / 1000:.1f} PFLOP, and the autoencoder's")


# --- memory -----------------------------------------------------------------------------------------------------------


class LiveBytes(TorchDispatchMode):
    """How many bytes of tensors are there at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: PLR0917
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return found

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return

        def gone(_: object) -> None:
            self._known.pop(key, None)
            self.now -= size

        self._known[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


def peak(dtype: torch.dtype, *, backward: bool = False, keeps_all: bool = True, **size: int) -> tuple[float, float]:
    """Gigabytes of the weights, and at the peak of one call."""
    network = network_of(FULL, "meta")
    network.keep(all_of_it=keeps_all)
    with FakeTensorMode(), LiveBytes() as live:
        for module in network.unet.modules():
            for table in (module._parameters, module._buffers):
                _materialize(table, dtype)
        weights = live.now
        called(network, backward=backward, **size)
    return weights / GIGA, live.peak / GIGA


def _materialize(table: dict[str, Any], dtype: torch.dtype) -> None:
    """Tensors that have a size and no numbers, in place of those of the meta device."""
    for name, tensor in table.items():
        if isinstance(tensor, torch.nn.Parameter):
            table[name] = torch.nn.Parameter(torch.empty(tensor.shape, dtype=dtype), tensor.requires_grad)
        elif tensor is not None:
            table[name] = torch.empty(tensor.shape, dtype=dtype)


def tell_memory(frames: int) -> None:
    window = {"frames": DEFAULT.sizes.num_tuned_frames, "side": TUNED}
    for keeps_all, how in ((True, "all kept"), (False, "computed again")):
        weights, most = peak(torch.float32, backward=True, keeps_all=keeps_all, **window)
        print(f"tuning in float32, {how}: {most:.1f} GB, of which the weights are {weights:.1f}", flush=True)
    cases = ((torch.float32, frames, 2), (torch.float16, frames, 2), (torch.float16, frames, 1))
    for dtype, number, samples in (*cases, (torch.float16, 64, 2), (torch.float16, 64, 1)):
        weights, most = peak(dtype, frames=number, side=SHOWN, samples=samples)
        name = str(dtype).removeprefix("torch.")
        print(
            f"painting in {name}, {number} frames, {samples} together: {most:.1f} GB (weights {weights:.1f})",
            flush=True,
        )
    side = SHOWN // 8
    for together in (2 * frames, 4):
        scores = together * 8 * side**4 * 2 / GIGA
        print(f"scores of the places of {together} frames, where no kernel does without: {scores:.1f} GB in float16")


# --- seconds ----------------------------------------------------------------------------------------------------------


def seconds(network: TabeNetwork, *, backward: bool, **size: int) -> float:
    """Of processor time on a CPU, of the clock on a GPU; the second of two calls."""
    on_gpu = network.device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    for _ in range(2):
        started = clock()
        called(network, backward=backward, **size)
        if on_gpu:
            torch.cuda.synchronize()
    return clock() - started


def tell_seconds(frames: int) -> None:
    on_gpu = torch.cuda.is_available()
    network = network_of(FULL if on_gpu else TINY, "cuda" if on_gpu else "cpu")
    which = f"full size on {torch.cuda.get_device_name()}" if on_gpu else "a tiny network on the CPU"
    tuned = {"frames": DEFAULT.sizes.num_tuned_frames, "side": TUNED} if on_gpu else {"frames": 4, "side": 128}
    print(f"{which}, {tuned['frames']} frames of {tuned['side']} x {tuned['side']}")
    for keeps_all, how in ((True, "kept"), (False, "computed again")):
        network.keep(all_of_it=keeps_all)
        print(f"  step of tuning, {how}: {seconds(network, backward=True, **tuned):.2f} s", flush=True)
    network.keep(all_of_it=True)
    if on_gpu:
        network.unet.half()
    painted = {"frames": frames, "side": SHOWN} if on_gpu else tuned
    print(f"  painting, {painted['frames']} frames of {painted['side']} x {painted['side']}")
    for samples in (1, 2, 10):
        one = seconds(network, backward=False, samples=samples, **painted) / samples
        print(f"  call with {samples} samples together: {one:.2f} s a sample", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=30, help="frames of a chunk")
    parser.add_argument("--memory", action="store_true", help="compute the peaks of memory, too (minutes)")
    parser.add_argument("--seconds", action="store_true", help="time the network, too")
    chosen = parser.parse_args()
    tell_operations(chosen.frames)
    if chosen.memory:
        tell_memory(chosen.frames)
    if chosen.seconds:
        tell_seconds(chosen.frames)


if __name__ == "__main__":
    main()
