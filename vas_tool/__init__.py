"""Click an object in a video and get, for every frame, what is seen of it and what it would look like whole.

Read ``vas_tool.pipeline`` first: it holds the whole method in order, on one page.
"""

__version__ = "0.1.0"
