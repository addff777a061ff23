"""What fine-tuning needs, tiny: samples of 25 frames as SAIL-VOS has them, and weights to begin with."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_diffusion_vas import FILES, write_checkpoint

from vas_tool.masks import box_xywh, to_rle

NUM_FRAMES, SIZE_HW = 25, (40, 64)


def masks(number: int) -> tuple[np.ndarray, np.ndarray]:
    """(25, 40, 64) modal and amodal: a box that passes behind a bar; numbers from 100 on are never hidden."""
    amodal = np.zeros((NUM_FRAMES, *SIZE_HW), bool)
    for t in range(NUM_FRAMES):
        amodal[t, 8 + number % 7 : 30, 4 + t : 24 + t] = True
    modal = amodal.copy()
    if number < 100:
        modal[:, :, 30 + number % 5 : 40] = False
    return modal, amodal


def sample(number: int, video: str) -> dict:
    """As the annotation file holds it."""
    modal, amodal = masks(number)
    return {
        "segmentation": [to_rle(m) for m in amodal],
        "visible_mask": [to_rle(m) for m in modal],
        "bbox": [box_xywh(m) for m in amodal],
        "image_ids": list(range(NUM_FRAMES)),
        "image_file_names": [f"{video}/{t:03d}.png" for t in range(NUM_FRAMES)],
        "obj_id": number,
        "category_id": 1,
    }


def write_samples(folder: Path, numbers: tuple[int, ...] = (0, 1, 2), name: str = "train.json") -> Path:
    """One video a sample, with its pictures."""
    random = np.random.default_rng(0)
    for number in numbers:
        (folder / f"v{number}").mkdir(parents=True, exist_ok=True)
        for t in range(NUM_FRAMES):
            picture = random.integers(0, 255, (*SIZE_HW, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / f"v{number}" / f"{t:03d}.png")
    path = folder / name
    path.write_text(json.dumps([sample(number, f"v{number}") for number in numbers]))
    return path


def write_svd(folder: Path) -> Path:
    """Stable Video Diffusion's layout: a UNet with 8 input channels only."""
    write_checkpoint(folder, seed=3)
    path = folder / f"{FILES['unet']}.safetensors"
    state = {k: v for k, v in load_file(path).items() if not k.startswith("conv_in2")}
    save_file(state, path)
    return folder


def unet_of(folder: Path) -> dict[str, torch.Tensor]:
    """A folder's UNet in full precision."""
    return load_file(folder / f"{FILES['unet']}.safetensors")
