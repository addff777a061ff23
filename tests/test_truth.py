import json
import math
from dataclasses import replace
from functools import reduce
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.errors import PromptError
from vas_tool.hypotheses import Recipe
from vas_tool.planning.fingerprint import digest_of
from vas_tool.project.history import apply, diff, invert
from vas_tool.project.truth import AnnotatedObject, Pick, Truth, truth_from_json, truth_json
from vas_tool.types import AmodalBox, Box, Canvas, Click, MaskLayer, Stroke

FRAMES = st.integers(0, 30)
NUMBERS = st.floats(-50, 500)
POINTS = st.tuples(NUMBERS, NUMBERS)
CLICKS = st.builds(Click, FRAMES, NUMBERS, NUMBERS, st.booleans())
BOXES = st.builds(
    lambda f, x, y, w, h: Box(f, x, y, x + w, y + h), FRAMES, NUMBERS, NUMBERS, st.floats(1, 9), st.floats(1, 9)
)
AMODAL_BOXES = st.builds(
    lambda f, x, y, w, h: AmodalBox(f, x, y, x + w, y + h), FRAMES, NUMBERS, NUMBERS, st.floats(1, 9), st.floats(1, 9)
)
STROKES = st.builds(
    Stroke,
    FRAMES,
    layer=st.sampled_from(get_args(MaskLayer)),
    adds=st.booleans(),
    radius=st.floats(0.5, 50),
    points=st.lists(POINTS, min_size=1, max_size=4).map(tuple),
)
SETTINGS = st.one_of(st.integers(-9, 9), NUMBERS, st.text(max_size=3), st.booleans())
SETS = st.sets(FRAMES, max_size=4).map(lambda frames: tuple(sorted(frames)))


def several(strategy: Any) -> Any:
    return st.lists(strategy, max_size=3).map(tuple)


RECIPES = st.one_of(
    st.builds(Recipe.of_seed, st.integers(0, 9)),
    st.builds(
        Recipe,
        st.sampled_from(["majority", "union"]),
        st.sets(st.integers(0, 9), min_size=2, max_size=4).map(lambda seeds: tuple(sorted(seeds))),
    ),
)
PICKS = st.builds(lambda first, more, recipe: Pick(first, first + more, recipe), FRAMES, FRAMES, RECIPES)


def tidy(picks: tuple[Pick, ...]) -> tuple[Pick, ...]:
    return reduce(AnnotatedObject.picking, picks, AnnotatedObject(1, "")).picks


@given(several(PICKS))
def test_the_last_choice_for_a_frame_holds(picks: tuple[Pick, ...]) -> None:
    obj = reduce(AnnotatedObject.picking, picks, AnnotatedObject(1, ""))
    for frame in range(65):
        chosen = [p for p in picks if p.first <= frame <= p.last]
        found = obj.pick_on(frame)
        assert (found.recipe if found else None) == (chosen[-1].recipe if chosen else None)
        assert sum(p.first <= frame <= p.last for p in obj.picks) == len(chosen[:1])


def annotated(object_id: int) -> Any:
    return st.builds(
        AnnotatedObject,
        st.just(object_id),
        st.text(max_size=5),
        clicks=several(CLICKS),
        boxes=several(BOXES),
        amodal_boxes=several(AMODAL_BOXES),
        strokes=several(STROKES),
        given=SETS,
        accepted=SETS,
        needs_work=SETS,
        picks=several(PICKS).map(tidy),
    )


CANVASES = st.builds(Canvas, st.just((64, 48)), *[st.integers(0, 20)] * 4)
TRUTHS = st.builds(
    Truth,
    canvas=CANVASES,
    objects=st.lists(st.integers(1, 5), unique=True, max_size=3).flatmap(lambda ids: st.tuples(*map(annotated, ids))),
    next_object_id=st.just(6),
    engines=st.dictionaries(st.sampled_from(["segment", "depth"]), st.text(max_size=3), max_size=2),
    seed=st.integers(0, 99),
    settings=st.dictionaries(
        st.sampled_from(["depth", "amodal"]),
        st.dictionaries(st.text(max_size=3), st.dictionaries(st.text(max_size=3), SETTINGS, max_size=2), max_size=2),
        max_size=2,
    ),
)


@given(TRUTHS)
def test_it_comes_back_from_a_file(truth: Truth) -> None:
    assert truth_from_json(json.loads(json.dumps(truth_json(truth))), (64, 48)) == truth


@given(TRUTHS, TRUTHS)
def test_undo_goes_over_any_change(before: Truth, after: Truth) -> None:
    patch = json.loads(json.dumps(diff(truth_json(before), truth_json(after))))
    back = apply(json.loads(json.dumps(truth_json(after))), invert(patch))
    assert truth_from_json(back, (64, 48)) == before


