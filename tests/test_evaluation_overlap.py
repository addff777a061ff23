"""The measures on masks small enough to count by hand, and their properties on any."""

import math

import numpy as np
import pytest
from evaluation_files import square
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vas_tool.evaluation import overlap
from vas_tool.evaluation.averages import dropped_ones
from vas_tool.evaluation.baselines import convex_hull, convex_nearer, convex_restricted
from vas_tool.evaluation.boxes_overlap import box_iou, reference_hits, strict_hits
from vas_tool.evaluation.mask_sources import GivenMask, RleMask
from vas_tool.evaluation.measuring import frame_masks, linear
from vas_tool.evaluation.overlap import FrameMasks
from vas_tool.masks import box_xywh
from vas_tool.types import Mask

EMPTY = np.zeros((6, 6), dtype=bool)
FULL = np.ones((6, 6), dtype=bool)
LEFT = square(0, 0, 6, (6, 6)) & (np.arange(6) < 3)

MASKS = arrays(np.bool_, (12, 14))
TRIPLES = st.tuples(MASKS, MASKS, MASKS)


def frame(amodal: Mask, modal: Mask, predicted: Mask) -> FrameMasks:
    return FrameMasks(amodal, modal, predicted)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_reference_iou_adds_a_little_to_the_union() -> None:
    assert overlap.reference_iou(FULL, LEFT) == 18 / (36 + 1e-6)
    assert overlap.reference_iou(EMPTY, EMPTY) == 0.0


def test_erosion_spares_the_border_of_the_picture() -> None:
    # Erosion keeps the picture's edge (OpenCV's default border): an all-ones 6 x 6 image stays intact.
    # Hidden = everything, answered = everything.
    assert overlap.reference_occluded_iou(frame(FULL, EMPTY, FULL)) == 36 / (36 + 1e-6)


def test_occluded_parts_are_eroded_before_they_are_compared() -> None:
    # Hidden: 9 x 9 at (10, 10), eroded 5 x 5 at (12, 12). Answered: the same two pixels to the right.
    # Eroded overlap: 3 columns of 5 = 15; union 25 + 25 - 15 = 35.
    none = np.zeros((40, 60), dtype=bool)
    value = overlap.reference_occluded_iou(frame(square(10, 10, 9), none, square(12, 10, 9)))
    assert value == 15 / (35 + 1e-6)
    # Strictly: 7 columns of 9 = 63; union 81 + 81 - 63 = 99.
    assert overlap.strict_occluded_iou(frame(square(10, 10, 9), none, square(12, 10, 9))) == 63 / 99


def test_a_thin_hidden_part_does_not_exist_for_the_reference() -> None:
    amodal, modal = square(10, 10, 10), square(10, 10, 10)
    modal[:, 17:] = False  # 3 columns hidden: nothing is left of them after 5 x 5
    perfect = frame(amodal, modal, amodal)
    assert overlap.reference_occluded_iou(perfect) == 0.0
    assert overlap.strict_occluded_iou(perfect) == 1.0


def test_a_total_miss_counts_strictly() -> None:
    miss = frame(FULL, LEFT, LEFT)
    assert overlap.strict_occluded_iou(miss) == 0.0
    assert math.isnan(overlap.strict_occluded_iou(frame(LEFT, LEFT, FULL)))  # nothing is hidden here


def test_tabe_counts_pixels_that_are_seen_and_not_predicted() -> None:
    # Truth FULL, seen LEFT (18 pixels), answered: only the right half. Subtraction: truth leaves the right 18;
    # the answer leaves the right 18 and -1 on the left 18, all non-zero: 18 / 36.
    assert overlap.tabe_occluded_iou(frame(FULL, LEFT, FULL & ~LEFT)) == 0.5
    assert overlap.strict_occluded_iou(frame(FULL, LEFT, FULL & ~LEFT)) == 1.0
    assert overlap.tabe_iou(EMPTY, EMPTY) == 0.0
    assert math.isnan(overlap.tabe_occluded_iou(frame(LEFT, LEFT, FULL)))


