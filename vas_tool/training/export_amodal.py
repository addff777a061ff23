"""Write the trained network as the ONNX file that the learned engine runs.

    python -m vas_tool.training.export_amodal RUN/amodal.safetensors vas_tool/engines/learned/amodal.onnx

Weights are kept in half precision and turned into single precision when the file is opened.
"""

from __future__ import annotations

from pathlib import Path

import torch

from vas_tool.engines.learned.evidence import CHANNELS, RESOLUTION
from vas_tool.training.amodal_net import AmodalNet
from vas_tool.training.onnx_files import export_command, write_onnx


def main() -> None:
    """Export the weights that the command line names."""
    export_command(__doc__, AmodalNet(), export)


def export(net: AmodalNet, path: Path) -> None:
    """Write the network as an ONNX file, for one (1, CHANNELS, R, R) picture at a time."""
    picture = torch.zeros(1, CHANNELS, RESOLUTION, RESOLUTION)
    write_onnx(net, {"picture": picture}, outputs=("shares", "paint"), path=path)


if __name__ == "__main__":
    main()
