"""The plan of a training run of EoRaS: data, network, and the schedules of the released scripts. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vas_tool.engines.eoras.options import EorasOptions
from vas_tool.errors import InputError
from vas_tool.training.eoras.clip_samples import SampleSource
from vas_tool.training.eoras.kitti_samples import KittiSamples
from vas_tool.training.eoras.movi_samples import MoviSamples

Data = Literal["movi", "kitti"]

KITTI_TEST_LENGTH = 8
"""Least number of frames of a clip in the reference's test script. Shorter clips are padded."""


@dataclass(frozen=True)
class Schedule:
    """The values that differ between the two released training scripts. The defaults are those of MOVi."""

    epochs: int = 50
    learning_rate: float = 1e-5
    gamma: float = 1.0
    """Factor of the learning rate after each epoch."""
    passes: int = 1
    """Number of passes through the clips in an epoch."""
    every: int = 10
    """Number of epochs between checkpoints, and between test loops."""
    length: int = 12
    """Number of frames of a clip."""

    def __post_init__(self) -> None:
        whole = {name: getattr(self, name) for name in ("epochs", "passes", "every", "length")}
        wrong = [f"{name} {value}" for name, value in whole.items() if value < 1]
        if wrong or self.learning_rate <= 0 or not 0 < self.gamma <= 1:
            raise InputError(
                "a training needs whole numbers from 1, a learning rate above 0 and a gamma in 0..1; "
                f"got {', '.join(wrong) or f'learning rate {self.learning_rate:g}, gamma {self.gamma:g}'}"
            )


SCHEDULES: dict[Data, Schedule] = {
    "movi": Schedule(),
    "kitti": Schedule(epochs=51, learning_rate=1e-4, gamma=0.95, passes=2, every=5),
}
"""The defaults of the released scripts. The paper names gamma 0.95 for both. KITTI's script means its
second pass to be a validation, but takes the training clips again."""


@dataclass(frozen=True)
class Plan:
    """The plan of one run."""

    data: Data
    root: Path
    out: Path
    schedule: Schedule
    options: EorasOptions
    visible_weight: float = 1.0
    seed: int = 123
    """The seed of the released scripts."""
    start: Path | None = None
    """A checkpoint to start from, or torchvision's weights of ResNet-50."""

    def source(self, split: Literal["train", "test"]) -> SampleSource:
        """Return a split of the data. Test clips have all their frames."""
        if self.data == "movi":
            return MoviSamples(self.root, split, self.schedule.length)
        return KittiSamples(self.root, split, self.schedule.length if split == "train" else KITTI_TEST_LENGTH)
