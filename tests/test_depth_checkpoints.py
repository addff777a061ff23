"""Weights of Depth Anything V2 that are missing, damaged, another network's or no weights at all: each is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from depth_models import TINY, original_shapes, original_state, skip_without_transformers, write_folder, write_original
from fake_hub import Hub
from sharded import shard

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.depth_anything.checkpoints import architecture_of, config_of, from_original, load_network
from vas_tool.engines.depth_anything.engine import DepthAnything, open_depth_anything
from vas_tool.engines.depth_anything.released import ARCHITECTURES, Size, weights_of
from vas_tool.engines.weights import FOLDER_VARIABLE
from vas_tool.errors import EngineError
from vas_tool.types import ArrayClip

skip_without_transformers()
import torch  # noqa: E402

NUM_ORIGINAL: dict[Size, int] = {"small": 239, "base": 239, "large": 407, "giant": 631}
"""Tensors in the released files."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of this computer's."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("size", ARCHITECTURES)
def test_every_tensor_of_every_size_has_its_place(size: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and shapes only: the released sizes hold up to 1.3 billion numbers."""
    shapes = original_shapes(ARCHITECTURES[size])
    assert len(shapes) == NUM_ORIGINAL[size]
    state = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    monkeypatch.setattr("vas_tool.engines.depth_anything.checkpoints.read_tensors", lambda path: state)
    network = load_network(tmp_path / "recognised.pth")
    assert architecture_of(network.config) == ARCHITECTURES[size]
    joint = ARCHITECTURES[size].num_blocks * 2
    assert len(from_original(state)) == len(shapes) + 2 * joint  # one joint tensor becomes three


def drop(state: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in state.items() if k != "pretrained.cls_token"}


def other_shape(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"pretrained.norm.bias": torch.zeros(TINY.width + 1)}


def unknown(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"pretrained.register_tokens": torch.zeros(1)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop, "1 tensors are missing .first backbone.embeddings.cls_token"),
        (other_shape, "1 tensors have another shape .first backbone.layernorm.bias"),
        (unknown, "1 tensors are unknown .first pretrained.register_tokens"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    path = tmp_path / "odd.pth"
    torch.save(change(original_state(TINY)), path)
    with pytest.raises(EngineError, match=rf"odd\.pth does not hold .*{said}"):
        load_network(path, architecture=TINY)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def pointer(path: Path) -> None:
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1341401882\n")


def web_page(path: Path) -> None:
    path.write_bytes(b"<!doctype html><title>Sign in</title>")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def list_of_tensors(path: Path) -> None:
    if path.suffix == ".pth":
        torch.save([torch.zeros(3)], path)
    else:
        path.write_bytes(b"[]")


@pytest.mark.parametrize("name", ["tiny.pth", "tiny.safetensors", "folder"])
@pytest.mark.parametrize("harm", [cut_short, pointer, web_page, empty, list_of_tensors])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, harm: Callable[[Path], None]) -> None:
    path = tmp_path / name
    broken = write_folder(path) / "model.safetensors" if name == "folder" else write_original(path)
    harm(broken)
    with pytest.raises(
        EngineError, match="lfs pull" if harm is pointer else "damaged|no file of weights|plain table"
    ) as e:
        load_network(path, architecture=TINY)
    assert str(broken) in str(e.value)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return (open, (str(tmp_path / "sprung"), "w"))  # type: ignore[return-value]

    torch.save({"pretrained.cls_token": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(EngineError, match=r"trap\.pth .*more than weights"):
        load_network(tmp_path / "trap.pth", architecture=TINY)
    assert not (tmp_path / "sprung").exists()


def test_another_model_under_a_released_name(tmp_path: Path) -> None:
    path = write_original(tmp_path / "depth_anything_v2_vitl.pth")
    with pytest.raises(EngineError, match=r"vitl\.pth does not hold the weights of Depth Anything V2 large"):
        load_network(path, size="large")
    with pytest.raises(EngineError, match="24 wide"):
        load_network(path)
    with pytest.raises(EngineError, match=r"large\.pth does not exist"):
        load_network(tmp_path / "large.pth")


# --- folders of transformers ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a good folder."""
    folder = write_folder(tmp_path_factory.mktemp("good") / "folder")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def folder_with(tmp_path: Path, files: dict[str, bytes]) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_plain_and_fp16_names(tmp_path: Path, good: dict[str, bytes]) -> None:
    half = {"config.json": good["config.json"], "model.fp16.safetensors": good["model.safetensors"]}
    folder = folder_with(tmp_path, half)
    assert architecture_of(load_network(folder).config) == TINY


@pytest.mark.parametrize("part", ["config.json", "model.safetensors"])
def test_a_missing_part_is_named(tmp_path: Path, good: dict[str, bytes], part: str) -> None:
    folder = folder_with(tmp_path, {name: content for name, content in good.items() if name != part})
    with pytest.raises(EngineError, match=f"folder lacks {part}"):
        load_network(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "dpt"}, "no network for relative depth, but dpt"),
        ({"depth_estimation_type": "metric"}, "no network for relative depth"),
        ({"fusion_hidden_size": 20}, "have another shape"),
        ({"fusion_hidden_size": "wide"}, "does not describe a network"),
        ({"neck_hidden_sizes": [8, 12, 16]}, "does not describe a network|does not hold the weights"),
        ({"backbone_config": None}, "of no released size"),
        ({"backbone_config": {"model_type": "resnet"}}, r"config\.json does not describe a network"),
    ],
)
def test_a_config_that_describes_something_else(
    tmp_path: Path, good: dict[str, bytes], change: dict[str, Any], said: str
) -> None:
    config = json.dumps(json.loads(good["config.json"]) | change).encode()
    folder = folder_with(tmp_path, good | {"config.json": config})
    with pytest.raises(EngineError, match=said):
        load_network(folder)


