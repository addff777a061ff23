"""The page's start: nothing heavy is imported for it, and the browser need not wait for it."""

import subprocess
import sys
from pathlib import Path


def answer_of(code: str, *flags: str) -> str:
    done = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


HEAVY = {"torch", "diffusers", "transformers", "sam2", "matplotlib.pyplot"}


def test_start_and_first_event_import_nothing_heavy(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import gradio as gr
from vas_tool.ui.access import Access
from vas_tool.ui.opening import Opener
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.server import make_app
from gradio.utils import MatplotlibBackendMananger
app = make_app(Opener(OpenProjects(Path({str(tmp_path)!r}))), Access())
with MatplotlibBackendMananger():
    pass
print(sorted({HEAVY} & set(sys.modules)))
"""
    assert answer_of("import vas_tool.ui\n" + code) == "[]"
