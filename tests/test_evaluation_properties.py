"""What holds for any masks, boxes and numbers, formula by formula; and the formulas read literally on whole arrays."""

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vas_tool.evaluation import averages, overlap
from vas_tool.evaluation.averages import Numbers
from vas_tool.evaluation.baselines import convex_hull, convex_nearer, convex_restricted
from vas_tool.evaluation.boxes_overlap import THRESHOLDS, box_iou, reference_hits, strict_hits
from vas_tool.evaluation.overlap import FrameMasks
from vas_tool.types import Depth, Mask

MASKS = arrays(np.bool_, (12, 14))
TRIPLES = st.builds(FrameMasks, MASKS, MASKS, MASKS)
SOLID = arrays(np.bool_, (3, 4)).map(lambda coarse: np.kron(coarse, np.ones((6, 6), np.bool_)).astype(bool))
"""Masks of squares of 6 x 6: something is left of them after an erosion."""
SOLID_TRIPLES = st.builds(FrameMasks, SOLID, SOLID, SOLID)

SIDES = st.integers(0, 12)
BOXES = st.tuples(st.integers(-9, 9), st.integers(-9, 9), SIDES, SIDES)
TENTHS = st.integers(0, 10).map(lambda n: n / 10)
SHARES = st.floats(0, 1) | TENTHS | st.sampled_from([5e-7, math.nan])
COLUMNS = st.integers(1, 3).flatmap(lambda k: st.lists(st.tuples(*[SHARES] * k), min_size=1, max_size=12))

many = settings(max_examples=80, deadline=None)


def same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))


# --- masks, read literally --------------------------------------------------------------------------------------------


def literal_iou(first: Mask, second: Mask, epsilon: float) -> float:
    return float(np.logical_and(first, second).sum() / (np.logical_or(first, second).sum() + epsilon))


@many
@given(SOLID_TRIPLES)
def test_diffusion_vas(frame: FrameMasks) -> None:
    """metric_diffusion_vas_sailvos.py: 5 x 5 of ones, one iteration, OpenCV's own border."""
    a, m, p = (mask.astype(np.uint8) for mask in (frame.amodal, frame.modal, frame.predicted))
    kernel = np.ones((5, 5), np.uint8)
    true, answered = (cv2.erode(x & (1 - m), kernel, iterations=1) for x in (a, p))
    assert overlap.reference_occluded_iou(frame) == literal_iou(true, answered, 1e-6)
    assert overlap.reference_iou(frame.amodal, frame.predicted) == literal_iou(a, p, 1e-6)


@many
@given(TRIPLES)
def test_tabe(frame: FrameMasks) -> None:
    """TABE's evaluation: 8 bit, subtracted, then asked for what is not zero."""
    a, m, p = (mask.astype(np.uint8) for mask in (frame.amodal, frame.modal, frame.predicted))
    true, answered = (a - m) != 0, (p - m) != 0
    union = np.logical_or(true, answered).sum()
    expected = np.logical_and(true, answered).sum() / union if true.any() else math.nan
    assert same(overlap.tabe_occluded_iou(frame), float(expected))


@many
@given(TRIPLES)
def test_eoras(frame: FrameMasks) -> None:
    """EoRaS's test scripts: 32 bit, thresholds above a half."""
    a, m, p = (mask.astype(np.float32) for mask in (frame.amodal, frame.modal, frame.predicted))
    true, answered = (a - m) > 0.5, (p - m) > 0.5
    inter, union = (np.float32(f(true, answered).sum()) for f in (np.logical_and, np.logical_or))
    value = overlap.eoras_occluded_iou(frame)
    assert value == float(inter / (union + np.float32(1e-6)))
    kept = averages.dropped_ones(np.array([value]))
    assert math.isnan(kept[0]) == (value == 1) == (bool((true == answered).all()) and int(union) >= 32)


