"""Gradio imported without rewriting its own type stubs.

At every import Gradio makes a ``.pyi`` file of each of its components anew, for editors; its wheel ships the same
files. That is 1.4 of 3.0 seconds of processor time. Here its module for that is loaded as it is, and the one function
is then left empty. A Gradio that has no such function any more is imported as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


def leave_stubs_alone() -> None:
    """To be called before Gradio is imported; later it changes nothing."""
    if not any(isinstance(finder, _StubFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _StubFinder())


class _StubFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname == MODULE else None
        if spec is not None and spec.loader is not None:
            spec.loader = _StubLoader(spec.loader)
        return spec


class _StubLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if hasattr(module, FUNCTION):
            setattr(module, FUNCTION, _nothing)


def _nothing(*_: object, **__: object) -> None:
    """In place of the function that writes stubs."""
