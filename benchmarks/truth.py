"""Clips with true masks for the quality benchmarks: folders with ``rgbs/`` and ``masks/``, or the bundled sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.evaluation.occlusion import OcclusionCase, occlusion_cases, shrunk, views_in
from vas_tool.evaluation.silhouettes import FullView, Masks
from vas_tool.sample import sample_clip
from vas_tool.types import ArrayClip


def labelled_clips(folders: list[Path]) -> list[FullView]:
    """The folders at the bench's size; the sample (its modal masks) when there are none."""
    return [view for folder in folders for view in views_in(folder)] or [shrunk(_sample())]


def cases(folders: list[Path], seeds: int) -> Iterator[OcclusionCase]:
    """Each folder's object behind things of our own, as in ``vas-tool bench``; the sample, hidden in part, as it is."""
    if not folders:
        yield _sample_case()
    for folder in folders:
        yield from occlusion_cases(views_in(folder), num_seeds=seeds)


def _masks(folder: Path) -> Masks:
    return np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127 for path in sorted(folder.iterdir())])


def _sample() -> FullView:
    with av.open(str(sample_clip())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return FullView("sample", np.stack(frames), _masks(sample_clip().parent / "truth" / "modal"))


def _sample_case() -> OcclusionCase:
    """At its own size, with the builtin depth: nothing here is better than in use."""
    truth = sample_clip().parent / "truth"
    view = _sample()
    pictures = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED)[..., 2::-1] for p in sorted((truth / "content").iterdir())]
    clip = ArrayClip(view.frames)
    depth = dict(BuiltinDepth().estimate(clip, range(len(clip))))
    modal, amodal = dict(enumerate(view.masks)), _masks(truth / "amodal")
    return OcclusionCase("sample", "blocks", clip, modal, amodal, depth, np.stack(pictures))
