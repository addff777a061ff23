"""Opens the video models of transformers as engines of the stage ``segment``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sam_integration.predictor import Predictor
from sam_integration.presets import EXACT, best_device, uses_bfloat16
from vas_tool.engines.base import FoundInstance, Progress, silent
from vas_tool.engines.sam2 import Sam2Segmenter, memory_errors
from vas_tool.engines.video_sessions.hub_model import load_model
from vas_tool.engines.video_sessions.released import VIDEO_MODELS, VideoModel
from vas_tool.engines.video_sessions.session_network import SessionNetwork
from vas_tool.engines.video_sessions.text_search import TextSearch, tokenizer_of
from vas_tool.errors import EngineError
from vas_tool.types import Clip

SAM3_NORMALISATION: dict[str, Any] = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
"""Normalisation of SAM 3's inputs (``Sam3ImageProcessor``)."""


class Sam3Segmenter(Sam2Segmenter):
    """SAM 3: a ``Segmenter`` that also finds by words (``base.FindsByText``)."""

    def __init__(self, predictor: Predictor, search: TextSearch) -> None:
        super().__init__(predictor)
        self.search = search

    def find(
        self, clip: Clip, words: Sequence[str], frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[FoundInstance, ...]]]:
        """Yield every instance of what the words name, frame by frame."""
        with memory_errors():
            yield from self.search.find(clip, words, frame_indices, progress=progress)


class Sam3Network(SessionNetwork):
    """The tracker of a SAM 3 model, with the picture encoder that it shares with the detector."""

    def __init__(self, model: Any, *, bfloat16: bool = False) -> None:
        from transformers import Sam3TrackerVideoInferenceSession

        super().__init__(model.tracker_model, Sam3TrackerVideoInferenceSession, bfloat16=bfloat16, **SAM3_NORMALISATION)
        self.whole = model

    def _encoded(self, tensor: Any) -> tuple[Sequence[Any], Any]:
        seen = self.whole.detector_model.get_vision_features(pixel_values=tensor)
        levels, positions = self.whole.get_vision_features_for_tracker(seen)
        return levels, positions[-1]


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
    if not spec.finds_text:
        session_class = getattr(transformers, spec.session_class)
        return Sam2Segmenter(Predictor(SessionNetwork(loaded, session_class, bfloat16=bfloat16)))
    network = Sam3Network(loaded, bfloat16=bfloat16)
    search = TextSearch(
        loaded, tokenizer_of(folder, get=spec.weights.get), to_input=network.to_input, computing=network.computing
    )
    return Sam3Segmenter(Predictor(network), search)
