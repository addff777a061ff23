"""Opens the video models of transformers as engines of the stage ``segment``."""

from __future__ import annotations

from pathlib import Path

from sam_integration.predictor import Predictor
from sam_integration.presets import EXACT, best_device, uses_bfloat16
from vas_tool.engines.sam2 import Sam2Segmenter, memory_errors
from vas_tool.engines.video_sessions.hub_model import load_model
from vas_tool.engines.video_sessions.released import VIDEO_MODELS, VideoModel
from vas_tool.engines.video_sessions.session_network import SessionNetwork
from vas_tool.errors import EngineError


def open_video_model(*, model: str) -> Sam2Segmenter:
    """Return the engine of a model by name, with weights from the first place that has them, on the best device.

    Raises EngineError that names the folder and the command when something is missing or a file does not fit.
    """
    spec = VIDEO_MODELS[model]
    folder = spec.weights.find()
    if folder is None:
        raise EngineError(f"{spec.weights.lack()}; get it with: {spec.weights.get}")
    return from_folder(spec, folder)


def from_folder(spec: VideoModel, folder: Path, *, device: str | None = None) -> Sam2Segmenter:
    """Return an engine from a folder of transformers. ``device`` is cuda, mps or cpu; None takes the best."""
    import transformers

    chosen = device or best_device()
    loaded = load_model(spec.model_class, folder, spec.weights)
    with memory_errors():
        loaded = loaded.to(chosen)
    bfloat16 = uses_bfloat16(EXACT, chosen.split(":")[0])
    return Sam2Segmenter(
        Predictor(SessionNetwork(loaded, getattr(transformers, spec.session_class), bfloat16=bfloat16))
    )
