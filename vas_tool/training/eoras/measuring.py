"""EoRaS's test loop: the network over a split, with the totals that the released scripts report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from vas_tool.engines.eoras.crops import ANSWERED, Floats, pasted
from vas_tool.engines.eoras.network import EorasNetwork
from vas_tool.evaluation.overlap import FrameMasks, eoras_iou, eoras_occluded_iou
from vas_tool.training.eoras.losses import focal
from vas_tool.training.eoras.samples import Sample, SampleSource

Answer = Callable[[Sample], Floats]
"""A sample -> (T, 121, 121) probabilities of the full masks."""


@dataclass
class Totals:
    """Means over the labelled frames of a split, padded ones included, as the reference's loops count them."""

    num_frames: int = 0
    num_clips: int = 0
    loss: float = 0.0
    """Focal, on the 121 x 121 crops: the mean over clips, each of its labelled frames."""
    mean_iou: float = 0.0
    """On the 121 x 121 crops."""
    iou_full: float = 0.0
    """On the frame."""
    iou_occ: float = 0.0
    """Of the hidden parts on the frame; frames of exactly 1 are dropped, frames with nothing hidden count as 0."""
    num_occ: int = 0


def measured(source: SampleSource, answer: Answer) -> Totals:
    """All samples of a split, one after the other."""
    totals = Totals()
    for index in range(len(source)):
        sample = source.sample(index, np.random.RandomState(index))
        _add(totals, sample, answer(sample))
    return _means(totals)


def network_answer(network: EorasNetwork) -> Answer:
    """The full masks of a network, which is put into evaluation mode."""

    def answer(sample: Sample) -> Floats:
        network.eval()
        device = next(network.parameters()).device
        crops = torch.from_numpy(sample.patches)[None].to(device)
        intrinsics = torch.from_numpy(sample.intrinsics).expand(1, len(sample.frames), 3, 3).to(device)
        with torch.inference_mode():
            found: Floats = network(crops, intrinsics)["fm"][0, :, 0].float().cpu().numpy()
        return found

    return answer


def _add(totals: Totals, sample: Sample, probabilities: Floats) -> None:
    labelled = sample.labelled
    if not labelled.any():
        return
    full = sample.full
    truth, found = (torch.from_numpy(part[labelled].astype(np.float32)) for part in (full, probabilities))
    totals.num_frames += int(labelled.sum())
    totals.num_clips += 1
    totals.loss += float(focal(found, truth))
    for position in np.flatnonzero(labelled):
        frame, crop = sample.frames[position], probabilities[position] > ANSWERED
        predicted = pasted(probabilities[position], frame.window, frame.modal.shape)
        masks = FrameMasks(frame.amodal, frame.modal, predicted)
        totals.mean_iou += eoras_iou(crop, full[position])
        totals.iou_full += eoras_iou(frame.amodal, predicted)
        hidden = eoras_occluded_iou(masks)
        if hidden != 1:
            totals.iou_occ += hidden
            totals.num_occ += 1


def _means(sums: Totals) -> Totals:
    frames = max(1, sums.num_frames)
    return Totals(
        sums.num_frames,
        sums.num_clips,
        sums.loss / max(1, sums.num_clips),
        sums.mean_iou / frames,
        sums.iou_full / frames,
        sums.iou_occ / max(1, sums.num_occ),
        sums.num_occ,
    )


def strict_hidden_iou(source: SampleSource, answer: Answer) -> float:
    """Mean IoU of the hidden part over the frames on which something is hidden; a miss counts as 0."""
    overlaps = list[float]()
    for index in range(len(source)):
        sample = source.sample(index, np.random.RandomState(index))
        for frame, probability in zip(sample.frames, answer(sample), strict=True):
            hidden: npt.NDArray[np.bool_] = frame.amodal & ~frame.modal
            if hidden.any():
                found = pasted(probability, frame.window, frame.modal.shape) & ~frame.modal
                overlaps.append(int((found & hidden).sum()) / int((found | hidden).sum()))
    return float(np.mean(overlaps)) if overlaps else 0.0
