"""Stages over a project: what is missing or outdated is made, what a person vouched for is left alone."""
