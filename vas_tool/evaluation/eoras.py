"""Defines the measures of EoRaS's test scripts (Fan et al., ICCV 2023), and the keys of its frames. ``movi`` and
``kitti`` read the files.
"""

from __future__ import annotations

from vas_tool.evaluation.averages import dropped_ones
from vas_tool.evaluation.measuring import Protocol
from vas_tool.evaluation.overlap import eoras_iou, eoras_occluded_iou
from vas_tool.evaluation.sail_vos import STRICT, STRICT_ABOUT

ABOUT = (
    "miou_full: mean over frames of I / (U + 1e-6). Frames without visible pixels are not measured.",
    "miou_occ: IoU of both masks without what is seen; frames of exactly 1 are dropped, frames with nothing hidden "
    "count as 0.",
)


def protocol(name: str) -> Protocol:
    """Return the protocol of one of EoRaS's two benchmarks by name."""
    return Protocol(
        name=name,
        reference={"miou_full": lambda f: eoras_iou(f.amodal, f.predicted), "miou_occ": eoras_occluded_iou},
        strict=STRICT,
        reference_averaging="frames",
        finish={"miou_occ": dropped_ones},
        about={"reference": ABOUT, "strict": STRICT_ABOUT},
    )


def key_of(video: str, obj: str | int, frame_index: int) -> str:
    """Return the key of one object on one frame."""
    return f"{video}-{obj}/{frame_index:05d}"


def parts_of(key: str) -> tuple[str, str, int]:
    """Return the video, object and frame of a key."""
    name, _, t = key.rpartition("/")
    video, _, obj = name.rpartition("-")
    return video, obj, int(t)
