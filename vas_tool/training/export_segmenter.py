"""Write the trained network as the two ONNX files that the builtin engine runs.

    python -m vas_tool.training.export_segmenter RUN/segmenter.safetensors FOLDER

Weights are kept in half precision and turned into single precision when the file is opened.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from vas_tool.training.onnx_files import export_command, write_onnx
from vas_tool.training.segmenter_net import Decoder, Encoder, SegmenterNet

FEATURES = ("stride2", "stride4", "stride8", "stride16", "stride32")
ENCODER, DECODER = "segmenter_encoder.onnx", "segmenter_decoder.onnx"


def main() -> None:
    """Export the weights that the command line names."""
    export_command(__doc__, SegmenterNet(), export)


def export(net: SegmenterNet, folder: Path) -> None:
    """Write ``segmenter_encoder.onnx`` and ``segmenter_decoder.onnx`` into ``folder``, which is created if it is
    missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    encoder, decoder = _EncoderGraph(net.encoder).eval(), _DecoderGraph(net.decoder).eval()
    picture, maps, match = torch.rand(2, 3, 64, 96), torch.rand(2, 4, 64, 96), torch.rand(2, 6, 8, 12)
    with torch.no_grad():
        features = encoder(picture)[:-1]
    outputs = (*FEATURES, "embedding")
    _write(encoder, {"picture": picture}, path=folder / ENCODER, outputs=outputs)
    inputs = dict(zip(FEATURES, features, strict=True)) | {"maps": maps, "match": match}
    _write(decoder, inputs, path=folder / DECODER, outputs=("logits",))


class _EncoderGraph(nn.Module):
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        features, embedding = self.encoder(picture)
        return (*features, embedding)


class _DecoderGraph(nn.Module):
    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, *inputs: Tensor) -> Tensor:
        s2, s4, s8, s16, s32, maps, match = inputs
        logits: Tensor = self.decoder((s2, s4, s8, s16, s32), maps, match)[0]
        return logits


def _write(graph: nn.Module, inputs: dict[str, Tensor], *, path: Path, outputs: tuple[str, ...]) -> None:
    """Write a graph for any number of windows, whose heights and widths are any multiples of 32."""
    free = {axis: torch.export.Dim.DYNAMIC for axis in (0, 2, 3)}
    sizes = (free,) * len(inputs)
    write_onnx(graph, inputs, outputs=outputs, path=path, sizes=sizes if len(inputs) == 1 else (sizes,))


if __name__ == "__main__":
    main()
