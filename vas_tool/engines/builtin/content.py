"""Content without a network: the object's pixels from frames where they were seen; the rest is inpainted.

Visible pixels keep their exact colours. Hidden pixels come from the clearest and nearest frames that show them, moved
along the object's motion and matched in colour where both frames show the object. What no frame shows is inpainted from
the object's own colours, never from what is in front of it or behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool import opencv
from vas_tool.engines.base import Progress, silent
from vas_tool.engines.builtin.amodal import clearness_of
from vas_tool.engines.builtin.registration import Affine, Motion, estimate_motion, follow, resized
from vas_tool.engines.builtin.small_frames import SmallFrames
from vas_tool.engines.settings import checked
from vas_tool.masks import box_xyxy
from vas_tool.types import Canvas, Clip, Content, Mask
from vas_tool.work import ContentWork

Colours = npt.NDArray[np.float32]
"""(h, w, 3) float32 RGB, 0..255, of a crop."""

SOURCES = 6
"""Most frames from which the hidden part of one frame is composed."""

NEAR_FRAMES = 8.0
"""Frames: distance in time at which a source's weight is 1/e, because light and shape change."""

EDGE_PIXELS = 2
"""Pixels of a modal mask's border that are not copied, because they mix with the background."""

BLEND_SIGMA = 12.0
"""Pixels over which colour differences at the seam fade into the hidden part."""

MARGIN = 12
"""Margin of a crop around the amodal mask, in pixels."""

INPAINT_SIDE = 256
"""Pixels: longest side at which the rest is inpainted. The result is smooth at any size."""

INPAINT_RADIUS = 4.0
NEVER_SEEN = 128
"""Grey value of an object that no frame shows."""


@dataclass(frozen=True)
class Survey:
    """What is known of an object through a clip."""

    clip: Clip
    modal: Mapping[int, Mask]
    canvas: Canvas
    motion: Motion
    small: SmallFrames
    areas: Mapping[int, float]
    """Frame with a modal mask -> its modal area at the object's size on the first such frame, relative to the
    largest."""


