"""An environment that holds the wheel and what the wheel declares, and nothing else: no checkout, no test's package."""

import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def tool(self) -> Path:
        """The command ``vas-tool``."""
        return self.folder / "bin" / "vas-tool"

    @property
    def packages(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))


def build_wheel(source: Path, out: Path) -> Path:
    """The wheel of a checkout, or of a source distribution, built by what is installed here."""
    subprocess.run([*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(source)], check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Environment:
    """A new environment with the wheel. What it declares is linked from here: a second torch takes minutes and 5 GB."""
    venv.create(folder)
    made = Environment(folder)
    subprocess.run([*PIP, "--python", str(made.python), "install", "-q", "--no-deps", str(wheel)], check=True)
    (ours,) = distributions(path=[str(made.packages)])
    for other in needed_by(ours):
        link(other, made.packages)
    return made


def needed_by(ours: Distribution) -> list[Distribution]:
    """What it declares, what those declare, and so on. Raises PackageNotFoundError when one is not installed here."""
    found: dict[tuple[str, str], Distribution] = {}
    todo = list(_requirements(ours, extras=[""]))
    while todo:
        requirement = todo.pop()
        for extra in ("", *requirement.extras):
            if (requirement.name, extra) not in found:
                found[requirement.name, extra] = distribution(requirement.name)
                todo += _requirements(found[requirement.name, extra], extras=[extra])
    return list(found.values())


def _requirements(of: Distribution, *, extras: Iterable[str]) -> list[Requirement]:
    every = [Requirement(line) for line in of.requires or ()]
    return [r for r in every if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in extras)]


def link(other: Distribution, packages: Path) -> None:
    """Its packages, modules and metadata, as links in ``packages``."""
    for top in {file.parts[0] for file in other.files or ()} - {"..", "__pycache__"}:
        if not (packages / top).exists():
            (packages / top).symlink_to(Path(str(other.locate_file(top))))
