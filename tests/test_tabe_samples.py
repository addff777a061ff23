"""What TABE is tuned on: the draws and their order, the windows, where they end."""

from collections.abc import Sequence

import numpy as np
import torch

from vas_tool.engines.tabe.levels import Level
from vas_tool.engines.tabe.quirks import Quirks
from vas_tool.engines.tabe.tuning_samples import TunedClip, draw_places, draw_sample
from vas_tool.engines.tabe.window_order import epoch, worker_state
from vas_tool.types import ArrayClip

REFERENCE = Quirks()


class Said:
    """Draws that were thought of before, and what was asked for."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values, self.asked = list(values), []

    def _next(self, *asked: int) -> float:
        self.asked.append(asked)
        return self.values.pop(0)

    def chance(self) -> float:
        return self._next()

    def whole(self, low: int, high: int) -> int:
        return int(self._next(low, high))

    def crop(self, low: int, high: int) -> int:
        return int(self._next(low, high))


def tuned(num_frames=3, levels=(Level.NO, Level.SLIGHT, Level.NO)) -> TunedClip:
    frames = np.zeros((num_frames, 20, 40, 3), np.uint8)
    frames[..., 0] = np.arange(40)
    mask = np.zeros((20, 40), np.bool_)
    mask[:, 10:20] = True
    return TunedClip(ArrayClip(frames), dict.fromkeys(range(num_frames), mask), levels)


def test_places_are_everything_all_but_the_object_or_boxes() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[10:12, 5] = True
    assert draw_places(mask, Said([0.05])).all()
    assert (draw_places(mask, Said([0.1, 0.49])) == ~mask).all()
    boxes = Said([0.5, 0.5, 2, 3, 4, 1, 9, 29, 1, 0.5])  # the second would reach the border
    kept = draw_places(mask, boxes)
    assert boxes.asked[2:6] == [(1, 30), (1, 10), (1, 10), (0, 2)]
    assert (~kept).sum() == 12 and not kept[11:15, 5:8].any()
    inverted = draw_places(mask, Said([0.5, 0.5, 1, 3, 4, 1, 0.4]))
    assert inverted.sum() == 12
    nothing = Said([0.5, 0.5, 1, 3, 4, 0.9])  # no pixel is drawn where there is none
    assert draw_places(np.zeros_like(mask), nothing).all() and not nothing.values


def test_a_sample_is_resized_cropped_and_weighted() -> None:
    draws = Said([17, 1, 5, 0.05, 0.05, 0.05, 0.05, 0.05])
    sample = draw_sample(tuned(), 0, draws, side=16, num_frames=4, quirks=REFERENCE)
    assert draws.asked[:3] == [(16, 18), (0, 2), (0, 19)]  # 17 x 34
    assert sample.images.shape == (4, 3, 16, 16) and sample.places.shape == (4, 1, 16, 16)
    assert sample.weights.tolist() == [1, 0, 1, 0] and sample.drop_prompt
    assert (sample.images[3] == 255).all()  # beyond the end
    assert (sample.images[0, :, :, 15] == 255).all() and (sample.images[0, 1:, :, 6] == 0).all()


def test_what_fits_is_not_drawn() -> None:
    draws = Said([20, 5, 0.05, 0.9])
    draw_sample(tuned(), 0, draws, side=20, num_frames=1, quirks=REFERENCE)
    assert draws.asked == [(20, 22), (0, 21), (), ()]


def test_places_line_up_only_when_repaired() -> None:
    same = [20, 10, 0.2, 0.2, 0.9]
    reference = draw_sample(tuned(), 0, Said(same), side=20, num_frames=1, quirks=REFERENCE)
    repaired = draw_sample(tuned(), 0, Said(same), side=20, num_frames=1, quirks=Quirks(inpaint_masks="repaired"))
    assert np.flatnonzero(~reference.places[0, 0, 0]).tolist() == list(range(5, 10))  # squeezed
    assert np.flatnonzero(~repaired.places[0, 0, 0]).tolist() == list(range(10))  # from column 10 on


def test_the_order_is_that_of_torchs_loader() -> None:
    """Against torch itself: its global generator, its own sampler and seeds."""
    from torch.utils.data import DataLoader

    torch.manual_seed(42)
    theirs = [int(number) for _ in range(2) for number in DataLoader(range(5), shuffle=True)]
    source = torch.Generator().manual_seed(42)
    assert [number for _ in range(2) for number in epoch(5, source)[0]] == theirs


def test_streams_of_a_worker() -> None:
    base = 6909045637428952499
    assert worker_state(base) == [1635152616, 742584865, 3822113244, 3272642742]
    draws = epoch(12, torch.Generator().manual_seed(42))[1]
    torch.manual_seed(base)
    assert draws.crop(0, 1000) == int(torch.randint(0, 1000, (1,)))
