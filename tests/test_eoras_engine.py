"""EoRaS as an engine: windows, cameras, hidden frames, settings. Its numbers are in ``test_eoras_network``."""

import numpy as np
import pytest
from tiny_eoras import tiny_network

from vas_tool.engines.eoras.camera import guessed_intrinsics, kubric_matrix
from vas_tool.engines.eoras.engine import EorasAmodal, windows_of
from vas_tool.errors import EngineError, PromptError
from vas_tool.run_warnings import collected_warnings
from vas_tool.types import ArrayClip, Canvas, Intrinsics, Mask
from vas_tool.work import AmodalWork

SIZE = (64, 48)


def clip_of(count: int) -> ArrayClip:
    return ArrayClip(np.random.default_rng(0).integers(0, 255, (count, SIZE[1], SIZE[0], 3), dtype=np.uint8))


def seen_on(*frames: int) -> dict[int, Mask]:
    masks = {index: np.zeros(SIZE[::-1], bool) for index in range(4)}
    for index in frames:
        masks[index][10:22, 10 + 4 * index : 26 + 4 * index] = True
    return masks


def test_frames_without_a_box_are_empty_or_looked_at_where_their_neighbours_lead() -> None:
    modal = seen_on(0, 2)
    assert sorted(windows_of(modal, interpolated=False)) == [0, 2]
    between = windows_of(modal, interpolated=True)
    assert sorted(between) == [0, 1, 2]
    assert between[1].column_min == (between[0].column_min + between[2].column_min) // 2


@pytest.mark.parametrize("asked", [range(3, -1, -1), range(2, 4)])
def test_answers_do_not_depend_on_what_is_asked_for(asked: range) -> None:
    engine, clip, modal = EorasAmodal(tiny_network()), clip_of(4), seen_on(0, 1, 3)
    canvas = Canvas.padded(SIZE, 0.25)
    whole = dict(engine.complete(AmodalWork(clip, modal, {}, canvas, range(4))))
    some = list(engine.complete(AmodalWork(clip, modal, {}, canvas, asked)))
    assert [index for index, _ in some] == list(asked)
    for index, mask in some:
        np.testing.assert_array_equal(mask, whole[index])
        assert mask.shape == canvas.size_wh[::-1]
        assert not (canvas.to_canvas(modal[index]) & ~mask).any()
    assert not whole[2].any()


def test_an_unknown_camera_is_guessed_and_said() -> None:
    engine, modal = EorasAmodal(tiny_network()), seen_on(0)
    with collected_warnings() as heard:
        list(engine.complete(AmodalWork(clip_of(1), {0: modal[0]}, {}, Canvas(SIZE), range(1))))
    assert "--intrinsics" in " ".join(heard.words)


def test_the_guess_is_kubrics_camera() -> None:
    expected = [[35 / 32, 0, -0.5], [0, -35 / 32 * 64 / 48, -0.5], [0, 0, -1]]
    np.testing.assert_allclose(kubric_matrix(guessed_intrinsics(SIZE), SIZE), expected, rtol=1e-6)


def test_cameras_must_be_possible() -> None:
    with pytest.raises(PromptError, match="fx and fy above 0"):
        Intrinsics(0, 1, 2, 3)


def test_other_tilts_and_thresholds_change_the_answer_and_unknown_ones_are_refused() -> None:
    engine, clip, modal = EorasAmodal(tiny_network()), clip_of(2), seen_on(0, 1)

    def answer(**settings: float | str | bool) -> int:
        work = AmodalWork(clip, {i: modal[i] for i in (0, 1)}, {}, Canvas(SIZE), range(2), settings=settings)
        return sum(int(mask.sum()) for _, mask in engine.complete(work))

    assert answer(threshold=0.0) > answer(threshold=1.0)
    assert answer(threshold=1.0, union_with_modal=False) == 0
    with pytest.raises(EngineError, match="tilt"):
        answer(tilt="sideways")
