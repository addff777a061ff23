"""One person at work on a project. Knows nothing of a browser."""

from vas_tool.session.session import Session

__all__ = ["Session"]