@pytest.mark.parametrize("dtype", [np.uint8])
def test_tabe_subtraction_is_an_exclusive_or(dtype: type) -> None:
    a, v = np.array([0, 0, 1, 1], dtype), np.array([0, 1, 0, 1], dtype)
    assert ((a - v) != 0).tolist() == (a.astype(bool) ^ v.astype(bool)).tolist()


def test_eoras_drops_exact_answers_and_counts_empty_ones_as_nothing() -> None:
    exact = overlap.eoras_occluded_iou(frame(FULL, EMPTY, FULL))
    assert exact == 1.0 and np.isnan(dropped_ones(np.array([exact, 0.5]))).tolist() == [True, False]
    assert overlap.eoras_occluded_iou(frame(LEFT, LEFT, LEFT)) == 0.0  # right, and yet 0
    assert overlap.eoras_iou(FULL, FULL) == 1.0  # in 32 bit
    tiny = square(0, 0, 2, (6, 6))
    assert overlap.eoras_iou(tiny, tiny) < 1.0  # 4 / (4 + 1e-6)


def test_frames_without_anything_seen() -> None:
    assert overlap.gone_iou(frame(FULL, EMPTY, LEFT)) == 0.5
    assert math.isnan(overlap.gone_iou(frame(FULL, LEFT, LEFT)))
    assert math.isnan(overlap.gone_iou(frame(EMPTY, EMPTY, LEFT)))


def test_invented_pixels() -> None:
    assert overlap.invented(frame(LEFT, LEFT, FULL)) == 1.0
    assert overlap.invented(frame(LEFT, LEFT, LEFT)) == 0.0
    assert math.isnan(overlap.invented(frame(FULL, LEFT, FULL)))


def test_boundary_f_within_its_tolerance() -> None:
    # Diagonal of 40 x 60: 72.1, tolerance ceil(0.58) = 1 pixel.
    true = square(10, 10, 12)
    assert overlap.boundary_f(frame(true, true, true)) == 1.0
    assert overlap.boundary_f(frame(true, true, square(11, 10, 12))) == 1.0
    assert 0 < overlap.boundary_f(frame(true, true, square(14, 10, 12))) < 1
    assert overlap.boundary_f(frame(true, true, np.zeros_like(true))) == 0.0
    assert overlap.boundary_f(frame(np.zeros_like(true), true, np.zeros_like(true))) == 1.0


def test_boundary_f_by_hand() -> None:
    # A square of 5 x 5 (outline 16 pixels) and its left 3 columns (outline 12), tolerance 1 pixel.
    # All 12 lie within 1 of the square's outline except the middle one of column 2's three inner pixels: 11 / 12.
    # Of the 16, the right column's 5 are 2 columns away: 11 / 16.
    true = square(10, 10, 5)
    predicted = true & (np.arange(60) < 13)
    expected = 2 * (11 / 12) * (11 / 16) / (11 / 12 + 11 / 16)
    assert overlap.boundary_f(frame(true, true, predicted)) == pytest.approx(expected)


def test_box_iou_beyond_the_picture() -> None:
    first = np.array([[-10.0, 0, 20, 10], [0, 0, 0, 0], [0, 0, 10, 10]])
    second = np.array([[0.0, 0, 20, 10], [0, 0, 0, 0], [5, 0, 10, 10]])
    assert box_iou(first, second).tolist() == [100 / 300, 0.0, 50 / 150]


def test_thresholds_are_strict_only_in_the_reference() -> None:
    iou = np.array([0.25, 0.5, 0.2500001])
    assert reference_hits(iou, 0.25).tolist() == [0, 1, 1]
    assert strict_hits(iou, 0.25).tolist() == [1, 1, 1]


def test_linear_resizing_rounds_at_a_half() -> None:
    # One pixel of 2 x 2, four times as large: weights 1, .875.. fall to a half in the middle.
    grown = linear(np.array([[True, False], [False, False]]), (8, 8))
    assert grown[:4, :4].sum() > 8 and not grown[4:, 4:].any()
    assert linear(FULL, (800, 1280)).all()


# --- hulls ------------------------------------------------------------------------------------------------------------


