"""Means, Top-K and buckets on numbers that can be added in the head."""

import math

import numpy as np
import pytest

from vas_tool.errors import InputError
from vas_tool.evaluation import averages
from vas_tool.evaluation.averages import best_of, clip_mean, dropped_zeros, frame_mean

CLIPS = np.array([0, 0, 0, 1])
VALUES = np.array([0.2, 0.4, 0.6, 1.0])


def test_a_long_clip_counts_more_only_in_the_reference() -> None:
    assert frame_mean(VALUES) == pytest.approx(0.55)
    assert clip_mean(VALUES, CLIPS) == pytest.approx((0.4 + 1.0) / 2)


def test_frames_that_do_not_count_are_left_out_of_both_means() -> None:
    values = np.array([0.2, math.nan, 0.6, math.nan])
    assert frame_mean(values) == pytest.approx(0.4)
    assert clip_mean(values, CLIPS) == pytest.approx(0.4)
    assert math.isnan(frame_mean(values[[1, 3]])) and math.isnan(clip_mean(values[[1, 3]], CLIPS[[1, 3]]))


def test_best_of_two_frame_by_frame() -> None:
    assert best_of([np.array([0.1, 0.9, math.nan]), np.array([0.5, 0.2, math.nan])])[:2].tolist() == [0.5, 0.9]


def test_zeros_are_dropped_after_the_best_was_taken() -> None:
    # One of two samples misses the frame: the frame counts. Dropping before would leave it out of neither.
    values = dropped_zeros(best_of([np.array([0.0, 0.0]), np.array([0.5, 0.0])]))
    assert frame_mean(values) == 0.5


def test_reference_buckets_are_of_clips_and_hold_both_ends() -> None:
    visibility = np.array([0.25, 0.75, 0.5, 0.5])  # both clips: 0.5
    for bucket in ((0.25, 0.5), (0.5, 0.75)):
        assert averages.reference_bucket(visibility, CLIPS, bucket).all()
    assert not averages.reference_bucket(visibility, CLIPS, (0.75, 1.0)).any()


def test_strict_buckets_part_the_frames() -> None:
    visibility = np.array([0.0, 0.2, 0.79, 0.8, 1.0])
    inside = np.array([averages.strict_bucket(visibility, b) for b in averages.buckets_between(averages.VISIBILITIES)])
    assert inside.sum(axis=0).tolist() == [1] * 5
    assert inside[1].tolist() == [False, True, False, False, False]


def test_frames_without_the_object_lie_in_no_strict_bucket() -> None:
    assert not averages.strict_bucket(np.array([math.nan]), (0.0, 1.0)).any()


@pytest.mark.parametrize("borders", [(0.0,), (0.0, 0.5, 0.5, 1.0), (0.5, 0.1), (-0.1, 1.0), (0.0, 1.1)])
def test_borders_that_do_not_ascend(borders: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="ascend"):
        averages.buckets_between(borders)
