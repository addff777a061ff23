"""Parts of the builtin clicks: what may be meant, how it is weighed, and which change is made of it."""

from pathlib import Path

import numpy as np
import pytest
from scene import Scene, make_scene

from vas_tool.engines.builtin import choosing
from vas_tool.engines.builtin.candidate_traits import TRAITS, traits_of
from vas_tool.engines.builtin.candidates import Candidate, Question, SmallClick, candidates, scene_of, thinned
from vas_tool.engines.builtin.choosing import QUESTIONS, best_of, likelihoods, shipped
from vas_tool.engines.builtin.clicking import BORDER_PIXELS, DOT, PreparedFrame, asked, click_mask, plausible, radii
from vas_tool.engines.builtin.motion import still
from vas_tool.engines.builtin.pixel_model import signed_distance
from vas_tool.engines.builtin.region_graph import depth_inside, disk
from vas_tool.errors import EngineError
from vas_tool.types import Mask

SHAPE = (60, 80)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(1, enlarged=2)


@pytest.fixture(scope="module")
def frame(scene: Scene) -> PreparedFrame:
    return PreparedFrame.of(scene.clip[0], still(scene.clip[0]))


def halved(mask: Mask) -> tuple[Mask, Mask]:
    """The left and the right half of a mask."""
    middle = int(np.median(np.nonzero(mask)[1]))
    left = mask.copy()
    left[:, middle:] = False
    return left, mask & ~left


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_a_click_goes_one_way(frame: PreparedFrame, scene: Scene, seed: int, positive: bool) -> None:
    random = np.random.default_rng(seed)
    before = scene.modal[0] ^ disk(scene.modal[0].shape, tuple(random.integers(20, 200, 2)), 14)
    rows, columns = np.nonzero(before != positive)
    chosen = int(random.integers(len(rows)))
    click = SmallClick(int(columns[chosen]), int(rows[chosen]), positive)
    after = click_mask(frame, (click,), (before,))
    assert after[click.y, click.x] == positive
    other = before & ~after if positive else after & ~before
    assert not (other & (np.abs(signed_distance(before)) > BORDER_PIXELS)).any()


@pytest.mark.parametrize("quick", [True, False])
def test_half_of_the_object_is_completed_by_a_click_on_the_other(
    frame: PreparedFrame, scene: Scene, quick: bool
) -> None:
    left, right = halved(scene.modal[0])
    y, x = np.unravel_index(int(depth_inside(right).argmax()), right.shape)
    after = click_mask(frame, (SmallClick(int(x), int(y), True),), (left,), quick=quick)
    assert (after & right).sum() > 0.9 * right.sum()
    assert (after & ~scene.modal[0]).sum() < 0.1 * right.sum()


def test_a_negative_click_before_anything_else_answers_nothing(frame: PreparedFrame) -> None:
    nothing = np.zeros(frame.graph.labels.shape, bool)
    assert not click_mask(frame, (SmallClick(40, 40, False),), (nothing,)).any()


@pytest.mark.parametrize("quick", [True, False])
def test_candidates_hold_the_click_and_stay_where_the_change_may_be(frame: PreparedFrame, quick: bool) -> None:
    shape = frame.graph.labels.shape
    domain = ~disk(shape, (100, 100), 30)
    question = Question(frame.graph, (SmallClick(200, 60, True),), (np.zeros(shape, bool),), None)
    found = candidates(question, scene_of(question, domain), quick=quick)
    assert len(found) > 10 and {"alike", "boldest", "disc"} <= {c.kind for c in found}
    assert all(c.mask[30, 100] for c in found)
    assert not any((c.mask & ~thinned(domain)).any() for c in found)


def test_traits_are_finite_and_as_many_as_they_are_named(frame: PreparedFrame, scene: Scene) -> None:
    before = halved(scene.modal[0])[0]
    this = asked(frame, (SmallClick(100, 60, True), SmallClick(10, 10, False)), (before, before))
    found = candidates(this.question, this.scene, quick=False)
    traits = traits_of(this.scene, found)
    assert traits.shape == (len(found), len(TRAITS)) and np.isfinite(traits).all()
    assert this.kind == "less" and shipped()["mean"].shape == (len(TRAITS),)


def test_traits_tell_the_middle_of_a_thing_from_its_side(frame: PreparedFrame) -> None:
    shape = frame.graph.labels.shape
    question = Question(frame.graph, (SmallClick(100, 60, True),), (np.zeros(shape, bool),), None)
    whole = scene_of(question, np.ones(shape, bool))
    middle, side = (Candidate(thinned(disk(shape, (x, 60), 30)), "disc", -1, firm=True) for x in (100, 118))
    named = dict(zip(TRAITS, traits_of(whole, [middle, side]).T, strict=True))
    for name in (
        "distance of the click from the deepest point, in depths",
        "how far to one side the border nearest to the click lies",
    ):
        assert named[name][0] < 0.2 < named[name][1]
    assert named[TRAITS[0]][0] > named[TRAITS[0]][1]


