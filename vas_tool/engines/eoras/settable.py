"""What a person can set of EoRaS. Imports no torch."""

from __future__ import annotations

from vas_tool.engines.settings import Parameter

PARAMETERS = (
    Parameter(
        "tilt",
        "weights",
        "how the voxel grid is turned about the x axis; weights: as the released scripts did when these were trained. "
        "MOVi-B's may have been trained with kubasic: score both, keep the better",
        choices=("weights", "none", "movid", "kubasic"),
    ),
    Parameter(
        "hidden_frames",
        "empty",
        "what to do where nothing of the object is seen; empty: such frames have no box, and the reference leaves them "
        "out. interpolated: look where the boxes before and after lead",
        choices=("empty", "interpolated"),
    ),
    Parameter(
        "threshold",
        0.5,
        "a pixel belongs to the object when its probability exceeds it; 0.5 in the reference",
        lowest=0,
        highest=1,
        afterwards=True,
    ),
    Parameter(
        "union_with_modal",
        True,
        "what is seen belongs to the whole object; the reference's scores are without (false)",
        afterwards=True,
    ),
)
