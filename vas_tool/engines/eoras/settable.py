"""Parameters of EoRaS. The module imports no torch."""

from __future__ import annotations

from vas_tool.engines.settings import Parameter

PARAMETERS = (
    Parameter(
        "tilt",
        "weights",
        "rotation of the voxel grid about the x axis. weights: as in the released scripts when the weights were "
        "trained. MOVi-B's may have been trained with kubasic: measure both",
        choices=("weights", "none", "movid", "kubasic"),
    ),
    Parameter(
        "hidden_frames",
        "empty",
        "what to do on frames without a visible part. empty: such frames have no box, and the reference leaves them "
        "out; interpolated: use a box between those before and after",
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
        "unite the amodal mask with the modal mask; the reference's scores are without (false)",
        afterwards=True,
    ),
)
