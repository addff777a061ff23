"""The learned amodal engine: a small network that has learned how outlines of drawn shapes continue behind
occluders.
"""
