"""Amodal boxes: key frames and what lies between, crops around them, clips and masks seen through crops."""
