"""Files with anything in them: evaluate measures what is right, lists what is not, and never stumbles."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from evaluation_files import sail_results, sail_sample, square, tao_results, tao_sample, written
from hypothesis import given, settings
from hypothesis import strategies as st

from vas_tool.errors import InputError
from vas_tool.evaluation import Order, evaluate

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
