"""The way of a user's weights: a real model on a hub, downloaded, found, loaded, used. The numbers in it are random."""

import gc
import hashlib
import weakref
from pathlib import Path

import pytest
from fake_hub import Hub
from sam2_models import skip_without_sam2, write_checkpoint, write_clip

from sam_integration.zoo import MODELS
from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.sam2 import Sam2Segmenter
from vas_tool.engines.weights import FOLDER_VARIABLE
from vas_tool.project import Project

skip_without_sam2()


def test_download_then_click_then_track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.setattr(registry, "has_gpu", lambda: False)
    write_clip(tmp_path / "clip", 3)
    asked = ["run", str(tmp_path / "clip"), "--click", "1,32,25", "--stages", "segment", "--project"]

    # Named before it is there: the command that fetches it.
    assert main([*asked, str(tmp_path / "early"), "--engine", "segment=sam2.1-tiny-fast"]) == 1
    assert "vas-tool models download sam2.1-tiny" in capsys.readouterr().err

    spec = next(spec for spec in MODELS if spec.name == "sam2.1-tiny")
    content = write_checkpoint(tmp_path / "original.pt", spec).read_bytes()
    with Hub(spec.repo_id, spec.file_name, content, hashlib.sha256(content).hexdigest()).serving() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert main(["models", "download", "sam2.1-tiny"]) == 0
    assert registry.spec_of("segment").name == "sam2.1-tiny-fast", "auto is what is there now"

    assert main([*asked, str(tmp_path / "project")]) == 0
    assert "3 modal masks" in capsys.readouterr().out
    project = Project.open(tmp_path / "project")
    stamps = [project.layers(1).modal.stamp(i) for i in range(3)]
    project.close()
    assert [s.engine for s in stamps if s] == ["sam2.1-tiny-fast"] * 3
    engine = registry.load("segment", "sam2.1-tiny-fast").engine
    assert isinstance(engine, Sam2Segmenter)
    network = weakref.ref(engine.predictor.network)
    del engine
    registry.unload_all()  # as when it is let go: nothing else holds on to the model
    gc.collect()
    assert network() is None
