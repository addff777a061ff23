"""The clips that clicks are learned from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from vas_tool.evaluation.occlusion import views_in
from vas_tool.training.click_clips import FEWEST, OUTLINES, drawn, write
from vas_tool.training.pictures import frames_of


def test_outlines_lie_on_their_pictures_and_are_of_things() -> None:
    outlines = json.loads(OUTLINES.read_text(encoding="utf-8"))
    sizes = {"birdcage": (393, 480), "horse": (270, 480), "sample": (270, 480), "hockey": (360, 480)}
    assert len({(o["clip"], o["frame"], o["name"]) for o in outlines}) == len(outlines) == 23
    for outline in outlines:
        mask = drawn(outline["polygons"], outline.get("holes", []), sizes[outline["clip"]])
        assert 200 < np.count_nonzero(mask) < 0.3 * mask.size, outline["name"]
        points = np.concatenate([np.array(p) for p in outline["polygons"]])
        assert (points > -1).all() and (points <= sizes[outline["clip"]][::-1]).all(), outline["name"]


def test_a_hole_is_no_part_of_what_is_drawn() -> None:
    square, hole = [[2, 2], [11, 2], [11, 11], [2, 11]], [[5, 5], [7, 5], [7, 7], [5, 7]]
    mask = drawn([square], [hole], (20, 20))
    assert mask[2:12, 2:12].sum() == mask.sum() == 100 - 9 and not mask[6, 6]


def test_what_is_written_is_learned_from_where_it_is_labelled(tmp_path: Path) -> None:
    frames = [np.full((200, 960, 3), 60 + 10 * k, np.uint8) for k in range(3)]
    large, tiny = np.zeros((200, 960), bool), np.zeros((200, 960), bool)
    large[40:80, 100:300] = True
    tiny[0, : FEWEST - 1] = True
    write(tmp_path / "clip", frames, {0: tiny, 1: large})
    (view,) = views_in(tmp_path)
    assert view.frames.shape == (3, 100, 480, 3) and (view.frames[2] == 80).all()
    (picture,) = frames_of(view, every=1)
    assert picture.name == "clip/1" and picture.mask[20:40, 50:150].all() and picture.mask.sum() == 20 * 100
