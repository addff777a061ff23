"""ONNX files of trained networks: large weights in half precision, under the names that they have in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 21
"""The first with torch's group norm as one operation, so that the norms' weights keep their names."""

HALF = ".half"
"""What is added to the name of a weight that is kept in half precision."""

FEWEST_HALVED = 256
"""Numbers in a weight; smaller ones stay in single precision."""


def write_onnx(
    graph: nn.Module, inputs: dict[str, Tensor], *, outputs: tuple[str, ...], path: Path, sizes: Any = None
) -> None:
    """Write ``graph`` for inputs of the shapes given, by name.

    ``sizes``: which axes may have other lengths, as ``dynamic_shapes`` of ``torch.onnx.export``. None: none may.
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
    """The weights that an exported file holds, in single precision, by their names in torch.

    They are the trained ones rounded to half precision. Constants of the graph are among them.
    """
    held = onnx.load(str(path)).graph.initializer
    found = {tensor.name.removesuffix(HALF): numpy_helper.to_array(tensor) for tensor in held}
    return {name: torch.from_numpy(np.array(value)).float() for name, value in found.items()}


def _forget_sources(model: onnx.ModelProto) -> None:
    """The exporter notes for every operation the line of Python, with the path on its computer, that it came from."""
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        part.doc_string = ""


def _halve(model: onnx.ModelProto) -> None:
    """Keep large weights in half precision; a cast, folded when the file is opened, gives what the graph expects."""
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
