"""The browser tool: Gradio blocks, the workbench, and its routes. It holds no logic.

Settings for Gradio and its dependencies are made here, because any module of this package may be the first to import
it.
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Gradio asks matplotlib for its backend at every event. Without this setting, that imports pyplot, which takes 0.7 s.
os.environ.setdefault("MPLBACKEND", "agg")
