"""What the README shows is what happens."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest

from vas_tool.engines.specs import ENGINES
from vas_tool.formats import origin
from vas_tool.project import worktime
from vas_tool.project.object_layers import HYPOTHESES
from vas_tool.session.session import EXPORTS

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


def test_it_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_what_makes_the_command_known_comes_before_the_first_command() -> None:
    text = README.read_text()
    assert "source .venv/bin/activate" in text[: min(text.index("`vas-tool open"), text.index("\nvas-tool "))]


def test_every_engine_is_in_its_table() -> None:
    rows = [
        line.split("|")[1:3]
        for line in README.read_text().splitlines()
        if re.match(r"\| (segment|depth|amodal|content)", line)
    ]
    named = {(stage.strip(), name) for stage, cell in rows for name in re.findall(r"`([^`]+)`", cell)}
    for engine in ENGINES:
        assert any(fits(name, engine.name) for stage, name in named if stage == engine.stage), engine.name


def fits(shown: str, name: str) -> bool:
    """Whether an entry stands for an engine: its name, a pattern, or only the end of the name."""
    return fnmatchcase(name, shown) or (shown.startswith("-") and name.endswith(shown))


def test_what_lies_in_a_project_is_named() -> None:
    shown = README.read_text().split("A project is one folder:")[1].split("\n## ")[0]
    ours = ("history/", "place.json", worktime.FILE, origin.ORIGIN, f"{HYPOTHESES}/", f"{EXPORTS}/", "windows/")
    assert all(name in shown for name in ours)
