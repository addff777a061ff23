"""What the network is shown: windows, chosen frames, what is known of a pixel; on masks small enough to read."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.engines.learned.evidence import (
    CANDIDATES,
    CHANNELS,
    RESOLUTION,
    SLOTS,
    Soft,
    Window,
    chosen,
    evidence,
    knowledge,
    slot_channels,
    window_around,
)
from vas_tool.types import SizeWH

SIDE = 64
WHOLE = Window(0, 0, SIDE)
"""The whole frame, pixel for pixel."""


@dataclass
class Flat:
    """A still square, seen in part, under things as near as told."""

    outlines: dict[int, Soft]
    near: dict[int, Soft] = field(default_factory=dict)
    trusted: bool = True
    size_wh: SizeWH = (SIDE, SIDE)
    shift: tuple[float, float] = (0, 0)
    """Pixels to the right and down that the object moves with every frame."""

    @property
    def clearness(self) -> dict[int, float]:
        most = max(o.sum() for o in self.outlines.values())
        return {i: float(o.sum() / most) for i, o in self.outlines.items() if o.any()}

    def outline(self, frame_index: int) -> Soft:
        return self.outlines[frame_index]

    def nearer(self, frame_index: int) -> Soft:
        return self.near.get(frame_index, np.zeros((SIDE, SIDE), np.float32))

    def between(self, source: int, target: int) -> npt.NDArray[np.float64]:
        steps = target - source
        return np.array([[1, 0, steps * self.shift[0]], [0, 1, steps * self.shift[1]]], np.float64)

    @property
    def seen(self) -> list[int]:
        return list(self.clearness)

    def inside(self, frame_index: int) -> Soft:
        return np.ones((SIDE, SIDE), np.float32)

    def is_informative(self, frame_index: int) -> bool:
        return frame_index in self.outlines


def box(left: int, top: int, right: int, bottom: int) -> Soft:
    out = np.zeros((SIDE, SIDE), np.float32)
    out[top:bottom, left:right] = 1
    return out


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(8, 300), st.integers(16, 256))
def test_a_window_maps_its_corners_to_the_pictures(left: float, top: float, side: float, resolution: int) -> None:
    affine = Window(left, top, side).affine(resolution)
    # corners, not centres: half a pixel beyond the first and the last centre
    for corner, expected in ((0.0, -0.5), (side, resolution - 0.5)):
        point = np.array([left + corner - 0.5, top + corner - 0.5, 1])
        assert affine @ point == pytest.approx([expected, expected], abs=1e-6 * resolution + 1e-6)


def test_the_picture_has_what_the_network_expects() -> None:
    views = Flat({i: box(20, 20, 40, 40) for i in range(5)})
    found = evidence(views, 2, WHOLE)
    assert found.picture.shape == (CHANNELS, RESOLUTION, RESOLUTION) and found.picture.dtype == np.float32
    assert found.candidates.shape == (CANDIDATES, RESOLUTION, RESOLUTION)
    assert np.array_equal(found.picture[0], box(20, 20, 40, 40))
    assert (found.picture[3] == 1).all() and (found.picture[2] == 0).all()


def test_the_candidates_are_the_outlines_in_the_picture() -> None:
    views = Flat({i: box(10 + i, 20, 40 + i, 40) for i in range(12)})
    found = evidence(views, 5, WHOLE)
    for slot in range(2 * SLOTS):
        assert np.array_equal(found.candidates[slot], found.picture[slot_channels(slot)][0])


def test_nearest_first_then_the_clearest() -> None:
    sizes = {0: 40, 1: 40, 2: 12, 3: 12, 4: 22, 5: 8, 6: 22, 7: 40}
    views = Flat({i: box(10, 10, 10 + s, 50) for i, s in sizes.items()})
    # before 5: 4 shows 22/40 and is near, then 1 (3 and 2 show less than .35); the rest by how clear and near they are
    assert chosen(views, 5)[:SLOTS] == [4, 1, 0, 3]
    assert chosen(views, 5)[SLOTS:] == [6, 7, None, None]


def test_where_something_is_nearer_nothing_is_known() -> None:
    outline, near = box(10, 10, 20, 20), box(20, 10, 30, 20)
    known = knowledge(outline, near, trusted=True)
    assert (known[10:20, 10:20] == 1).all() and (known[10:20, 20:30] == 0).all() and (known[40:, 40:] == 1).all()


def test_without_depth_an_absence_says_little() -> None:
    known = knowledge(box(10, 10, 20, 20), box(20, 10, 30, 20), trusted=False)
    assert (known[10:20, 10:20] == 1).all() and (known[40:, 40:] == 0.5).all()


def test_the_last_thing_known_of_each_pixel() -> None:
    # a bar goes over a square from the left to the right; what it left, and what it has not reached, is known
    square, bars = box(16, 16, 48, 48), {i: box(16 + 8 * i, 0, 24 + 8 * i, SIDE) for i in range(4)}
    views = Flat({i: square * (1 - bar) for i, bar in bars.items()}, near=bars)
    before = evidence(views, 2, WHOLE).picture[-4]
    assert np.array_equal(before > 0.5, square > 0.5)


def test_a_moving_object_is_brought_along() -> None:
    views = Flat({i: box(10 + 3 * i, 20, 20 + 3 * i, 30) for i in range(6)}, shift=(3, 0))
    found = evidence(views, 3, WHOLE)
    assert all(np.array_equal(c, found.picture[0]) for c in found.candidates[:3])


def test_beyond_the_frame_nothing_is_seen_and_anything_may_hide() -> None:
    views = Flat({0: box(0, 20, 20, 40)})
    picture = evidence(views, 0, Window(-32, 0, SIDE)).picture
    assert (picture[2][:, :32] == 1).all() and (picture[1][:, :32] >= 0.5).all() and not picture[0][:, :32].any()


def test_the_window_holds_what_other_frames_show() -> None:
    views = Flat({0: box(10, 10, 50, 30), 1: box(10, 10, 18, 30)})
    window = window_around(views, 1)
    assert window is not None
    assert window.left < 10 and window.top < 10 and window.left + window.side > 50


def test_no_window_around_nothing() -> None:
    empty = Flat({0: box(0, 0, 0, 0), 1: box(0, 0, 0, 0)})
    assert window_around(empty, 0) is None
