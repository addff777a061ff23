"""The engine of the stage ``amodal``: amodal masks from modal masks and depth, window by window, for one or more
seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.diffusion_vas.conversions import (
    channel_sums,
    depth_conditions,
    mask_on_canvas,
    modal_condition,
)
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.loading import found_folder
from vas_tool.engines.diffusion_vas.parameters import MAX_CHANNEL_SUM, DiffusionVasParameters
from vas_tool.engines.diffusion_vas.released import AMODAL_WEIGHTS
from vas_tool.engines.diffusion_vas.settable import AMODAL_PARAMETERS, DEFAULT, parameters_of
from vas_tool.engines.diffusion_vas.stored_windows import answers_of
from vas_tool.engines.diffusion_vas.window_model import Encodings, WindowInput, WindowModel, WindowProgress
from vas_tool.engines.diffusion_vas.window_plan import padded_frames, plan_windows
from vas_tool.engines.diffusion_vas.window_runs import run_windows
from vas_tool.engines.settings import checked
from vas_tool.types import Mask
from vas_tool.work import AmodalWork, windows_with

Floats = npt.NDArray[np.float32]


def open_amodal(*, folder: str = "") -> DiffusionVasAmodal:
    """Return the engine with the weights in ``folder``; without one, the released ones, from the first place that has
    them. Raises EngineError.
    """
    return DiffusionVasAmodal(DiffusionVasPipeline.load(folder or found_folder(AMODAL_WEIGHTS)))


class DiffusionVasAmodal:
    """An ``AmodalCompleter`` and ``SamplingCompleter`` that stores its windows in ``AmodalWork.store``.

    A window whose modal masks are all empty is not run: its amodal masks are empty.
    """

    def __init__(self, pipeline: DiffusionVasPipeline, defaults: DiffusionVasParameters = DEFAULT) -> None:
        """``defaults`` holds the parameters that ``settings`` do not name."""
        self.encodings, self.defaults = Encodings(pipeline), defaults

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """Yield (frame_index, (canvas H, W) bool) in the order of the work. Raises Cancelled between steps."""
        for index, (mask,) in self.sample(work, (work.seed,), progress=progress):
            yield index, mask

    def sample(
        self, work: AmodalWork, seeds: Sequence[int], *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """Yield (frame_index, one (canvas H, W) bool per seed). The conditions are encoded once for all seeds."""
        chosen = parameters_of(checked(AMODAL_PARAMETERS, work.settings, engine="diffusion-vas"), self.defaults)
        shown = _WindowInputs(work, chosen)
        windows = plan_windows(len(work.clip), length=chosen.window_length, overlap=chosen.window_overlap)
        window_progress = WindowProgress(
            progress,
            "amodal masks",
            num_windows=len(windows_with(work.frame_indices, windows)),
            num_steps=chosen.num_steps * len(seeds),
        )
        model = WindowModel(self.encodings, windows, chosen, window_progress)

        def answer(number: int) -> Floats | None:
            """Return (T, K, h, w) the sums of the channels; None for a window that is not run."""
            window_progress.next_window()
            window = windows[number]
            if not shown.is_seen(window):
                return None
            answers = answers_of(model, number, shown.of(window), seeds=seeds, store=work.store, convert=channel_sums)
            return np.stack(answers, axis=1).astype(np.float32)

        for index, sums in run_windows(windows, work.frame_indices, answer):
            yield index, tuple(shown.masks(index, sums, num=len(seeds)))


class _WindowInputs:
    """Makes the model's conditions for one object, and masks from its results."""

    def __init__(self, work: AmodalWork, parameters: DiffusionVasParameters) -> None:
        self.modal, self.depth, self.canvas, self.parameters = work.modal, work.depth, work.canvas, parameters
        self._nothing = np.zeros(work.canvas.frame_wh[::-1], np.bool_)

    def is_seen(self, window: range) -> bool:
        return any(self.modal[index].any() for index in window if index in self.modal)

    def of(self, window: range) -> WindowInput:
        chosen = self.parameters
        frames = padded_frames(window, chosen.window_length).tolist()
        small = {index: self._small(index) for index in set(frames)}
        near = depth_conditions(self.depth, frames, self.canvas, size_hw=chosen.size_hw, padding=chosen.padding_depth)
        return WindowInput(np.stack([small[index] for index in frames]), near)

    def masks(self, index: int, sums: Floats | None, *, num: int) -> Iterator[Mask]:
        """Yield ``num`` masks of the canvas's size from the sums (K, h, w) of a frame; empty masks without sums."""
        width, height = self.canvas.size_wh
        if sums is None:
            yield from (np.zeros((height, width), np.bool_) for _ in range(num))
            return
        if self.parameters.union_with_modal:
            sums = np.where(self._small(index) > 0, np.float32(MAX_CHANNEL_SUM), sums)
        for one in sums:
            mask = mask_on_canvas(one > self.parameters.threshold, self.canvas)
            if self.parameters.union_with_modal and index in self.modal:
                mask[self.canvas.window] |= self.modal[index]
            yield mask

    def _small(self, index: int) -> Floats:
        mask = self.modal.get(index, self._nothing)
        return modal_condition(mask, self.canvas, self.parameters.size_hw, edges=self.parameters.mask_edges)