@dataclass(frozen=True)
class _Crop:
    """A rectangle of the canvas: x0, y0 and size in canvas pixels."""

    x0: int
    y0: int
    size_wh: tuple[int, int]

    def cut(self, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the crop of a picture of the canvas, as a view."""
        return picture[self.y0 : self.y0 + self.size_wh[1], self.x0 : self.x0 + self.size_wh[0]]


class BuiltinContent:
    """Registered pixels of other frames. Deterministic: the seed has no effect."""

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """Yield (frame_index, (canvas H, W, 4) uint8 RGBA) in the order of the work. Raises Cancelled."""
        checked((), work.settings, engine="builtin")
        scene = survey(work, estimate_motion(work.clip, work.modal, progress=progress))
        for done, index in enumerate(work.frame_indices):
            progress(done, len(work.frame_indices), "content")
            yield index, painted(scene, index, work.amodal.get(index))


def survey(work: ContentWork, motion: Motion) -> Survey:
    """Return the survey of an object with the given motion."""
    small = SmallFrames(work.clip)
    areas = clearness_of(small, work.modal, motion)
    return Survey(work.clip, work.modal, work.canvas, motion, small, areas)


def painted(
    scene: Survey, index: int, whole: Mask | None, *, choose: Callable[[Survey, int], Iterable[int]] | None = None
) -> Content:
    """Return (canvas H, W, 4) RGBA: the colours of an object on its amodal mask (None: empty).

    ``choose`` is a function (survey, frame_index) -> the frames to take hidden pixels from, best first. Without it,
    they are the frames that show much of the object and are near in time.
    """
    width, height = scene.canvas.size_wh
    out = np.zeros((height, width, 4), np.uint8)
    box = None if whole is None else box_xyxy(whole)
    if whole is None or box is None:
        return out
    crop = _around(box, scene.canvas)
    inside = crop.cut(whole)
    seen = np.zeros_like(inside)
    if index in scene.modal:
        seen = crop.cut(scene.canvas.to_canvas(scene.modal[index])) & inside
    frame = crop.cut(scene.canvas.to_canvas(scene.clip[index]))
    colours = frame
    if (inside & ~seen).any():
        sources = (choose or _sources)(scene, index)
        completed = _completed(scene, index, crop, frame=frame, masks=(inside, seen), sources=sources)
        colours = np.where(seen[..., None], frame, completed)
    view = crop.cut(out)
    view[..., :3] = np.where(inside[..., None], colours, 0)
    view[..., 3] = np.where(inside, 255, 0)
    return out


def _around(box: tuple[int, int, int, int], canvas: Canvas) -> _Crop:
    x0, y0 = max(0, box[0] - MARGIN), max(0, box[1] - MARGIN)
    x1, y1 = min(canvas.size_wh[0], box[2] + MARGIN), min(canvas.size_wh[1], box[3] + MARGIN)
    return _Crop(x0, y0, (x1 - x0, y1 - y0))


def _completed(
    scene: Survey,
    index: int,
    crop: _Crop,
    *,
    frame: npt.NDArray[np.uint8],
    masks: tuple[Mask, Mask],
    sources: Iterable[int],
) -> npt.NDArray[np.uint8]:
    """Return (h, w, 3) the colours of the hidden part; other pixels are undefined."""
    inside, seen = masks
    sure = _without_rim(seen)
    colours = np.where(seen[..., None], frame, 0).astype(np.float32)
    filled = seen.copy()
    for source in sources:
        if not (inside & ~filled).any():
            break
        brought, valid = _brought(scene, source, index, crop=crop)
        brought = _blended(brought, frame.astype(np.float32), sure & valid)
        new = inside & valid & ~filled
        colours[new] = brought[new]
        filled |= new
    return np.clip(np.round(_inpainted(colours, filled, inside)), 0, 255).astype(np.uint8)


def _sources(scene: Survey, index: int) -> list[int]:
    """Return the frames to take pixels from, best first: they show much of the object and are near in time."""

    def worth(frame: int) -> float:
        return scene.areas[frame] ** 2 * float(np.exp(-abs(frame - index) / NEAR_FRAMES))

    return sorted((f for f in scene.areas if f != index), key=worth, reverse=True)[:SOURCES]


def _brought(scene: Survey, source: int, index: int, *, crop: _Crop) -> tuple[Colours, Mask]:
    """Return the object of frame ``source`` registered on frame ``index``, and where it is valid; both on the crop."""
    motion = _refined(scene, source, index)
    placed = motion.copy()
    placed[:, 2] += (scene.canvas.pad_left - crop.x0, scene.canvas.pad_top - crop.y0)
    picture = scene.clip[source].astype(np.float32)
    mask = _without_rim(scene.modal[source]).astype(np.float32)
    cubic = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    brought = opencv.warp_affine(picture, placed, crop.size_wh, **cubic)
    return brought, opencv.warp_affine(mask, placed, crop.size_wh) > 0.99


def _refined(scene: Survey, source: int, target: int) -> Affine:
    """Return the chained motion (clip pixels to clip pixels), corrected by features that both frames show."""
    guess = scene.motion.between(source, target)
    if target not in scene.motion.seen:
        return guess
    masks = scene.small.mask(scene.modal[source]), scene.small.mask(scene.modal[target])
    found = follow(scene.small, (source, target), masks=masks, guess=resized(guess, scene.small.scale))
    return resized(found, 1 / scene.small.scale)


def _without_rim(mask: Mask) -> Mask:
    return cv2.erode(mask.astype(np.uint8), np.ones((2 * EDGE_PIXELS + 1,) * 2, np.uint8), borderValue=1) > 0


def _blended(brought: Colours, frame: Colours, common: Mask) -> Colours:
    """Return the copied colours, corrected by the colour difference to the frame, which fades away from the seam."""
    if common.sum() < 16:
        return brought
    difference = np.where(common[..., None], frame - brought, 0).astype(np.float32)
    overall = np.median(difference[common], axis=0)
    weight = common.astype(np.float32)
    near = cv2.GaussianBlur(weight, (0, 0), BLEND_SIGMA)
    local = cv2.GaussianBlur((difference - overall) * weight[..., None], (0, 0), BLEND_SIGMA)
    return brought + overall + local / (near[..., None] + 0.02)


def _inpainted(colours: Colours, known: Mask, inside: Mask) -> Colours:
    """Return the colours with unknown pixels of ``inside`` filled from known pixels of the object."""
    missing = inside & ~known
    if not missing.any():
        return colours
    if not known.any():
        return np.where(missing[..., None], np.float32(NEVER_SEEN), colours)
    scale = min(1.0, INPAINT_SIDE / max(known.shape))
    size = (max(1, round(known.shape[1] * scale)), max(1, round(known.shape[0] * scale)))
    weight = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(colours * known[..., None], size, interpolation=cv2.INTER_AREA)
    small = small / np.maximum(weight, 1e-3)[..., None]
    holes = (weight < 0.5).astype(
        np.uint8
    )  # pixels outside the object are holes, too, so that nothing flows in from there
    picture = np.clip(small, 0, 255).astype(np.uint8)
    healed = cv2.inpaint(picture, holes, INPAINT_RADIUS, cv2.INPAINT_TELEA).astype(np.float32)
    large = cv2.resize(healed, known.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.where(missing[..., None], large, colours)
