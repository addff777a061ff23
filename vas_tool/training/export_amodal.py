"""Write the trained network as the ONNX file that the learned engine runs.

    python -m vas_tool.training.export_amodal RUN/amodal.safetensors vas_tool/engines/learned/amodal.onnx

Weights are kept in half precision and turned into single precision when the file is opened.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from vas_tool.engines.learned.evidence import CHANNELS, RESOLUTION
from vas_tool.training.amodal_net import AmodalNet
from vas_tool.training.onnx_files import write_onnx


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("onnx", type=Path)
    options = parser.parse_args()
    net = AmodalNet()
    net.load_state_dict({name: tensor.float() for name, tensor in load_file(options.weights).items()})
    export(net, options.onnx)


def export(net: AmodalNet, path: Path) -> None:
    """Write the network for one picture of the engine's size at a time."""
    picture = torch.zeros(1, CHANNELS, RESOLUTION, RESOLUTION)
    write_onnx(net, {"picture": picture}, outputs=("shares", "paint"), path=path)


if __name__ == "__main__":
    main()
