"""TABE's steps around the network, on cases small enough to be worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from vas_tool.engines.tabe.boxes import (
    filled,
    front_of,
    grown,
    interpolated,
    moved_boxes,
    smoothed_boxes,
    widened,
)
from vas_tool.engines.tabe.canvas import KnownFrame, model_input, nearest, object_on_white
from vas_tool.engines.tabe.chunks import first_chunks, joined_chunks, plan_chunks
from vas_tool.engines.tabe.levels import Level, leaving, levels_by_size, occlusion_levels
from vas_tool.engines.tabe.merge import is_whole, merged
from vas_tool.engines.tabe.occluded import UNKNOWN_AMOUNT, depth_image, occlusion, occlusions
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.engines.tabe.readback import masks_back, readback_frame, soft_query
from vas_tool.errors import EngineError

REFERENCE = Quirks()


def square(top, left, bottom, right, size_hw=(40, 60)):
    """First and last row and column, inclusive."""
    mask = np.zeros(size_hw, np.bool_)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def beside(mask, own, left_of_20, rest=50):
    """A depth image: the object, what is left of column 20, the rest."""
    depth = np.full(mask.shape, rest, np.uint8)
    depth[:, :20] = left_of_20
    depth[mask] = own
    return depth


def test_an_object_with_something_nearer_at_its_outline_is_occluded() -> None:
    mask = square(10, 20, 29, 39)
    assert not occlusion(mask, beside(mask, 100, 50), before=False).occluded
    found = occlusion(mask, beside(mask, 100, 200), before=False)
    assert found.occluded and 0.2 < found.amount < 0.3  # one side of four
    assert not occlusion(mask, beside(mask, 100, 103), before=False).occluded  # nearer by no more than 3


def test_a_depth_of_253_wraps_in_the_reference_and_not_when_repaired() -> None:
    mask = square(10, 20, 29, 39)
    depth = beside(mask, 254, 50)
    assert occlusion(mask, depth, before=False).amount > 0.95
    assert occlusion(mask, depth, before=False, quirks=Quirks(depth_wrap="repaired")).amount == 0.0


def test_tiny_and_empty_masks_follow_the_frame_before() -> None:
    large, tiny, line = square(10, 20, 29, 39), square(10, 20, 13, 23), square(10, 20, 10, 23)
    hidden, free = beside(large, 100, 200), np.full(large.shape, 50, np.uint8)
    assert occlusion(tiny, free, before=True).amount == UNKNOWN_AMOUNT
    assert occlusion(tiny, free, before=False).amount == 0.0
    nothing = occlusion(line, free, before=False)
    assert not nothing.occluded and math.isnan(nothing.amount)
    none = np.zeros_like(large)
    found = occlusions([large, none, tiny, large, none, tiny], [hidden, free, free, free, free, free])
    assert [one.occluded for one in found] == [True, True, True, False, True, False]


def test_a_mask_over_the_whole_frame_is_whole_where_the_reference_stops() -> None:
    assert not occlusion(np.ones((20, 20), np.bool_), np.full((20, 20), 9, np.uint8), before=True).occluded


def test_depth_0_counts_on_neither_outline() -> None:
    mask = square(10, 20, 29, 39)
    assert math.isnan(occlusion(mask, np.zeros(mask.shape, np.uint8), before=False).amount)


def test_the_depth_image_spans_the_frames_own_range() -> None:
    assert depth_image(np.array([[0.2, 0.3, 0.4]], np.float32)).tolist() == [[0, 127, 255]]
    assert not depth_image(np.full((2, 2), 0.5, np.float32)).any()


def test_levels_compare_sizes_within_ten_frames() -> None:
    sums = np.full(22, 255 * 90)
    sums[3], sums[4], sums[5], sums[12] = 255 * 27, 0, 255 * 31, 255 * 27
    occluded = np.zeros(22, np.bool_)
    occluded[[4, 5, *range(10, 20)]] = True
    found = levels_by_size(sums, occluded, quirks=REFERENCE)
    assert found[:7] == [2, 2, 2, 0, 0, 1, 2]
    assert found[10:20] == [1] * 10  # none whole among them: the reference compares with nothing
    repaired = levels_by_size(sums, occluded, quirks=Quirks(level_reference="repaired"))
    assert repaired[12] == Level.SEVERE and repaired[13] == Level.SLIGHT


def test_an_object_leaves_at_the_border() -> None:
    inside, border, none = square(5, 5, 9, 9), square(5, 0, 9, 9), np.zeros((40, 60), np.bool_)
    assert leaving([border, border, inside, border, border, none]) == [True, True, False, True, True, True]
    assert leaving([inside, border, inside, none, border]) == [False, False, False, False, False]
    assert occlusion_levels([border, border], [True, True], quirks=REFERENCE) == [Level.NO, Level.NONE]


def test_what_is_in_front_is_nearer_than_the_objects_mean_and_outside_it() -> None:
    mask = square(0, 0, 0, 1, (1, 4))
    assert front_of(mask, np.array([[10, 30, 21, 20]], np.uint8)).tolist() == [[False, False, True, False]]
    assert not front_of(np.zeros((1, 4), np.bool_), np.full((1, 4), 9, np.uint8)).any()


def test_a_box_follows_the_corner_that_is_not_hidden() -> None:
    whole, part = square(10, 10, 20, 30), square(10, 14, 20, 24)
    front = square(0, 25, 39, 40)
    found = moved_boxes([whole, part], [front, front], [Level.NO, Level.SLIGHT], quirks=REFERENCE)
    assert found[1] == (10, 14, 20, 34)  # by its left corners, 4 columns to the right


def test_where_all_corners_are_hidden_the_nearest_is_followed_or_none() -> None:
    masks = [square(10, 10, 20, 30), square(10, 12, 20, 32), square(10, 20, 20, 25)]
    fronts = [np.zeros((40, 60), np.bool_)] * 2 + [~masks[2]]
    levels = [Level.NO, Level.NO, Level.SLIGHT]
    assert moved_boxes(masks, fronts, levels, quirks=REFERENCE)[2] == (10, 5, 20, 25)
    assert moved_boxes(masks, fronts, levels, quirks=Quirks(corner_distances="repaired"))[2] == (10, 14, 20, 34)


def test_an_unseen_box_goes_on_by_the_smaller_motion_of_its_edges() -> None:
    masks = [square(10, 10, 20, 30), square(12, 11, 21, 33), np.zeros((40, 60), np.bool_), square(5, 5, 5, 9)]
    levels = [Level.NO, Level.NO, Level.SEVERE, Level.SEVERE]
    found = moved_boxes(masks, [~m for m in masks], levels, quirks=REFERENCE)
    assert found[2:] == [(13, 12, 22, 34), (14, 13, 23, 35)]  # a line of pixels has no area


def test_a_whole_frame_without_the_object_is_an_error() -> None:
    with pytest.raises(EngineError, match="nothing of the object is seen on frame 0"):
        moved_boxes([np.zeros((4, 4), np.bool_)], [np.zeros((4, 4), np.bool_)], [Level.NO], quirks=REFERENCE)


def test_unseen_runs_go_straight_and_truncate_toward_zero() -> None:
    boxes = [(0, 0, 9, 9), (50, 50, 50, 50), (50, 50, 50, 50), (-4, 10, 5, 21)]
    found = interpolated(boxes, [True, False, False, True])
    assert found[1:3] == [(-1, 3, 7, 13), (-2, 6, 6, 17)]
    towards = interpolated([(0, 0, 9, 9), (9, 9, 9, 9), (30, 30, 39, 39)], [True, False, False])
    assert towards[2] == (20, 20, 29, 29)  # two of three steps


def test_boxes_are_widened_one_after_the_other() -> None:
    assert widened([(0, 0, 4, 4), (5, 5, 5, 5), (9, 9, 9, 9), (9, 9, 9, 9)]) == [
        (0, 0, 4, 4),
        (4, 4, 6, 6),
        (6, 6, 9, 9),
        (9, 9, 9, 9),
    ]
    assert smoothed_boxes([(1, 1, 2, 2)] * 2, [square(1, 1, 2, 2)] * 2) == [(1, 1, 2, 2)] * 2


def test_boxes_grow_by_the_swapped_percentages_and_are_filled_into_the_picture() -> None:
    assert grown((-9, 15, 106, 16), 10, 50, quirks=REFERENCE) == (-66, 14, 163, 16)
    assert grown((-9, 15, 106, 16), 10, 50, quirks=Quirks(growth_axes="repaired")) == (-20, 14, 117, 16)
    assert np.argwhere(filled((-9, 50, -3, 99), (4, 60))).tolist() == [[0, c] for c in range(50, 60)]
    assert filled((-9, -9, -3, -3), (4, 6)).sum() == 1


def levels_of(text):
    return [Level(int(letter)) for letter in text]


def test_a_short_clip_is_one_chunk() -> None:
    assert plan_chunks(levels_of("2" * 10 + "0" * 25)) == [list(range(35))]


def test_chunks_are_cut_behind_the_first_whole_frame_and_every_14_whole_ones() -> None:
    levels = levels_of("2" * 14 + "22" + "000" + "2" * 17)
    assert [(c[0], c[-1]) for c in first_chunks(levels)] == [(0, 13), (14, 19), (19, 32), (33, 35)]
    # A hidden frame keeps the run of 14 that it follows.
    assert next((c[0], c[-1]) for c in first_chunks(levels_of("2" * 14 + "0" * 5 + "2" * 17))) == (0, 19)


def test_short_chunks_are_filled_with_whole_frames_and_joined_up_to_31() -> None:
    levels = levels_of("2" * 20 + "0" * 20 + "2" * 20)
    assert joined_chunks([list(range(20, 41))], levels) == [list(range(16, 45))]
    assert joined_chunks([list(range(3)), list(range(30, 40))], levels)[0] == [0, 1, 2, *range(3, 16)]
    assert joined_chunks([[1, 2]], levels_of("22222"))[0] == [1, 2, 3, 4]  # never the first frame
    both = joined_chunks([list(range(14)), list(range(14, 31))], [Level.SLIGHT] * 31)
    assert both == [list(range(31))]


def test_a_chunk_that_is_too_long_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EngineError, match=r"frames .* cut the clip"):
        plan_chunks(levels_of("2" + "0" * 70 + "2"))


def test_the_object_is_shown_on_white_and_the_front_in_its_box_is_painted() -> None:
    frame = np.full((40, 60, 3), 7, np.uint8)
    modal, front = square(10, 10, 29, 29), square(0, 30, 39, 59)
    seen = KnownFrame(frame, modal, front, (10, 10, 29, 39), Level.SLIGHT)
    found = model_input(seen, side=60)
    assert (found.image[20, 15] == 7).all() and (found.image[20, 45] == 255).all()
    assert found.mask[30, 35] and not found.mask[30, 45] and not found.mask[5, 35]
    for level in (Level.NO, Level.NONE):
        assert not model_input(replace(seen, level=level), side=60).mask.any()
    assert model_input(replace(seen, level=Level.NONE), side=60, leaves_canvas=True).mask.any()


def test_where_nothing_is_seen_the_whole_box_is_painted_on_white() -> None:
    seen = KnownFrame(
        np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.bool_), square(0, 0, 39, 59), (0, 0, 9, 9), 0
    )
    found = model_input(seen, side=40)
    assert (found.image == 255).all() and found.mask.sum() == 10 * 7


def test_tiny_objects_are_thickened_and_vanished_ones_become_their_box() -> None:
    frame = np.zeros((400, 400, 3), np.uint8)
    box = square(180, 180, 219, 219, (400, 400))
    thick = object_on_white(frame, square(190, 190, 199, 199, (400, 400)), box, side=100)
    assert 250 <= (thick == 0).all(-1).sum() < 400
    gone = object_on_white(frame, square(199, 199, 199, 199, (400, 400)), box, side=20)
    assert (gone == 0).all(-1).sum() == nearest(box, (20, 20)).sum()


def test_the_readback_shows_whole_frames_as_they_are_and_painted_ones_otherwise() -> None:
    frame, painted = np.full((4, 6, 3), 9, np.uint8), np.full((8, 8, 3), 1, np.uint8)
    modal = square(1, 1, 2, 2, (4, 6))
    whole = readback_frame(frame, modal, painted, level=Level.NO)
    assert whole[1, 1].tolist() == [9] * 3 and whole[0, 0].tolist() == [255] * 3
    assert readback_frame(frame, modal, painted, level=Level.NONE) is painted
    soft = soft_query(modal, side=9)
    assert soft.dtype == np.float32 and 0 < np.unique(soft)[1] < 1
    assert masks_back([square(0, 0, 3, 7, (8, 8))], (4, 6))[0].tolist() == square(0, 0, 1, 5, (4, 6)).tolist()


def test_masks_are_merged_and_whole_chunks_become_1() -> None:
    modal = [square(0, 0, 0, 0, (1, 3))] * 5
    painted, later = square(0, 1, 0, 1, (1, 3)), square(0, 2, 0, 2, (1, 3))
    levels = levels_of("20020")
    chunks = [[0, 1], [1, 2], [3]]
    assert [is_whole(chunk, levels) for chunk in chunks] == [False, False, True]
    found = merged(chunks, [[painted] * 2, [later] * 2, None], modal, quirks=REFERENCE)
    assert [mask[0].tolist() for mask in found] == [
        [255, 255, 0],
        [255, 0, 255],
        [255, 0, 255],
        [1, 0, 0],
        [255, 0, 0],
    ]
    repaired = merged(chunks, [[painted] * 2, [later] * 2, None], modal, quirks=Quirks(whole_chunk_values="repaired"))
    assert repaired[3].max() == 255
