"""Amodal boxes: keyframes and the boxes between them, crops around boxes, and clips and masks cut to crops."""
