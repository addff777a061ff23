"""TABE (Track Anything Behind Everything, arXiv 2411.19210): tunes a video inpainting model on frames that show the
whole object.

The model then paints the object where it is hidden, and a segmenter finds the mask in the painted frames. No training
set is needed.

The modules are the steps of the method, in this order: ``occlusion`` and ``levels`` (how hidden the object is on each
frame), ``boxes`` and ``box_paths`` (where it would be), ``chunks`` (frames that are painted together), ``canvas`` (the
pictures that the model is shown), ``tuning_samples`` (what it is tuned on), ``motion_unet`` and ``motion`` (the model),
``tuning``, ``generation``, ``readback`` (the painted frames before the segmenter) and ``merge``.

The results equal those of the released code (TABE 110ebd7 and its fork of CoCoCo b66a11c). Where that code has an
unintended effect, ``quirks`` has a named option with the reason.
"""
