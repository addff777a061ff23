"""What README.md, CONTRIBUTING.md and docs/ show is what there is."""

import importlib.util
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate, rectangle

from vas_tool.cli import parser
from vas_tool.commands.functions import COMMANDS
from vas_tool.commands.run_arguments import engines_of, with_settings
from vas_tool.exports import FILES, export
from vas_tool.project import Project
from vas_tool.project.truth import Truth
from vas_tool.types import Canvas

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOP = "app.py|assets|benchmarks|docs|sam_integration|tests|vas_tool"
"""Where paths of the repository begin."""


def blocks(text: str, language: str = "") -> list[str]:
    """The fenced blocks of a page."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.S | re.M)


def commands() -> list[list[str]]:
    """The arguments of every vas-tool command in a block."""
    lines = [line.strip() for page in PAGES for block in blocks(page.read_text()) for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("vas-tool ")]


def test_every_command_is_one() -> None:
    assert len(commands()) >= 25
    for arguments in commands():
        parser().parse_args(arguments)


def test_every_command_has_a_section_with_its_options() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text()
    listed = {name.split()[0] for name in re.findall(r"^<!-- options of vas-tool ([\w -]+) -->$", text, re.M)}
    sections = set(re.findall(r"^## ([\w-]+)$", text, re.M))
    assert listed == sections == set(COMMANDS)


def test_a_parameter_that_is_set_is_one_of_the_engine_that_is_chosen() -> None:
    setting = [arguments for arguments in commands() if "--set" in arguments]
    assert setting
    for arguments in setting:
        options = parser().parse_args(arguments)
        with_settings(Truth(Canvas((1, 1)), engines=engines_of(options.engine)), options.settings)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as MkDocs and GitHub name them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower())).strip("-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"
    for path in re.findall(rf"`((?:{TOP})(?:/[\w./-]+)?)`", text):
        assert (ROOT / path).exists(), f"{page.name}: {path}"
    for module in re.findall(r"^::: ([\w.]+)$", text, re.M):
        assert importlib.util.find_spec(module), f"{page.name}: {module}"


def test_examples_of_formats_hold_what_exports_hold(make_project: Callable[..., Project], tmp_path: Path) -> None:
    project = make_project(25)
    size_wh = project.clip.size_wh
    seen, whole = rectangle(size_wh, 3, 3, 20, 20), rectangle(size_wh, 3, 3, 30, 20)
    annotate(project, modal=dict.fromkeys(range(25), seen), amodal=dict.fromkeys(range(25), whole))
    sections = re.split(r"^### ", (ROOT / "docs" / "formats.md").read_text(), flags=re.M)
    shown = {title: blocks(text, "json") for text in sections for title in text.splitlines()[0].split(" and ")}
    kins, cocoa = shown["kins"]
    examples = {**{name: shown[name][0] for name in FILES if len(shown[name]) == 1}, "kins": kins, "cocoa": cocoa}
    assert examples.keys() == FILES.keys()
    for name, example in examples.items():
        (path,) = export([project], name, tmp_path / f"{name}.json").paths
        check_within(json.loads(example), json.loads(path.read_text()), name)


def check_within(example: Any, actual: Any, where: str) -> None:
    """Every key of the example is one of the export; lists are compared by their first entries."""
    if isinstance(example, dict):
        for key, value in example.items():
            assert key in actual, f"{where}: no {key}"
            check_within(value, actual[key], f"{where}.{key}")
    elif isinstance(example, list):
        assert isinstance(actual, list), where
        if example and actual:
            check_within(example[0], actual[0], where)
    elif example is not None and actual is not None:
        assert isinstance(actual, type(example) | int), f"{where}: {actual!r}"


def documented_keys() -> dict[str, list[tuple[list[str], str]]]:
    """Section -> (keys, what they do), of docs/page.md; ``test_page`` compares it with the page's own list."""
    part = (ROOT / "docs" / "page.md").read_text().split("\n## Keys\n")[1].split("\n## ")[0]
    sections = [section.splitlines() for section in part.split("\n### ")[1:]]
    rows = re.compile(r"^\| ((?:`[^`]+` ?)+) \| (.*) \|$")
    return {
        title: [(re.findall(r"`([^`]+)`", row[1]), row[2]) for line in lines if (row := rows.match(line))]
        for title, *lines in sections
    }
