"""ONNX files of trained networks: large weights in half precision, under the names that they have in torch."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file
from torch import Tensor, nn

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)

OPSET = 21
"""ONNX operator set: the first that has torch's group norm as one operation, so that the weights of norms keep their
names.
"""

HALF = ".half"
"""Suffix of the name of a weight that is kept in half precision."""

FEWEST_HALVED = 256
"""Least number of elements of a weight that is kept in half precision."""


def export_command(description: str | None, net: AnyNetwork, export: Callable[[AnyNetwork, Path], None]) -> None:
    """Read ``WEIGHTS.safetensors OUT`` from the command line, and call ``export`` with the trained network and OUT."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    net.load_state_dict({name: tensor.float() for name, tensor in load_file(options.weights).items()})
    export(net, options.out)


def write_onnx(
    graph: nn.Module, inputs: dict[str, Tensor], *, outputs: tuple[str, ...], path: Path, sizes: Any = None
) -> None:
    """Write the network as an ONNX file.

    ``inputs`` are examples of its inputs, by name. ``sizes`` says which axes may have other lengths, as
    ``dynamic_shapes`` of ``torch.onnx.export``; None: no axis may.
    """
    program = torch.onnx.export(
        graph.eval(),
        tuple(inputs.values()),
        dynamo=True,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=sizes,
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    _forget_sources(model)
    _halve(model)
    onnx.save(model, str(path))


def weights_in(path: Path) -> dict[str, Tensor]:
    """Return the weights in an exported file, in single precision, by their names in torch.

    They equal the trained weights rounded to half precision. Constants of the graph are among them.
    """
    held = onnx.load(str(path)).graph.initializer
    found = {tensor.name.removesuffix(HALF): numpy_helper.to_array(tensor) for tensor in held}
    return {name: torch.from_numpy(np.array(value)).float() for name, value in found.items()}


def _forget_sources(model: onnx.ModelProto) -> None:
    """Remove the notes on the Python code of each operation, which name paths on the computer that exported it."""
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        part.doc_string = ""


def _halve(model: onnx.ModelProto) -> None:
    """Keep large weights in half precision. A cast to single precision follows each; it is folded when the file is
    opened.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or numpy_helper.to_array(tensor).size < FEWEST_HALVED:
            continue
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float16"), f"{name}{HALF}")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
