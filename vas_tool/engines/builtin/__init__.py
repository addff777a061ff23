"""Engines of all stages that need no download and no GPU: the defaults."""
