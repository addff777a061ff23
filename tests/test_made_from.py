"""What is stale, what would merely gain from a new run, and what is neither."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from annotating import annotate, rectangle

from vas_tool.hypotheses import Recipe
from vas_tool.planning.fingerprint import NOTHING, Fingerprint
from vas_tool.planning.inputs import AmodalInputs, ContentInputs, ModalInputs
from vas_tool.planning.setup import Setup, reach_of
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject, Pick
from vas_tool.storage import Stamp
from vas_tool.types import AmodalBox, Box, Click, Mask, MaskLayer, Stroke

SIZE = (64, 48)
PLAIN = Setup()
WINDOWED = Setup(reach=reach_of((range(0, 2), range(1, 3), range(2, 5)), 5))
THING = AnnotatedObject(1, "a", clicks=(Click(0, 1, 1), Click(10, 1, 1), Click(20, 1, 1)))


def block(x: int) -> Mask:
    return rectangle(SIZE, x, 10, x + 12, 22)


def dot(frame_index: int, layer: MaskLayer) -> Stroke:
    return Stroke(frame_index, layer=layer, adds=True, radius=4, points=((1.0, 1.0),))


Inputs = Callable[[int], Fingerprint]


def split(before: Inputs, after: Inputs, frames: Iterable[int]) -> tuple[set[int], set[int]]:
    """(frames that are stale, frames that would only gain)."""
    changed = {f for f in frames if before(f) != after(f)}
    gaining = {f for f in changed if before(f).holds(after(f))}
    return changed - gaining, gaining


@pytest.mark.parametrize(
    ("change", "stale", "gaining"),
    [
        ({"clicks": (*THING.clicks, Click(10, 9, 9))}, range(1, 20), []),
        ({"clicks": (*THING.clicks, Click(15, 9, 9))}, range(11, 20), []),
        ({"boxes": (Box(0, 1, 1, 5, 5),)}, range(0, 10), []),
        ({"strokes": (dot(10, "modal"),)}, [], [*range(1, 10), *range(11, 20)]),
        ({"strokes": (dot(15, "modal"),)}, [], [*range(11, 15), *range(16, 20)]),
        ({"strokes": (dot(10, "amodal"),)}, [], []),
        ({"accepted": (5,), "label": "b"}, [], []),
        ({"given": (20,)}, range(11, 30), []),
    ],
)
def test_a_change_outdates_what_follows_from_it_and_no_more(
    change: dict[str, object], stale: Iterable[int], gaining: Iterable[int]
) -> None:
    before, after = ModalInputs(THING).on, ModalInputs(replace(THING, **change)).on  # type: ignore[arg-type]
    assert split(before, after, range(30)) == (set(stale), set(gaining))


def test_a_frame_whose_last_click_was_taken_away_is_stale() -> None:
    before, after = ModalInputs(THING).on, ModalInputs(replace(THING, clicks=THING.clicks[:2])).on
    assert split(before, after, range(30)) == (set(range(11, 30)), set())


@pytest.mark.parametrize(
    ("change", "accepted", "stale"),
    [
        ({"clicks": (*THING.clicks, Click(10, 9, 9))}, (5,), [*range(5, 10), *range(11, 20)]),
        ({"clicks": (*THING.clicks, Click(10, 9, 9))}, (5, 15), [*range(5, 10), *range(11, 16)]),
        ({"clicks": (*THING.clicks, Click(3, 9, 9))}, (5,), [1, 2, 4, 5]),  # it lies nearer than the accepted one
        ({"clicks": (*THING.clicks, Click(25, 9, 9))}, (22,), [*range(22, 25), *range(26, 30)]),
        ({"clicks": (*THING.clicks, Click(5, 9, 9))}, (5,), [1, 2, 3, 4, 6, 7, 8, 9]),  # what was accepted has changed
        ({"clicks": THING.clicks[::2]}, (5, 15), [*range(5, 16)]),  # frame 10 was nearer and is gone
        ({"strokes": (dot(10, "modal"),)}, (5,), [*range(5, 10), *range(11, 20)]),
    ],
)
def test_what_changes_beyond_an_accepted_frame_outdates_nothing(
    change: dict[str, object], accepted: tuple[int, ...], stale: list[int]
) -> None:
    made, now = ModalInputs(THING).on, ModalInputs(replace(THING, **change, accepted=accepted))  # type: ignore[arg-type]
    assert [f for f in range(30) if now.against(f, made) != made(f) and f not in now.prompted_frames] == stale


def test_a_frame_accepted_from_another_run_vouches_for_nothing() -> None:
    made = ModalInputs(replace(THING, clicks=(Click(0, 7, 7), *THING.clicks[1:])))
    halfway = ModalInputs(THING)  # the first click was changed, and tracking again was stopped behind frame 5
    now = ModalInputs(replace(THING, accepted=(5,)))
    stamps = {f: (halfway if f <= 5 else made).on(f) for f in range(10)} | {4: NOTHING}
    assert [f for f in range(1, 10) if now.against(f, stamps.__getitem__) != stamps[f]] == [4, 6, 7, 8, 9]


@pytest.fixture
def object_id(small_project: Project) -> int:
    return annotate(small_project, modal={0: block(5), 1: block(6)}, amodal={0: block(5), 1: block(6)})


def inputs(
    project: Project, object_id: int, *, depth_engine: str = "heuristic", setup: Setup = PLAIN
) -> tuple[Inputs, Inputs]:
    stamps = project.layers(object_id).stamps(project.truth.object(object_id))
    before = AmodalInputs(stamps, project.truth, depth_engine, setup_of=lambda engine: setup)
    content = ContentInputs(stamps, before, seed=project.truth.seed, setup_of=lambda engine: setup)
    return (lambda f: before.on(f, "builtin")), (lambda f: content.on(f, "builtin"))


def test_amodal_masks_and_content_follow_from_the_masks_before_them(small_project: Project, object_id: int) -> None:
    layers, frames = small_project.layers(object_id), range(2)
    amodal, content = inputs(small_project, object_id)
    layers.modal.put(1, block(6), Stamp("builtin", seed=99))  # the same pixels
    now = inputs(small_project, object_id)
    assert split(amodal, now[0], frames) == split(content, now[1], frames) == (set(), set())

    layers.amodal.put(0, block(5) | block(9), Stamp("builtin"))
    now = inputs(small_project, object_id)
    assert split(amodal, now[0], frames) == (set(), set())
    assert split(content, now[1], frames) == ({0}, {1})

    layers.modal.put(1, block(7), Stamp("builtin"))
    now = inputs(small_project, object_id)
    assert split(amodal, now[0], frames) == ({1}, {0})
    assert split(content, now[1], frames) == ({0, 1}, set())


def test_a_frame_reaches_as_far_as_the_windows_it_lies_in() -> None:
    assert WINDOWED.reach == [range(0, 2), range(0, 3), range(1, 5), range(2, 5), range(2, 5)]


def test_with_windows_a_modal_mask_outdates_those_it_lies_in_and_content_what_follows(small_project: Project) -> None:
    masks = {f: block(5 + f) for f in range(5)}
    object_id = annotate(small_project, modal=masks, amodal=masks)
    amodal, content = inputs(small_project, object_id, setup=WINDOWED)
    small_project.layers(object_id).modal.put(0, block(9), Stamp("builtin"))
    now = inputs(small_project, object_id, setup=WINDOWED)
    assert split(amodal, now[0], range(5)) == ({0, 1}, set())
    assert split(content, now[1], range(5)) == ({0, 1, 2}, set())  # frame 2 sees frame 1, which will change

    small_project.layers(object_id).amodal.put(4, block(20), Stamp("builtin"))
    later = inputs(small_project, object_id, setup=WINDOWED)
    assert split(now[0], later[0], range(5)) == (set(), set())
    assert split(now[1], later[1], range(5)) == ({2, 3, 4}, set())


@pytest.mark.parametrize(("setup", "stale", "gaining"), [(PLAIN, {2, 3, 4}, {0, 1}), (WINDOWED, {1, 2, 3, 4}, set())])
def test_a_box_outdates_the_frames_it_moves_on_and_those_that_share_a_window(
    small_project: Project, setup: Setup, stale: set[int], gaining: set[int]
) -> None:
    object_id = annotate(small_project, modal={f: block(5 + f) for f in range(5)})

    def boxed(right: float) -> tuple[Inputs, Inputs]:
        boxes = (AmodalBox(1, 0, 0, 20, 30), AmodalBox(4, 5, 0, right, 30))
        obj = replace(small_project.truth.object(object_id), amodal_boxes=boxes)
        small_project.edit("boxes", small_project.truth.with_object(obj))
        return inputs(small_project, object_id, setup=setup)

    assert split(boxed(40)[0], boxed(50)[0], range(5)) == (stale, gaining)


def test_settings_and_the_chosen_hypothesis_count_where_they_hold(small_project: Project, object_id: int) -> None:
    before = inputs(small_project, object_id, setup=Setup({"steps": 3}))
    other = inputs(small_project, object_id, setup=Setup({"steps": 4}))
    assert [split(b, n, range(2)) for b, n in zip(before, other, strict=True)] == [({0, 1}, set())] * 2
    plain = [inputs(small_project, object_id, setup=Setup(seeded=seeded)) for seeded in (True, False)]
    obj = small_project.truth.object(object_id).picking(Pick(1, 9, Recipe.of_seed(3)))
    small_project.edit("pick", small_project.truth.with_object(obj))
    picked = [inputs(small_project, object_id, setup=Setup(seeded=seeded)) for seeded in (True, False)]
    assert [split(b, n, range(2)) for b, n in zip(plain[0], picked[0], strict=True)] == [({1}, set())] * 2
    assert [split(b, n, range(2)) for b, n in zip(plain[1], picked[1], strict=True)] == [(set(), set())] * 2


def test_seed_and_depth_count_on_every_frame(small_project: Project, object_id: int) -> None:
    before = inputs(small_project, object_id)
    network = inputs(small_project, object_id, depth_engine="network")
    small_project.edit("seed", replace(small_project.truth, seed=5))
    seeded = inputs(small_project, object_id)
    for now in (network, seeded):
        assert [split(b, n, range(2)) for b, n in zip(before, now, strict=True)] == [({0, 1}, set())] * 2
