"""How long loaded engines are kept: while they work, and until another of their stage needs the memory."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from vas_tool.engines import registry
from vas_tool.engines.base import Segmenter
from vas_tool.engines.registry import LoadedEngine
from vas_tool.engines.weights import AnyWeights


@dataclass(frozen=True)
class Here:
    """Weights that are there."""

    name: str

    def find(self) -> Path:
        """Wherever."""
        return Path(self.name)


@pytest.fixture(scope="module", autouse=True)
def _what_other_tests_left() -> Iterator[None]:
    """The collections that are asked for here need not look through every module that other tests have imported."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def three_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two with weights, and the builtin one."""
    builtin = registry.spec_of("segment", "builtin")
    heavy = [replace(builtin, name=name, weights=(cast(AnyWeights, Here(name)),)) for name in ("large", "small")]
    monkeypatch.setattr(registry, "ENGINES", (*heavy, builtin))
    registry.unload_all()


def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every second without work counts as long enough."""
    monkeypatch.setattr(registry, "LET_GO_AFTER", 0.0)


def engine(name: str) -> LoadedEngine[Segmenter]:
    return registry.load("segment", name)


def test_an_engine_is_loaded_once() -> None:
    assert engine("large") is engine("large")


def test_an_idle_engine_is_let_go_when_another_of_its_stage_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = weakref.ref(engine("large").engine)
    idle(monkeypatch)
    engine("small")
    assert before() is None


def test_one_that_worked_a_moment_ago_is_kept() -> None:
    before = engine("large")
    engine("small")
    assert engine("large") is before


def test_one_that_works_is_kept_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine("large")
    idle(monkeypatch)
    with before.lock:
        engine("small")
    assert engine("large") is before


def test_engines_without_weights_and_of_other_stages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    light = engine("builtin")
    heavy = engine("large")
    idle(monkeypatch)
    engine("builtin")
    monkeypatch.setattr(
        registry, "ENGINES", (*registry.ENGINES, replace(registry.spec_of("segment", "builtin"), stage="depth"))
    )
    registry.load("depth", "builtin")
    assert engine("large") is heavy
    engine("small")
    assert engine("builtin") is light


def test_whoever_still_holds_one_that_was_let_go_can_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    held = engine("large")
    idle(monkeypatch)
    engine("small")
    with held.lock:
        assert held.engine is not engine("large").engine
