"""Staleness, plans and costs: pure functions of a snapshot of a project."""
