"""Files with anything in them: evaluate measures what is right, lists what is not, and never stumbles."""

import copy
import json
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from evaluation_files import sail_results, sail_sample, square, tao_results, tao_sample, written
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vas_tool.errors import InputError
from vas_tool.evaluation import Order, evaluate
from vas_tool.evaluation.text import evaluation_json
from vas_tool.masks import to_rle

AMODAL = [square(10 + 4 * i, 10, 16) for i in range(3)]
MODAL = [mask & (np.arange(60) < 26) for mask in AMODAL]
BOXES: list[list[float]] = [[-10, 0, 20, 10]] * 3

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(["~~", "0", "PPPPPPPPPPPPPPPPPPPP", [800, 1280], {"size": [4, 4], "counts": "@0"}, "\u00e9"]),
)
ANYTHING = st.one_of(LEAVES, st.lists(LEAVES, max_size=4), st.dictionaries(st.text(max_size=4), LEAVES, max_size=2))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value in one place."""
    if not path:
        return new
    out = copy.copy(value)
    out[path[0]] = changed(value[path[0]], path[1:], new)
    return out


def measured(benchmark: str, truth: Any, results: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        order = Order(
            written(root / "truth.json", truth),
            (written(root / "ours.json", results),),
            track_map=written(root / "tracks.json", {"88": 5120}),
        )
        try:
            evaluation = evaluate(benchmark, order).evaluation
        except InputError as error:
            assert len(str(error)) > 20
            return
        for row in evaluation.tables["strict"].values():
            for cell in row.values():
                assert not cell.mean > 1e6 and cell.num_frames <= evaluation.num_frames
        assert json.dumps([str(problem) for problem in evaluation.problems])


SAIL = [sail_sample(AMODAL, MODAL)], sail_results(AMODAL)
TAO = [tao_sample([square(0, 0, 10)] * 3, BOXES)], tao_results(BOXES)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_truth_and_answers_of_sail_vos(data: st.DataObject) -> None:
    side = data.draw(st.sampled_from([0, 1]))
    files = list(SAIL)
    files[side] = changed(files[side], data.draw(st.sampled_from(places(files[side]))), data.draw(ANYTHING))
    measured("sail-vos", *files)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_truth_and_answers_of_tao_amodal(data: st.DataObject) -> None:
    side = data.draw(st.sampled_from([0, 1]))
    files = list(TAO)
    files[side] = changed(files[side], data.draw(st.sampled_from(places(files[side]))), data.draw(ANYTHING))
    measured("tao-amodal", *files)


WHOLE = {"0001": {"4": {str(t): {"FM": to_rle(mask)} for t, mask in enumerate(AMODAL)}}}
SEEN = {"0001": {4: {t: {"VM": to_rle(mask)} for t, mask in enumerate(MODAL)}}}


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_truth_and_answers_of_kitti(data: st.DataObject) -> None:
    """Nothing but an InputError, or an evaluation that names what it left out."""
    files: list[Any] = [SEEN, WHOLE, WHOLE]
    side = data.draw(st.sampled_from([0, 1, 2]))
    files[side] = changed(files[side], data.draw(st.sampled_from(places(files[side]))), data.draw(ANYTHING))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in zip(("test_data", "test_data_full_mask"), files[:2], strict=True):
            (root / f"{name}.pkl").write_bytes(pickle.dumps(content))
        try:
            evaluation = evaluate("kitti", Order(root, (written(root / "ours.json", files[2]),))).evaluation
        except InputError as error:
            assert len(str(error)) > 20
            return
    row = evaluation.tables["reference"]["ours"]["miou_full"]
    assert row.num_frames == 3 or evaluation.problems or evaluation.notes


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_metadata_of_movi(data: st.DataObject) -> None:
    instances = {"instances": [{"bbox_frames": [0, 1]}]}
    new = changed(instances, data.draw(st.sampled_from(places(instances))), data.draw(ANYTHING))
    with tempfile.TemporaryDirectory() as folder:
        split = Path(folder)
        (split / "7").mkdir()
        np.save(split / "instance_list.npy", np.array(["7-0"]))
        written(split / "7/metadata.json", new)
        for t in (0, 1):
            for name in ("full", "0"):
                Image.fromarray(AMODAL[t].astype(np.uint8)).save(split / f"7/segmentation_{name}_{t:05d}.png")
        try:
            evaluation = evaluate("movi", Order(split)).evaluation
        except InputError as error:
            assert len(str(error)) > 20
            return
    assert evaluation.num_frames == 2 or evaluation.problems or evaluation.notes


ANNOTATIONS = [
    {"id": 1 + t, "image_id": 1 + t, "video_id": 1, "track_id": 1, "obj_id": 1, "category_id": 1, "frame_index": t}
    | {"segmentation": to_rle(whole), "visible_mask": to_rle(seen), "amodal_bbox": [1, 2, 3, 4], "review": "unseen"}
    | {"out_of_frame": False, "amodal_is_uncertain": False, "visibility": 0.5, "occlude_rate": 0.5}
    for t, (whole, seen) in enumerate(zip(AMODAL, MODAL, strict=True))
]
IMAGES = [
    {"id": 1 + t, "video_id": 1, "file_name": f"{t}.jpg", "width": 60, "height": 40, "frame_index": t}
    | {"source_index": t, "pts_seconds": 0.1 * t}
    for t in range(3)
]
EXPORT = {
    "info": {"format": "coco"},
    "videos": [{"id": 1, "name": "clip"}],
    "categories": [{"id": 1, "name": "car"}],
    "images": IMAGES,
    "annotations": ANNOTATIONS,
}


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["sail-vos", "tao-amodal", "tabe-51", "movi", "kitti"]))
def test_exports_of_ours(data: st.DataObject, benchmark: str) -> None:
    files: list[Any] = [EXPORT, EXPORT]
    side = data.draw(st.sampled_from([0, 1]))
    where = data.draw(st.sampled_from([place for place in places(EXPORT) if place[:1] != ("info",)]))
    files[side] = changed(files[side], where, data.draw(ANYTHING))
    with tempfile.TemporaryDirectory() as folder:
        truth, answers = (written(Path(folder) / f"{name}.json", f) for name, f in zip("ab", files, strict=True))
        try:
            evaluation = evaluate(benchmark, Order(truth, (answers,))).evaluation
        except InputError as error:
            assert len(str(error)) > 20
            return
    assert json.dumps(evaluation_json(evaluation))
