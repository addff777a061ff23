"""The probability that hypotheses give, in exports: exact in RLE levels, to half a grey level in pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from annotating import annotate, pad, rectangle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from vas_tool.exports import export
from vas_tool.formats.soft_masks import check_levels, grey, levels_json
from vas_tool.formats.verify import verify
from vas_tool.masks import from_rle
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.types import Mask

Make = Callable[..., Project]


def probability(record: dict[str, Any]) -> npt.NDArray[np.float64]:
    """(H, W), 0..1, by the formula of docs/formats.md."""
    return np.sum([from_rle(level) for level in record["levels"]], axis=0) / record["num_answers"]


@given(st.lists(arrays(bool, (4, 6)), min_size=2, max_size=9))
def test_levels_hold_the_share_of_the_answers(answers: list[Mask]) -> None:
    share = np.mean(answers, axis=0)
    record = json.loads(json.dumps(levels_json(answers)))
    assert np.allclose(probability(record), share) and list(check_levels(record, (4, 6))) == []
    assert np.abs(grey(answers) / 255 - share).max() <= 0.5 / 255 + 1e-12


def test_levels_that_are_wrong_are_told() -> None:
    mask = rectangle((6, 4), 1, 1, 3, 3)
    good = levels_json([mask, mask & False])
    assert "size" in next(check_levels(good, (5, 6)))
    assert "within" in next(check_levels({**good, "levels": good["levels"][::-1]}, (4, 6)))
    for bad in ({}, [], {"levels": []}, {**good, "num_answers": 3}, {"num_answers": 1, "levels": [3]}):
        assert "does not read" in next(check_levels(bad, (4, 6)))


def soft_project(project: Project) -> int:
    """Frame 0 without hypotheses, frame 1 with two, frame 2 with two and accepted, frame 3 without an amodal mask."""
    seen, wide, wider = (rectangle(project.clip.size_wh, 5, 5, x, 25) for x in (20, 30, 40))
    to_canvas = project.canvas.to_canvas
    amodal = dict.fromkeys(range(3), to_canvas(wide))
    obj = annotate(project, modal=dict.fromkeys(range(4), seen), amodal=amodal, accepted=[2], certainty=0.7)
    for seed, mask in ((0, wide), (4, wider)):
        for i in (1, 2):
            project.layers(obj).hypothesis(seed).put(i, to_canvas(mask & ~seen), Stamp("builtin", "2", seed=seed))
    return obj


def test_a_coco_export_carries_probability_and_weight(make_project: Make, tmp_path: Path) -> None:
    project = make_project(4)
    pad(project, 0.25)
    soft_project(project)
    (path,) = export([project], "coco", tmp_path / "soft.json").paths
    found = {a["frame_index"]: a for a in json.loads(path.read_text())["annotations"]}
    assert {i: a["training_weight"] for i, a in found.items()} == {0: 0.7, 1: 0.5, 2: 1, 3: 0}
    assert {i for i, a in found.items() if "amodal_probability" in a} == {1, 2}
    share = probability(found[1]["amodal_probability"])
    assert share.shape == project.clip.size_wh[::-1]
    assert (share[10, 10], share[10, 25], share[10, 35], share[10, 45]) == (1, 1, 0.5, 0)
    assert not verify(path).problems
    data = json.loads(path.read_text())
    data["annotations"][1]["amodal_probability"]["num_answers"] = 7
    path.write_text(json.dumps(data))
    assert any("num_answers is 7" in problem for problem in verify(path).problems)


def test_layers_have_a_grey_picture_where_there_are_hypotheses(make_project: Make, tmp_path: Path) -> None:
    project = make_project(4)
    pad(project, 0.25)
    soft_project(project)
    export([project], "layers", tmp_path / "layers")
    pictures = sorted((tmp_path / "layers/001_car_probability").iterdir())
    assert [path.name for path in pictures] == ["00001.png", "00002.png"]
    pixels = np.asarray(Image.open(pictures[0]))
    x, y = project.canvas.pad_left, project.canvas.pad_top
    assert pixels.dtype == np.uint8 and pixels.shape == project.canvas.size_wh[::-1]
    assert [int(pixels[y + 10, x + n]) for n in (10, 25, 35, 45)] == [255, 255, 128, 0]
    assert not verify(tmp_path / "layers").problems
