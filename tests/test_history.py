import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.project.history import apply, diff, invert

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
KEYS = st.text("xyz", min_size=1, max_size=2)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
DICTS = st.dictionaries(KEYS, TREES, max_size=4)
LISTS = st.lists(TREES, max_size=6)


@given(DICTS, DICTS)
def test_the_patch_leads_from_one_to_the_other_and_back(before: Any, after: Any) -> None:
    patch = diff(before, after)
    assert apply(before, patch) == after
    assert apply(after, invert(patch)) == before


@given(LISTS, LISTS)
def test_the_same_for_lists(before: Any, after: Any) -> None:
    patch = diff(before, after)
    assert apply(before, patch) == after and apply(after, invert(patch)) == before


@given(DICTS, DICTS)
def test_it_survives_a_file_and_leaves_its_input_alone(before: Any, after: Any) -> None:
    kept = json.dumps([before, after])
    patch = json.loads(json.dumps(diff(before, after)))
    assert apply(before, patch) == after
    assert json.dumps([before, after]) == kept


@given(DICTS)
def test_no_change_is_no_patch(tree: Any) -> None:
    assert diff(tree, json.loads(json.dumps(tree))) == []
    assert invert([]) == [] and apply(tree, []) == tree


@given(DICTS, DICTS)
def test_the_inverse_of_the_inverse_is_the_patch(before: Any, after: Any) -> None:
    patch = diff(before, after)
    assert invert(invert(patch)) == patch


@given(st.lists(LISTS, min_size=2, max_size=4))
def test_patches_in_a_row_are_taken_back_in_a_row(versions: list[Any]) -> None:
    patch = [splice for before, after in pairwise(versions) for splice in diff(before, after)]
    assert apply(versions[0], patch) == versions[-1]
    assert apply(versions[-1], invert(patch)) == versions[0]


def test_true_is_not_one() -> None:
    assert apply({"a": 1}, diff({"a": 1}, {"a": True}))["a"] is True


def test_one_more_stroke_stores_one_stroke() -> None:
    strokes = [[i, "modal", True, 5, [[i, i]] * 50] for i in range(1000)]
    before = {"objects": [{"id": 1, "strokes": strokes[:-1]}, {"id": 2, "strokes": []}]}
    after = {"objects": [{"id": 1, "strokes": strokes}, {"id": 2, "strokes": []}]}
    (splice,) = diff(before, after)
    assert splice == {"path": ["objects", 0, "strokes"], "at": 999, "removed": [], "added": [strokes[-1]]}


def test_a_key_that_comes_or_goes() -> None:
    (splice,) = diff({"a": {"b": 1}}, {"a": {}})
    assert splice == {"path": ["a"], "at": "b", "removed": [1], "added": []}
    assert apply({"a": {"b": None}}, diff({"a": {"b": None}}, {"a": {}})) == {"a": {}}


@pytest.mark.parametrize(
    ("tree", "patch"),
    [
        ({"a": [1, 2]}, diff({"a": [1, 3]}, {"a": [1]})),
        ({"a": 2}, diff({"a": 1}, {"a": 3})),
        ({"a": 1}, diff({}, {"a": 2})),
        ({}, diff({"a": 1}, {})),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(tree: Any, patch: Any) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        apply(tree, patch)
