"""Clips with true masks for the quality benchmarks: folders with ``rgbs/`` and ``masks/``, or the bundled sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.depth import BuiltinDepth
from vas_tool.sample import sample_clip
from vas_tool.types import ArrayClip, Mask

LONGEST_SIDE = 480
"""Pixels: the size the builtin engines think in."""

Frames = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]
"""(T, H, W) bool."""


@dataclass(frozen=True)
class Labelled:
    """A clip with the true mask of one object, fully in view unless it is the sample."""

    name: str
    frames: Frames
    masks: Masks


@dataclass(frozen=True)
class Case:
    """An object that something hides in part, and what is true of it."""

    name: str
    clip: ArrayClip
    modal: dict[int, Mask]
    amodal: Masks
    depth: dict[int, npt.NDArray[np.float32]]
    whole: Frames
    """(T, H, W, 3): the object's own colours on the amodal mask; elsewhere anything."""

    def hidden(self, frame_index: int) -> Mask:
        """(H, W): what of the object cannot be seen."""
        return self.amodal[frame_index] & ~self.modal[frame_index]


def labelled_clips(folders: list[Path]) -> list[Labelled]:
    """The folders at ``LONGEST_SIDE``; the sample when there are none."""
    return [_shrunk(_read(folder)) for folder in folders] or [_shrunk(_sample())]


def cases(folders: list[Path], seeds: int) -> Iterator[Case]:
    """Each folder's object behind things of our own; the sample, which needs none, as it is."""
    if not folders:
        yield _sample_case()
    for folder in folders:
        labelled = _shrunk(_read(folder))
        for kind, passing in PASSING.items():
            for seed in range(seeds):
                yield _behind(labelled, f"{labelled.name} {kind} {seed}", passing, seed=seed)


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(folder: Path) -> Labelled:
    pictures = [cv2.imread(str(path))[..., ::-1] for path in sorted((folder / "rgbs").iterdir())]
    return Labelled(folder.name, np.stack(pictures), _masks(folder / "masks"))


def _masks(folder: Path) -> Masks:
    return np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127 for path in sorted(folder.iterdir())])


def _sample() -> Labelled:
    with av.open(str(sample_clip())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return Labelled("sample", np.stack(frames), _masks(sample_clip().parent / "truth" / "modal"))


def _shrunk(labelled: Labelled) -> Labelled:
    height, width = labelled.masks.shape[1:]
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    size = round(width * scale), round(height * scale)
    frames = [cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in labelled.frames]
    masks = [cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5 for m in labelled.masks]
    return Labelled(labelled.name, np.stack(frames), np.stack(masks))


def _sample_case() -> Case:
    """At its own size, with the builtin depth: nothing here is better than in use."""
    truth = sample_clip().parent / "truth"
    labelled = _sample()
    pictures = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED)[..., 2::-1] for p in sorted((truth / "content").iterdir())]
    clip = ArrayClip(labelled.frames)
    depth = dict(BuiltinDepth().estimate(clip, range(len(clip))))
    return Case("sample", clip, dict(enumerate(labelled.masks)), _masks(truth / "amodal"), depth, np.stack(pictures))


# --- things in front --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Track:
    """Where the object is on the mean, and on each frame."""

    centres: npt.NDArray[np.float64]
    """(T, 2): x, y of the middle of its box."""
    width: float
    height: float


Passing = Callable[[Track, npt.NDArray[np.float64], np.random.Generator], Callable[[int, Frames], None]]
"""(track, time -1.3 .. 1.3 a frame, random) -> a function that paints the thing on frame i of a uint8 picture."""


def _bar(track: Track, time: npt.NDArray[np.float64], random: np.random.Generator) -> Callable[[int, Frames], None]:
    """An upright bar, about half as wide as the object."""
    return _slab(track, 0.8 * time, track.width * random.uniform(0.45, 0.8))


def _block(track: Track, time: npt.NDArray[np.float64], random: np.random.Generator) -> Callable[[int, Frames], None]:
    """Wider than the object: it is gone for some frames."""
    return _slab(track, 2.2 * time, track.width * 1.25)


def _slab(track: Track, time: npt.NDArray[np.float64], width: float) -> Callable[[int, Frames], None]:
    def paint(i: int, picture: Frames) -> None:
        left = track.centres[i, 0] + time[i] * track.width - width / 2
        picture[:, max(0, int(left)) : max(0, int(left + width))] = 1

    return paint


def _blob(track: Track, time: npt.NDArray[np.float64], random: np.random.Generator) -> Callable[[int, Frames], None]:
    """An ellipse."""
    radius = np.hypot(track.width, track.height) * random.uniform(0.3, 0.42)

    def paint(i: int, picture: Frames) -> None:
        x = track.centres[i, 0] + time[i] * track.width * 0.6
        y = track.centres[i, 1] + random.uniform(-0.02, 0.02) * track.height
        cv2.ellipse(picture, (int(x), int(y)), (int(radius * 1.2), int(radius)), 0, 0, 360, 1, cv2.FILLED)

    return paint


PASSING: dict[str, Passing] = {"bar": _bar, "blob": _blob, "block": _block}


def _behind(labelled: Labelled, name: str, passing: Passing, *, seed: int) -> Case:
    """The object with one of ``PASSING`` in front, moving across it; noisy depth in layers."""
    random = np.random.default_rng(seed)
    count, height, width = labelled.masks.shape
    time = np.linspace(-1.3, 1.3, count) * random.choice([-1, 1])
    paint = passing(_track(labelled.masks), time, random)
    grain = cv2.resize(random.integers(-40, 40, (height // 8, width // 8, 3)).astype(np.float32), (width, height))
    colours = np.clip(random.integers(30, 220, 3) + grain, 0, 255).astype(np.uint8)
    frames, modal, depth = labelled.frames.copy(), {}, {}
    for i in range(count):
        front = np.zeros((height, width), np.uint8)
        paint(i, front)
        frames[i][front > 0] = colours[front > 0]
        modal[i] = labelled.masks[i] & (front == 0)
        depth[i] = _layers(labelled.masks[i], front > 0, random)
    return Case(name, ArrayClip(frames), modal, labelled.masks, depth, labelled.frames)


def _track(masks: Masks) -> Track:
    boxes = np.array([cv2.boundingRect(mask.astype(np.uint8)) for mask in masks], np.float64)
    return Track(boxes[:, :2] + boxes[:, 2:] / 2, float(boxes[:, 2].mean()), float(boxes[:, 3].mean()))


def _layers(mask: Mask, front: Mask, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Ground that rises, the object, the thing in front and a post beside them; soft borders and noise."""
    height, width = mask.shape
    depth = np.repeat(np.linspace(0.1, 0.35, height)[:, None], width, axis=1)
    depth[mask] = 0.5
    depth[int(height * 0.6) :, int(width * 0.02) : int(width * 0.1)] = 0.9
    depth[front] = 0.75
    noise = cv2.resize(random.normal(0, 0.04, (height // 6, width // 6)), (width, height))
    return np.clip(cv2.GaussianBlur(depth, (0, 0), 1.5) + noise, 0, 1).astype(np.float32)
