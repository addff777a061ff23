"""What is installed: the base without torch, the extras that engines name, and the versions that CI runs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from vas_tool.cli import main
from vas_tool.engines import registry

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
HEAVY = (
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "accelerate",
    "safetensors",
    "peft",
    "sam2",
    "scipy",
    "ray",
)


def names(requirements: list[str]) -> set[str]:
    """Of the packages, as pip compares them; those of vas-tool's own extras are followed."""
    found: set[str] = set()
    for requirement in requirements:
        name, extras = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement).groups()
        inner = [r for extra in (extras or "").split(",") for r in EXTRAS[extra]] if name == PROJECT["name"] else []
        found |= names(inner) or {re.sub(r"[-_.]+", "-", name).lower()}
    return found


def test_the_base_needs_nothing_heavy() -> None:
    assert not names(PROJECT["dependencies"]) & set(HEAVY)


@pytest.mark.parametrize("spec", [s for s in registry.ENGINES if s.packages], ids=lambda s: f"{s.stage} {s.name}")
def test_the_extra_of_an_engine_brings_its_packages(spec: registry.EngineSpec) -> None:
    assert set(spec.packages) <= names(EXTRAS[spec.extra]) <= names(EXTRAS["all"])


def test_ci_runs_known_versions_with_and_without_cuda() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    assert names([*PROJECT["dependencies"], *(r for extra in EXTRAS.values() for r in extra)]) <= pinned
    whole = re.compile(r"[\w.-]+==[\w.]+( # --hash=sha256:[0-9a-f]{64})?")
    assert all(whole.fullmatch(line) for line in lines), "no addresses, no builds (torch==2.6+cu124)"
    assert not [name for name in pinned if name.startswith(("nvidia-", "cuda-"))], "torch says which, if any"


def test_sam2_is_installed_by_its_hash() -> None:
    """Its upload is not its authors'."""
    [pinned] = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("sam2==")]
    assert "--hash=sha256:" in pinned and "--require-hashes" in (ROOT / "Makefile").read_text()


TORCHLESS = "import sys; {}; found = [m for m in {!r} if m in sys.modules]; assert not found, found"


@pytest.mark.parametrize(
    "code",
    [
        "from vas_tool.cli import parser; parser().format_help()",
        "import vas_tool.commands.functions, vas_tool.pipeline",
        "import vas_tool.formats.verify, vas_tool.imports.import_formats",
        "from vas_tool.commands import agreement, batch, bench, compare, compose, measure, models, recheck, run, scene",
        "from vas_tool.engines.registry import load; "
        "load('segment', 'builtin'), load('depth', 'builtin'), load('amodal', 'learned'), load('content', 'builtin')",
        "from vas_tool.commands.functions import COMMANDS; from vas_tool.cli import parser; "
        "COMMANDS['models'](parser().parse_args(['models']))",
    ],
)
def test_nothing_heavy_is_imported_before_an_engine_needs_it(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", TORCHLESS.format(code, HEAVY)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_training_without_its_packages_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "vas_tool.training.eoras.train", None)
    assert main(["train", "eoras", "--data", "movi", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "pip install 'vas-tool[train]'" in capsys.readouterr().err
