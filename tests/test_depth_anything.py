"""Depth Anything V2: its arithmetic against a plain restatement, and what the stored depth means."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from depth_models import (
    TINY,
    TINY_GATED,
    original_state,
    plain_answer,
    plain_positions,
    skip_without_transformers,
    write_folder,
    write_original,
)

from vas_tool.engines.depth_anything import batching
from vas_tool.engines.depth_anything import engine as engine_module
from vas_tool.engines.depth_anything.checkpoints import load_network
from vas_tool.engines.depth_anything.engine import CLIPPED, DepthAnything, range_frames, range_of
from vas_tool.engines.depth_anything.released import ARCHITECTURES
from vas_tool.engines.depth_anything.resizing import DEVIATION, MEAN, from_network, network_size, to_network
from vas_tool.errors import EngineError
from vas_tool.run_warnings import collected_warnings
from vas_tool.types import ArrayClip, Frame

skip_without_transformers()
import torch  # noqa: E402

SMALL = {"short_side": 70}
"""Five patches: fast."""
CLIP = ArrayClip(np.random.default_rng(5).integers(0, 256, (20, 30, 50, 3), np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("depth")
    write_original(folder / "tiny.pth")
    return folder


@pytest.fixture(scope="module")
def tiny(folder: Path) -> DepthAnything:
    return DepthAnything.from_weights(folder / "tiny.pth", architecture=TINY, device="cpu")


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture_hw", "network_hw"),
    [
        ((256, 512), (518, 1036)),
        ((720, 1280), (518, 924)),
        ((800, 1280), (518, 826)),
        ((1280, 720), (924, 518)),
        ((600, 700), (518, 602)),
        ((130, 90), (742, 518)),
        ((518, 518), (518, 518)),
        ((1, 1), (518, 518)),
    ],
)
def test_the_network_sees_at_least_518_in_multiples_of_14(
    picture_hw: tuple[int, int], network_hw: tuple[int, int]
) -> None:
    assert network_size(picture_hw) == network_hw


def test_another_lower_bound_is_never_undercut() -> None:
    for height in range(20, 200, 7):
        sides = network_size((height, 100), short_side=100)
        assert min(sides) >= 100 and not any(side % 14 for side in sides)


def test_a_frame_is_resized_and_normalised_as_the_original_does_it() -> None:
    frame = CLIP[0]
    resized = cv2.resize(frame / 255.0, (126, 70), interpolation=cv2.INTER_CUBIC)
    wanted = (resized - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    on_cpu = to_network(frame, (70, 126), device="cpu").numpy().transpose(1, 2, 0)
    assert np.abs(on_cpu - wanted).max() < 1e-6
    on_a_device = to_network(frame, (70, 126), device="cpu:0").numpy().transpose(1, 2, 0)  # the way of a GPU
    assert 0 < np.abs(on_a_device - wanted).max() < 0.02 / 255 / 0.224


def test_the_demo_shows_red_and_blue_exchanged_and_a_level_darker() -> None:
    frame = np.zeros((14, 14, 3), np.uint8)
    frame[...] = (1, 128, 255)
    seen = to_network(frame, (14, 14), device="cpu", colours="demo")
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    levels = (seen[:, 0, 0] * deviation + mean) * 255
    assert levels.round().tolist() == [255, 128, 0]  # 1 -> 0.99999 -> 0; 128 and 255 come back as they were


def test_the_answer_comes_back_with_its_corners_in_the_corners() -> None:
    answer = torch.tensor([[0.0, 2.0], [4.0, 6.0]])
    back = from_network(answer, (3, 5))
    assert back.tolist() == [[0, 0.5, 1, 1.5, 2], [2, 2.5, 3, 3.5, 4], [4, 4.5, 5, 5.5, 6]]


# --- the network ------------------------------------------------------------------------------------------------------


def plain_disparity(frame: Frame, a: Any = TINY, short_side: int = 70) -> np.ndarray:
    size_hw = network_size((frame.shape[0], frame.shape[1]), short_side=short_side)
    answer = plain_answer(original_state(a), to_network(frame, size_hw, device="cpu")[None], a)[0]
    return from_network(answer, (frame.shape[0], frame.shape[1])).numpy()


WRITERS: dict[str, Callable[[Path], Path]] = {
    "pth": lambda folder: write_original(folder / "tiny.pth"),
    "safetensors": lambda folder: write_original(folder / "tiny.safetensors"),
    "transformers": lambda folder: write_folder(folder / "transformers"),
}


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_gives_the_originals_answer(tmp_path: Path, form: str) -> None:
    engine = DepthAnything.from_weights(WRITERS[form](tmp_path), architecture=TINY, device="cpu")
    [answer] = engine.disparities([CLIP[0]], settings=SMALL)
    wanted = plain_disparity(CLIP[0])
    assert answer.shape == (30, 50) and np.ptp(wanted) > 0.1
    assert np.abs(answer - wanted).max() < 1e-5


def test_the_giants_gated_blocks_give_the_originals_answer(tmp_path: Path) -> None:
    wanted = plain_disparity(CLIP[0], TINY_GATED)
    original = write_original(tmp_path / "gated.pth", TINY_GATED)
    for path in (original, write_folder(tmp_path / "gated_folder", TINY_GATED)):
        engine = DepthAnything.from_weights(path, architecture=TINY_GATED, device="cpu")
        assert np.abs(engine.disparities([CLIP[0]], settings=SMALL)[0] - wanted).max() < 1e-5


@pytest.mark.parametrize(("rows", "columns"), [(37, 74), (53, 37), (5, 9), (37, 37), (74, 74)])
def test_positions_are_the_originals(folder: Path, rows: int, columns: int) -> None:
    network = load_network(folder / "tiny.pth", architecture=TINY)
    DepthAnything(lambda: network, device="cpu").disparities([CLIP[0]], settings=SMALL)
    embeddings = network.backbone.embeddings
    tokens = torch.empty(1, 1 + rows * columns, TINY.width)
    found = embeddings.interpolate_pos_encoding(tokens, 14 * rows, 14 * columns)
    wanted = plain_positions(embeddings.position_embeddings, rows, columns)
    assert found.shape == wanted.shape and float((found - wanted).abs().max()) < 2e-4


def test_the_stock_positions_are_another_answer_and_the_next_call_is_free_of_them(tiny: DepthAnything) -> None:
    before, stock, after = (
        tiny.disparities([CLIP[0]], settings=SMALL | {"positions": positions})[0]
        for positions in ("reference", "transformers", "reference")
    )
    assert np.array_equal(before, after) and np.abs(before - stock).max() > 1e-3 * np.ptp(before)


def test_demo_colours_are_another_answer(tiny: DepthAnything) -> None:
    true, demo = (tiny.disparities([CLIP[0]], settings=SMALL | {"colours": c})[0] for c in ("true", "demo"))
    assert np.abs(true - demo).max() > 1e-3


def test_float16_is_close_and_leaves_no_trace(tiny: DepthAnything) -> None:
    before, half, after = (
        tiny.disparities([CLIP[0]], settings=SMALL | {"number_format": number_format})[0]
        for number_format in ("auto", "float16", "float32")
    )
    assert np.array_equal(before, after)
    assert 0 < np.abs(before - half).max() < 2e-2 * before.max()


def test_frames_at_once_give_what_they_give_one_by_one(folder: Path, tiny: DepthAnything) -> None:
    together = DepthAnything.from_weights(folder / "tiny.pth", architecture=TINY, device="cpu", batch=3)
    one, other = (list(e.estimate(CLIP, range(7), settings=SMALL)) for e in (tiny, together))
    assert [i for i, _ in one] == [i for i, _ in other] == list(range(7))
    assert max(np.abs(a - b).max() for (_, a), (_, b) in zip(one, other, strict=True)) < 1e-5


@pytest.mark.parametrize("settings", [{"steps": 3}, {"positions": "stock"}, {"short_side": 13}])
def test_settings_that_there_are_not(tiny: DepthAnything, settings: dict[str, Any]) -> None:
    with pytest.raises(EngineError):
        next(tiny.estimate(CLIP, range(3), settings=settings))


# --- what the stored depth means --------------------------------------------------------------------------------------


def in_window(depth: np.ndarray) -> np.ndarray:
    """The released normalisation, over the frames of a window."""
    return (depth - depth.min()) / (depth.max() - depth.min())


def test_a_windows_own_range_is_the_released_normalisation(tiny: DepthAnything) -> None:
    clip, window = ArrayClip(CLIP.frames), range(3, 9)
    own = in_window(np.stack(tiny.disparities(clip[3:9], settings=SMALL)))
    depth = np.stack([d for _, d in tiny.estimate(clip, window, settings=SMALL)])
    assert np.abs(in_window(depth) - own).max() < 1e-5
    stored = (np.round(depth * 65535).astype(np.uint16) / np.float32(65535)).astype(np.float32)
    assert np.abs(in_window(stored) - own).max() < 2 / 65535 / np.ptp(depth)


def test_depth_is_the_same_whichever_frames_are_asked_for(folder: Path) -> None:
    def fresh() -> DepthAnything:
        return DepthAnything.from_weights(folder / "tiny.pth", architecture=TINY, device="cpu")

    whole = dict(fresh().estimate(ArrayClip(CLIP.frames), range(20), settings=SMALL))
    part = dict(fresh().estimate(ArrayClip(CLIP.frames), range(12, 10, -1), settings=SMALL))
    assert list(part) == [12, 11]
    assert all(np.abs(whole[i] - part[i]).max() < 1e-6 for i in part)


class Told:
    """An engine whose network answers every frame with the frame's own brightness."""

    def __init__(self, folder: Path) -> None:
        self.seen: list[int] = []
        network = load_network(folder / "tiny.pth", architecture=TINY)
        network.register_forward_hook(self.answer)
        self.engine = DepthAnything(lambda: network, device="cpu")

    def answer(self, network: Any, pictures: tuple[Any, ...], found: Any) -> Any:
        levels = (255 * (pictures[0][:, 0, 0, 0] * DEVIATION[0] + MEAN[0])).round()
        self.seen += [int(level) for level in levels]
        found.predicted_depth = levels[:, None, None].expand(-1, 14, 14)
        return found


