"""Files of weights that are missing, damaged, another model's, or no weights at all: each named, none obeyed."""

import importlib.util
import pickle
from pathlib import Path

import pytest
from sam2_models import TINY, skip_without_sam2, write_checkpoint

from sam_integration.checkpoints import build_model, load_model, recognise, require_packages
from sam_integration.errors import CheckpointError, PackageMissing
from sam_integration.presets import EXACT, FAST, uses_bfloat16
from sam_integration.zoo import MODELS
from vas_tool.engines.sam2 import Sam2Segmenter
from vas_tool.errors import EngineError

skip_without_sam2()

import torch  # noqa: E402

SPEC = TINY["sam2.1"]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "good.pt", SPEC)


class Evil:
    """Unpickled carelessly, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_the_released_form_loads_as_it_was(good: Path) -> None:
    state = torch.load(good, weights_only=True)["model"]
    model = load_model(SPEC, good, EXACT, device="cpu")
    assert not model.training and all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_the_same_file_serves_the_fast_preset(good: Path) -> None:
    assert load_model(SPEC, good, FAST, device="cpu").image_size == FAST.image_size


@pytest.mark.parametrize(("device", "area"), [("cpu", 0), ("mps", 0), ("cuda", 8), ("cuda:1", 8)])
def test_holes_are_filled_where_the_extension_can(
    good: Path, monkeypatch: pytest.MonkeyPatch, device: str, area: int
) -> None:
    moved: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, where: moved.append(where) or self)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "sam2._C" or find_spec(name))
    model = load_model(SPEC, good, EXACT, device=device)
    assert model.fill_hole_area == area and moved[-1] == device
    assert moved.count(device) == (2 if device == "cpu" else 1), "it is built on the CPU and moved once"


def broken(good: Path, folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.pt"
    content = good.read_bytes()
    state = torch.load(good, weights_only=True)["model"] if "key" in kind or kind == "no model" else {}
    match kind:
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "almost whole":
            path.write_bytes(content[:-100])
        case "empty":
            path.write_bytes(b"")
        case "web page":
            path.write_bytes(b"<!doctype html><title>404</title>")
        case "pointer":
            path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        case "pickle":
            path.write_bytes(pickle.dumps({"model": Evil(folder / "evil")}))
        case "torch pickle":
            torch.save({"model": Evil(folder / "evil")}, path)
        case "no model":
            torch.save(state, path)
        case "list":
            torch.save([1, 2, 3], path)
        case "not tensors":
            torch.save({"model": {"a": 1}}, path)
        case "key missing":
            state.pop("no_mem_embed")
            torch.save({"model": state}, path)
        case "key too many":
            torch.save({"model": {**state, "more": torch.zeros(1)}}, path)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("absent", "does not exist"),
        ("truncated", "damaged or was not downloaded to its end"),
        ("almost whole", "damaged or was not downloaded to its end"),
        ("empty", "damaged or was not downloaded to its end"),
        ("web page", "no file of weights"),
        ("pointer", "no file of weights"),
        ("pickle", "more than weights"),
        ("torch pickle", "more than weights"),
        ("no model", "no state under 'model'"),
        ("list", "no state under 'model'"),
        ("not tensors", "no state under 'model'"),
        ("key missing", "1 are missing, 0 have another shape, 0 are unknown"),
        ("key too many", "0 are missing, 0 have another shape, 1 are unknown"),
    ],
)
def test_a_file_that_does_not_do_is_named(good: Path, tmp_path: Path, kind: str, message: str) -> None:
    path = broken(good, tmp_path, kind)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model(SPEC, path, EXACT, device="cpu")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "evil").exists(), "what the file holds was run"
    with pytest.raises(EngineError, match=f"vas-tool models download {SPEC.name}"):
        Sam2Segmenter.from_checkpoint(SPEC, path, device="cpu")


def test_another_family_is_told_apart(tmp_path: Path) -> None:
    older = write_checkpoint(tmp_path / "older.pt", TINY["sam2"])
    with pytest.raises(CheckpointError, match=r"does not hold the weights of sam2\.1-tiny"):
        load_model(SPEC, older, EXACT, device="cpu")


@pytest.mark.parametrize("name", ["sam2.1-tiny", "sam2.1-small", "sam2-tiny"])
def test_a_released_model_is_recognised_and_weighs_what_the_table_says(name: str) -> None:
    """The larger ones take seconds and gigabytes to build; by hand they were the same."""
    spec = next(spec for spec in MODELS if spec.name == name)
    state = build_model(spec, EXACT, device="cpu").state_dict()
    assert recognise(state) == name
    assert sum(value.numel() for value in state.values()) / 1e6 == pytest.approx(spec.million_parameters, rel=0.02)


def test_a_state_of_something_else_is_not_recognised() -> None:
    assert recognise({"image_encoder.trunk.blocks.0.x": 0, "layer.weight": 0}) is None


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "sam2" else object())
    with pytest.raises(PackageMissing, match="pip install sam2"):
        require_packages()


def test_bfloat16_where_it_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    for has in (True, False):
        monkeypatch.setattr("sam_integration.presets.gpu_has_bfloat16", lambda has=has: has)
        monkeypatch.setattr("sam_integration.presets.processor_has_bfloat16", lambda has=has: has)
        assert [uses_bfloat16(EXACT, kind) for kind in ("cuda", "mps", "cpu")] == [has, False, False]
        assert [uses_bfloat16(FAST, kind) for kind in ("cuda", "mps", "cpu")] == [has, False, has]
