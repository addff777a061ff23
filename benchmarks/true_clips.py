"""Clips with true masks for the quality benchmarks: folders with ``rgbs/`` and ``masks/``, or the bundled clips."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from pycocotools import mask as coco_mask

from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.evaluation.occlusion_cases import OcclusionCase, occlusion_cases, views_in
from vas_tool.evaluation.silhouettes import FullView, Masks
from vas_tool.sample import sample_clip
from vas_tool.types import ArrayClip

TAO_MADE = Path(__file__).parent.parent / "assets" / "tao_made"
LEAST = 60
"""Pixels of the mask that a bundled clip begins with."""


def clips_in(folder: Path) -> list[FullView]:
    """The clip in a folder with ``rgbs/`` and ``masks/``, or the clips in its folders; at the pictures' own size."""
    inner = sorted(path for path in folder.iterdir() if (path / "rgbs").is_dir())
    return [_clip(path) for path in ([folder] if (folder / "rgbs").is_dir() else inner)]


def bundled_clips() -> list[FullView]:
    """The sample and the tracks of ``assets/tao_made``, from the first frame on which the object is seen well."""
    return [begun(view) for view in (sample(), *_tao_made())]


def begun(view: FullView) -> FullView:
    """From the first frame on which the object is seen well."""
    first = next(i for i, mask in enumerate(view.masks) if mask.sum() > LEAST)
    return FullView(view.name, view.frames[first:], view.masks[first:])


def _clip(folder: Path) -> FullView:
    pictures = [cv2.imread(str(path))[..., ::-1] for path in sorted((folder / "rgbs").iterdir())]
    return FullView(folder.name, np.stack(pictures), _masks(folder / "masks"))


def _tao_made() -> Iterator[FullView]:
    truth = json.loads((TAO_MADE / "truth.json").read_text())
    for clip, tracks in truth.items():
        folder = TAO_MADE / "frames" / "val" / "Made" / clip
        frames = np.stack([cv2.imread(str(path))[..., ::-1] for path in sorted(folder.iterdir())])
        for number, track in tracks.items():
            runs = [{"size": list(frames.shape[1:3]), "counts": counts.encode()} for counts in track["modal"]]
            yield FullView(f"{clip} {number}", frames, np.stack([coco_mask.decode(one) > 0 for one in runs]))


def cases(folders: list[Path], seeds: int) -> Iterator[OcclusionCase]:
    """Each folder's object behind things of our own, as in ``vas-tool bench``; the sample, hidden in part, as it is."""
    if not folders:
        yield _sample_case()
    for folder in folders:
        yield from occlusion_cases(views_in(folder), num_seeds=seeds)


def _masks(folder: Path) -> Masks:
    return np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127 for path in sorted(folder.iterdir())])


def sample() -> FullView:
    """The bundled sample with its modal masks."""
    with av.open(str(sample_clip())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return FullView("sample", np.stack(frames), _masks(sample_clip().parent / "truth" / "modal"))


def _sample_case() -> OcclusionCase:
    """At its own size, with the builtin depth: nothing here is better than in use."""
    truth = sample_clip().parent / "truth"
    view = sample()
    pictures = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED)[..., 2::-1] for p in sorted((truth / "content").iterdir())]
    clip = ArrayClip(view.frames)
    depth = dict(BuiltinDepth().estimate(clip, range(len(clip))))
    modal, amodal = dict(enumerate(view.masks)), _masks(truth / "amodal")
    return OcclusionCase("sample", "blocks", clip, modal, amodal, depth, np.stack(pictures))
