"""TABE (Track Anything Behind Everything): a video inpainting model is tuned on the frames where the object is whole.

It then paints the object where it is hidden, and the mask is read off what was painted. No training set is needed.

The modules are the steps of the method, in this order: ``occlusion`` and ``levels`` (how hidden the object is on each
frame), ``boxes`` and ``box_paths`` (where it would be), ``chunks`` (frames that are painted together), ``canvas`` (the
pictures that the model is shown), ``tuning_samples`` (what it is tuned on), ``motion_unet`` and ``motion`` (the model),
``tuning``, ``generation``, ``readback`` (the painted frames before the segmenter) and ``merge``.

Written from facts about the released code (TABE 110ebd7 and its fork of CoCoCo b66a11c), and equal to its numbers.
Where that code does what nobody meant, ``quirks`` has a named option with the reason.
"""
