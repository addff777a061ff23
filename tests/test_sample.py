"""The bundled sample and its truth agree, and show what they are meant to show."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vas_tool.masks import area
from vas_tool.sample import sample_clip

ASSETS = sample_clip().parent.parent
TRUTH = sample_clip().parent / "truth"


def masks(layer: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted((TRUTH / layer).iterdir())]


def frames() -> list[np.ndarray]:
    with av.open(str(sample_clip())) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_every_frame_has_its_truth() -> None:
    clip, modal, amodal = frames(), masks("modal"), masks("amodal")
    assert len(clip) == len(modal) == len(amodal) == len(list((TRUTH / "content").iterdir())) and 25 <= len(clip) <= 50
    assert all(mask.dtype == bool and mask.shape == frame.shape[:2] for mask, frame in zip(modal, clip, strict=True))
    assert all((whole & seen).sum() == seen.sum() for whole, seen in zip(amodal, modal, strict=True))


def test_the_car_goes_behind_things_and_comes_out_again() -> None:
    seen = [area(m) / area(a) for m, a in zip(masks("modal"), masks("amodal"), strict=True)]
    assert seen[0] > 0.95 and seen[-1] > 0.8
    assert sum(share < 0.001 for share in seen) >= 3
    assert sum(0.3 < share < 0.8 for share in seen) >= 8


@pytest.mark.parametrize("index", [0, 35])
def test_content_is_what_the_clip_shows_where_nothing_hides_it(index: int) -> None:
    content = np.asarray(Image.open(TRUTH / "content" / f"{index:05d}.webp"))
    seen = masks("modal")[index]
    assert np.array_equal(content[..., 3] == 255, masks("amodal")[index])
    difference = np.abs(content[..., :3].astype(int) - frames()[index])[seen]
    assert np.median(difference) < 8


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in Path(ASSETS).rglob("*") if path.is_file()) < 3_000_000
