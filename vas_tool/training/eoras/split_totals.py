"""EoRaS's test loop: runs the network over a split and computes the totals of the released scripts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.engines.eoras.patches import ANSWERED, Floats, pasted
from vas_tool.evaluation.overlap import FrameMasks, eoras_iou, eoras_occluded_iou
from vas_tool.training.eoras.clip_samples import ObjectFrame, Sample, SampleSource
from vas_tool.training.eoras.losses import focal
from vas_tool.types import Mask

Answer = Callable[[Sample], Floats]
"""A function: sample -> (T, 121, 121) probabilities of the full masks."""


@dataclass
class Totals:
    """Means over the labelled frames of a split. Repeated frames count, as in the reference's loops."""

    num_frames: int = 0
    num_clips: int = 0
    loss: float = 0.0
    """Focal loss on the 121 x 121 crops: the mean over clips of the mean over labelled frames."""
    mean_iou: float = 0.0
    """IoU of the full masks, 0..1, on the 121 x 121 crops."""
    iou_full: float = 0.0
    """IoU of the full masks, 0..1, on the frame."""
    iou_occ: float = 0.0
    """IoU of the hidden parts, 0..1, on the frame, as in the reference: frames with exactly 1 are dropped, frames
    without a hidden part count as 0."""
    num_occ: int = 0
    strict_hidden: float = 0.0
    """IoU of the hidden parts, 0..1, over the frames that have one. The reference does not report it."""
    num_hidden: int = 0


def measured(source: SampleSource, answer: Answer, *, progress: Progress = silent) -> Totals:
    """Return the totals over all samples of a split. Raises FormatError and Cancelled."""
    totals = Totals()
    for index in range(len(source)):
        progress(index, len(source), "testing")
        sample = source.sample(index, np.random.RandomState(index))
        if sample.labelled.any():
            _add(totals, sample, answer(sample))
    return _means(totals)


def network_answer(network: EorasNetwork) -> Answer:
    """Return a function that answers with a network's full masks. The network is put into evaluation mode."""

    def answer(sample: Sample) -> Floats:
        network.eval()
        device = network.slot.weight.device
        crops = torch.from_numpy(sample.patches)[None].to(device)
        intrinsics = torch.from_numpy(sample.intrinsics).expand(1, len(sample.frames), 3, 3).to(device)
        with torch.inference_mode():
            found: Floats = network(crops, intrinsics)["fm"][0, :, 0].float().cpu().numpy()
        return found

    return answer


def hidden_overlap(frame: ObjectFrame, predicted: Mask) -> float | None:
    """Return the IoU (0..1) of a mask and the amodal mask outside the modal mask; None when nothing is hidden."""
    hidden, found = frame.amodal & ~frame.modal, predicted & ~frame.modal
    return int((found & hidden).sum()) / int((found | hidden).sum()) if hidden.any() else None


def _add(totals: Totals, sample: Sample, probabilities: Floats) -> None:
    labelled, full = sample.labelled, sample.full
    truth, found = (torch.from_numpy(part[labelled].astype(np.float32)) for part in (full, probabilities))
    totals.num_frames += int(labelled.sum())
    totals.num_clips += 1
    totals.loss += float(focal(found, truth))
    for position in np.flatnonzero(labelled):
        frame = sample.frames[position]
        totals.mean_iou += eoras_iou(probabilities[position] > ANSWERED, full[position])
        _add_frame(totals, frame, pasted(probabilities[position], frame.window, frame.modal.shape))


def _add_frame(totals: Totals, frame: ObjectFrame, predicted: Mask) -> None:
    totals.iou_full += eoras_iou(frame.amodal, predicted)
    occluded = eoras_occluded_iou(FrameMasks(frame.amodal, frame.modal, predicted))
    if occluded != 1:
        totals.iou_occ += occluded
        totals.num_occ += 1
    strict = hidden_overlap(frame, predicted)
    if strict is not None:
        totals.strict_hidden += strict
        totals.num_hidden += 1


def _means(sums: Totals) -> Totals:
    frames = max(1, sums.num_frames)
    return Totals(
        num_frames=sums.num_frames,
        num_clips=sums.num_clips,
        loss=sums.loss / max(1, sums.num_clips),
        mean_iou=sums.mean_iou / frames,
        iou_full=sums.iou_full / frames,
        iou_occ=sums.iou_occ / max(1, sums.num_occ),
        num_occ=sums.num_occ,
        strict_hidden=sums.strict_hidden / max(1, sums.num_hidden),
        num_hidden=sums.num_hidden,
    )
