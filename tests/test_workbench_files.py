"""The workbench's files fit together and keep what Gradio demands of them. What they do is tested in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vas_tool.ui
from vas_tool.ui.actions import ACTIONS

WORKBENCH = Path(vas_tool.ui.__file__).parent / "workbench"
HTML = (WORKBENCH / "workbench.html").read_text()
MODULES = sorted(WORKBENCH.glob("*.js"))
MAX_LINES = 300

TEST_IDS = [
    "canvas",
    "timeline",
    "status",
    "save-line",
    "job",
    "cancel",
    "error",
    "lost",
    "empty",
    "help",
    "objects",
    "new-object",
    "engines",
    "tool-point",
    "tool-brush",
    "tool-eraser",
    "tool-amodal",
    "tool-hand",
    "crop",
    "crop-canvas",
    "crop-text",
    "btn-play",
    "btn-track-forward",
    "btn-track-backward",
    "btn-track-both",
    "btn-complete",
    "btn-next-look",
    "btn-accept",
    "btn-undo",
    "btn-redo",
    "canvas-0",
    "canvas-25",
    "canvas-50",
    "help-dialog",
]
"""What the browser tests hold on to, as far as it stands in the page from the start."""


@pytest.mark.parametrize("evaluated", ["${", "{{", "`", "<script"])
def test_html_is_static(evaluated: str) -> None:
    # Gradio evaluates these in a template, and re-renders it: the canvas would not survive.
    assert evaluated not in HTML


def test_every_button_has_a_command() -> None:
    modules = "".join(path.read_text() for path in WORKBENCH.glob("*commands.js"))
    known = set(re.findall(r'name: "([a-z-]+)"', modules))
    tools = {f"tool-{name}" for name in ("point", "brush", "eraser", "amodal", "order", "hand")}
    assert set(re.findall(r'data-command="([^"]+)"', HTML)) <= known | tools


def test_every_icon_is_there() -> None:
    drawn = set(re.findall(r'<symbol id="vas-i-([a-z]+)"', HTML))
    used = set(re.findall(r'href="#vas-i-([a-z]+)"', HTML))
    assert used <= drawn


def test_test_ids_stay() -> None:
    found = re.findall(r'data-testid="([^"]+)"', HTML)
    assert len(found) == len(set(found))
    assert set(TEST_IDS) <= set(found)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_imports_resolve(module: Path) -> None:
    text = module.read_text()
    for names, source in re.findall(r'(?m)^import \{([^}]+)\} from "\./([^"]+)"', text):
        exported = (WORKBENCH / source).read_text()
        for name in names.split(","):
            assert re.search(rf"export (async )?(function|class|const) {name.strip()}\b", exported), (name, source)
    assert not re.search(r'from "(https?:|/)', text), "the page works without a network and under any prefix"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_files_stay_short(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= MAX_LINES


def test_every_key_is_on_the_page_of_keys() -> None:
    files = sorted(WORKBENCH.glob("*commands.js"))
    names = [name for file in files for name in re.findall(r'name: "([a-z-]+)"', file.read_text())]
    shown = (WORKBENCH / "help.js").read_text()
    assert len(names) > 20 and [name for name in names if f'"{name}"' not in shown] == []


def test_the_page_asks_for_what_the_server_does() -> None:
    asked = {name for module in MODULES for name in re.findall(r'(?:send|farewell)\("(\w+)"', module.read_text())}
    assert asked == set(ACTIONS)
