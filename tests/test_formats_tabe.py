"""TABE's folder: written, read, equal; damaged, and told."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as arrays
from PIL import Image

from vas_tool.errors import FormatError
from vas_tool.formats.tabe import BY_NUMBER, Occlusion, read_level, read_tabe, write_tabe
from vas_tool.formats.verify import verify
from vas_tool.project import Project
from vas_tool.types import Mask

SIZE = (64, 48)


def picture(path: Path) -> Mask:
    with Image.open(path) as image:
        return np.asarray(image) == 255


def test_the_layout_and_how_much_is_hidden(small_project: Project, tmp_path: Path) -> None:
    canvas = pad(small_project, 0.5)
    whole = rectangle(SIZE, 10, 10, 30, 30)
    beyond = canvas.to_canvas(whole) | rectangle(canvas.size_wh, 0, 0, 9, 9)
    quarter, most = rectangle(SIZE, 10, 10, 25, 30), rectangle(SIZE, 10, 10, 15, 30)
    modal = {0: whole, 1: quarter, 2: most, 3: whole}
    amodal = {i: canvas.to_canvas(whole) for i in range(3)} | {3: beyond}
    annotate(small_project, modal=modal, amodal=amodal)
    folder = write_tabe(small_project, tmp_path / "out", object_id=1)
    assert folder == tmp_path / "out" / "clip"
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    numbers = [f"{i:05d}" for i in range(5)]
    expected = {f"{kind}_masks/{n}.png" for kind in ("gt", "visible") for n in numbers}
    assert names == expected | {f"frames/{n}.jpg" for n in numbers} | {"annos.json", "provenance.json"}
    levels = json.loads((folder / "annos.json").read_text())["occlusion"]
    assert levels == [
        {"level": "NO_OCCLUSION", "amount": 0.0},
        {"level": "SLIGHT_OCCLUSION", "amount": 0.25},
        {"level": "SEVERE_OCCLUSION", "amount": 0.75},
        {"level": "NONE", "amount": None},  # it reaches beyond the picture
        {"level": "NONE", "amount": None},  # it is gone
    ]
    assert verify(tmp_path / "out").kind == verify(folder).kind == "tabe" and verify(tmp_path / "out").problems == ()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(modal=arrays.arrays(bool, (48, 64)), hidden=arrays.arrays(bool, (48, 64)))
def test_written_read_equal(small_project: Project, tmp_path: Path, modal: Mask, hidden: Mask) -> None:
    object_id = annotate(small_project, modal={1: modal}, amodal={1: modal | hidden})
    folder = write_tabe(small_project, tmp_path / str(object_id), object_id=object_id)
    back = read_tabe(folder)
    assert (back.num_frames, back.size_wh, len(back.occlusion)) == (5, SIZE, 5)
    assert np.array_equal(picture(back.visible[1]), modal) and np.array_equal(picture(back.amodal[1]), modal | hidden)
    assert not picture(back.visible[0]).any()
    level = back.occlusion[1]
    if modal.any():
        assert level.amount == round((hidden & ~modal).sum() / (modal | hidden).sum(), 6)
    assert back.occlusion[0] == Occlusion("NONE", None) and verify(folder).problems == ()


def test_a_benchmark_video_has_one_mask_and_nothing_else(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: rectangle(SIZE, 3, 3, 9, 9)})
    folder = write_tabe(small_project, tmp_path / "out", object_id=1)
    for path in [*folder.glob("gt_masks/*"), *sorted(folder.glob("visible_masks/*"))[1:], folder / "annos.json"]:
        path.unlink()
    (folder / "gt_masks").rmdir()
    back = read_tabe(folder)
    assert list(back.visible) == [0] and back.amodal == {} and back.occlusion == () and verify(folder).ok


def test_every_damage_is_reported(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={i: rectangle(SIZE, 3, 3, 20, 20) for i in range(5)})
    folder = write_tabe(small_project, tmp_path / "out", object_id=1)
    cv2.imwrite(str(folder / "gt_masks/00001.png"), rectangle(SIZE, 3, 3, 19, 20) * np.uint8(255))
    cv2.imwrite(str(folder / "visible_masks/00002.png"), rectangle(SIZE, 3, 3, 20, 20) * np.uint8(9))
    (folder / "frames/00003.jpg").write_bytes(b"no picture")
    (folder / "gt_masks/00004.png").unlink()
    levels = json.loads((folder / "annos.json").read_text())
    levels["occlusion"][0]["level"] = "SEVERE_OCCLUSION"
    (folder / "annos.json").write_text(json.dumps(levels))
    problems = verify(folder).problems
    expected = ["1 values other", "00003.jpg does not read", "has no mask", "00001.png does not cover", "frame 0: the"]
    assert len(problems) == 5 and all(e in p for e, p in zip(expected, problems, strict=True)), problems


def test_what_cannot_be_read_is_said(small_project: Project, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no folders frames and visible_masks"):
        read_tabe(tmp_path)
    annotate(small_project, modal={0: rectangle(SIZE, 3, 3, 9, 9)})
    folder = write_tabe(small_project, tmp_path / "out", object_id=1)
    for text in ("{}", '{"occlusion": [1, 2, 3, 4, 5]}', "["):
        (folder / "annos.json").write_text(text)
        with pytest.raises(FormatError, match=r"annos\.json"):
            read_tabe(folder)
        assert not verify(folder).ok


@pytest.mark.parametrize(
    ("said", "level"),
    [
        *((number, level) for number, level in enumerate(BY_NUMBER)),
        *((f"{number}", level) for number, level in enumerate(BY_NUMBER)),
        *(("severe", "SEVERE_OCCLUSION"), ("SlightlyHidden", "SLIGHT_OCCLUSION"), ("No_occlusion", "NO_OCCLUSION")),
        *((None, "NONE"), ("None", "NONE"), ("NONE", "NONE"), ("none", "NO_OCCLUSION"), ("NO", "NO_OCCLUSION")),
        *((2.0, "NO_OCCLUSION"), (True, None), (4, None), (-1, None), (1.5, None), ("", None), ("full", None)),
        *(([], None), ({}, None), ("4", None), (1e300, None)),
    ],
)
def test_levels_as_tabe_reads_them(said: object, level: str | None) -> None:
    assert read_level(said) == level


def test_amounts_may_be_missing_and_not_a_number(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={i: rectangle(SIZE, 3, 3, 9, 9) for i in range(5)})
    folder = write_tabe(small_project, tmp_path / "out", object_id=1)
    said = [{"level": 2}, {"level": "severe", "amount": math.nan}, {"level": "1", "amount": 0.2}, {"level": None}]
    levels = [*said, {"level": "NO_OCCLUSION", "amount": None}]
    (folder / "annos.json").write_text(json.dumps({"occlusion": levels}))
    found = read_tabe(folder).occlusion
    assert [o.amount for o in found] == [None, None, 0.2, None, None] and verify(folder).problems == ()
    names = ["NO_OCCLUSION", "SEVERE_OCCLUSION", "SLIGHT_OCCLUSION", "NONE", "NO_OCCLUSION"]
    assert [o.level for o in found] == names
    (folder / "annos.json").write_text(
        '{"occlusion": [{"level": 2, "amount": "x"}, {}, 1, {"level": 9}, {"level": 2}]}'
    )
    with pytest.raises(FormatError, match="the records 0, 1, 2, 3 are no level"):
        read_tabe(folder)
