"""SAM2 as an engine of the stage ``segment``. ``sam_integration`` runs the model.

torch is imported when the engine is loaded, not with this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sam_integration.checkpoints import load_model, require_packages
from sam_integration.errors import CheckpointError, PackageMissing
from sam_integration.predictor import Predictor
from sam_integration.presets import EXACT, FAST, best_device, uses_bfloat16
from sam_integration.prompts import Answer, FramePrompt, Point
from sam_integration.sam2_network import Network
from sam_integration.zoo import MODELS, ModelSpec
from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.weights import Weights
from vas_tool.errors import EngineError, PromptError
from vas_tool.run_warnings import warn
from vas_tool.types import Clip, Mask, Prompts

PresetName = Literal["exact", "fast"]
PRESETS = {"exact": EXACT, "fast": FAST}


def weights_of(spec: ModelSpec) -> Weights:
    """Return the weights of a model."""
    return Weights(spec.name, spec.repo_id, spec.file_name, spec.num_megabytes, spec.licence)


def open_sam2(*, model: str, preset: PresetName) -> Sam2Segmenter:
    """Return the engine of a SAM2 model by name, with weights from the first place that has them, on the best device.

    Raises EngineError that names the file and the command when something is missing or the file does not fit.
    """
    spec = next(spec for spec in MODELS if spec.name == model)
    weights = weights_of(spec)
    checkpoint = weights.find()
    if checkpoint is None:
        looked = ", ".join(str(place) for place in weights.places())
        raise EngineError(f"{weights.file_name} is not there (looked for {looked}); get it with: {weights.get}")
    return Sam2Segmenter.from_checkpoint(spec, checkpoint, preset=preset)


class Sam2Segmenter:
    """A ``Segmenter``. Objects of one clip share the encodings of its frames."""

    def __init__(self, predictor: Predictor, *, warning: str = "") -> None:
        """``warning`` is a sentence for the user about every run (``run_warnings``)."""
        self.predictor, self._warning = predictor, warning

    @classmethod
    def from_checkpoint(
        cls, spec: ModelSpec, checkpoint: Path, *, preset: PresetName = "exact", device: str | None = None
    ) -> Sam2Segmenter:
        """Return an engine from a checkpoint. ``device`` is cuda, mps or cpu; None takes the best. Raises
        EngineError.
        """
        try:
            require_packages()
            chosen = device or best_device()
            with memory_errors():
                model = load_model(spec, checkpoint, PRESETS[preset], device=chosen)
        except CheckpointError as error:
            raise EngineError(f"{error}; remove it and get it again with: {weights_of(spec).get}") from error
        except PackageMissing as error:
            raise EngineError(str(error)) from error
        slow = preset == "exact" and device is None and chosen == "cpu"
        slow_warning = (
            f"torch found no GPU; on the processor {spec.name}-fast takes a tenth of the time" if slow else ""
        )
        bfloat16 = uses_bfloat16(PRESETS[preset], chosen.split(":")[0])
        return cls(Predictor(Network(model, bfloat16=bfloat16)), warning=slow_warning)

    def prepare(self, clip: Clip, frame_index: int) -> None:
        """Start to encode the frame and its neighbours in the background."""
        self.predictor.prepare(clip, frame_index)

    def segment(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> Mask:
        """Return the object's (H, W) bool mask on one frame.

        ``quick`` has no effect. The result is quick once the frame is encoded (``prepare``); each further click on the
        frame is one short step.
        """
        return self.rated(clip, frame_index, prompts, quick=quick).mask

    def rated(self, clip: Clip, frame_index: int, prompts: Prompts, *, quick: bool = False) -> TrackedFrame:
        """Return the object's mask on one frame, with object score and predicted IoU (``base.SelfRating``)."""
        prompt = FramePrompts(prompts, clip).get(frame_index)
        if prompt is None:
            raise PromptError(f"nothing is prompted on frame {frame_index}; click the object there first")
        if is_given(prompt):
            return TrackedFrame(frame_index, given_mask(prompt), certainty=1.0)
        with memory_errors():
            return replace(_tracked(self.predictor.answer(clip, frame_index, prompt), None), certainty=1.0)

    def track(
        self, clip: Clip, prompts: Prompts, frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[TrackedFrame]:
        """Yield the object's mask on each of ``frame_indices``, in their order (``base.Segmenter.track``)."""
        by_frame = FramePrompts(prompts, clip)
        if not by_frame:
            raise PromptError("nothing is prompted; click the object on one frame first")
        return self._track(clip, by_frame, frame_indices, progress=progress)

    def _track(
        self, clip: Clip, by_frame: FramePrompts, frame_indices: range, *, progress: Progress
    ) -> Iterator[TrackedFrame]:
        if self._warning:
            warn(self._warning)
        progress(0, len(frame_indices), "modal masks")
        with memory_errors():
            for done, answer in enumerate(self.predictor.track(clip, by_frame, frame_indices), start=1):
                yield _tracked(answer, by_frame.get(answer.frame_index) if answer.frame_index in by_frame else None)
                progress(done, len(frame_indices), "modal masks")


class FramePrompts(Mapping[int, FramePrompt]):
    """frame_index -> prompts of one object there. Frames are in the order of their first prompt.

    Masks are read when their frame is needed, because hundreds of accepted masks may be on disk.
    """

    def __init__(self, prompts: Prompts, clip: Clip) -> None:
        """Collect the prompts. Raises PromptError for a prompt on a frame that the clip does not have."""
        self._prompts, self._size_wh = prompts, clip.size_wh
        named = [c.frame_index for c in prompts.clicks] + [b.frame_index for b in prompts.boxes]
        self._frames = dict.fromkeys([*named, *prompts.masks])
        outside = [i for i in self._frames if not 0 <= i < len(clip)]
        if outside:
            raise PromptError(f"frame {outside[0]} is prompted, but the clip has {len(clip)} frames (from 0)")

    def __getitem__(self, frame_index: int) -> FramePrompt:
        if frame_index not in self._frames:
            raise KeyError(frame_index)
        session_prompts = self._prompts
        points = tuple(Point(c.x, c.y, c.positive) for c in session_prompts.clicks if c.frame_index == frame_index)
        boxes = [(b.x0, b.y0, b.x1, b.y1) for b in session_prompts.boxes if b.frame_index == frame_index]
        mask = session_prompts.masks.get(frame_index)
        if mask is not None and mask.shape != self._size_wh[::-1]:
            raise PromptError(f"the mask on frame {frame_index} is {mask.shape}, the frames are {self._size_wh[::-1]}")
        box = boxes[-1] if boxes else None
        return FramePrompt(points, box, mask)

    def __contains__(self, frame_index: object) -> bool:
        return frame_index in self._frames

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def is_given(prompt: FramePrompt) -> bool:
    """Return whether the prompt is a given mask without corrections."""
    return prompt.mask is not None and not prompt.points and prompt.box_xyxy is None


def given_mask(prompt: FramePrompt) -> Mask:
    """Return the given mask unchanged. The model would return it with a softer border."""
    assert prompt.mask is not None
    return prompt.mask.copy()


def _tracked(answer: Answer, prompt: FramePrompt | None) -> TrackedFrame:
    if prompt is not None and is_given(prompt):
        return TrackedFrame(answer.frame_index, given_mask(prompt), certainty=1.0)
    return TrackedFrame(
        answer.frame_index,
        answer.mask,
        answer.certainty,
        object_score=answer.object_score,
        predicted_iou=answer.predicted_iou,
    )


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn an error of a full GPU in the block into an EngineError for the user."""
    import torch

    try:
        yield
    except RuntimeError as error:
        # MPS has no exception class of its own for it.
        if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
            raise
        raise EngineError(
            "the GPU's memory is full; close what else uses it, or choose a smaller model or its fast preset"
        ) from error
