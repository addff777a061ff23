import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from annotating import rectangle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vas_tool import drawing
from vas_tool.types import Frame, Mask

SIZE = (40, 30)
RED = (255, 0, 0)
MASKS = arrays.arrays(bool, (30, 40))


def grey_frame() -> Frame:
    return np.full((30, 40, 3), 100, np.uint8)


def test_the_page_has_the_same_colours() -> None:
    page = Path(drawing.__file__).parent / "ui" / "workbench" / "colours.js"
    palette = page.read_text().split("PALETTE = [", 1)[1].split("];", 1)[0]
    rows = re.findall(r"\[(\d+), (\d+), (\d+)\]", palette)
    assert tuple(tuple(int(n) for n in row) for row in rows) == drawing.OBJECT_COLOURS


def test_colours_are_far_apart_and_repeat() -> None:
    for a, b in combinations(drawing.OBJECT_COLOURS, 2):
        assert np.abs(np.subtract(a, b)).sum() > 60
    assert drawing.colour_of(1) == drawing.colour_of(9) == drawing.OBJECT_COLOURS[0]
    assert drawing.hex_of((240, 160, 20)) == "#f0a014"


def test_tint_mixes_inside_and_leaves_outside() -> None:
    frame, mask = grey_frame(), rectangle(SIZE, 5, 5, 10, 10)
    out = drawing.tint(frame, mask, RED, opacity=0.25)
    assert (out[mask] == (139, 75, 75)).all() and (out[~mask] == 100).all()
    assert (frame == 100).all()
    assert (drawing.tint(frame, mask, RED, opacity=1)[mask] == RED).all()
    assert (drawing.tint(frame, mask, RED, opacity=0) == frame).all()


def test_outline_of_a_rectangle() -> None:
    mask = rectangle(SIZE, 5, 5, 25, 20)
    line = drawing.outline(mask, 1)
    assert (line == (mask & ~rectangle(SIZE, 6, 6, 24, 19))).all()
    assert not drawing.outline(mask, 0).any()


def test_the_picture_edge_is_no_border() -> None:
    assert not drawing.outline(np.ones((30, 40), bool)).any()
    assert (drawing.outline(rectangle(SIZE, 0, 0, 10, 30), 1) == rectangle(SIZE, 9, 0, 10, 30)).all()


@given(MASKS, st.integers(1, 4))
def test_outline_and_hatch_stay_inside_the_mask(mask: Mask, width: int) -> None:
    assert not (drawing.outline(mask, width) & ~mask).any()
    assert not (drawing.hatch(mask, width=width) & ~mask).any()
    assert (drawing.outline(mask, width + 1) | ~drawing.outline(mask, width)).all()


def test_hatch_covers_its_part_and_does_not_move_with_the_mask() -> None:
    everything = np.ones((64, 64), bool)
    assert drawing.hatch(everything, spacing=8, width=2).mean() == 0.25
    part = rectangle((64, 64), 10, 10, 50, 50)
    assert (drawing.hatch(part) == (drawing.hatch(everything) & part)).all()


def test_overlays_tell_seen_from_hidden() -> None:
    frame = grey_frame()
    seen, whole = rectangle(SIZE, 5, 5, 15, 25), rectangle(SIZE, 5, 5, 35, 25)
    out = drawing.amodal_overlay(frame, seen, whole, colour=RED)
    hidden = whole & ~seen & ~drawing.outline(whole, drawing.OUTLINE_WIDTH + 1)
    assert (out[~whole] == 100).all()
    assert (out[10, 10] == (170, 55, 55)).all()
    assert {tuple(pixel) for pixel in out[hidden].tolist()} == {(139, 75, 75), RED}
    assert (out[drawing.outline(whole)] == RED).all()
    assert out[15, 32].max() < 120 and drawing.outline(whole, 3)[15, 32] and not drawing.outline(whole)[15, 32]
    seen_only = drawing.modal_overlay(frame, seen, RED)
    assert (seen_only[~seen] == 100).all() and (seen_only[drawing.outline(seen)] == RED).all()


@given(MASKS, MASKS)
def test_overlays_of_any_masks_keep_shape_and_input(modal: Mask, amodal: Mask) -> None:
    frame = grey_frame()
    out = drawing.amodal_overlay(frame, modal, amodal, colour=RED)
    assert out.shape == frame.shape and out.dtype == np.uint8 and (frame == 100).all()
    assert (out[~amodal] == 100).all()


def test_checkerboard_and_content_over_it() -> None:
    ground = drawing.checkerboard((40, 30), cell=10)
    assert ground.shape == (30, 40, 3)
    assert ground[0, 0, 0] == ground[10, 10, 0] == drawing.LIGHT and ground[0, 10, 0] == drawing.DARK
    content = np.zeros((30, 40, 4), np.uint8)
    content[5, 5] = (1, 2, 3, 255)
    out = drawing.over(content, ground)
    assert tuple(out[5, 5]) == (1, 2, 3) and (out[6:] == ground[6:]).all()


def test_depth_grows_brighter_towards_the_camera() -> None:
    colours = drawing.depth_colours(np.linspace(0, 1, 256, dtype=np.float32)[None])
    light = colours[0] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) > -1).all() and light[-1] - light[0] > 200
    assert (drawing.depth_colours(np.full((2, 2), 7, np.float32)) == colours[0, -1]).all()


def test_side_by_side() -> None:
    row = drawing.side_by_side([grey_frame(), grey_frame(), grey_frame()], gap=3)
    assert row.shape == (30, 126, 3) and (row[:, 40:43] == 0).all() and (row[:, 43:83] == 100).all()
    assert (drawing.side_by_side([grey_frame()]) == grey_frame()).all()
    for wrong in ([], [grey_frame(), grey_frame()[:10]]):
        with pytest.raises(ValueError, match="one height"):
            drawing.side_by_side(wrong)
