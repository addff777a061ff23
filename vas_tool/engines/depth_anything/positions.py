"""The position embedding of the network, for any picture size.

``reference`` resizes it as the original, with which the released weights were trained and validated. ``transformers``
samples it at another ratio; the depth differs by 2 to 3 % of the range.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from vas_tool.engines.depth_anything.settable import Positions

OFFSET = 0.1
"""The original (DINOv2's ``interpolate_offset``) adds this to the number of patches before it computes the scale
factor, which is the exact sampling ratio: the grid is shifted by up to a tenth of a patch."""


def use_positions(network: Any, positions: Positions) -> None:
    """Set how a ``DepthAnythingForDepthEstimation`` resizes its position embedding."""
    embeddings = network.backbone.embeddings
    vars(embeddings).pop("interpolate_pos_encoding", None)  # the class has transformers' method
    if positions == "reference":
        embeddings.interpolate_pos_encoding = MethodType(_reference, embeddings)


def _reference(embeddings: Any, tokens: Any, height: int, width: int) -> Any:  # noqa: PLR0917  # the stock signature
    """Return (1, 1 + patches, width of a token). It replaces transformers' method of that name on one network."""
    import torch

    learnt = embeddings.position_embeddings  # (1, 1 + side * side, C)
    num_learnt = learnt.shape[1] - 1
    if tokens.shape[1] - 1 == num_learnt and height == width:
        return learnt
    side = round(num_learnt**0.5)
    rows, columns = height // embeddings.patch_size, width // embeddings.patch_size
    grid = learnt[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, C, side, side)
    scale = ((rows + OFFSET) / side, (columns + OFFSET) / side)
    grid = torch.nn.functional.interpolate(grid, scale_factor=scale, mode="bicubic", align_corners=False)
    patches = grid.permute(0, 2, 3, 1).flatten(1, 2)  # (1, rows * columns, C)
    return torch.cat((learnt[:, :1], patches.to(learnt.dtype)), dim=1)
