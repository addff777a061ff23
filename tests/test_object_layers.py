from dataclasses import replace

import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vas_tool.errors import PromptError
from vas_tool.planning.fingerprint import Fingerprint
from vas_tool.planning.review import FrameState, review_of
from vas_tool.project import Project
from vas_tool.project.object_layers import (
    ModalMasks,
    ObjectLayers,
    VouchedMasks,
    prompts_of,
    require_frame,
)
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import LayerFolder, Stamp
from vas_tool.types import Box, Click, Mask, MaskLayer, Stroke

SIZE = (64, 48)


def block(x: int, y: int = 10) -> Mask:
    return rectangle(SIZE, x, y, x + 12, y + 12)


def dot(frame_index: int, layer: MaskLayer, x: float, y: float, *, adds: bool = True) -> Stroke:
    return Stroke(frame_index, layer=layer, adds=adds, radius=4, points=((x, y),))


def say(project: Project, object_id: int, **changes: object) -> AnnotatedObject:
    """Change what was said about an object."""
    obj = replace(project.truth.object(object_id), **changes)  # type: ignore[arg-type]
    project.edit("say", project.truth.with_object(obj))
    return obj


def test_strokes_lie_over_what_an_engine_made(small_project: Project) -> None:
    strokes = [dot(0, "modal", 50, 40), dot(0, "modal", 10, 15, adds=False), dot(2, "modal", 5, 5)]
    object_id = annotate(small_project, modal={0: block(5), 1: block(5)}, strokes=strokes)
    modal = small_project.modal(object_id)
    assert modal[0][40, 50] and not modal[0][15, 10] and modal[0][10, 16]
    assert np.array_equal(modal[1], block(5))
    assert modal[2][5, 5] and modal.area(2) == modal[2].sum() > 0
    assert list(modal) == [0, 1, 2] and len(modal) == 3
    with pytest.raises(KeyError):
        modal[3]


def test_an_imported_mask_counts_while_the_truth_says_so(small_project: Project) -> None:
    object_id = annotate(small_project)
    layers = small_project.layers(object_id)
    layers.given.put(1, block(20), Stamp("given"))
    layers.given.put(2, block(20), Stamp("given"))
    assert list(small_project.modal(object_id)) == [] and 1 not in small_project.modal(object_id)
    say(small_project, object_id, given=(1, 3))  # 3 lost its file
    modal = small_project.modal(object_id)
    assert list(modal) == [1] and np.array_equal(modal[1], block(20)) and 3 not in modal
    layers.modal.put(1, block(30), Stamp("builtin"))
    assert np.array_equal(modal[1], block(30)) and np.array_equal(VouchedMasks(modal)[1], block(20))


def test_the_amodal_mask_covers_what_is_seen_whatever_happens(small_project: Project) -> None:
    canvas = pad(small_project, 0.25)
    whole = canvas.to_canvas(block(5) | block(12))
    strokes = [dot(0, "amodal", 10, 15, adds=False), dot(0, "amodal", -10, -5), dot(0, "modal", 40, 30)]
    object_id = annotate(small_project, modal={0: block(5)}, amodal={0: whole}, strokes=strokes)
    modal, amodal = small_project.modal(object_id), small_project.amodal(object_id)
    assert amodal[0].shape == (72, 96) and amodal[0][12 - 5, 16 - 10]
    assert not (canvas.to_canvas(modal[0]) & ~amodal[0]).any() and amodal[0][12 + 30, 16 + 40]
    assert np.array_equal(small_project.layers(object_id).amodal[0], whole)


FRAMES = st.integers(0, 3)
PLACES = st.dictionaries(FRAMES, st.integers(0, 40), max_size=4)
STROKES = st.lists(
    st.builds(
        dot,
        FRAMES,
        st.sampled_from(["modal", "amodal"]),
        st.floats(0, 63),
        st.floats(0, 47),
        adds=st.booleans(),
    ),
    max_size=4,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLACES, PLACES, STROKES)
def test_areas_and_boxes_from_stamps_are_those_of_the_pixels(
    small_project: Project, seen: dict[int, int], whole: dict[int, int], strokes: list[Stroke]
) -> None:
    small_project.edit("start again", replace(small_project.truth, objects=()))
    modal_masks = {f: block(x) for f, x in seen.items()}
    amodal_masks = {f: block(x) | modal_masks.get(f, block(x)) for f, x in whole.items()}
    object_id = annotate(small_project, modal=modal_masks, amodal=amodal_masks, strokes=strokes)
    modal, amodal = small_project.modal(object_id), small_project.amodal(object_id)
    for f in range(4):
        assert (f in modal) == (modal.get(f) is not None) == (f in list(modal))
        assert (f in amodal) == (amodal.get(f) is not None) == (f in list(amodal))
    for f in modal:
        rows, columns = np.nonzero(modal[f])
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else None
        assert modal.area(f) == modal[f].sum() and modal.box(f) == box
    for f in amodal:
        hidden = amodal[f] & ~modal.get(f, np.zeros_like(amodal[f]))
        assert amodal.hidden_area(f) == hidden.sum() and amodal.occluded(f) == (
            hidden.sum() > max(16, 0.05 * amodal[f].sum())
        )