def test_hull_of_an_l() -> None:
    # Its slanted side runs from (0, -0.5) to (4, 2.5): x = 0.67, 2 (on the edge: inside), 3.33 on rows 0, 1, 2.
    picture = [
        "#....",
        "#....",
        "#....",
        "#####",
    ]
    expected = [
        "#....",
        "###..",
        "####.",
        "#####",
    ]
    mask = np.array([[c == "#" for c in row] for row in picture])
    assert ["".join(".#"[int(v)] for v in row) for row in convex_hull(mask)] == expected


def test_hull_limited_to_what_is_nearer() -> None:
    modal = np.array([[1, 0, 1, 0, 1]], dtype=bool)
    depth = np.array([[0.5, 0.9, 0.5, 0.1, 0.5]], dtype=np.float32)
    assert convex_nearer(modal, depth).tolist() == [[True, True, True, False, True]]
    assert not convex_nearer(np.zeros((1, 5), dtype=bool), depth).any()


def test_restricted_hull_reaches_only_into_what_stands_in_front() -> None:
    # A wide thing, cut in two by a post in front of it; ground beside belongs to nobody.
    behind, post = np.zeros((12, 21), dtype=bool), np.zeros((12, 21), dtype=bool)
    behind[3:9, 1:20] = True
    post[:, 9:12] = True
    seen = behind & ~post
    seen[3, 1:4] = False  # the hull does not claim this corner for what stands behind
    first, second = convex_restricted([seen, post])
    assert (first == (seen | (behind & post))).all()
    assert (second == post).all()


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_hull_covers_and_is_its_own_hull(mask: Mask) -> None:
    hull = convex_hull(mask)
    assert (hull | mask == hull).all()
    assert box_xywh(hull) == box_xywh(mask)
    assert (convex_hull(hull) == hull).all() or hull.sum() < convex_hull(hull).sum()


# --- properties -------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(TRIPLES)
def test_measures_stay_between_nothing_and_one(masks: tuple[Mask, Mask, Mask]) -> None:
    measured = frame(*masks)
    for measure in (
        lambda f: overlap.reference_iou(f.amodal, f.predicted),
        overlap.reference_occluded_iou,
        overlap.tabe_occluded_iou,
        overlap.eoras_occluded_iou,
        overlap.strict_iou,
        overlap.strict_occluded_iou,
        overlap.gone_iou,
        overlap.boundary_f,
    ):
        value = measure(measured)
        assert math.isnan(value) or 0 <= value <= 1


@settings(max_examples=60, deadline=None)
@given(TRIPLES)
def test_a_window_changes_no_measure(masks: tuple[Mask, Mask, Mask]) -> None:
    amodal, modal, predicted = (np.pad(m, ((9, 5), (6, 8))) for m in masks)
    whole = frame(amodal, modal, predicted)
    cut = frame_masks((GivenMask(amodal), GivenMask(modal), None), GivenMask(predicted), unite=False)
    for measure in (
        overlap.reference_occluded_iou,
        overlap.tabe_occluded_iou,
        overlap.eoras_occluded_iou,
        overlap.strict_iou,
        overlap.strict_occluded_iou,
        overlap.invented,
        overlap.boundary_f,
    ):
        assert measure(whole) == pytest.approx(measure(cut), nan_ok=True, abs=0)


@settings(max_examples=60, deadline=None)
@given(MASKS, MASKS)
def test_overlap_is_symmetric_and_exact_on_itself(first: Mask, second: Mask) -> None:
    nothing = np.zeros_like(first)
    assert overlap.strict_iou(frame(first, nothing, second)) == overlap.strict_iou(frame(second, nothing, first))
    assert overlap.boundary_f(frame(first, nothing, second)) == pytest.approx(
        overlap.boundary_f(frame(second, nothing, first))
    )
    assert overlap.strict_iou(frame(first, nothing, first)) == 1.0


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_run_lengths_read_and_boxed_without_decoding(mask: Mask) -> None:
    source = RleMask.from_mask(mask)
    assert (source.read() == mask).all()
    assert source.box_xywh() == box_xywh(mask)
