"""A project on disk: a person's decisions, the results made from them, and the frames that need a look."""

from vas_tool.project.project import Project

__all__ = ["Project"]
