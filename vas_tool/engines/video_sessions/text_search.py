"""Finds every instance of what words name, with SAM 3 (``Sam3VideoModel`` of transformers).

The search is transformers' own ``propagate_in_video_iterator``, with three differences. Frames are read and converted
when the model needs them, and memory that it no longer looks back to is dropped, so that any length of clip fits.
Duplicates are removed and small holes filled by this module: transformers does so only with a kernel that it downloads
from the hub while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vas_tool.engines.base import FoundInstance, Progress, silent
from vas_tool.errors import EngineError, PromptError
from vas_tool.types import Clip

MAX_TOKENS = 32
"""Tokens of one prompt, with its start and its end (``Sam3VideoProcessor.add_text_prompt``)."""
HEAVY = ("pred_masks", "high_res_masks")
"""Parts of a frame in the memory that only the frame itself needs."""


class TextSearch:
    """The search by words of one loaded model."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        to_input: Callable[[Any], Any],
        computing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """``to_input`` makes a (1, 3, size, size) tensor of a frame. Every step of the model runs in ``computing``."""
        self.model, self.tokenizer = model, tokenizer
        self.to_input, self._computing = to_input, computing

    def find(
        self, clip: Clip, words: Sequence[str], frame_indices: range, *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[FoundInstance, ...]]]:
        """Yield (frame_index, instances seen there); see ``base.FindsByText``."""
        if not words:
            raise PromptError("no words to find; say for example: person, dog")
        if not frame_indices:
            return
        session, what = self._session(clip, words), f"frames searched for {', '.join(words)}"
        outputs = self.model.propagate_in_video_iterator(
            session, frame_indices[0], max_frame_num_to_track=len(frame_indices) - 1
        )
        progress(0, len(frame_indices), what)
        for done in range(1, len(frame_indices) + 1):
            with self._computing():
                output = next(outputs)
                found = self._instances(session, output)
            self.forget(session)
            yield output.frame_idx, found
            progress(done, len(frame_indices), what)

    def _session(self, clip: Clip, words: Sequence[str]) -> Any:
        """Return a session that reads the clip's frames when they are needed, with the words as prompts."""
        import transformers.models.sam3_video.modeling_sam3_video as sam3

        sam3.cv_utils_kernel = OwnKernels  # otherwise transformers would download code while it runs
        device, (width, height) = self.model.device, clip.size_wh
        places = dict.fromkeys(("inference_device", "inference_state_device", "video_storage_device"), device)
        session = sam3.Sam3VideoInferenceSession(
            video_height=height, video_width=width, dtype=self.model.dtype, **places
        )
        session.processed_frames = _InputFrames(clip, self.to_input)
        for text in words:
            number = session.add_prompt(text)
            encoded = self.tokenizer(text, return_tensors="pt", padding="max_length", max_length=MAX_TOKENS)
            if encoded.input_ids.shape[1] > MAX_TOKENS:
                raise PromptError(f"{text!r} is too long to find; use a few words")
            session.prompt_input_ids[number] = encoded.input_ids.to(device)
            session.prompt_attention_masks[number] = encoded.attention_mask.to(device)
        return session

    def _instances(self, session: Any, output: Any) -> tuple[FoundInstance, ...]:
        from transformers import Sam3VideoProcessor

        # The method uses nothing that the processor was made with.
        found = Sam3VideoProcessor.postprocess_outputs(_Postprocessing(), session, output)
        words_of = {number: words for words, numbers in found["prompt_to_obj_ids"].items() for number in numbers}
        rows = zip(found["object_ids"].tolist(), found["scores"].tolist(), found["masks"].cpu().numpy(), strict=True)
        return tuple(FoundInstance(number, words_of[number], score, mask) for number, score, mask in rows if mask.any())

    def forget(self, session: Any) -> None:
        """Drop what no later frame looks back to."""
        reach = max(
            self.model.tracker_model.config.max_object_pointers_in_encoder, self.model.tracker_model.num_maskmem
        )
        for outputs in session.output_dict_per_obj.values():
            passed = outputs["non_cond_frame_outputs"]
            newest = max((*passed, *outputs["cond_frame_outputs"]), default=0)
            for frame_index in [f for f in passed if f <= newest - reach]:
                del passed[frame_index]
            for frame_index, frame in outputs["cond_frame_outputs"].items():
                if frame_index < newest:
                    frame.update(dict.fromkeys(HEAVY))
        scores = session.obj_id_to_tracker_score_frame_wise
        for frame_index in sorted(scores)[:-1]:
            del scores[frame_index]


class _InputFrames:
    """The frames of a clip as the model's inputs, made when they are asked for."""

    def __init__(self, clip: Clip, to_input: Callable[[Any], Any]) -> None:
        self._clip, self._to_input = clip, to_input

    def __len__(self) -> int:
        return len(self._clip)

    def __getitem__(self, frame_index: int) -> Any:
        return self._to_input(self._clip[frame_index])[0]


class _Postprocessing:
    """The methods that ``Sam3VideoProcessor.postprocess_outputs`` calls on its processor."""

    def __getattr__(self, name: str) -> Any:
        from transformers import Sam3VideoProcessor

        return getattr(Sam3VideoProcessor, name).__get__(self)


class OwnKernels:
    """The two functions of the hub's kernel ``cv-utils`` that transformers calls, with numpy and OpenCV."""

    @staticmethod
    def generic_nms(ious: Any, scores: Any, iou_threshold: float, *, use_iou_matrix: bool = True) -> Any:
        """Return the indices to keep, best first: (N,) int64, from (N, N) IoUs and (N,) scores.

        An index is dropped when its IoU with a better one that is kept is above the threshold.
        """
        import torch

        table, kept = ious.float().cpu().numpy(), list[int]()
        for index in scores.argsort(descending=True, stable=True).tolist():
            if all(table[index, other] <= iou_threshold for other in kept):
                kept.append(index)
        return torch.tensor(kept, dtype=torch.int64, device=ious.device)

    @staticmethod
    def cc_2d(masks: Any, *, get_counts: bool = True) -> tuple[Any, Any]:
        """Return (labels, areas), int32 of the masks' shape (N, 1, H, W): each pixel's 8-connected component.

        Both are 0 where the mask is 0.
        """
        import torch

        labels = np.zeros(masks.shape, np.int32)
        areas = np.zeros(masks.shape, np.int32)
        for index, mask in enumerate(masks.cpu().numpy()):
            count, labels[index, 0], stats, _ = cv2.connectedComponentsWithStats(mask[0], connectivity=8)
            sizes = stats[:count, cv2.CC_STAT_AREA]
            sizes[0] = 0
            areas[index, 0] = sizes[labels[index, 0]]
        return torch.from_numpy(labels).to(masks.device), torch.from_numpy(areas).to(masks.device)


def tokenizer_of(folder: Path, *, get: str) -> Any:
    """Return the tokenizer in a model's folder. Raises EngineError that names the folder."""
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # any part of the reader can be the first to reject a file
        said = " ".join(str(error).split())[:300]
        raise EngineError(
            f"{folder} has no tokenizer that reads ({said}); remove it and get it again: {get}"
        ) from error
