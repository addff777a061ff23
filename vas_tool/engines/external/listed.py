"""The entries of the table of engines for the user's own methods. It starts no command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vas_tool.engines import specs
from vas_tool.engines.diffusion_vas.window_plan import plan_windows
from vas_tool.engines.external.methods import Found, Method, Refused, found_methods, methods_folder
from vas_tool.engines.settings import NO_SETTINGS, Parameter, Settings
from vas_tool.engines.specs import EngineSpec
from vas_tool.engines.weights import Weights

OPENERS = {"amodal": "open_amodal", "content": "open_content"}


@dataclass(frozen=True)
class Program(Weights):
    """The program of a method, which must be there before it can run."""

    method_file: Path = Path()
    cwd: Path = Path()

    @property
    def get(self) -> str:
        """What to do if the program is missing."""
        return f"install {self.file_name}, or mend command and cwd in {self.method_file}"

    def places(self) -> list[Path]:
        """Return the path of the program, found as a shell finds it from the method's folder."""
        if os.sep in self.file_name:
            return [self.cwd / self.file_name]
        found = shutil.which(self.file_name)
        return [Path(found)] if found else []

    def find(self) -> Path | None:
        """Return the program; None if it, or the folder that it runs in, is missing."""
        return super().find() if self.cwd.is_dir() else None

    def lack(self) -> str:
        """Return what is missing, for the user; empty if nothing is."""
        if self.find():
            return ""
        return f"there is no program {self.file_name}" if self.cwd.is_dir() else f"there is no folder {self.cwd}"


@dataclass(frozen=True)
class MethodWindows:
    """The windows of a method (``base.Windows``)."""

    length: int
    overlap: int

    def __call__(self, num_frames: int, settings: Settings = NO_SETTINGS) -> Sequence[range]:
        """Return the windows of a clip; a method that looks at each picture alone has one per frame."""
        return plan_windows(num_frames, length=self.length, overlap=self.overlap)


def external_specs() -> list[EngineSpec]:
    """Return an entry for each method that a YAML file describes, in the order of the files."""
    return list(_listed(found_methods())[0])


def refused() -> list[Refused]:
    """Return the YAML files that describe no usable method, with the reason."""
    return list(_listed(found_methods())[1])


@lru_cache(maxsize=4)
def _listed(found: Found) -> tuple[tuple[EngineSpec, ...], tuple[Refused, ...]]:
    """Return the entries, and the files that cannot be used, because a name is already that of an engine of
    this tool.
    """
    taken = {(spec.stage, spec.name) for spec in specs.ENGINES}
    clashing = [method for method in found.methods if (method.stage, method.name) in taken]
    usable = tuple(_spec(method) for method in found.methods if method not in clashing)
    reason = "its name is that of an engine of the tool; give it another"
    return usable, (*found.refused, *(Refused(method.path, reason) for method in clashing))


def _spec(method: Method) -> EngineSpec:
    program = Program(
        f"{method.name} ({method.path})",
        "",
        method.command[0],
        0,
        method.licence,
        method_file=method.path,
        cwd=method.cwd,
    )
    return EngineSpec(
        stage=method.stage,
        name=method.name,
        module="vas_tool.engines.external.engine",
        attribute=OPENERS[method.stage],
        revision=method.revision,
        licence=method.licence,
        size="a program of yours",
        note=method.note or f"A method of yours, described by {method.path.name}.",
        options=(("name", method.name),),
        weights=(program,),
        parameters=parameters_of(method),
        seeded=method.seeded,
        windows=None if method.window is None else MethodWindows(method.window, method.overlap),
    )


def parameters_of(method: Method) -> tuple[Parameter, ...]:
    """Return the one parameter of a method with a fixed size of pictures: it tells crops that size."""
    if method.size_wh is None:
        return ()
    size = f"{method.size_wh[1]}x{method.size_wh[0]}"
    return (Parameter("resolution", size, "Height and width of the pictures that the command gets.", choices=(size,)),)


def how_to_add(name: str) -> str:
    """Return how to make an unknown engine of the user's own known, and why its file was refused, if it was."""
    for file in refused():
        if file.path.stem == name:
            return f"{file.path} describes it and cannot be used: {file.reason}"
    return f"if it is a method of your own, put its file {name}.yaml into {methods_folder()}"