def test_candidates_count_less_when_an_earlier_click_would_have_been_elsewhere(frame: PreparedFrame) -> None:
    shape = frame.graph.labels.shape
    nothing, small = np.zeros(shape, bool), disk(shape, (60, 60), 12)
    question = Question(frame.graph, (SmallClick(60, 60, True), SmallClick(200, 120, True)), (nothing, small), None)
    whole = scene_of(question, ~small)
    near, far = (Candidate(thinned(disk(shape, (200, 120), r) & ~small), "disc", -1, firm=True) for r in (10, 60))
    agreement = traits_of(whole, [near, far])[:, TRAITS.index("worst agreement with earlier clicks")]
    assert agreement[0] > agreement[1]  # with the large one missing, nobody would have clicked on the small one first


@pytest.mark.parametrize("question", QUESTIONS)
def test_likelihoods_add_up_to_one(question: str) -> None:
    traits = np.random.default_rng(0).normal(size=(7, len(TRAITS))).astype(np.float32)
    weights = likelihoods(traits, question, shipped())
    assert weights.shape == (7,) and (weights >= 0).all() and weights.sum() == pytest.approx(1, abs=1e-5)


def test_of_candidates_that_say_different_things_the_safe_one_is_taken() -> None:
    before = np.zeros(SHAPE, bool)
    small, middle, large = (disk(SHAPE, (40, 30), radius) for radius in (10, 16, 26))
    weights = np.array([0.3, 0.4, 0.3], np.float32)
    assert np.array_equal(best_of([small, middle, large], weights, before, positive=True), middle)
    sure = np.array([0.02, 0.03, 0.95], np.float32)
    assert np.array_equal(best_of([small, middle, large], sure, before, positive=True), large)


def test_what_is_taken_away_is_weighed_by_what_is_left() -> None:
    before = disk(SHAPE, (40, 30), 25)
    bite, most = disk(SHAPE, (40, 30), 6), disk(SHAPE, (40, 30), 24)
    taken = best_of([bite, most], np.array([0.6, 0.4], np.float32), before, positive=False)
    assert np.array_equal(taken, bite)


def test_weights_that_do_not_read_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "clicks.safetensors"
    broken.write_bytes(b"no such thing")
    monkeypatch.setattr(choosing, "WEIGHTS", broken)
    shipped.cache_clear()
    try:
        with pytest.raises(EngineError, match="install vas-tool anew"):
            shipped()
    finally:
        shipped.cache_clear()


def test_a_dot_obeys_whatever_is_known(frame: PreparedFrame, scene: Scene) -> None:
    click = SmallClick(5, 5, True)
    after = click_mask(frame, (click,), (scene.modal[0],))
    assert after[disk(after.shape, (click.x, click.y), DOT)].all()


@pytest.mark.parametrize(
    ("x", "positive", "wanted"), [(20, True, DOT), (37, True, 2), (39, True, 1), (41, False, 1), (60, False, DOT)]
)
def test_a_click_is_sure_up_to_the_masks_border(x: int, positive: bool, wanted: int) -> None:
    before = np.zeros(SHAPE, bool)
    before[:, 40:] = True
    assert radii((SmallClick(x, 30, positive),), (before,)) == [wanted]


def test_the_first_click_and_one_on_what_is_right_already_are_sure_around_them() -> None:
    nothing, everything = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    assert radii((SmallClick(5, 5, True), SmallClick(6, 6, True)), (nothing, everything)) == [DOT, DOT]


@pytest.mark.parametrize(
    ("largest_change", "num_clicks", "kept"),
    [(30, 3, 2), (5, 2, 2), (5, 4, 2), (4, 4, 1), (1, 4, 1)],
    ids=["third", "second", "like a change before", "far more than any change", "one stays"],
)
def test_a_late_click_does_not_add_far_too_much(
    frame: PreparedFrame, largest_change: int, num_clicks: int, kept: int
) -> None:
    shape = frame.graph.labels.shape
    found = [Candidate(thinned(disk(shape, (200, 120), r)), "disc", -1, firm=True) for r in (6, 10, 60)]
    before = disk(shape, (60, 60), 12)
    nothing, smaller = np.zeros(shape, bool), before & ~disk(shape, (60, 60), largest_change)
    history = (nothing, smaller, before, before)[:num_clicks]
    late = asked(frame, (SmallClick(200, 120, True),) * num_clicks, history)
    assert plausible(found, late) == found[:kept]


def test_a_click_does_not_take_all_but_a_dot_away(frame: PreparedFrame) -> None:
    shape = frame.graph.labels.shape
    before, kept = disk(shape, (200, 120), 40), disk(shape, (180, 120), 4)
    found = [
        Candidate(thinned(before & ~kept), "disc", -1, firm=True),
        Candidate(thinned(disk(shape, (220, 120), 15)), "disc", -1, firm=True),
    ]
    clicks = SmallClick(180, 120, True), SmallClick(225, 120, False)
    assert plausible(found, asked(frame, clicks, (np.zeros(shape, bool), before))) == found[1:]


def test_nothing_changes_far_from_a_small_change(frame: PreparedFrame, scene: Scene) -> None:
    left, _ = halved(scene.modal[0])
    ragged = left ^ disk(left.shape, (20, 20), 3)
    far = SmallClick(left.shape[1] - 12, left.shape[0] - 12, True)
    after = click_mask(frame, (far,), (ragged,))
    assert after[20, 20] == ragged[20, 20]
