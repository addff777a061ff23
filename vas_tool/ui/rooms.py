"""The earlier name of ``open_projects``, for scripts that were written for it."""

from vas_tool.ui.open_projects import OpenProjects as Rooms

__all__ = ["Rooms"]