@many
@given(TRIPLES)
def test_strict_measures_and_what_ties_them(frame: FrameMasks) -> None:
    hidden = overlap.strict_occluded_iou(frame)
    assert math.isnan(hidden) == (not frame.hidden.any())
    if not math.isnan(hidden):
        assert same(hidden, literal_iou(frame.hidden, frame.predicted_hidden, 0))
        # Without the erosion and the tiny number, both forms ask the same.
        assert hidden == pytest.approx(literal_iou(frame.hidden, frame.predicted_hidden, 1e-6), abs=1e-6)
    gone = overlap.gone_iou(frame)
    assert math.isnan(gone) == (frame.modal.any() or not frame.amodal.any())
    assert math.isnan(gone) or gone == overlap.strict_iou(frame)
    assert math.isnan(overlap.invented(frame)) or math.isnan(hidden), "a frame hides something or it does not"


@many
@given(TRIPLES)
def test_no_answer_beats_the_truth(frame: FrameMasks) -> None:
    right = FrameMasks(frame.amodal, frame.modal, frame.amodal)
    for measure in (overlap.strict_iou, overlap.strict_occluded_iou, overlap.gone_iou, overlap.boundary_f):
        best = measure(right)
        assert math.isnan(best) or best == 1 >= measure(frame)
    assert not overlap.invented(right) > 0
    assert overlap.reference_iou(frame.amodal, frame.amodal) >= overlap.reference_iou(frame.amodal, frame.predicted)


@many
@given(MASKS, MASKS, st.integers(1, 3))
def test_boundary_f_pixel_by_pixel(first: Mask, second: Mask, reach: int) -> None:
    """Perazzi et al. 2016 with every distance taken: a pixel is right when one of the other outline is within reach."""
    diagonal = (reach - 0.5) / overlap.BOUNDARY_TOLERANCE
    value = overlap.boundary_f(FrameMasks(first, first, second, diagonal=diagonal))
    if not first.any() or not second.any():
        assert value == float(first.any() == second.any())
        return
    true, answered = outline_of(first), outline_of(second)
    apart = np.sqrt(((true[:, None] - answered[None]) ** 2).sum(axis=2))
    recall, precision = (apart.min(axis=1) <= reach).mean(), (apart.min(axis=0) <= reach).mean()
    total = precision + recall
    assert value == pytest.approx(2 * precision * recall / total if total else 0.0)


def outline_of(mask: Mask) -> npt.NDArray[np.int64]:
    """(N, 2) pixels of the mask with one of the eight beside it in the picture and outside the mask."""
    padded = np.pad(mask, 1, constant_values=True)
    rows, columns = mask.shape
    around = [padded[1 + y : 1 + y + rows, 1 + x : 1 + x + columns] for y in (-1, 0, 1) for x in (-1, 0, 1)]
    edge = mask & ~np.logical_and.reduce(around)
    return np.argwhere(edge if edge.any() else mask)


# --- boxes ------------------------------------------------------------------------------------------------------------


@many
@given(BOXES, BOXES, st.integers(-50, 50))
def test_boxes_are_masks_of_their_pixels(first: tuple[int, ...], second: tuple[int, ...], shift: int) -> None:
    drawn = []
    for x, y, width, height in (first, second):
        mask = np.zeros((40, 40), dtype=bool)
        mask[y + 10 : y + 10 + height, x + 10 : x + 10 + width] = True
        drawn.append(mask)
    one, two = (np.array([box], np.float64) for box in (first, second))
    value = float(box_iou(one, two)[0])
    union = (drawn[0] | drawn[1]).sum()
    assert value == pytest.approx((drawn[0] & drawn[1]).sum() / union if union else 0.0)
    assert value == box_iou(two, one)[0]
    moved = np.array([shift, shift, 0, 0])
    assert value == box_iou(one + moved, two + moved)[0]


@many
@given(arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1) | st.sampled_from(THRESHOLDS)))
def test_hits(iou: Numbers) -> None:
    for threshold in THRESHOLDS:
        above, reached = reference_hits(iou, threshold), strict_hits(iou, threshold)
        assert (above <= reached).all() and (above != reached).tolist() == (iou == threshold).tolist()
    at_25, at_50, at_75 = (reference_hits(iou, threshold) for threshold in THRESHOLDS)
    assert (at_25 >= at_50).all() and (at_50 >= at_75).all()


