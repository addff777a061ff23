"""Modal masks from clicks with SAM2. The package uses numpy, torch and sam2, and nothing of vas_tool.

    zoo            the released models: names, files, sizes, licence
    presets        exact or fast: picture size and number format
    checkpoints    loads a file of weights into sam2's model
    preprocessing  converts a frame to the model's input
    features       a bounded cache of encoded frames, filled in advance
    prompts        the prompts for one object on one frame
    object_memory  the memory of tracking one object
    tracking_network   what a predictor needs of a model
    sam2_network   sam2's networks, one call each
    predictor      masks from prompts, on one frame and along a video of any length: read this first

The package imports nothing here, so that importing the zoo does not load torch.
"""
