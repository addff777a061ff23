"""A project on disk: what the person said, what was made from it, and what of that needs a look."""

from vas_tool.project.project import Project

__all__ = ["Project"]
