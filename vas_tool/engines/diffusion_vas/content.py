"""The engine of the stage ``content``: the object's colours from frames, modal and amodal masks, window by window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.diffusion_vas.conversions import (
    amodal_condition,
    as_bytes,
    colour_condition,
    colours_on_canvas,
    mask_for_model,
    modal_colours,
    modal_condition,
)
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.loading import found_folder
from vas_tool.engines.diffusion_vas.parameters import DiffusionVasParameters
from vas_tool.engines.diffusion_vas.released import CONTENT_WEIGHTS
from vas_tool.engines.diffusion_vas.settable import CONTENT_PARAMETERS, DEFAULT, parameters_of
from vas_tool.engines.diffusion_vas.stored_windows import answers_of
from vas_tool.engines.diffusion_vas.window_model import Encodings, WindowInput, WindowModel, WindowProgress
from vas_tool.engines.diffusion_vas.window_plan import padded_frames, plan_windows
from vas_tool.engines.diffusion_vas.window_runs import run_windows
from vas_tool.engines.settings import checked
from vas_tool.types import Content, Mask
from vas_tool.work import ContentWork, windows_with

Floats = npt.NDArray[np.float32]
OPAQUE = 255


def open_content(*, folder: str = "") -> DiffusionVasContent:
    """Return the engine with the weights in ``folder``; without one, the released ones, from the first place that has
    them. Raises EngineError.
    """
    return DiffusionVasContent(DiffusionVasPipeline.load(folder or found_folder(CONTENT_WEIGHTS)))


class DiffusionVasContent:
    """A ``ContentCompleter`` that stores its windows in ``ContentWork.store``.

    A window without a hidden pixel is not run.
    """

    def __init__(self, pipeline: DiffusionVasPipeline, defaults: DiffusionVasParameters = DEFAULT) -> None:
        """``defaults`` holds the parameters that ``settings`` do not name."""
        self.encodings, self.defaults = Encodings(pipeline), defaults

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """Yield (frame_index, (canvas H, W, 4) uint8 RGBA) in the order of the work. Raises Cancelled between steps."""
        chosen = parameters_of(checked(CONTENT_PARAMETERS, work.settings, engine="diffusion-vas"), self.defaults)
        shown = _WindowInputs(work, chosen)
        windows = plan_windows(len(work.clip), length=chosen.window_length, overlap=chosen.window_overlap)
        num_windows = len(windows_with(work.frame_indices, windows))
        window_progress = WindowProgress(progress, "content", num_windows=num_windows, num_steps=chosen.num_steps)
        model = WindowModel(self.encodings, windows, chosen, window_progress, is_second_stage=True)

        def answer(number: int) -> Floats | None:
            """Return (T, h, w, 3) colours in 0..255; None for a window that is not run."""
            window_progress.next_window()
            window = windows[number]
            if not shown.is_wanted(window, work.frame_indices):
                return None
            window_input = shown.of(window)
            (frames_answer,) = answers_of(
                model, number, window_input, seeds=(work.seed,), store=work.store, convert=as_bytes
            )
            return frames_answer.astype(np.float32)

        for index, colours in run_windows(windows, work.frame_indices, answer):
            yield index, shown.content(index, colours)


class _WindowInputs:
    """Makes the model's conditions for one object, and content from its results."""

    def __init__(self, work: ContentWork, parameters: DiffusionVasParameters) -> None:
        self.clip, self.modal, self.amodal = work.clip, work.modal, work.amodal
        self.canvas, self.parameters = work.canvas, parameters

    def is_wanted(self, window: range, frame_indices: range) -> bool:
        return any(self.amodal[index].any() for index in window if index in frame_indices and index in self.amodal)

    def of(self, window: range) -> WindowInput:
        frames = padded_frames(window, self.parameters.window_length).tolist()
        seen = {index: self._seen(index) for index in set(frames)}
        whole = {index: amodal_condition(mask_for_model(self._whole(index), self.parameters.size_hw)) for index in seen}
        return WindowInput(np.stack([seen[i] for i in frames]), np.stack([whole[i] for i in frames]))

    def content(self, index: int, colours: Floats | None) -> Content:
        """Return (canvas H, W, 4) RGBA: the frame's colours on the modal mask, the model's on the rest of the
        amodal mask.
        """
        whole = self._whole(index)
        out = np.zeros((*whole.shape, 4), np.uint8)
        if colours is not None:
            out[..., :3][whole] = colours_on_canvas(np.rint(colours).astype(np.uint8), self.canvas)[whole]
        if index in self.modal and whole.any():
            seen = whole & self.canvas.to_canvas(self.modal[index])
            out[..., :3][seen] = self.canvas.to_canvas(self.clip[index])[seen]
        out[..., 3] = whole * np.uint8(OPAQUE)
        return out

    def _seen(self, index: int) -> Floats:
        """Return (3, h, w) the object's colours on the modal mask, white elsewhere."""
        size_hw = self.parameters.size_hw
        if index not in self.modal:
            return np.ones((3, *size_hw), np.float32)
        modal = modal_condition(self.modal[index], self.canvas, size_hw, edges=self.parameters.mask_edges)
        return modal_colours(colour_condition(self.clip[index], self.canvas, size_hw), modal)

    def _whole(self, index: int) -> Mask:
        if index in self.amodal:
            return self.amodal[index]
        return np.zeros(self.canvas.size_wh[::-1], np.bool_)
