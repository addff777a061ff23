"""Runs the engine on the validation clips: pictures, and the error on the hidden part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from vas_tool.engines.diffusion_vas.conversions import as_bytes, channel_sums
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.loading import Parts, load_scheduler
from vas_tool.engines.diffusion_vas.parameters import DEMO_SEED, DiffusionVasParameters
from vas_tool.training.diffusion_vas.fresh_examples import DepthOf, depth_by
from vas_tool.training.diffusion_vas.frozen_encoders import Encoders
from vas_tool.training.diffusion_vas.object_samples import (
    Floats,
    Sample,
    SampleSource,
    amodal_pictures,
    content_pictures,
)
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.trained_unet import TrainedUnet

FRAME_MILLISECONDS = 125
SHOWN_FRAMES = 5


@dataclass(frozen=True)
class ValidationResult:
    """The result of running the validation clips once."""

    numbers: dict[str, float]
    """``hidden_iou`` in 0..1 (amodal), or ``hidden_error`` in 0..255 (content)."""
    pictures: tuple[Path, ...]
    """A picture of each clip: rows of frames with the visible part, the answer and the truth."""


class Validation:
    """The first held-out clips. The network runs as in the released inference."""

    def __init__(
        self, source: SampleSource | None, recipe: Recipe, *, encoders: Callable[[], Encoders], depth_engine: str
    ) -> None:
        """``encoders`` is called when there is a clip to run; the result is not kept."""
        self.source, self.recipe, self._encoders, self._depth_engine = source, recipe, encoders, depth_engine
        self._depth: DepthOf | None = None

    def look(self, network: TrainedUnet, folder: Path, step: int) -> ValidationResult:
        """Run each clip with the same noise every time, and write its pictures into ``folder``."""
        num = min(self.recipe.num_validation_clips, len(self.source) if self.source is not None else 0)
        if not num or self.source is None or self.recipe.conditions == "first":
            return ValidationResult({}, ())
        folder.mkdir(parents=True, exist_ok=True)
        numbers, pictures = list[float](), list[Path]()
        with network.as_engine() as unet:
            pipeline = self._pipeline(unet)
            for number in range(num):
                sample = self.source.sample(number)
                answer = self._answer(pipeline, sample)
                numbers.append(self._measure(sample, answer))
                pictures.append(_strip(sample, answer, folder / f"step_{step}_val_{number}", stage=self.recipe.stage))
        known = [value for value in numbers if not np.isnan(value)]
        name = "hidden_iou" if self.recipe.stage == "amodal" else "hidden_error"
        return ValidationResult({name: float(np.mean(known))} if known else {}, tuple(pictures))

    def _pipeline(self, unet: Any) -> DiffusionVasPipeline:
        encoders = self._encoders()
        parts = Parts(
            unet,
            encoders.vae,
            encoders.clip,
            load_scheduler(encoders.folder / "scheduler"),
            encoders.clip_mean,
            encoders.clip_std,
        )
        return DiffusionVasPipeline(parts, device=encoders.device, borrowed=True)

    def _answer(self, pipeline: DiffusionVasPipeline, sample: Sample) -> Floats:
        """Return the (T, h, w, 3) answer in 0..1."""
        recipe = self.recipe
        if recipe.stage == "amodal":
            shown = amodal_pictures(sample, self._depth_of(sample))
        else:
            shown = content_pictures(sample, sample.modal)
        parameters = DiffusionVasParameters(
            num_steps=recipe.validation_sampling_steps,
            height=recipe.height,
            width=recipe.width,
            fps=recipe.fps,
            motion_bucket=recipe.motion_bucket,
            clip_layout="reference" if recipe.tokens == "all_tokens" else recipe.tokens,
        )
        generator = torch.Generator("cpu").manual_seed(DEMO_SEED)
        return pipeline(shown.first, shown.second, parameters=parameters, generator=generator).frames

    def _depth_of(self, sample: Sample) -> Floats:
        if sample.depth is not None:
            return sample.depth
        self._depth = self._depth or depth_by(self._depth_engine)
        return self._depth(sample.frames)

    def _measure(self, sample: Sample, answer: Floats) -> float:
        """Return the IoU (amodal) or the mean error (content) of the hidden part; NaN when nothing is hidden."""
        truth = sample.amodal & ~sample.modal
        if not truth.any():
            return float("nan")
        if self.recipe.stage == "content":
            wrong = np.abs(as_bytes(answer).astype(float) - sample.frames)[truth]
            return float(wrong.mean())
        found = (channel_sums(answer) > DiffusionVasParameters.threshold) & ~sample.modal
        return float((found & truth).sum() / (found | truth).sum())


def _strip(sample: Sample, answer: Floats, path: Path, *, stage: str) -> Path:
    """Write a GIF of the answer, as the released scripts do, and a PNG of some frames. Return the path of the PNG."""
    frames = as_bytes(answer)
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(
        path.with_suffix(".gif"), save_all=True, append_images=pictures[1:], duration=FRAME_MILLISECONDS, loop=0
    )
    chosen = np.linspace(0, len(frames) - 1, min(SHOWN_FRAMES, len(frames))).round().astype(int)
    seen = np.where(sample.modal[..., None], sample.frames, np.uint8(255))
    truth = np.where(sample.amodal[..., None], sample.frames, np.uint8(255))
    if stage == "amodal":
        truth = np.repeat(sample.amodal[..., None].astype(np.uint8) * np.uint8(255), 3, axis=-1)
    rows = [np.concatenate(list(row[chosen]), axis=1) for row in (seen, frames, truth)]
    Image.fromarray(np.concatenate(rows)).save(path.with_suffix(".png"))
    return path.with_suffix(".png")
