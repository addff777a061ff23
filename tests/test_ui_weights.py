"""The page's button that fetches weights: it says size and licence first, and how it went after."""

import hashlib
from pathlib import Path

import pytest
from little_hub import Hub

from vas_tool.engines import registry, table
from vas_tool.engines.weights import FOLDER_VARIABLE, Weights
from vas_tool.ui.weights import button_text, fetch_weights, first_offer, offered

CONTENT = b"weights" * 1000


def test_the_page_offers_what_can_be_fetched() -> None:
    names = [weights.name for weights in offered()]
    assert "sam2.1-tiny" in names and "depth-anything-v2-large" in names
    assert "depth-anything-v2-vitg" not in names, "nobody publishes it"


def test_the_button_says_size_and_licence() -> None:
    texts = [button_text(weights.name) for weights in registry.all_weights()]
    assert "Download sam2.1-tiny: 156 MB, licence Apache-2.0" in texts and len(set(texts)) == len(texts)
    assert button_text(None) == "Nothing to download"


@pytest.mark.parametrize(("gpu", "first"), [(True, "sam2.1-large"), (False, "sam2.1-tiny")])
def test_what_makes_clicks_better_is_offered_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, first: str
) -> None:
    for variable in (FOLDER_VARIABLE, "HF_HUB_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "has_gpu", lambda: gpu)
    assert first_offer() == first
    [weights] = [w for w in registry.all_weights() if w.name == first]
    assert isinstance(weights, Weights)
    (tmp_path / weights.file_name).touch()
    monkeypatch.setattr(table, "missing_packages", lambda spec: [])
    then = first_offer()
    assert then is not None and then.startswith("depth-anything"), "clicks are as good as they get"


def test_it_fetches_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    [tiny] = [weights for weights in registry.all_weights() if weights.name == "sam2.1-tiny"]
    monkeypatch.setattr(table, "missing_packages", lambda spec: ["sam2"])
    told: list[tuple[int, int]] = []
    with Hub(tiny.repo_id, tiny.file_name, CONTENT, hashlib.sha256(CONTENT).hexdigest()).serving() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        message = fetch_weights("sam2.1-tiny", lambda step, desc: told.append(step))  # type: ignore[arg-type]
    assert (tmp_path / tiny.file_name).read_bytes() == CONTENT and told
    assert "is ready" in message and registry.INSTALL_SAM2 in message
    assert "is there already" in fetch_weights("sam2.1-tiny")


def test_what_went_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    message = fetch_weights("sam2-large")
    assert 'role="alert"' in message and "vas-tool models download sam2-large" in message
    assert "\n" not in message, "a blank line ends the alert before the end of what it says"
    assert "Choose" in fetch_weights("")
