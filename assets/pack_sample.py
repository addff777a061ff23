"""Puts the rendered pictures of ``make_sample.py`` together: the clip, and the truth beside it.

Needs what vas-tool needs: ``python assets/pack_sample.py RENDERED assets/sample``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import av

FPS = 8
CRF = 18
"""H.264 quality: no visible blocks at this size."""

CONTENT_QUALITY = 82
"""WebP quality of the object's colours; their alpha is exact."""


def main(rendered: Path, out: Path) -> None:
    """Write ``clip.mp4`` and ``truth/{modal,amodal,content}`` under ``out``."""
    names = sorted(path.name for path in (rendered / "picture").iterdir())
    write_clip(out / "clip.mp4", [np.asarray(Image.open(rendered / "picture" / n).convert("RGB")) for n in names])
    for name in names:
        content = np.array(Image.open(rendered / "content" / name).convert("RGBA"))
        amodal = content[..., 3] > 127
        modal = (np.asarray(Image.open(rendered / "modal" / name).convert("RGBA"))[..., 3] > 127) & amodal
        stem = Path(name).stem
        write_mask(out / "truth" / "amodal" / f"{stem}.png", amodal)
        write_mask(out / "truth" / "modal" / f"{stem}.png", modal)
        content[~amodal] = 0
        content[..., 3] = amodal * np.uint8(255)
        path = out / "truth" / "content" / f"{stem}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(content).save(path, quality=CONTENT_QUALITY, method=6)


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    """H.264 with the colours that players expect, playable before it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(CRF), "preset": "veryslow"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_mask(path: Path, mask: np.ndarray) -> None:
    """One bit a pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
