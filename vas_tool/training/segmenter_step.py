"""One training step: clicks on the network's own errors, then the loss of its result."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vas_tool.training.segmenter_net import MATCHES, STRIDE, SegmenterNet, resemblance
from vas_tool.training.segmenter_samples import SegmenterSample

ROUNDS = (0.30, 0.28, 0.20, 0.14, 0.08)
"""Probabilities of zero to four rounds of clicks before the result that is used for the loss (RITM, section 3)."""
COARSE, MATCHED, BORDER = 0.3, 0.3, 1.0
"""Weights of the additional losses."""


@dataclass
class Outcome:
    """A step's loss, and the overlap of its results: with clicks, and in tracking."""

    loss: Tensor
    clicked: float
    followed: float


class SegmenterStep(nn.Module):
    """The network and its loss as one module, so that accelerate can wrap it."""

    def __init__(self, net: SegmenterNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, samples: list[SegmenterSample], random: np.random.Generator) -> Outcome:
        """Add rounds of clicks to the samples, and return the loss of the last result."""
        device = self.net.sharpness.device
        features, embedding = self.net.encoder(_pictures([x.picture for x in samples], device))
        truth = torch.from_numpy(np.stack([x.truth for x in samples])).to(device).float()
        shares = F.avg_pool2d(truth[:, None], STRIDE)
        match, matched = self._referred(samples, embedding, shares)
        frozen = tuple(x.detach() for x in features)
        rounds = int(random.choice(len(ROUNDS), p=ROUNDS))
        for k in range(rounds):
            only_looked_again = k == rounds - 1 and random.random() < 0.2
            answers = self._answered(frozen, samples, _with_clicks(match.detach(), embedding.detach(), samples))
            for sample, answer in zip(samples, answers, strict=True):
                if sample.clicked:
                    sample.maps[2] = _coarser(answer, random) if only_looked_again else answer
                    if not only_looked_again:
                        sample.correct(answer > 0.5, random)
        logits, coarse = self.net.decoder(features, _maps(samples, device), _with_clicks(match, embedding, samples))
        wrong = loss(logits[:, 0], truth) + MATCHED * matched
        wrong = wrong + COARSE * F.binary_cross_entropy_with_logits(coarse, shares)
        overlaps = iou(logits[:, 0].detach() > 0, truth > 0.5).cpu().numpy()
        follows = np.array([x.references != [None, None] for x in samples])
        return Outcome(wrong, _mean(overlaps[~follows]), _mean(overlaps[follows]))

    def _referred(self, samples: list[SegmenterSample], embedding: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Return the similarity with the reference frames (channels 0 to 3), and the loss of the similarity itself."""
        match = embedding.new_zeros((len(samples), len(MATCHES), *embedding.shape[2:]))
        entropy = self.net.sharpness.sum() * 0
        for slot in (0, 1):
            found = [(i, x.references[slot]) for i, x in enumerate(samples)]
            held = [(i, r) for i, r in found if r is not None]
            if not held:
                continue
            rows = [i for i, _ in held]
            with torch.no_grad(), torch.autocast(embedding.device.type, torch.bfloat16):
                _, reference = self.net.encoder(_pictures([r.picture for _, r in held], embedding.device))
            cover = torch.from_numpy(np.stack([r.mask for _, r in held])).to(embedding.device).float()
            cover = F.avg_pool2d(cover[:, None], STRIDE)[:, 0]
            best = resemblance(embedding[rows], reference.float(), cover)
            match[rows, 2 * slot : 2 * slot + 2] = best
            odds = self.net.sharpness[0] * (best[:, :1] - best[:, 1:]) + self.net.sharpness[1]
            entropy = entropy + F.binary_cross_entropy_with_logits(odds, shares[rows])
        return match, entropy

    def _answered(self, features: tuple[Tensor, ...], samples: list[SegmenterSample], match: Tensor) -> np.ndarray:
        self.net.decoder.eval()
        with torch.no_grad(), torch.autocast(match.device.type, torch.bfloat16):
            logits, _ = self.net.decoder(features, _maps(samples, match.device), match)
        self.net.decoder.train()
        return np.asarray(logits[:, 0].float().sigmoid().cpu().numpy())


def _coarser(answer: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a result blurred as if it came from a window that shows more of the picture."""
    size = len(answer)
    small = max(8, int(size / random.uniform(1, 4)))
    seen = cv2.resize(answer, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(seen, (size, size), interpolation=cv2.INTER_LINEAR)


def _with_clicks(match: Tensor, embedding: Tensor, samples: list[SegmenterSample]) -> Tensor:
    """Return the similarity with channels 4 and 5: cosine with the most similar clicked place."""
    rows = []
    for sample, seen in zip(samples, embedding, strict=True):
        for positive in (True, False):
            cells = [(y // STRIDE, x // STRIDE) for x, y, sign in sample.places if sign == positive]
            if cells:
                places = torch.stack([seen[:, y, x] for y, x in cells])
                rows.append(torch.einsum("kc,chw->khw", places, seen).amax(0))
            else:
                rows.append(seen.new_zeros(seen.shape[1:]))
    return torch.cat([match[:, :4], torch.stack(rows).unflatten(0, (-1, 2))], 1)


def _pictures(pictures: list[np.ndarray], device: torch.device) -> Tensor:
    shown = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2)
    return (shown.float() / 255).contiguous(memory_format=torch.channels_last)


def _maps(samples: list[SegmenterSample], device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack([x.maps for x in samples])).to(device)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def iou(found: Tensor, truth: Tensor) -> Tensor:
    """Return (N,) the overlap of (N, H, W) masks; 1 where both are empty."""
    both, either = (found & truth).flatten(1).sum(1), (found | truth).flatten(1).sum(1)
    return torch.where(either > 0, both / either.clamp(min=1), torch.ones_like(both, dtype=torch.float32))


def loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the loss: normalised focal loss (Sofiiuk et al., 2019), dice, and cross entropy within three pixels of the
    border.

    Both are (N, H, W); ``truth`` is 0 or 1.
    """
    p = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    hard = (p - truth).abs().detach().clamp(min=1e-4) ** 1.5
    focal = (hard * entropy).flatten(1).sum(1) / hard.flatten(1).sum(1).clamp(min=1)
    overlap = (2 * (p * truth).flatten(1).sum(1) + 10) / ((p + truth).flatten(1).sum(1) + 10)
    border = torch.from_numpy(np.stack([_near_border(t) for t in truth.cpu().numpy()])).to(logits.device)
    near = (entropy * border).flatten(1).sum(1) / border.flatten(1).sum(1).clamp(min=1)
    return (focal + 1 - overlap + BORDER * near).mean()


def _near_border(truth: np.ndarray) -> np.ndarray:
    seen, brush = truth.astype(np.uint8), np.ones((7, 7), np.uint8)
    return (cv2.dilate(seen, brush) - cv2.erode(seen, brush)).astype(np.float32)
