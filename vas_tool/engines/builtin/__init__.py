"""Engines that need no weights, no GPU and no network: the embedded default of every stage."""