# --- means, best of K, buckets ----------------------------------------------------------------------------------------


@many
@given(COLUMNS)
def test_best_of_k(rows: list[tuple[float, ...]]) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    best, least = averages.best_of(columns), averages.best_of(columns, less_is_better=True)
    for row, high, low in zip(rows, best, least, strict=True):
        known = [value for value in row if not math.isnan(value)]
        assert same(high, max(known, default=math.nan)) and same(low, min(known, default=math.nan))
    fewer = averages.best_of(columns[:1])
    assert not (best < fewer).any(), "more hypotheses are never worse"


@many
@given(COLUMNS)
def test_dropping_leaves_the_others_as_they_are(rows: list[tuple[float, ...]]) -> None:
    values = np.array([row[0] for row in rows])
    for dropped, gone in (
        (averages.dropped_zeros(values), values < averages.DROPPED_BELOW),
        (averages.dropped_ones(values), values == 1),
    ):
        assert np.isnan(dropped).tolist() == (gone | np.isnan(values)).tolist()
        assert (dropped[~np.isnan(dropped)] == values[~np.isnan(dropped)]).all()


TRACKS = st.lists(st.tuples(st.integers(0, 3), SHARES), min_size=1, max_size=20)


@many
@given(TRACKS)
def test_means(tracks: list[tuple[int, float]]) -> None:
    clips, values = np.array([clip for clip, _ in tracks]), np.array([value for _, value in tracks])
    counting = [(clip, value) for clip, value in tracks if not math.isnan(value)]
    if not counting:
        assert math.isnan(averages.frame_mean(values)) and math.isnan(averages.clip_mean(values, clips))
        return
    assert averages.frame_mean(values) == pytest.approx(np.mean([value for _, value in counting]))
    of_clips = [np.mean([v for c, v in counting if c == clip]) for clip in {clip for clip, _ in counting}]
    assert averages.clip_mean(values, clips) == pytest.approx(np.mean(of_clips))


@many
@given(TRACKS, st.lists(TENTHS.filter(lambda share: 0 < share < 1), unique=True, max_size=4))
def test_buckets(tracks: list[tuple[int, float]], inner: list[float]) -> None:
    clips, values = np.array([clip for clip, _ in tracks]), np.array([value for _, value in tracks])
    borders = averages.buckets_between([0.0, *sorted(inner), 1.0])
    strict = np.array([averages.strict_bucket(values, bucket) for bucket in borders])
    assert strict.sum(axis=0).tolist() == (~np.isnan(values)).astype(int).tolist(), "each frame in exactly one"
    reference = np.array([averages.reference_bucket(values, clips, bucket) for bucket in borders])
    for clip in set(clips.tolist()):
        chosen = reference[:, clips == clip]
        assert (chosen == chosen[:, :1]).all(), "a clip is in or out as a whole"
        assert chosen[:, 0].any() or np.isnan(values[clips == clip]).all()


# --- rows that need no engine -----------------------------------------------------------------------------------------


@many
@given(MASKS, arrays(np.float32, (12, 14), elements=st.floats(0, 1, width=32)))
def test_the_limited_hull_lies_between_what_is_seen_and_the_hull(mask: Mask, depth: Depth) -> None:
    limited = convex_nearer(mask, depth)
    assert not (mask & ~limited).any() and not (limited & ~convex_hull(mask)).any()
    added = limited & ~mask
    assert not added.any() or (depth[added] > np.median(depth[mask])).all()


@many
@given(st.lists(MASKS, min_size=1, max_size=3))
def test_restricted_hulls_take_only_what_others_cover(masks: list[Mask]) -> None:
    others = np.logical_or.reduce(masks)
    for mask, restricted in zip(masks, convex_restricted(masks), strict=True):
        assert not (mask & ~restricted).any() and not (restricted & ~convex_hull(mask)).any()
        assert not (restricted & ~others).any()
