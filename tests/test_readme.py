"""What the README shows is what happens."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from vas_tool.cli import parser
from vas_tool.commands.run_arguments import engines_of, with_settings
from vas_tool.formats import origin
from vas_tool.project import worktime
from vas_tool.project.object_layers import HYPOTHESES
from vas_tool.project.truth import Truth
from vas_tool.session.session import EXPORTS
from vas_tool.types import Canvas

README = Path(__file__).parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.S)


@pytest.mark.slow
def test_the_python_lines_give_what_is_printed_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").symlink_to(README.parent / "assets")
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    names: dict[str, object] = {"np": np}
    for line in code.splitlines():
        shown, _, result = line.partition("#")
        if result.strip():
            assert eval(shown, names) == eval(result), line
        else:
            exec(line, names)


def test_every_command_is_one() -> None:
    lines = [line for block in blocks("") for line in block.splitlines() if line.startswith("vas-tool ")]
    assert len(lines) >= 3
    for line in lines:
        parser().parse_args(line.split()[1:])


def test_the_paths_it_names_exist() -> None:
    named = re.findall(r"\]\((assets/[^)]+)\)", README.read_text())
    assert named and all(os.path.exists(README.parent / path) for path in named)


def test_what_makes_the_command_known_comes_before_the_first_command() -> None:
    text = README.read_text()
    assert "source .venv/bin/activate" in text[: min(text.index("`vas-tool open"), text.index("\nvas-tool "))]


def test_a_parameter_that_is_set_is_one_of_the_engine_that_is_chosen() -> None:
    (line,) = re.findall(r"`(--engine [^`]*--set [^`]*)`", README.read_text().replace("\n", " "))
    options = parser().parse_args(["run", "x.mp4", *line.split()])
    with_settings(Truth(Canvas((1, 1)), engines=engines_of(options.engine)), options.settings)


def test_what_lies_in_a_project_is_named() -> None:
    shown = README.read_text().split("A project is one folder:")[1].split("\n## ")[0]
    ours = ("history/", "place.json", worktime.FILE, origin.ORIGIN, f"{HYPOTHESES}/", f"{EXPORTS}/", "windows/")
    assert all(name in shown for name in ours)
