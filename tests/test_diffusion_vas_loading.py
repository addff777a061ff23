"""Checkpoints in the released format: both kinds of names, and an error that names the file when something is wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sharded import shard
from test_diffusion_vas_numbers import shown
from tiny_diffusion_vas import write_checkpoint

from vas_tool.engines import registry
from vas_tool.engines.diffusion_vas.amodal import DiffusionVasAmodal
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.loading import load_parts
from vas_tool.errors import EngineError

UNET, VAE, CLIP = (
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "image_encoder/model.safetensors",
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("released"))


@pytest.fixture
def folder(released: Path, tmp_path: Path) -> Path:
    return shutil.copytree(released, tmp_path / "copy")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without(key: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        save_file({k: v for k, v in load_file(path).items() if not k.startswith(key)}, path)

    return change


def with_another_size(key: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        state = load_file(path)
        save_file({**state, key: torch.zeros(7, *state[key].shape[1:])}, path)

    return change


def set_in_config(**changed: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        *((name, Path.unlink, "is missing") for name in (UNET, VAE, CLIP)),
        *((name, truncate, "not downloaded to its end") for name in (UNET, VAE, CLIP)),
        ("unet/config.json", Path.unlink, "is missing"),
        ("scheduler/scheduler_config.json", truncate, "does not read as JSON"),
        ("feature_extractor/preprocessor_config.json", Path.unlink, "is missing"),
        (UNET, without("conv_in2"), "has no conv_in2: it is a Stable Video Diffusion UNet"),
        (UNET, without("mid_block"), "does not fit .* tensors are missing"),
        (UNET, with_another_size("conv_out.weight"), "have another size .conv_out.weight"),
        (VAE, without("encoder.conv_in"), "does not fit .* 2 tensors are missing"),
        (CLIP, without("visual_projection"), "does not fit .* 1 tensors are missing"),
        ("vae/config.json", set_in_config(_class_name="AutoencoderKL"), "is of AutoencoderKL"),
        ("unet/config.json", set_in_config(block_out_channels=[32, 48]), "does not (fit|describe)"),
        ("image_encoder/config.json", set_in_config(architectures=["CLIPModel"]), "not CLIPVisionModelWithProjection"),
        ("scheduler/scheduler_config.json", set_in_config(prediction_type="epsilon"), "predicts velocities"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, name: str, change: Callable[[Path], None], message: str) -> None:
    change(folder / name)
    with pytest.raises(EngineError, match=message) as caught:
        load_parts(folder, dtype=torch.float32)
    assert str(folder / name).removesuffix(Path(name).name) in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="nowhere does not exist"):
        DiffusionVasPipeline.load(tmp_path / "nowhere")


def test_half_precision_names_and_the_global_default(released: Path, tmp_path: Path) -> None:
    half = DiffusionVasPipeline.load(write_checkpoint(tmp_path / "half", half=True), device="cpu")
    full = DiffusionVasPipeline.load(released, device="cpu")
    assert half.dtype == full.dtype == torch.float32
    one, other = (pipeline(*shown(2), num_steps=1).frames for pipeline in (half, full))
    assert 0 < np.abs(one - other).max() < 0.05  # the weights' own rounding


def test_half_precision_at_work(released: Path) -> None:
    """As on a GPU: the VAE in float32 while it encodes, and back; the answer close to that of float32."""
    half = DiffusionVasPipeline.load(released, device="cpu", dtype=torch.float16)
    full = DiffusionVasPipeline.load(released, device="cpu")
    one, other = (pipeline(*shown(2), num_steps=1) for pipeline in (half, full))
    assert half.parts.vae.dtype == half.dtype == one.latents.dtype == torch.float16
    assert 0 < np.abs(one.frames - other.frames).max() < 0.05


def test_of_both_precisions_the_one_that_fits_is_read(folder: Path) -> None:
    write_checkpoint(folder, half=True)
    truncate(folder / UNET.replace(".safetensors", ".fp16.safetensors"))
    load_parts(folder, dtype=torch.float32)
    with pytest.raises(EngineError, match="fp16"):
        load_parts(folder, dtype=torch.float16)


def test_the_registry_finds_a_checkpoint_and_says_what_it_lacks(
    released: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = registry.spec_of("amodal", "diffusion-vas")
    assert not registry.is_present(spec) and "vas-tool models download diffusion-vas-amodal" in spec.get
    monkeypatch.setenv("VAS_TOOL_WEIGHTS", str(tmp_path))
    folder = shutil.copytree(released, tmp_path / "diffusion-vas-amodal-segmentation")
    assert registry.is_present(spec)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert isinstance(registry.load("amodal", "diffusion-vas").engine, DiffusionVasAmodal)
    (folder / VAE).unlink()
    assert not registry.is_present(spec) and "vae/diffusion_pytorch_model" in spec.weights[0].lack()


def test_without_a_gpu_auto_takes_another_engine(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "has_gpu", lambda: False)
    for stage, other in (("amodal", "learned"), ("content", "builtin")):
        assert registry.spec_of(stage, "auto").name == other


@pytest.mark.parametrize(
    ("index", "dtype"),
    [
        ("{}.safetensors.index.json", torch.float32),
        ("{}.safetensors.index.fp16.json", torch.float16),
        ("{}.fp16.safetensors.index.json", torch.float16),
        ("{}.bin.index.json", torch.float32),
        ("{}.bin.index.json", torch.float16),
    ],
)
def test_weights_in_pieces_are_the_whole_ones(
    released: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, index: str, dtype: torch.dtype
) -> None:
    for name, pickled in ((UNET, "diffusion_pytorch_model"), (VAE, "diffusion_pytorch_model"), (CLIP, "pytorch_model")):
        stem = pickled if ".bin" in index else Path(name).name.removesuffix(".safetensors")
        assert len(shard(folder / name, (folder / name).with_name(index.format(stem)))) == 3
    whole, pieces = (load_parts(one, dtype=dtype) for one in (released, folder))
    for one, other in ((whole.unet.stock, pieces.unet.stock), (whole.vae, pieces.vae)):
        held = other.state_dict()
        assert all(torch.equal(value, held[name]) for name, value in one.state_dict().items())
    monkeypatch.setenv("VAS_TOOL_WEIGHTS", str(folder.parent))
    folder.rename(folder.with_name("diffusion-vas-amodal-segmentation"))
    assert registry.is_present(registry.spec_of("amodal", "diffusion-vas"))


def test_a_piece_that_is_wrong_is_named(folder: Path) -> None:
    index = folder / f"{UNET}.index.json"
    first, second, _ = shard(folder / UNET, index)
    table = json.loads(index.read_text())
    kept = second.read_bytes()

    def said() -> str:
        with pytest.raises(EngineError) as caught:
            load_parts(folder, dtype=torch.float32)
        return str(caught.value)

    truncate(second)
    assert str(second) in said() and "not downloaded to its end" in said()
    second.unlink()
    assert f"names {second.name}, which is missing" in said()
    second.write_bytes(kept)
    moved = next(name for name, piece in table["weight_map"].items() if piece == second.name)
    index.write_text(json.dumps({"weight_map": {**table["weight_map"], moved: first.name}}))
    assert f"{first} lacks 1 tensors" in said() and moved in said()
    for odd in ("{}", "[]", '{"weight_map": {}}', '{"weight_map": {"a": "../x.safetensors"}}', "{"):
        index.write_text(odd)
        assert f"{index} does not read as an index" in said()
