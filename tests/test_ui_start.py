"""The page's start: Gradio is imported whole, but leaves its files alone; nothing heavy comes with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from vas_tool.ui.gradio_stubs import FUNCTION, MODULE


def answer_of(code: str, *flags: str) -> str:
    done = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_gradio_makes_no_stubs_and_works() -> None:
    code = f"""
import sys
import vas_tool.ui.server
meta = sys.modules[{MODULE!r}]
import gradio as gr
with gr.Blocks() as blocks:
    gr.Button("a").click(lambda: None)
print(meta.{FUNCTION}.__module__, len(blocks.fns))
"""
    assert answer_of(code) == "vas_tool.ui.gradio_stubs 1"


@pytest.mark.parametrize("named", ["another", FUNCTION])
def test_a_gradio_without_that_function_is_left_as_it_is(tmp_path: Path, named: str) -> None:
    package = tmp_path / MODULE.split(".")[0]
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "component_meta.py").write_text(f"def {named}(): return 'called'\n")
    code = f"""
import sys
import vas_tool.ui
sys.path.insert(0, {str(tmp_path)!r})
import {MODULE} as meta
print(meta.{named}())
"""
    assert answer_of(code) == ("called" if named == "another" else "None")


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
