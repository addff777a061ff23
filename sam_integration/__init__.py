"""Clicks to modal masks with SAM2. Knows numpy, torch and sam2; nothing of vas_tool.

    zoo            the released models: names, files, sizes, licence
    presets        exact or fast: picture size and number format
    checkpoints    a file of weights -> the package's model
    preprocessing  a frame -> what the model sees
    features       what the picture encoder made of frames, kept within a bound, made ahead
    prompts        what is said about one object on one frame
    memory         what tracking remembers of one object
    sam2_network   the package's networks, one call each
    predictor      prompts -> masks, on one frame and along any length of video: read this first

Nothing is imported here, so that asking for the zoo does not load torch.
"""
