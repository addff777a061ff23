"""Depth Anything V2 as an engine of the stage ``depth``, with the network of transformers.

    released     the four released models, and the places where their weights are searched
    checkpoints  loads a ``.pth`` of the original, or a folder of transformers
    positions    the position embedding of the network
    pictures     the input and the output of the network, in pixels
    engine       the ``DepthEstimator``

What the stored depth means
---------------------------
The network's output x is a relative disparity, x >= 0 (the last layer is a ReLU), larger = nearer, in an unknown unit.
The
released method normalises it by the minimum and maximum over the frames of one window. Windows belong to the amodal
model,
so the engine returns

    depth = x / range        one number ``range`` for the whole clip

which is affine in x and comparable across frames, whichever frames were requested, in whatever number of runs. For the
released normalisation, take the minimum and maximum of the depth of a window's frames: ``(d - d.min()) / (d.max() -
d.min())`` equals that of the network's own output, except for rounding (float32 in memory; half of 1/65535 of the range
after storing in 16 bits). A window with constant depth has ``d.max() == d.min()``; the caller must handle that.

``range`` is ``HEADROOM`` times the largest output on ``RANGE_FRAMES`` frames spread evenly over the clip, which are
computed first, once. Zero stays zero. A clip with at most that many frames cannot exceed its range and gets no
headroom. In a longer clip, values above the range are clipped to 1: such a frame loses differences among its nearest
places, and the result of the run says so (see ``run_warnings``).
"""
