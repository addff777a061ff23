"""Where something could hide an object: by depth, by other objects and by the edge of the frame."""

import cv2
import numpy as np
import pytest
from scene import make_scene

from vas_tool.occlusion import can_hide, leaves, may_be_hidden, meets, touches_nearer
from vas_tool.types import Canvas

FRAME = Canvas((160, 120))
PADDED = Canvas((160, 120), 10, 5, 0, 5)


def test_what_is_hidden_could_be_hidden_and_open_ground_could_not() -> None:
    scene = make_scene()
    for i in range(len(scene)):
        found = can_hide(scene.modal[i], scene.depth[i], canvas=FRAME)
        assert not (scene.amodal[i] & ~scene.modal[i] & ~found).any()
        assert not (found & scene.modal[i]).any()
        assert not found[:, 100:].any() and found[:, 66:80].all()


def test_another_object_hides_and_so_does_what_lies_beyond_the_frame() -> None:
    scene = make_scene(1, bar=None)
    other = np.zeros((120, 160), bool)
    other[10:20, 140:150] = True
    found = can_hide(scene.modal[0], scene.depth[0], [other], canvas=PADDED)
    assert found.shape == PADDED.size_wh[::-1]
    assert PADDED.to_frame(found)[10:20, 140:150].all() and not PADDED.to_frame(found)[30:, 100:].any()
    assert found[:5].all() and found[:, :10].all() and found[-5:].all()


def test_without_depth_or_mask_everything_could() -> None:
    scene = make_scene(1, bar=None)
    assert np.array_equal(can_hide(scene.modal[0], None, canvas=FRAME), ~scene.modal[0])
    assert can_hide(np.zeros((120, 160), bool), scene.depth[0], canvas=FRAME).all()


def test_a_margin_below_0_demands_something_nearer() -> None:
    scene = make_scene(1, bar=None)
    depth = np.where(scene.modal[0], 0.5, 0.5 + 0.01).astype(np.float32)
    assert can_hide(scene.modal[0], depth, canvas=FRAME).any()
    assert not can_hide(scene.modal[0], depth, canvas=FRAME, margin=-0.03).any()


def test_a_frame_on_which_a_part_is_hidden_may_hide_it() -> None:
    scene = make_scene()
    for i in range(len(scene)):
        hidden = np.count_nonzero(scene.amodal[i] & ~scene.modal[i])
        found = may_be_hidden(scene.modal[i], scene.depth[i], canvas=FRAME)
        beside = scene.modal[i][:, 56:90].any()
        assert found if hidden else not found or beside


def test_nothing_hides_an_object_alone_in_the_middle() -> None:
    scene = make_scene(1, bar=None)
    modal, depth = scene.modal[0], scene.depth[0]
    other = np.zeros_like(modal)
    other[0:9, 0:9] = True
    assert not may_be_hidden(modal, depth, [other], canvas=PADDED)
    other[50:60, 50:60] = True
    assert may_be_hidden(modal, depth, [other], canvas=PADDED)
    assert may_be_hidden(modal, None, canvas=FRAME)
    assert may_be_hidden(np.zeros_like(modal), depth, canvas=FRAME)


@pytest.mark.parametrize(
    ("box", "left"), [((0, 20, 30, 40), True), ((20, 119, 30, 120), True), ((150, 20, 160, 40), False)]
)
def test_an_edge_counts_where_the_canvas_goes_beyond_it(box: tuple[int, int, int, int], left: bool) -> None:
    assert leaves(box, PADDED) is left
    assert not leaves(box, FRAME)


def test_boxes_meet_when_they_overlap_or_lie_beside_each_other() -> None:
    assert meets((0, 0, 10, 10), (11, 5, 20, 20), (160, 120))
    assert not meets((0, 0, 10, 10), (12, 0, 20, 10), (160, 120))


def on_the_ground(hidden_by: float | None) -> tuple[np.ndarray, np.ndarray]:
    """A block on a ground that comes nearer below, in soft depth; what hides its left part is nearer by so much."""
    depth = np.repeat(np.linspace(0, 1, 120, dtype=np.float32)[:, None], 160, axis=1)
    modal = np.zeros((120, 160), bool)
    modal[40:80, 60:100] = True
    depth[modal] = depth[79, 0]
    if hidden_by is not None:
        modal[:, :70] = False
        depth[30:90, 50:70] = depth[79, 0] + hidden_by
    return modal, cv2.GaussianBlur(depth, (0, 0), 1.5)


def test_the_ground_that_comes_nearer_does_not_touch_but_what_stands_before_the_object_does() -> None:
    assert not touches_nearer(*on_the_ground(None))
    assert not touches_nearer(*on_the_ground(-0.1))
    assert touches_nearer(*on_the_ground(0.1)) and touches_nearer(*on_the_ground(0.04))


def test_far_things_hide_each_other_though_their_relative_depths_hardly_differ() -> None:
    modal, depth = on_the_ground(0.04)
    assert touches_nearer(modal, depth / 10)
    modal, depth = on_the_ground(None)
    assert not touches_nearer(modal, depth / 10)
