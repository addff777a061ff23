"""The browser tool: Gradio blocks, the workbench, and the routes that feed it. Holds no logic.

What has to be said to Gradio and to what it pulls in is said here: any module of this package may be the first to
import it.
"""

import os

from vas_tool.ui.gradio_stubs import leave_stubs_alone

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Around every event Gradio asks matplotlib for its backend; unless told, that imports pyplot: 0.7 s for nothing.
os.environ.setdefault("MPLBACKEND", "agg")
leave_stubs_alone()