@given(TRUTHS, annotated(4))
def test_an_object_replaces_the_one_of_its_id_or_comes_last(truth: Truth, obj: AnnotatedObject) -> None:
    after = truth.with_object(obj)
    assert after.object(4) == obj
    others = [o for o in after.objects if o.id != 4]
    assert others == [o for o in truth.objects if o.id != 4]
    assert [o.id for o in after.objects][: len(truth.objects)] == [o.id for o in truth.objects]
    assert after.next_object_id == 6  # never lower, so that no id comes twice


def test_ids_are_never_used_again() -> None:
    truth = Truth(Canvas((64, 48)))
    truth = truth.with_object(AnnotatedObject(truth.next_object_id, "a"))
    truth = truth.with_object(AnnotatedObject(truth.next_object_id, "b")).without_object(2)
    assert truth.next_object_id == 3 and [o.id for o in truth.objects] == [1]
    with pytest.raises(PromptError, match=r"no object 2; choose one of \[1\]"):
        truth.object(2)
    with pytest.raises(PromptError):
        truth.without_object(2)


def test_what_counts_as_said_on_a_frame() -> None:
    def stroke(frame: int, layer: MaskLayer) -> Stroke:
        return Stroke(frame, layer=layer, adds=True, radius=1, points=((0, 0),))

    obj = AnnotatedObject(
        1,
        "a",
        clicks=(Click(1, 0, 0),),
        boxes=(Box(2, 0, 0, 1, 1),),
        strokes=(stroke(3, "modal"), stroke(4, "amodal"), stroke(3, "amodal"), stroke(3, "modal")),
        given=(5,),
        accepted=(6,),
    )
    assert obj.prompted() == {1, 2, 3, 5}
    assert obj.strokes_on(3, "modal") == [obj.strokes[0], obj.strokes[3]]
    assert obj.strokes_on(4, "modal") == []


@given(annotated(1), FRAMES)
def test_accepting_and_taking_it_back(obj: AnnotatedObject, frame: int) -> None:
    accepted = obj.accepting(frame, True)
    assert frame in accepted.accepted and list(accepted.accepted) == sorted(set(accepted.accepted))
    assert accepted.accepting(frame, True) == accepted
    assert accepted.accepting(frame, False).accepted == tuple(f for f in obj.accepted if f != frame)
    assert replace(accepted, accepted=(), needs_work=()) == replace(obj, accepted=(), needs_work=())


@given(annotated(1), FRAMES)
def test_a_frame_needs_work_or_is_accepted_never_both(obj: AnnotatedObject, frame: int) -> None:
    marked = obj.marking(frame, True)
    assert frame in marked.needs_work and frame not in marked.accepted
    assert list(marked.needs_work) == sorted({*obj.needs_work, frame})
    assert frame not in marked.accepting(frame, True).needs_work
    assert marked.accepting(frame, False).needs_work == marked.needs_work  # working on it does not finish it
    assert frame not in marked.marking(frame, False).needs_work


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("objects"),
        lambda d: d.update(canvas=[1, 2]),
        lambda d: d.update(canvas=[-1, 0, 0, 0]),
        lambda d: d["objects"][0].pop("clicks"),
        lambda d: d["objects"][0].update(clicks=[[0, "left", 3, True]]),
        lambda d: d["objects"][0].update(clicks=[[0, math.nan, 3, True]]),
        lambda d: d["objects"][0].update(boxes=[[0, 1, 2]]),
        lambda d: d["objects"][0].update(strokes=[[0, "modal", True, 0, [[1, 1]]]]),
        lambda d: d["objects"][0].update(strokes=[[0, "modal", True, 3, [[1]]]]),
        lambda d: d["objects"][0].update(given=["x"]),
        lambda d: d.update(objects=[3]),
    ],
)
def test_damage_is_not_read_as_something_else(damage: Any) -> None:
    obj = AnnotatedObject(1, "a", clicks=(Click(0, 1, 1),))
    data = json.loads(json.dumps(truth_json(Truth(Canvas((64, 48)), (obj,)))))
    damage(data)
    with pytest.raises((KeyError, TypeError, ValueError, PromptError)):
        truth_from_json(data, (64, 48))


def test_damage_is_named_by_its_place() -> None:
    data = truth_json(Truth(Canvas((64, 48)), (AnnotatedObject(1, "a", clicks=(Click(0, 1, 1), Click(2, 3, 3))),)))
    data["objects"][0]["clicks"][1][2] = "x"
    with pytest.raises(ValueError, match=r"`float`, got `str` - at `\$\.objects\[0\]\.clicks\[1\]\[2\]`"):
        truth_from_json(data, (64, 48))


def test_each_engine_keeps_its_own_settings() -> None:
    truth = Truth(Canvas((64, 48))).setting("amodal", "a", {"steps": 3}).setting("amodal", "b", {"steps": 4})
    assert truth.settings_of("amodal", "a") == {"steps": 3} and truth.settings_of("depth", "a") == {}
    assert truth.setting("amodal", "a", {}).setting("amodal", "b", {}).settings == {}


def test_digests_follow_the_value_not_the_order_of_its_keys() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1}) != digest_of({"a": 1, "b": [2, 1]})
    assert len(digest_of(None)) == 12
