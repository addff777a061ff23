"""A mask carried through a clip by optical flow, kept on the object by what the reference frames taught about it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, TrackedFrame, silent
from vas_tool.engines.builtin.close_up import FOLLOWED_SHOWN, close_up, followed
from vas_tool.engines.builtin.flow import flow_between, pulled
from vas_tool.engines.builtin.pixel_model import PixelModel, prepare_pixels, signed_distance, tidy
from vas_tool.engines.builtin.searching import UNSEEN, Lost, carried, look_alikes, searched
from vas_tool.engines.builtin.view import View, whole
from vas_tool.masks import box_xyxy
from vas_tool.types import Clip, Frame, Mask

Floats = npt.NDArray[np.float32]

PLACE_WEIGHT = 0.0
"""Things move: their place counts less than when a frame is compared with itself."""

NUM_COSINES, NUM_SAMPLES = 256, 12_000
"""A reference teaches a whole clip: it is learned from more closely than a click's own frame."""

FLOW_WEIGHT, REFERENCE_WEIGHT, RECENT_WEIGHT = 1.5, 4.0, 0.5
"""How much the mask that the flow brings counts, and what the references and the recent frames taught."""

REACH = 25.0
"""Pixels from the brought border at which the flow is as sure as it gets: colours decide nearer to it."""

RECENT = 0.4
"""How fast what recent frames teach is forgotten."""

SMOOTHING_ROUNDS = 10
OVERLAP = 0.2
"""An island of which less than this part was brought by the flow is something else."""

GONE_SHARE = 0.07
"""Of the reference's area, below which what is left counts as nothing."""

FLOW_TOLERANCE = 2.0
"""Pixels by which the way there and back may miss: more is an occlusion or a mistake."""

MOSTLY = 0.65
"""Part of the reference's area from which on a frame shows the object's outline and motion."""

AS_FULL = 0.95
"""Part of the fullest outline's area from which on a frame shows a newer one: a hidden side must not be forgotten."""

SLIVER = 0.2
"""Part of the reference's area below which a mask is believed only when it moves as the object did."""

STRAY_PIXELS, STRAY_SHARE = 1.5, 0.5
"""How far its motion may be off, in pixels a frame and relative to the object's."""

FOUND_SCORE = 0.15
"""Mean score, by what the references taught, of what may be the object when it comes back."""

CUT_TRUST = 0.25
"""Part of the picture whose flow goes there and back, below which another scene begins. At cuts it was 0.00 to 0.18, on
all other frames of 48 clips 0.39 and more."""

PICTURES_KEPT = 4

LOST_FRAMES = 24
"""How long (3 s at 8 FPS) an object that is gone is looked for where it was last seen."""


@dataclass
class Walk:
    """Where tracking is, and what is known of the object."""

    frame_index: int
    view: View
    """Where it is looked at; all pixels below are small ones."""
    soft: Floats
    """(h, w): the mask of that frame; the last seen one while the object is gone."""
    taught: Floats
    """By the references, see ``PixelModel.learned``."""
    recent: Floats
    area: float
    """Of the reference."""
    clear: Floats
    """(h, w): the outline of the last frame on which it was seen as fully as ever, moved on as the object moves."""
    velocity: Floats
    """(x, y) pixels a frame, of what was mostly seen."""
    alike: Floats
    """(h, w): what looks like the object and is something else, see ``searching``."""
    lost: int = 0
    """Frames since the object was seen."""
    step: int = 1
    """-1 backwards: the velocity is along the walk."""


def track_masks(
    clip: Clip,
    references: Mapping[int, Mask],
    frame_indices: range,
    *,
    progress: Progress = silent,
) -> Iterator[TrackedFrame]:
    """The modal mask on each of ``frame_indices``, in their order; a reference frame is answered with its mask.

    Starts from the nearest reference on the side that the range comes from, or else from the nearest one. Between two
    references both teach the colours. Raises Cancelled.
    """
    pictures = _Pictures(clip)
    beyond = _beyond(references, frame_indices) if frame_indices else []
    walk: Walk | None = None
    for done, index in enumerate(frame_indices):
        progress(done, len(frame_indices), "modal masks")
        if index in references:
            walk = _start(pictures, references, [index, *beyond])
            yield TrackedFrame(index, references[index], 1.0)
            continue
        walk = walk or _start(pictures, references, [nearest_reference(references, frame_indices), *beyond])
        certainty = 0.0
        while walk.frame_index != index:
            step = 1 if index > walk.frame_index else -1
            certainty = _advance(pictures, walk, walk.frame_index + step)
        yield TrackedFrame(index, _shown(walk, clip), certainty)


