"""A small scene of which everything is known: a textured thing moves behind a textured bar, in front of a ground."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.types import ArrayClip, Canvas, Content, Depth, Frame, Mask, SizeWH

SIZE_WH: SizeWH = (160, 120)
"""At ``enlarged=1``."""

GROUND_DEPTH, OBJECT_DEPTH, BAR_DEPTH = 0.2, 0.5, 0.8
BODY = 44
"""Side of the square picture that holds the thing, at ``enlarged=1``."""

Path = Callable[[int], tuple[float, float, float, float]]
"""frame_index -> x, y of the thing's middle, its scale, its angle in degrees."""


@dataclass(frozen=True)
class Scene:
    """What a perfect tool would answer, beside what it sees."""

    clip: ArrayClip
    modal: dict[int, Mask]
    amodal: dict[int, Mask]
    """Of the frame's size; beyond the frame nothing."""
    depth: dict[int, Depth]
    content: dict[int, Content]
    """RGBA of the frame's size: the thing without the bar."""
    placed: dict[int, npt.NDArray[np.float64]]
    """(2, 3): from the thing's own picture to the frame."""

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def canvas(self) -> Canvas:
        """The frame without padding."""
        return Canvas(self.clip.size_wh)


def sideways(frame_index: int) -> tuple[float, float, float, float]:
    """Five pixels to the right a frame."""
    return 40 + 5.0 * frame_index, 60 + 0.5 * frame_index, 1.0, 0.0


def turning(frame_index: int) -> tuple[float, float, float, float]:
    """To the right, growing and turning."""
    return 40 + 4.0 * frame_index, 60.0, 1 + 0.02 * frame_index, 3.0 * frame_index


def make_scene(
    num_frames: int = 10,
    *,
    bar: tuple[int, int] | None = (64, 82),
    path: Path = sideways,
    gone: tuple[int, ...] = (),
    enlarged: int = 1,
) -> Scene:
    """``bar``: the columns it covers (None: none). ``gone``: frames without the thing.

    ``enlarged`` times 160 x 120; bar and path are given at that size. The same call gives the same bits.
    """
    random = np.random.default_rng(7)
    size_wh = SIZE_WH[0] * enlarged, SIZE_WH[1] * enlarged
    ground = _texture(random, size_wh, (70, 110, 80), fine=8 * enlarged)
    skin = _texture(random, (BODY * enlarged,) * 2, (200, 90, 60), fine=5 * enlarged)
    body = cv2.resize(_body(), (BODY * enlarged,) * 2, interpolation=cv2.INTER_LINEAR)
    front = _texture(random, size_wh, (60, 70, 170), fine=8 * enlarged)
    hidden = np.zeros(size_wh[::-1], bool)
    if bar is not None:
        hidden[:, bar[0] * enlarged : bar[1] * enlarged] = True
    scene = Scene(ArrayClip(np.zeros((num_frames, *size_wh[::-1], 3), np.uint8)), {}, {}, {}, {}, {})
    for i in range(num_frames):
        scene.placed[i] = placed = _placement(path(i), enlarged)
        whole = cv2.warpAffine(body, placed, size_wh, flags=cv2.INTER_LINEAR) > 127
        whole &= i not in gone
        own = cv2.warpAffine(skin, placed, size_wh, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        scene.clip.frames[i] = np.where(hidden[..., None], front, np.where(whole[..., None], own, ground))
        scene.modal[i], scene.amodal[i] = whole & ~hidden, whole
        layers = np.where(hidden, BAR_DEPTH, np.where(whole, OBJECT_DEPTH, GROUND_DEPTH))
        scene.depth[i] = layers.astype(np.float32)
        scene.content[i] = np.dstack([np.where(whole[..., None], own, 0), whole * np.uint8(255)]).astype(np.uint8)
    return scene


def _texture(random: np.random.Generator, size_wh: SizeWH, colour: tuple[int, int, int], *, fine: int) -> Frame:
    """Soft spots of a colour, ``fine`` pixels apart."""
    width, height = size_wh
    spots = random.normal(0, 22, (height // fine + 1, width // fine + 1, 1)) + random.normal(
        0, 8, (height // fine + 1, width // fine + 1, 3)
    )
    soft = cv2.resize(spots.astype(np.float32), size_wh, interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + np.array(colour), 0, 255).astype(np.uint8)


def _body() -> npt.NDArray[np.uint8]:
    """(BODY, BODY), 255 inside: a disk with a notch, so that its hull is not its outline."""
    out = np.zeros((BODY, BODY), np.uint8)
    cv2.circle(out, (BODY // 2, BODY // 2), 19, 255, cv2.FILLED)
    out[: BODY // 2, BODY // 2 - 4 : BODY // 2 + 5] = 0
    return out


def _placement(pose: tuple[float, float, float, float], enlarged: int) -> npt.NDArray[np.float64]:
    x, y, scale, angle = pose
    middle = (BODY * enlarged - 1) / 2
    out = cv2.getRotationMatrix2D((middle, middle), -angle, scale)
    out[:, 2] += (x * enlarged - middle, y * enlarged - middle)
    return np.asarray(out, np.float64)
