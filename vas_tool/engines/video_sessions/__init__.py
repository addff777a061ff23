"""Segment engines on the video models of transformers: EdgeTAM, SAM 2.1, SAM 3.

released         the released models and their weights
hub_model        reads a folder of transformers
session_network  the models, one call each, for ``sam_integration.predictor``
text_search      finds every instance of what words name, with SAM 3
engine           opens them as ``Segmenter``
"""
