"""The clips that clicks are learned from: ``python -m vas_tool.training.click_clips --data DATA --out FOLDER``.

DATA has ``sequences/birdcage`` and ``sequences/horse`` (from the demo of Diffusion-VAS) and ``tabe/air_hockey_1`` (from
TABE). They, our sample and ``assets/tao_made`` become FOLDER/labelled, one folder with ``rgbs/`` and ``masks/`` for
each object; the things that ``outlines.json`` outlines on some of their frames become FOLDER/outlined. What moves is
seen from the frames around, so that all are there; frames without a label have an empty mask.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from vas_tool.errors import FormatError
from vas_tool.evaluation.occlusion import LONGEST_SIDE, OBJECT_ABOVE, views_in
from vas_tool.masks import from_rle
from vas_tool.types import Frame, Mask
from vas_tool.video.images import image_paths

OUTLINES = Path(__file__).parent / "outlines.json"
"""[{clip, frame, name, polygons, holes}]: by hand, in pixels of FOLDER/labelled, pixel middles at whole numbers."""

EVERY, OF_TAO, OF_SAMPLE = 4, 8, range(0, 33, 8)
"""Frames whose masks are learned from."""

FEWEST = 40
"""Pixels of a mask that is learned from."""

SUBPIXEL_BITS = 4

Clip = tuple[str, Sequence[Frame], Mapping[int, Mask]]
"""Name, all frames, the masks of some."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--assets", type=Path, default=Path("assets"), help="of a checkout of this tool")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    assets = options.assets
    for name, frames, masks in (*_of_data(options.data), _of_sample(assets / "sample"), *_of_tao(assets / "tao_made")):
        write(options.out / "labelled" / name, frames, masks)
    for outline in json.loads(OUTLINES.read_text(encoding="utf-8")):
        name = f"{outline['clip']}_{outline['frame']:02d}_{outline['name'].replace(' ', '_')}"
        frames = [_colours(path) for path in image_paths(options.out / "labelled" / outline["clip"] / "rgbs")]
        masks = {outline["frame"]: drawn(outline["polygons"], outline.get("holes", []), frames[0].shape[:2])}
        write(options.out / "outlined" / name, frames, masks)


def _of_data(data: Path) -> Iterator[Clip]:
    for name in ("birdcage", "horse"):
        view = views_in(data / "sequences" / name)[0]
        yield name, view.frames, {index: view.masks[index] for index in range(0, len(view.frames), EVERY)}
    hockey = data / "tabe" / "air_hockey_1"
    query = _grey(image_paths(hockey / "visible_masks")[0]) > 0
    yield "hockey", [_colours(path) for path in image_paths(hockey / "frames")], {0: query}


def _of_sample(folder: Path) -> Clip:
    with av.open(str(folder / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    paths = image_paths(folder / "truth" / "modal")
    masks = {index: _grey(paths[index]) > OBJECT_ABOVE for index in OF_SAMPLE}
    return "sample", frames, masks


def _of_tao(folder: Path) -> Iterator[Clip]:
    for clip, tracks in json.loads((folder / "truth.json").read_text(encoding="utf-8")).items():
        frames = [_colours(path) for path in image_paths(folder / "frames" / "val" / "Made" / clip)]
        for track, truth in tracks.items():
            size = list(frames[0].shape[:2])
            chosen = range(0, len(frames), OF_TAO)
            masks = {index: from_rle({"size": size, "counts": truth["modal"][index]}) for index in chosen}
            yield f"tao_{clip}_{track}", frames, masks


def drawn(
    polygons: Sequence[Sequence[Sequence[float]]],
    holes: Sequence[Sequence[Sequence[float]]],
    shape: tuple[int, ...],
) -> Mask:
    """(h, w): polygons of (x, y), filled, without the holes."""
    canvas = np.zeros(shape, np.uint8)
    for value, outlines in ((1, polygons), (0, holes)):
        for outline in outlines:
            points = np.round(np.array(outline) * 2**SUBPIXEL_BITS).astype(np.int32)
            cv2.fillPoly(canvas, [points], value, shift=SUBPIXEL_BITS)
    return canvas > 0


def write(folder: Path, frames: Sequence[Frame], masks: Mapping[int, Mask]) -> None:
    """``rgbs/`` and ``masks/`` of at most LONGEST_SIDE pixels; empty masks where none, or too small a one, is given."""
    if folder.exists():
        raise FormatError(f"{folder} is there already; name a new folder with --out")
    height, width = frames[0].shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    for name in ("rgbs", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        mask = masks.get(index)
        kept = mask if mask is not None and np.count_nonzero(mask) >= FEWEST else np.zeros((height, width), bool)
        size_wh = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA)
        share = cv2.resize(kept.astype(np.float32), size_wh, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / "rgbs" / f"{index:03d}.png"), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(folder / "masks" / f"{index:03d}.png"), 255 * (share >= 0.5).astype(np.uint8))


def _colours(path: Path) -> Frame:
    return cv2.cvtColor(_read(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _grey(path: Path) -> Frame:
    return _read(path, cv2.IMREAD_GRAYSCALE)


def _read(path: Path, flag: int) -> Frame:
    picture = cv2.imread(str(path), flag)
    if picture is None:
        raise FormatError(f"{path} does not read as a picture; get the clips again")
    return picture


if __name__ == "__main__":
    main()