class _Pictures:
    """The latest frames in their views."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._kept: OrderedDict[tuple[int, View], Frame] = OrderedDict()

    def frame(self, index: int, view: View) -> Frame:
        """(h, w, 3)."""
        if (index, view) not in self._kept:
            self._kept[index, view] = view.frame(self.clip[index])
            while len(self._kept) > PICTURES_KEPT:
                self._kept.popitem(last=False)
        return self._kept[index, view]

    def grey(self, index: int, view: View) -> npt.NDArray[np.uint8]:
        """(h, w)."""
        return np.asarray(cv2.cvtColor(self.frame(index, view), cv2.COLOR_RGB2GRAY))


def _beyond(references: Mapping[int, Mask], frame_indices: range) -> list[int]:
    """The nearest reference behind the range's end, which teaches the colours too."""
    last, step = frame_indices[-1], frame_indices.step
    return sorted((f for f in references if (f - last) * step >= 0), key=lambda f: abs(f - last))[:1]


def _shown(walk: Walk, clip: Clip) -> Mask:
    """(H, W)."""
    nothing = np.zeros(clip.size_wh[::-1], bool)
    return nothing if walk.lost else walk.view.enlarged(walk.soft >= 0.5, nothing)


def nearest_reference(references: Mapping[int, Mask], frame_indices: range) -> int:
    """The reference to start from: the nearest behind the range's first frame, else the nearest of all."""
    first, step = frame_indices[0], frame_indices.step
    behind = [f for f in references if (first - f) * step >= 0]
    return min(behind or references, key=lambda f: abs(f - first))


def _start(pictures: _Pictures, references: Mapping[int, Mask], teachers: list[int]) -> Walk:
    """From the first of ``teachers``; the colours of all of them count the same."""
    first, *others = dict.fromkeys(teachers)
    view = _view_of(references[first])
    soft, model = view.soft(references[first]), _model(pictures, first, view)
    lessons = [_lesson(model, view.mask(references[first])), *(_taught(pictures, references[f], f) for f in others)]
    taught = np.mean(lessons, axis=0)
    area, still = float((soft >= 0.5).sum()), np.zeros(2, np.float32)
    alike = look_alikes(model.score(taught), soft >= 0.5)
    return Walk(first, view, soft, taught, taught, area, clear=soft, velocity=still, alike=alike)


def _view_of(mask: Mask) -> View:
    """Of a reference; what it teaches holds in other views, too, as the object fills as much of them."""
    frame_wh = mask.shape[1], mask.shape[0]
    box = box_xyxy(mask)
    return whole(frame_wh) if box is None else close_up(box, frame_wh, shown=FOLLOWED_SHOWN)


def _taught(pictures: _Pictures, mask: Mask, index: int) -> Floats:
    view = _view_of(mask)
    return _lesson(_model(pictures, index, view), view.mask(mask))


def _lesson(model: PixelModel, mask: Mask) -> Floats:
    return model.learned(mask, num_samples=NUM_SAMPLES)


def _model(pictures: _Pictures, index: int, view: View) -> PixelModel:
    return prepare_pixels(pictures.frame(index, view), place_weight=PLACE_WEIGHT, num_cosines=NUM_COSINES)


def _follow(walk: Walk, clip: Clip) -> None:
    """Look where the object will be, at a size that suits it."""
    known = walk.clear if walk.lost else np.maximum(walk.soft, walk.clear)  # what is hidden comes out again
    expected = _moved(known, walk.velocity)
    box = walk.view.box(expected >= 0.5)
    view = walk.view if box is None else followed(box, walk.view, clip.size_wh)
    if view == walk.view:
        return
    ratio = view.scale / walk.view.scale
    known = view.seen_in(walk.view, np.ones_like(walk.alike)) >= 0.5
    walk.soft, walk.clear, alike = (view.seen_in(walk.view, p) for p in (walk.soft, walk.clear, walk.alike))
    walk.alike = np.where(known, alike, np.float32(UNSEEN))
    walk.area *= ratio**2
    walk.velocity = walk.velocity * np.float32(ratio)
    walk.view = view


def _advance(pictures: _Pictures, walk: Walk, index: int) -> float:
    """One frame on; gives the certainty. ``walk`` is changed."""
    if (index - walk.frame_index) * walk.step < 0:
        walk.velocity, walk.step = -walk.velocity, -walk.step
    _follow(walk, pictures.clip)
    before, here = (pictures.grey(number, walk.view) for number in (walk.frame_index, index))
    back = flow_between(here, before)
    trust = _closed(back, flow_between(before, here))
    if trust.mean() < CUT_TRUST and _is_cut(pictures, walk, index):
        return _cut(walk, index)
    walk.clear = _moved(walk.clear, walk.velocity)
    brought = walk.clear if walk.lost else pulled(walk.soft, back)
    walk.alike = carried(walk.alike, back, trust=trust)
    model = _model(pictures, index, walk.view)
    mask = _fitted(model, brought >= 0.5, walk)
    if (walk.lost or mask.sum() < SLIVER * walk.area) and not _moves_along(mask, back, walk.velocity):
        mask = _searched(model, walk)
    certainty = _certainty(walk, brought >= 0.5, mask, trust=trust)
    _remember(walk, index, mask=mask, model=model, back=back)
    return certainty


