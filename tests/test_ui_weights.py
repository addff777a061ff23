"""Weights from the page: what a row offers, downloads with progress and a stop, and what is told when one fails."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import Hub
from waiting import until

from vas_tool.engines import registry, specs
from vas_tool.engines.base import Progress
from vas_tool.engines.weights import FOLDER_VARIABLE, WeightsFolder
from vas_tool.errors import EngineError
from vas_tool.ui.weight_downloads import Downloads, offers

CONTENT = b"weights" * 1000


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (FOLDER_VARIABLE, "HF_HUB_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(specs, "missing_packages", lambda spec: [])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    [tiny] = [weights for weights in registry.all_weights() if weights.name == "sam2.1-tiny"]
    hub = Hub(tiny.repo_id, tiny.file_name, CONTENT, hashlib.sha256(CONTENT).hexdigest())
    with hub.serving() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


def row(stage: str) -> list[dict[str, Any]]:
    return offers(registry.spec_of(registry.stage_named(stage)))


@pytest.mark.parametrize(
    ("gpu", "first", "weights"),
    [(True, "sam2.1-large", "sam2.1-large"), (False, "edgetam", "edgetam")],
)
def test_the_best_engine_for_this_computer_is_offered_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, first: str, weights: str
) -> None:
    monkeypatch.setattr(registry, "has_gpu", lambda: gpu)
    best = row("segment")[0]
    assert (best["engine"], best["weights"]["name"]) == (first, weights)
    assert gpu or (best["weights"]["megabytes"], best["weights"]["licence"]) == (56, "Apache-2.0")
    assert not best["weights"]["runs"] and not best["weights"]["error"]
    [known] = [w for w in registry.all_weights() if w.name == weights]
    folder = isinstance(known, WeightsFolder) and tmp_path / known.folder_name
    for path in [folder / part.name for part in known.parts] if folder else [tmp_path / known.file_name]:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert row("segment") == [], "clicks are as good as they get"
    assert row("depth")[0]["engine"].startswith("depth-anything")


def test_without_its_packages_an_engine_tells_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specs, "missing_packages", lambda spec: list(spec.packages)[-1:])
    monkeypatch.setattr(registry, "has_gpu", lambda: True)
    best = row("segment")[0]
    assert (
        best["weights"] is None and "pip install 'vas-tool[sam2]'" in best["get"] and "models download" in best["get"]
    )


def test_what_is_offered_is_fetched(tmp_path: Path, hub: Hub) -> None:
    downloads = Downloads()
    before = downloads.serial
    downloads.start("sam2.1-tiny")
    until(lambda: downloads.of("sam2.1-tiny") is None)
    assert (tmp_path / hub.file_name).read_bytes() == CONTENT and downloads.serial > before
    assert "sam2.1-tiny-fast" not in [offer["engine"] for offer in row("segment")]


def test_a_download_is_told_of_stopped_and_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, calls = threading.Semaphore(0), []

    def slow(weights: object, *, progress: Progress) -> None:
        calls.append(weights)
        for done in (1, 2):
            progress(done, 2, "download, MB")
            go_on.acquire(timeout=20)

    monkeypatch.setattr("vas_tool.ui.weight_downloads.download", slow)
    monkeypatch.setattr("vas_tool.ui.weight_downloads.PUBLISH_SECONDS", 0.0)
    downloads = Downloads()
    monkeypatch.setattr("vas_tool.ui.weight_downloads.DOWNLOADS", downloads)
    downloads.start("sam2.1-tiny")
    downloads.start("sam2.1-tiny")  # a second page wants the same
    shown: dict[str, Any] = {}

    def tells_half() -> bool:
        shown.update(_offered("sam2.1-tiny"))
        return shown["done"] == 1

    until(tells_half)
    assert shown["runs"] and shown["total"] == 2 and len(calls) == 1
    downloads.stop("sam2.1-tiny")
    go_on.release()
    until(lambda: not _offered("sam2.1-tiny")["runs"])
    assert _offered("sam2.1-tiny")["done"] == 1 and not _offered("sam2.1-tiny")["error"]
    downloads.start("sam2.1-tiny")
    go_on.release(2)
    until(lambda: downloads.of("sam2.1-tiny") is None)
    assert len(calls) == 2


def _offered(name: str) -> dict[str, Any]:
    """What the row says of the weights of that name."""
    return next(o["weights"] for o in row("segment") if o["weights"]["name"] == name)


def test_what_went_wrong_is_told_where_it_was_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    downloads = Downloads()
    monkeypatch.setattr("vas_tool.ui.weight_downloads.DOWNLOADS", downloads)
    downloads.start("sam2.1-tiny")
    until(lambda: not _offered("sam2.1-tiny")["runs"])
    assert "vas-tool models download sam2.1-tiny" in _offered("sam2.1-tiny")["error"]


@pytest.mark.parametrize("name", ["", "none", "depth-anything-v2-vitg"])
def test_what_nobody_publishes_cannot_be_fetched(name: str) -> None:
    with pytest.raises(EngineError, match="nothing to download"):
        Downloads().start(name)
