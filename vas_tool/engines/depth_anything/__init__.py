"""Depth Anything V2 as depth engine: frames -> relative depth, with the stock network of transformers.

    sizes        the four released models and where their weights are looked for
    checkpoints  a ``.pth`` of the original, or a folder of transformers -> the network
    positions    how the network knows where in the picture a patch lies
    pictures     what goes into the network and what comes out, in pixels
    engine       the DepthEstimator

What the stored depth means
---------------------------
The network's answer x is a relative disparity, x >= 0 (a ReLU closes it), larger = nearer, in a unit of its own. The
released method normalises it by the minimum and maximum over the frames of one window. A window is a habit of the
amodal model, so it does not show here: the engine answers

    depth = x / range        one number ``range`` for the whole clip

which is affine in x and comparable across frames, whichever of them were asked for and in how many runs. Whoever
wants the released normalisation takes minimum and maximum of the depth of its window's frames:
``(d - d.min()) / (d.max() - d.min())`` is what the network's own answers would give, exactly but for rounding
(float32 in memory; half of 1/65535 of the range once stored in 16 bits). A window without any difference in depth has
``d.max() == d.min()``: that division is the caller's to guard.

``range`` is ``HEADROOM`` times the largest answer on ``RANGE_FRAMES`` frames spread evenly over the clip; those are
computed first and not computed again. Zero stays zero. A clip of no more frames than that cannot exceed its range and
gets no headroom. In a longer one, a place that is nearer than HEADROOM times the nearest of the sampled frames is
clipped to 1: its frame loses the differences among such places, and the outcome of the run says so (see
``remarks``).
"""