@pytest.fixture
def told(folder: Path) -> Told:
    return Told(folder)


def levels_clip(levels: Sequence[int]) -> ArrayClip:
    return ArrayClip(np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), 6, 8, 3)).copy())


def depths(engine: DepthAnything, clip: ArrayClip) -> list[float]:
    answers = [d for _, d in engine.estimate(clip, range(len(clip)), settings=SMALL)]
    assert all(np.ptp(d) < 1e-6 for d in answers)
    return [float(d.max()) for d in answers]


def test_the_range_of_a_short_clip_is_its_own(told: Told) -> None:
    assert depths(told.engine, levels_clip([10, 40, 20])) == pytest.approx([0.25, 1, 0.5])
    assert depths(told.engine, levels_clip([7])) == pytest.approx([1])


def test_a_longer_clip_gets_headroom_and_every_frame_is_computed_once(told: Told) -> None:
    levels = list(range(1, 31))  # the last frame is the nearest, and it tells the range: 30 * 1.5
    assert np.allclose(depths(told.engine, levels_clip(levels)), [level / 45 for level in levels])
    assert sorted(told.seen) == levels


def test_what_is_nearer_than_the_range_is_clipped_and_said(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    levels = [20] * 30
    levels[1] = 60  # between two of the frames that tell the range
    with caplog.at_level(logging.WARNING):
        found = depths(told.engine, levels_clip(levels))
    assert found[1] == 1 and np.allclose(found[2:], 2 / 3)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("frame 1: what is nearest is nearer") and "2.00 times" in said
    with collected_warnings() as heard:
        depths(told.engine, levels_clip(levels))
    assert heard.words == (f"frame 1: {CLIPPED}",)


def test_no_depth_at_all_is_no_division_by_zero(told: Told) -> None:
    assert depths(told.engine, levels_clip([0, 0, 0])) == [0, 0, 0]


def test_a_clip_is_measured_once(told: Told) -> None:
    clip = levels_clip(list(range(1, 31)))
    list(told.engine.estimate(clip, range(4, 6), settings=SMALL))
    told.seen.clear()
    list(told.engine.estimate(clip, range(6, 8), settings=SMALL))
    assert told.seen == [7, 8]


def test_range_frames_reach_from_the_first_to_the_last() -> None:
    assert range_frames(1) == [0] and range_frames(8) == list(range(8))
    assert range_frames(100) == [0, 14, 28, 42, 57, 71, 85, 99]
    assert range_of([2.0, 4.0], num_frames=2) == 4 and range_of([2.0, 4.0], num_frames=3) == 6


# --- memory, damage ---------------------------------------------------------------------------------------------------


def test_the_batch_goes_by_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    large, size_hw = ARCHITECTURES["large"], (518, 924)
    frame = 2 * batching.numbers_per_frame(large, size_hw)
    assert 3e8 < frame < 3e9
    for free, wanted in ((0, 1), (frame, 1), (7 * frame, 3), (10**13, batching.MOST)):
        monkeypatch.setattr(batching, "free_bytes", lambda device, free=free: free)
        assert batching.batch_size(large, size_hw, device="cuda", bytes_a_number=2) == wanted
    assert batching.batch_size(large, size_hw, device="cpu", bytes_a_number=4) == batching.ON_CPU


def test_when_memory_is_full_fewer_frames_go_at_once(folder: Path) -> None:
    network = load_network(folder / "tiny.pth", architecture=TINY)
    engine = DepthAnything(lambda: network, device="cpu", batch=5)
    wanted, fits = engine.disparities(CLIP[0:5], settings=SMALL), 2

    def narrow(_: Any, pictures: tuple[Any, ...]) -> None:
        if len(pictures[0]) > fits:
            raise torch.OutOfMemoryError("full")

    network.register_forward_pre_hook(narrow)
    found = engine.disparities(CLIP[0:5], settings=SMALL)
    assert np.abs(np.stack(found) - np.stack(wanted)).max() < 1e-5
    fits = 0
    with pytest.raises(EngineError, match="memory is full"):
        engine.disparities(CLIP[0:5], settings=SMALL)


def test_an_answer_that_is_no_number_is_refused(tmp_path: Path) -> None:
    broken = {"pretrained.cls_token": torch.full((1, 1, TINY.width), float("nan"))}
    path = write_original(tmp_path / "broken.pth", **broken)
    engine = DepthAnything.from_weights(path, architecture=TINY, device="cpu")
    with pytest.raises(EngineError, match=r"not a number.*number_format"):
        next(engine.estimate(CLIP, range(3), settings=SMALL))


def test_the_best_device_is_taken_when_none_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "best_device", lambda: "cpu")
    assert DepthAnything.from_weights(folder / "tiny.pth", architecture=TINY).device == "cpu"
