"""The learned amodal engine: a small network that knows how outlines of drawn shapes go on behind things."""
