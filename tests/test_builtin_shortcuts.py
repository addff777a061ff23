"""The short ways of the builtin clicks give what the long ones would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene import Scene, make_scene

from vas_tool.engines.builtin.candidate_means import CHANGE, EDGE, LAB, MOTION, RING, SCORE, STILL, averages, near
from vas_tool.engines.builtin.candidates import Question, SmallClick, candidates, scene_of
from vas_tool.engines.builtin.clicking import PreparedFrame
from vas_tool.engines.builtin.motion import CHANNELS, still
from vas_tool.engines.builtin.pixel_model import PixelModel, prepare_pixels
from vas_tool.engines.builtin.region_graph import CERTAIN, RegionGraph, cut
from vas_tool.types import Mask


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(1, enlarged=2)


@pytest.fixture(scope="module")
def graph(scene: Scene) -> RegionGraph:
    return cut(scene.clip[0], still(scene.clip[0]))


@pytest.fixture(scope="module")
def pixels(scene: Scene) -> PixelModel:
    return prepare_pixels(scene.clip[0])


@given(seed=st.integers(0, 2**32 - 1), firmness=st.sampled_from([0.002, 0.02, 0.1]))
def test_harmonic_fields_are_the_solution_of_their_system(graph: RegionGraph, seed: int, firmness: float) -> None:
    random = np.random.default_rng(seed)
    count = len(graph.sizes)
    values = random.uniform(-1, 1, (count, 3)).astype(np.float32)
    weights = np.full_like(values, firmness)
    clicked = random.integers(count, size=(4, 3))
    np.put_along_axis(values, clicked, np.sign(np.take_along_axis(values, clicked, 0)), 0)
    np.put_along_axis(weights, clicked, CERTAIN, 0)
    found = graph.harmonic(values, weights)
    exact = graph.weights.astype(np.float64)
    for one in range(3):
        system = np.diag(exact.sum(axis=1) + weights[:, one]) - exact
        wanted = np.linalg.solve(system, values[:, one] * weights[:, one])
        assert np.abs(found[:, one] - wanted).max() < 5e-3


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_averages_are_those_of_each_candidate(scene: Scene, moves: bool, first: bool) -> None:
    motion = still(scene.clip[0])
    if moves:
        motion[:] = np.random.default_rng(0).uniform(-1, 1, motion.shape)
    frame = PreparedFrame.of(scene.clip[0], motion)
    rows, columns = np.nonzero(scene.modal[0])
    click = SmallClick(int(columns[len(columns) // 2]), int(rows[len(rows) // 2]), True)
    before = np.zeros_like(scene.modal[0]) if first else np.roll(scene.modal[0], 60, axis=1)
    question = Question(
        frame.graph, (click,), (before,), None if first else frame.pixels.score(np.ones(97, np.float32))
    )
    looked = scene_of(question, ~before | scene.modal[0])
    masks = [one.mask for one in candidates(question, looked, quick=True)]
    whole = np.ones_like(masks[0])
    for mask, found in zip([*masks, whole], averages(looked, [*masks, whole]), strict=True):
        rest = looked.domain & ~mask
        skin, ring = mask & near(rest, RING), rest & near(mask, RING)
        lab = looked.lab - looked.lab[looked.click]
        assert found.inside[LAB] == pytest.approx(lab[mask].mean(axis=0), abs=1e-3)
        assert found.spread[LAB] == pytest.approx(lab[mask].std(axis=0), abs=2e-2)
        assert found.inside[SCORE] == pytest.approx(looked.score[mask].mean(), abs=1e-4)
        assert found.inside[EDGE] == pytest.approx(looked.edge[mask].mean(), abs=1e-4)
        assert found.spread[MOTION] == pytest.approx(looked.motion[mask].std(axis=0), abs=1e-3)
        change = looked.motion[..., CHANNELS.index("change of colour")]
        assert found.inside[STILL] == pytest.approx((change[mask] < 0.15).mean() if moves else 0, abs=1e-4)
        if skin.any() and ring.any():
            assert found.skin[LAB] - found.ring[LAB] == pytest.approx(lab[skin].mean(0) - lab[ring].mean(0), abs=1e-2)
            assert found.ring[CHANGE] == pytest.approx(change[ring].mean(), abs=1e-4)
        else:
            assert not found.skin.any() and not found.ring.any()


@pytest.mark.parametrize("rounds", [1, 8])
@pytest.mark.parametrize("middle", [(40, 50), (0, 0), (70, 239)])
def test_smoothing_a_window_gives_its_middle_what_smoothing_everything_gives(
    pixels: PixelModel, rounds: int, middle: tuple[int, int]
) -> None:
    logits = np.random.default_rng(0).normal(0, 2, pixels.shape).astype(np.float32)
    everything = pixels.smoothed(logits, rounds)
    row, column = (min(at, most - 1) for at, most in zip(middle, pixels.shape, strict=True))
    window = slice(max(0, row - 5 - rounds), row + 6 + rounds), slice(max(0, column - 5 - rounds), column + 6 + rounds)
    inner = slice(max(0, row - 5), row + 6), slice(max(0, column - 5), column + 6)
    canvas = np.full(pixels.shape, np.nan, np.float32)
    canvas[window] = pixels.smoothed(logits[window], rounds, window=window)
    assert np.array_equal(canvas[inner], everything[inner])


def test_a_border_moves_only_near_where_it_was(pixels: PixelModel, scene: Scene) -> None:
    nothing: Mask = np.zeros(pixels.shape, bool)
    mask = scene.modal[0]
    moved = pixels.refined(mask, inside=nothing, outside=nothing) ^ mask
    rows, columns = np.nonzero(mask)
    box = nothing.copy()
    box[max(0, rows.min() - 13) : rows.max() + 14, max(0, columns.min() - 13) : columns.max() + 14] = True
    assert not (moved & ~box).any(), "the picture's edge is no border of the object"
