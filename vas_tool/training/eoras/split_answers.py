"""EoRaS's answers to its own two test splits, from the data's boxes, cameras and frames, as the released scripts give
them. A frame that is repeated to fill up a short clip is answered where it comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vas_tool.engines.eoras.engine import NAME, EorasAmodal
from vas_tool.engines.eoras.patches import Floats, pasted, patch_of
from vas_tool.engines.eoras.settable import PARAMETERS
from vas_tool.engines.registry import LoadedEngine
from vas_tool.engines.settings import SettingValue, resolved
from vas_tool.errors import FormatError
from vas_tool.evaluation.dataset import Truth, TruthClip
from vas_tool.evaluation.eoras import parts_of
from vas_tool.evaluation.predicting import ClipAnswer, Task
from vas_tool.evaluation.problems import Problem
from vas_tool.pipeline import locked
from vas_tool.training.eoras.clip_samples import Sample
from vas_tool.training.eoras.kitti_samples import KittiSamples
from vas_tool.training.eoras.movi_samples import MoviSamples
from vas_tool.training.eoras.training_plan import KITTI_TEST_LENGTH
from vas_tool.types import Canvas, Mask


def answers_to_samples(
    benchmark: str, root: Path, truth: Truth, *, engine: LoadedEngine[EorasAmodal], task: Task
) -> Iterator[ClipAnswer]:
    """Yield the answer to every clip of the truth that the data has. Clips that cannot be read are listed in
    ``task.problems``. Raises Cancelled.
    """
    source = KittiSamples(root, "test", KITTI_TEST_LENGTH) if benchmark == "kitti" else MoviSamples(root, "test")
    clips = {clip.name: clip for clip in truth.clips}
    chosen = resolved(PARAMETERS, task.protocol.settings, engine=NAME)
    for index, name in enumerate(source.names):
        task.progress(index, len(source), "answering")
        if name in clips:
            try:
                sample = source.sample(index, np.random.RandomState(index))
                answer = _answered(clips[name], sample, _masks(sample, engine, chosen))
            except FormatError as error:
                task.problems.append(Problem(name, str(error), "bad record"))
                continue
            except Exception as error:  # an engine may fail in any way: hours of other clips must not be lost
                task.problems.append(Problem(name, f"{type(error).__name__} {error}", "engine failed"))
                continue
            yield answer


def _masks(sample: Sample, engine: LoadedEngine[EorasAmodal], chosen: dict[str, SettingValue]) -> dict[int, Mask]:
    """Return frame_index -> (H, W) amodal mask of one sample."""

    def input_of(position: int) -> tuple[Floats, Floats]:
        frame = sample.frames[position]
        return patch_of(frame.frame, frame.window), sample.intrinsics

    masks: dict[int, Mask] = {}
    answers = engine.engine.answers(input_of, len(sample.frames), tilt=chosen["tilt"])
    for position, probability in locked(engine, answers):
        frame = sample.frames[position]
        mask = pasted(probability, frame.window, frame.modal.shape, threshold=float(chosen["threshold"]))
        masks.setdefault(sample.frame_indices[position], mask | frame.modal if chosen["union_with_modal"] else mask)
    return masks


def _answered(clip: TruthClip, sample: Sample, masks: dict[int, Mask]) -> ClipAnswer:
    modal = {t: frame.modal for t, frame in zip(sample.frame_indices, sample.frames, strict=True)}
    height, width = sample.frames[0].modal.shape
    times = {position: parts_of(frame.key)[2] for position, frame in enumerate(clip.frames)}
    asked = {position: t for position, t in times.items() if t in masks}
    canvas = Canvas((width, height))
    return ClipAnswer(
        clip, canvas, {p: modal[t] for p, t in asked.items()}, {p: canvas.to_canvas(masks[t]) for p, t in asked.items()}
    )