def test_asking_whether_a_mask_is_there_decodes_nothing(
    small_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id = annotate(small_project, modal={0: block(5)})
    over = small_project.modal(object_id).state(0)
    small_project.layers(object_id).amodal.put(
        0, block(5), Stamp("builtin", made_from=Fingerprint(modal=over, setup=("settings",)))
    )

    def decode(self: LayerFolder[Mask], frame_index: int) -> Mask:
        raise AssertionError("decoded")

    monkeypatch.setattr(LayerFolder, "__getitem__", decode)
    modal, amodal = small_project.modal(object_id), small_project.amodal(object_id)
    assert 0 in modal and 1 not in modal and 0 in amodal and np.int64(0) in modal and "x" not in modal
    assert modal.area(0) == 144 and not amodal.occluded(0)


def test_who_made_a_mask(small_project: Project) -> None:
    object_id = annotate(small_project, modal={0: block(5)}, strokes=[dot(0, "modal", 5, 5), dot(1, "modal", 5, 5)])
    obj, layers = small_project.truth.object(object_id), small_project.layers(object_id)
    engines = [stamp.engine if (stamp := layers.modal_stamp(obj, i)) else None for i in range(3)]
    assert engines == ["builtin", "stroke", None]
    assert layers.amodal_stamp(obj, 0) is None


def test_what_a_person_vouches_for(small_project: Project) -> None:
    strokes = [dot(1, "modal", 30, 20), dot(2, "amodal", 3, 3)]
    object_id = annotate(small_project, modal={i: block(5) for i in range(4)}, strokes=strokes, accepted=[3])
    modal = small_project.modal(object_id)
    vouched = VouchedMasks(modal)
    assert list(vouched) == [1, 3] and 1 in vouched and 2 not in vouched and len(vouched) == 2
    assert np.array_equal(vouched[1], modal[1])
    with pytest.raises(KeyError):
        vouched[2]
    assert list(VouchedMasks(modal, also=[0, 9])) == [0, 1, 3]
    assert prompts_of(modal).frame_indices == [1, 3]


def test_a_painted_or_accepted_mask_is_the_last_word_on_its_frame(small_project: Project) -> None:
    object_id = annotate(
        small_project,
        modal={i: block(5) for i in range(4)},
        strokes=[dot(1, "modal", 8, 12, adds=False), dot(2, "amodal", 3, 3)],
        accepted=[3],
    )
    clicks = tuple(Click(f, 8, 12) for f in range(4))
    say(small_project, object_id, clicks=clicks, boxes=tuple(Box(f, 5, 10, 17, 22) for f in range(4)))
    modal = small_project.modal(object_id)
    prompts = prompts_of(modal)
    assert [c.frame_index for c in prompts.clicks] == [b.frame_index for b in prompts.boxes] == [0, 2]
    assert set(prompts.masks) == {1, 3} and np.array_equal(prompts.masks[1], modal[1])
    assert [c.frame_index for c in prompts_of(modal, asking=1).clicks] == [0, 1, 2], "there it is asked anew"
    say(small_project, object_id, boxes=(), clicks=clicks[:1])
    modal = small_project.modal(object_id)
    assert set(prompts_of(modal, also=[0, 2]).masks) == {1, 2, 3}, "a clicked frame speaks for itself"


def test_what_is_hidden_is_counted_exactly_when_the_modal_mask_has_changed_since(
    small_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id = annotate(small_project, modal={0: block(5), 1: block(5)})
    layers, amodal = small_project.layers(object_id), small_project.amodal(object_id)
    for f in (0, 1):
        layers.amodal.put(
            f,
            block(5) | block(12),
            Stamp("builtin", made_from=Fingerprint(modal=amodal.modal.state(f), setup=("settings",))),
        )
    layers.modal.put(1, block(40), Stamp("builtin"))
    reads = []
    read = LayerFolder.__getitem__
    monkeypatch.setattr(LayerFolder, "__getitem__", lambda self, f: reads.append(f) or read(self, f))
    assert amodal.hidden_area(0) == 7 * 12 and reads == []
    assert amodal.hidden_area(1) == 19 * 12 and amodal.hidden_area(1) == 19 * 12
    assert 0 not in reads and len(reads) == 2  # the amodal and the modal mask, once


def test_frames_outside_the_clip_are_refused() -> None:
    require_frame(0, 1)
    for frame_index in (-1, 5):
        with pytest.raises(PromptError, match="frames 0 to 4"):
            require_frame(frame_index, 5)


def test_an_object_without_a_folder_has_no_masks(small_project: Project) -> None:
    layers = ObjectLayers(small_project.folder / "objects" / "777")
    assert len(ModalMasks(layers, AnnotatedObject(777, "a"), small_project.canvas)) == 0
    assert not layers.folder.exists()


@pytest.mark.parametrize(("hidden", "occluded"), [(1, False), (2, True)])
def test_a_sliver_of_a_large_object_is_no_occlusion(small_project: Project, hidden: int, occluded: bool) -> None:
    seen, whole = rectangle(SIZE, 10, 0, 40, 40), rectangle(SIZE, 10 - hidden, 0, 40, 40)
    object_id = annotate(small_project, modal={0: seen}, amodal={0: whole})  # 40 hidden of 1240, 80 of 1280
    assert small_project.amodal(object_id).occluded(0) == occluded
    assert (FrameState.OCCLUDED in review_of(small_project, object_id).states[0]) == occluded
