"""The amodal engine: windows around the modal masks, the network over all of them, masks resized back to the frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from sam_integration.presets import best_device
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.eoras.camera import GUESSED, guessed_intrinsics, kubric_matrix, pixel_matrix
from vas_tool.engines.eoras.checkpoints import load_network
from vas_tool.engines.eoras.clip_runs import ClipRun, InputOf
from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.engines.eoras.options import Tilt
from vas_tool.engines.eoras.patches import Floats, Window, pasted, patch_of, window_around
from vas_tool.engines.eoras.released import RELEASED, Variant, weights_of
from vas_tool.engines.eoras.settable import PARAMETERS
from vas_tool.engines.settings import SettingValue, resolved
from vas_tool.errors import EngineError
from vas_tool.masks import box_xyxy
from vas_tool.run_warnings import warn
from vas_tool.types import Clip, Mask, intrinsics_on
from vas_tool.work import AmodalWork

NAME = "eoras"
WHAT = "amodal masks"
"""The description of the work in progress reports."""

AMODAL = "fm"
"""Name of the mask decoder of the amodal mask. The others serve training."""

OWN_TILT = "weights"
"""The value of the setting ``tilt`` that uses the tilt that the weights were trained with."""


def open_eoras(*, variant: Variant) -> EorasAmodal:
    """Return the engine with released weights. Raises EngineError, which says where the weights belong, when there are
    none.
    """
    weights, released = weights_of(variant), RELEASED[variant]
    path = weights.find()
    if path is None:
        raise EngineError(f"{weights.lack()}; {weights.get}")
    network = load_network(path, tilt=released.tilt).to(best_device())
    return EorasAmodal(network, pixel_intrinsics=released.pixel_intrinsics)


class EorasAmodal:
    """The amodal engine ``eoras`` (protocol ``engines.base.AmodalCompleter``). It reads the frame alone, so masks are
    empty beyond it.
    """

    def __init__(self, network: EorasNetwork, *, pixel_intrinsics: bool = False) -> None:
        """``pixel_intrinsics`` passes the camera matrix in pixels, as the reference does for KITTI."""
        self._network, self._pixel_intrinsics = network, pixel_intrinsics

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """Yield (frame_index, (canvas H, W) bool) in the order of ``work.frame_indices``. Depth and seed are not used.
        Raises Cancelled.
        """
        chosen = resolved(PARAMETERS, work.settings, engine=NAME)
        windows = windows_of(work.modal, interpolated=chosen["hidden_frames"] == "interpolated")
        object_input = _ObjectInput(work.clip, windows, self._matrix_on(work.clip))
        descending = work.frame_indices.step < 0
        answers = self.answers(
            object_input.input_of, len(windows), tilt=chosen["tilt"], descending=descending, progress=progress
        )
        masks = ((object_input.frames[position], found) for position, found in answers)
        answers_in_order = _AnswersInOrder(
            masks, windows, size_hw=work.clip.size_wh[::-1], threshold=float(chosen["threshold"])
        )
        for index in work.frame_indices:
            mask = answers_in_order.mask(index)
            if chosen["union_with_modal"] and index in work.modal:
                mask |= work.modal[index]
            yield index, work.canvas.to_canvas(mask)

    def answers(
        self,
        input_of: InputOf,
        num_frames: int,
        *,
        tilt: SettingValue = OWN_TILT,
        descending: bool = False,
        progress: Progress = silent,
    ) -> Iterator[tuple[int, Floats]]:
        """Yield (position, (121, 121) probabilities of the whole object) of every frame, from the patches that
        ``input_of`` returns.
        """
        network = self._network if tilt == OWN_TILT else self._network.tilted(_tilt(tilt))
        pulse = partial(_report, progress, 2 * num_frames)
        run = ClipRun(network, input_of, num_frames, pulse, decoders=(AMODAL,))
        for position, found in run.masks(descending=descending):
            yield position, found[AMODAL]

    def _matrix_on(self, clip: Clip) -> Callable[[int], Floats]:
        """Return a function: frame index -> (3, 3) intrinsics. Warns when they are guessed."""
        guessed, size_wh = guessed_intrinsics(clip.size_wh), clip.size_wh
        if self._pixel_intrinsics:  # it sees nothing by them, whatever they are
            return lambda index: pixel_matrix(intrinsics_on(clip, index) or guessed)
        if intrinsics_on(clip, 0) is None:
            warn(GUESSED)
        return lambda index: kubric_matrix(intrinsics_on(clip, index) or guessed, size_wh)


def _tilt(name: object) -> Tilt:
    tilts: dict[object, Tilt] = {"none": "none", "movid": "movid", "kubasic": "kubasic"}
    return tilts[name]


def _report(progress: Progress, total: int, done: int) -> None:
    progress(done, total, WHAT)


@dataclass(frozen=True)
class _ObjectInput:
    """The network's input for one object."""

    clip: Clip
    windows: Mapping[int, Window]
    matrix_on: Callable[[int], Floats]

    @property
    def frames(self) -> list[int]:
        """The frame index of each position in the network's clip."""
        return sorted(self.windows)

    def input_of(self, position: int) -> tuple[Floats, Floats]:
        """Return the patch (3, 128, 128) in 0..1 and the intrinsics (3, 3) of a position."""
        index = self.frames[position]
        return patch_of(self.clip[index], self.windows[index]), self.matrix_on(index)


class _AnswersInOrder:
    """Reads the network's answers one after the other, when a frame's mask is needed."""

    def __init__(
        self,
        answers: Iterator[tuple[int, Floats]],
        windows: Mapping[int, Window],
        *,
        size_hw: tuple[int, int],
        threshold: float,
    ) -> None:
        self._answers, self._windows, self._size_hw, self._threshold = answers, windows, size_hw, threshold

    def mask(self, index: int) -> Mask:
        """Return the (H, W) mask of a frame; empty when the frame has no window."""
        if index not in self._windows:
            return np.zeros(self._size_hw, np.bool_)
        probability = next(found for frame, found in self._answers if frame == index)
        return pasted(probability, self._windows[index], self._size_hw, threshold=self._threshold)


def windows_of(modal: Mapping[int, Mask], *, interpolated: bool) -> dict[int, Window]:
    """Return frame_index -> window of every frame with a modal mask that is not empty; with ``interpolated`` also of
    the frames between them.
    """
    boxes = {index: _box(mask) for index, mask in modal.items() if mask.any()}
    size_hw = next((mask.shape for mask in modal.values()), (0, 0))
    if interpolated and boxes:
        frames = sorted(boxes)
        between = range(frames[0], frames[-1] + 1)
        sides = [np.interp(between, frames, [boxes[f][side] for f in frames]) for side in range(4)]
        boxes = {index: _rounded(corners) for index, corners in zip(between, np.stack(sides, 1), strict=True)}
    return {index: window_around(box, (size_hw[0], size_hw[1])) for index, box in boxes.items()}


def _box(mask: Mask) -> tuple[int, int, int, int]:
    """Return the first and last row, and the first and last column, of a mask that is not empty."""
    found = box_xyxy(mask)
    assert found is not None
    x0, y0, x1, y1 = found
    return y0, y1 - 1, x0, x1 - 1


def _rounded(corners: Floats) -> tuple[int, int, int, int]:
    top, bottom, left, right = (round(float(side)) for side in corners)
    return top, bottom, left, right