@pytest.mark.parametrize("content", [b"{", b"[]", b'"large"'])
def test_a_config_that_does_not_read(tmp_path: Path, good: dict[str, bytes], content: bytes) -> None:
    folder = folder_with(tmp_path, good | {"config.json": content})
    with pytest.raises(EngineError, match=r"config\.json"):
        load_network(folder)


def test_a_folder_of_another_size_is_named(tmp_path: Path, good: dict[str, bytes]) -> None:
    with pytest.raises(EngineError, match="of no released size, not large"):
        load_network(folder_with(tmp_path, good), size="large")


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_says_sizes_and_licences() -> None:
    specs = {spec.name: spec for spec in registry.engines_of("depth")}
    assert list(specs) == [f"depth-anything-v2-{s}" for s in ("large", "giant", "base", "small")] + ["builtin"]
    licences = [spec.licence for name, spec in specs.items() if name != "builtin"]
    assert licences == ["CC-BY-NC-4.0"] * 3 + ["Apache-2.0"]
    assert [name for name, spec in specs.items() if not spec.needs_gpu] == ["depth-anything-v2-small", "builtin"]
    config = config_of(ARCHITECTURES["large"])
    assert config.backbone_config.out_indices == [5, 12, 18, 24], "as in the released folder"


def test_the_familys_name_is_the_best_of_it_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "has_gpu", lambda: True)
    assert registry.spec_of("depth", "depth-anything-v2").name == "depth-anything-v2-large"
    (tmp_path / "mine").mkdir()
    for letter, best in (("s", "small"), ("b", "base")):
        (tmp_path / "mine" / f"depth_anything_v2_vit{letter}.pth").write_bytes(b"")
        assert registry.spec_of("depth", "depth-anything-v2").name == f"depth-anything-v2-{best}"
        assert registry.spec_of("depth").name == f"depth-anything-v2-{best}"
    monkeypatch.setattr(registry, "has_gpu", lambda: False)
    assert registry.spec_of("depth").name == "depth-anything-v2-small", "the others are no pleasure without a GPU"
    with pytest.raises(EngineError, match="no depth engine 'depth-anything-v3'"):
        registry.spec_of("depth", "depth-anything-v3")


def test_both_forms_are_found_and_the_folder_comes_first(tmp_path: Path, good: dict[str, bytes]) -> None:
    small = registry.spec_of("depth", "depth-anything-v2-small")
    assert not registry.has_weights(small) and small.get == "vas-tool models download depth-anything-v2-small"
    original = tmp_path / "checkpoints" / "depth_anything_v2_vits.pth"
    original.parent.mkdir()
    original.write_bytes(b"")
    assert registry.has_weights(small) and small.get == ""
    folder, file = weights_of("small")
    assert folder.find() is None and file.find() is not None
    cached = tmp_path / "hub" / "models--depth-anything--Depth-Anything-V2-Small-hf" / "snapshots" / "main"
    cached.mkdir(parents=True)
    for name, content in good.items():
        (cached / name).write_bytes(content)
    assert folder.find() == cached
    with pytest.raises(EngineError, match=f"{cached} holds Depth Anything V2 of no released size, not small"):
        open_depth_anything(size="small")


def test_what_is_missing_is_said_with_the_command() -> None:
    with pytest.raises(EngineError, match=r"vitb\.pth is in none of .*vas-tool models download depth-anything-v2-base"):
        open_depth_anything(size="base")
    with pytest.raises(EngineError, match=r"put depth_anything_v2_vitg\.pth into"):
        registry.load("depth", "depth-anything-v2-giant")


def test_a_file_is_opened_by_its_released_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "small", TINY)
    monkeypatch.setattr("vas_tool.engines.depth_anything.engine.best_device", lambda: "cpu")
    (tmp_path / "mine").mkdir()
    write_original(tmp_path / "mine" / "depth_anything_v2_vits.safetensors")
    assert isinstance(open_depth_anything(size="small"), DepthAnything)


def test_the_way_of_a_users_weights(tmp_path: Path, good: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a hub, downloaded, found, loaded, used."""
    monkeypatch.setitem(ARCHITECTURES, "small", TINY)
    monkeypatch.setattr("vas_tool.engines.depth_anything.engine.best_device", lambda: "cpu")
    hub = Hub("depth-anything/Depth-Anything-V2-Small-hf", "README.md", b"", "", others=dict(good))
    with hub.serving() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert main(["models", "download", "depth-anything-v2-small"]) == 0
    assert registry.has_weights(registry.spec_of("depth", "depth-anything-v2-small"))
    clip = ArrayClip(np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3), np.uint8))
    [(index, depth)] = open_depth_anything(size="small").estimate(clip, range(1, 2), settings={"short_side": 70})
    assert index == 1 and depth.shape == (20, 30) and np.ptp(depth) > 0.01


@pytest.mark.parametrize("index", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
def test_a_folder_with_weights_in_pieces(tmp_path: Path, index: str) -> None:
    whole = load_network(write_folder(tmp_path / "whole"), architecture=TINY).state_dict()
    folder = write_folder(tmp_path / "pieces")
    last = shard(folder / "model.safetensors", folder / index)[-1]
    pieces = load_network(folder, architecture=TINY).state_dict()
    assert whole.keys() == pieces.keys() and all(torch.equal(whole[name], pieces[name]) for name in whole)
    last.unlink()
    with pytest.raises(EngineError, match=f"names {last.name}, which is missing"):
        load_network(folder, architecture=TINY)