def _is_cut(pictures: _Pictures, walk: Walk, index: int) -> bool:
    """Whether the flow of all of the frame says so, too: over a close-up something large may just have passed."""
    everything = whole(pictures.clip.size_wh)
    if walk.view == everything:
        return True
    before, here = (pictures.grey(number, everything) for number in (walk.frame_index, index))
    return bool(_closed(flow_between(here, before), flow_between(before, here)).mean() < CUT_TRUST)


def _cut(walk: Walk, index: int) -> float:
    """Another scene begins: nothing there is the object that was followed, whatever it looks like."""
    walk.frame_index, walk.lost = index, LOST_FRAMES + 1
    walk.soft, walk.clear = np.zeros_like(walk.soft), np.zeros_like(walk.clear)
    return 0.0


def _searched(model: PixelModel, walk: Walk) -> Mask:
    expected = (walk.soft >= 0.5) | (walk.clear >= 0.5)
    pace = float(np.linalg.norm(walk.velocity))
    lost = Lost(expected, walk.alike, area=walk.area, frames=walk.lost, pace=pace)
    return searched(model, model.score(walk.taught), lost)


def _remember(walk: Walk, index: int, *, mask: Mask, model: PixelModel, back: Floats) -> None:
    """Go on from the new mask; while the object is gone, from where it would be if it went on as before."""
    walk.frame_index = index
    if not mask.any():
        walk.lost += 1
        if walk.lost > LOST_FRAMES:
            walk.soft, walk.clear = np.zeros_like(walk.soft), np.zeros_like(walk.clear)
        return
    found_again = walk.lost > 0
    walk.soft, walk.lost = mask.astype(np.float32), 0
    walk.recent = (1 - RECENT) * walk.recent + RECENT * _lesson(model, mask)
    if mask.sum() >= MOSTLY * walk.area:
        walk.alike = look_alikes(model.score(walk.taught), mask)
        moved = -np.median(back[mask], axis=0).astype(np.float32)
        first = not walk.velocity.any() or found_again
        walk.velocity = moved if first else 0.7 * walk.velocity + 0.3 * moved
        if found_again or mask.sum() >= AS_FULL * (walk.clear >= 0.5).sum():
            walk.clear = walk.soft


def _moves_along(mask: Mask, back: Floats, velocity: Floats) -> bool:
    """Whether what may be the object moves as the object did: what hides it has its colours at times, not its way."""
    if not mask.any():
        return False
    miss = float(np.linalg.norm(-np.median(back[mask], axis=0) - velocity))
    return miss <= STRAY_PIXELS + STRAY_SHARE * float(np.linalg.norm(velocity))


def _moved(picture: Floats, shift_xy: Floats) -> Floats:
    shift = np.array([[1, 0, shift_xy[0]], [0, 1, shift_xy[1]]], np.float32)
    return cv2.warpAffine(picture, shift, picture.shape[::-1])


def _closed(there: Floats, back: Floats) -> Mask:
    """Where going there and back ends near the start."""
    returned = np.dstack([pulled(np.ascontiguousarray(back[..., c]), there) for c in range(2)]) + there
    return np.linalg.norm(returned, axis=2) < FLOW_TOLERANCE


def _fitted(model: PixelModel, brought: Mask, walk: Walk) -> Mask:
    """(h, w): what the flow brought and the colours agree on, with borders on the picture's edges."""
    nothing = np.zeros_like(brought)
    if not brought.any():
        return nothing
    logits = FLOW_WEIGHT * np.clip(signed_distance(brought) / REACH, -1.5, 1)
    logits += REFERENCE_WEIGHT * model.score(walk.taught) + RECENT_WEIGHT * model.score(walk.recent)
    found = model.smoothed(logits.astype(np.float32), SMOOTHING_ROUNDS) > 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=4)
    expected = brought | (walk.clear >= 0.5)  # what comes out on the other side is no part of what the flow brings
    shared = np.bincount(labels.ravel(), expected.ravel(), minlength=len(stats))
    good = shared > OVERLAP * stats[:, 4]
    good[0] = False
    if not good.any():
        return nothing
    fitted = tidy(good[labels], keep=nothing)
    if fitted.sum() < GONE_SHARE * walk.area:
        return nothing
    doubtful = walk.lost and model.score(walk.taught)[fitted].mean() < FOUND_SCORE
    return nothing if doubtful else fitted


def _certainty(walk: Walk, carried: Mask, mask: Mask, *, trust: Mask) -> float:
    """How well flow, colours and the frame before agree, 0..1."""
    union = float((mask | carried).sum())
    if union == 0:
        return 0.5
    agreement = float((mask & carried).sum()) / union
    steady = float(trust[carried].mean()) if carried.any() else 0.0
    return float(np.clip(agreement * (0.5 + 0.5 * steady), 0, 1))
