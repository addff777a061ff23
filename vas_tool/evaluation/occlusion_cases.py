"""Makes clips with a known hidden part: objects in full view, and an occluder that moves in front of them.

The occluder hides 15 to 60 % of the object's pixels over the clip; a block hides all of it on some frames. Depth has
noisy layers with soft borders: a rising ground, a shape behind the object, the object, the occluder, a post beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.errors import FormatError
from vas_tool.evaluation.occluders import HIDES_ALL, OCCLUDERS, SPAN, ObjectPath, Occluder, Painter
from vas_tool.evaluation.silhouettes import Frames, FullView, Masks, Random, random_colour, texture
from vas_tool.formats.mask_folder import GivenMasks, read_masks
from vas_tool.formats.mask_names import FrameNames, pair
from vas_tool.formats.mask_pixels import size_of
from vas_tool.formats.mask_values import MaskValues
from vas_tool.run_warnings import warn
from vas_tool.types import ArrayClip, Canvas, Depth, Frame, Mask, SizeWH
from vas_tool.video.clip import as_rgb
from vas_tool.video.images import image_paths
from vas_tool.video.order import in_natural_order
from vas_tool.video.picture_files import loaded_picture
from vas_tool.wording import counted

LEAST_HIDDEN, MOST_HIDDEN = 0.15, 0.60
"""Least and greatest share of the object's pixels that an occluder hides over the whole clip."""

TRIES = 200
"""How many random occluders are tried until one hides that much."""

MOST_GONE = 0.4
"""Greatest share of frames without any pixel of the object. Only occluders of ``HIDES_ALL`` make such frames."""

LONGEST_SIDE = 480
"""Pixels: clips from folders with a longer side are reduced to this."""


@dataclass(frozen=True)
class OcclusionCase:
    """An object that an occluder hides in part, and its true masks."""

    name: str
    """Name of the object, the occluder and the seed."""
    occluder: str
    clip: ArrayClip
    modal: dict[int, Mask]
    """Frame index -> (H, W) bool: the visible part."""
    amodal: Masks
    """(T, canvas H, W) bool: the true amodal masks."""
    depth: dict[int, Depth]
    """Frame index -> (H, W) relative depth, 0..1, 1 = nearest."""
    whole: Frames
    """(T, H, W, 3) uint8, RGB: the clip without the occluder."""
    others: dict[int, list[Mask]] = field(default_factory=dict)
    """Frame index -> modal masks of the other things of the picture: what is in front, and the objects behind."""
    padded: Canvas | None = None
    """The canvas of the amodal masks, where it is larger than the frame."""

    @property
    def canvas(self) -> Canvas:
        """The canvas of the amodal masks."""
        return self.padded or Canvas(self.clip.size_wh)

    def hidden(self, frame_index: int) -> Mask:
        """Return (H, W) of the canvas: the hidden part of the object."""
        return np.asarray(self.amodal[frame_index] & ~self.canvas.to_canvas(self.modal[frame_index]))

    @property
    def hidden_fraction(self) -> float:
        """Share of the object's pixels that are hidden, over all frames, 0..1."""
        return 1 - sum(np.count_nonzero(m) for m in self.modal.values()) / np.count_nonzero(self.amodal)

    @property
    def gone(self) -> list[int]:
        """Frames on which the object is present and wholly hidden."""
        return [i for i, modal in self.modal.items() if self.amodal[i].any() and not modal.any()]


def occlusion_cases(views: Iterable[FullView], *, num_seeds: int = 1) -> Iterator[OcclusionCase]:
    """Yield every view behind every kind of occluder, ``num_seeds`` times. Cases are made one by one, because clips are
    large.

    If views share a name, a number is appended to the name of the second and later ones.
    """
    times = Counter[str]()
    for view in views:
        times[view.name] += 1
        if times[view.name] > 1:
            view = replace(view, name=f"{view.name} ({times[view.name]})")
        for kind in OCCLUDERS:
            for seed in range(num_seeds):
                yield behind(view, kind, seed=seed)


def behind(view: FullView, kind: str, *, seed: int) -> OcclusionCase:
    """Return the view behind one of ``OCCLUDERS``. The same seed gives the same bits.

    Raises FormatError when the object is on no frame, or when no occluder of that kind hides 15 to 60 % of it.
    """
    random = np.random.default_rng([seed, *f"{view.name} {kind}".encode()])
    if not view.masks.any():
        raise FormatError(f"{view.name} has no pixel of the object on any frame; give masks of it")
    layers = _fitting(view, OCCLUDERS[kind], random, may_be_gone=kind in HIDES_ALL)
    colours = [texture(random, _size_wh(view), random_colour(random), fine=8) for _ in layers]
    front = [
        FullView(kind, np.broadcast_to(colour, view.frames.shape), layer)
        for layer, colour in zip(layers, colours, strict=True)
    ]
    return composed(f"{view.name} {kind} {seed}", view, front, random=random)


def composed(
    name: str, view: FullView, front: Sequence[FullView], *, random: Random, behind: Sequence[FullView] = ()
) -> OcclusionCase:
    """Return the object of ``view`` with other things in front of it, the farther first.

    The pictures of ``view`` show the objects ``behind`` already. All views have one size and length.
    """
    frames = view.frames.copy()
    modal, others = dict[int, Mask](), dict[int, list[Mask]]()
    for i in range(len(frames)):
        for obj in front:
            frames[i][obj.masks[i]] = obj.frames[i][obj.masks[i]]
        seen = seen_parts([obj.masks[i] for obj in (*behind, view, *front)])
        modal[i] = seen.pop(len(behind))
        others[i] = seen
    depth = {i: layered_depth(view.masks[i], [obj.masks[i] for obj in front], random) for i in range(len(frames))}
    occluder = front[-1].name if front else "nothing"
    return OcclusionCase(name, occluder, ArrayClip(frames), modal, view.masks, depth, view.frames, others)


def seen_parts(masks: Sequence[Mask]) -> list[Mask]:
    """Return what is seen of each of several (H, W) masks, the farthest first."""
    nearer = np.zeros_like(masks[0])
    seen = list[Mask]()
    for mask in reversed(masks):
        seen.insert(0, mask & ~nearer)
        nearer = nearer | mask
    return seen


def _size_wh(view: FullView) -> tuple[int, int]:
    return view.masks.shape[2], view.masks.shape[1]


def _fitting(view: FullView, occluder: Occluder, random: Random, *, may_be_gone: bool) -> list[Masks]:
    """Return the (T, H, W) masks of the layers, the farther first, of the first random draw that hides enough."""
    course, count = ObjectPath.of(view.masks), len(view.masks)
    last_draw = ""
    for _ in range(TRIES):
        time = np.linspace(-SPAN, SPAN, count) * random.choice([-1, 1])
        layers = [_painted_on(view.masks, painter) for painter in occluder(course, time, random)]
        seen = view.masks & ~np.logical_or.reduce(layers)
        hidden = 1 - np.count_nonzero(seen) / np.count_nonzero(view.masks)
        gone = np.count_nonzero(view.masks.any(axis=(1, 2)) & ~seen.any(axis=(1, 2)))
        fits = 0 < gone <= MOST_GONE * count if may_be_gone else gone == 0
        if fits and LEAST_HIDDEN <= hidden <= MOST_HIDDEN:
            return layers
        last_draw = f"the last hid {100 * hidden:.0f} %, all of it on {counted(int(gone), 'frame')}"
    raise FormatError(
        f"{view.name}: no draw of {TRIES} hides {100 * LEAST_HIDDEN:.0f} to {100 * MOST_HIDDEN:.0f} % ({last_draw}); "
        "give masks of an object that is there on most frames and does not fill the picture"
    )


def _painted_on(masks: Masks, painter: Painter) -> Masks:
    """Return (T, H, W) where one layer is."""
    layer = np.zeros_like(masks)
    for i, picture in enumerate(layer):
        painter(i, picture)
    return layer


def layered_depth(mask: Mask, front: Sequence[Mask], random: Random) -> Depth:
    """Return (H, W) float32, 1 = nearest, with the soft borders and noise of estimated depth.

    ``mask`` is the object's, ``front`` those of what is in front of it, the farther first.
    """
    height, width = mask.shape
    depth = np.repeat(np.linspace(0.1, 0.35, height)[:, None], width, axis=1)
    depth[int(height * 0.2) : int(height * 0.9), int(width * 0.45) : int(width * 0.6)] = (
        0.42  # a shape behind the object
    )
    depth[mask] = 0.5
    depth[int(height * 0.6) :, int(width * 0.02) : int(width * 0.1)] = 0.9  # a post beside the object
    for place, layer in enumerate(front):
        depth[layer] = 0.7 + 0.2 * place
    coarse: npt.NDArray[np.float64] = random.normal(0, 0.04, (max(1, height // 6), max(1, width // 6)))
    noise = cv2.resize(coarse, (width, height))
    return np.asarray(np.clip(cv2.GaussianBlur(depth, (0, 0), 1.5) + noise, 0, 1), dtype=np.float32)


# --- from anyone's masks ----------------------------------------------------------------------------------------------


def views_in(folder: Path, mask_values: MaskValues = "auto") -> list[FullView]:
    """Return the clips of a folder: one with ``masks/`` and perhaps ``rgbs/``, a folder of such folders, or mask
    images.

    The masks must show objects in full view. Masks with several values are several objects, each its own clip;
    ``mask_values`` decides what values mean where the pictures do not. Without pictures, textured ones are drawn. Large
    clips are reduced to ``LONGEST_SIDE``. Raises FormatError that names what is missing or does not fit.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder; name one with masks of an object in full view")
    inner = in_natural_order(path for path in folder.iterdir() if (path / "masks").is_dir())
    clips = [folder] if (folder / "masks").is_dir() else inner
    if not clips:
        return _views(folder.name, folder, None, values=mask_values)
    return [v for path in clips for v in _views(path.name, path / "masks", path / "rgbs", values=mask_values)]


def _views(name: str, masks: Path, rgbs: Path | None, *, values: MaskValues) -> list[FullView]:
    paths = image_paths(masks)
    if len({size_of(path) for path in paths}) > 1:
        raise FormatError(f"the masks in {masks} differ in size; give masks of one clip")
    pictures = image_paths(rgbs) if rgbs is not None and rgbs.is_dir() else []
    if pictures and len(paths) != len(pictures):
        raise FormatError(f"{rgbs} must have one picture for each of the {len(paths)} masks in {masks}")
    paired = pair(masks, paths, FrameNames(tuple(path.stem for path in pictures or paths)))
    read = read_masks(paired.masks, size_wh=size_of(paths[0]), values=values)
    for note in (*paired.notes, *read.notes):
        warn(f"{masks}: {note}")
    return [_view(f"{name} {given.name}".rstrip(), given, pictures) for given in read.objects]


def _view(name: str, given: GivenMasks, pictures: list[Path]) -> FullView:
    read = np.stack([given.read[i]() for i in sorted(given.read)])
    if not pictures:
        return shrunk(FullView(name, _painted(read), read))
    frames = np.stack([_colours(pictures[i], (read.shape[2], read.shape[1])) for i in sorted(given.read)])
    return shrunk(FullView(name, frames, read))


def _colours(path: Path, size_wh: SizeWH) -> Frame:
    try:
        frame = as_rgb(loaded_picture(path))
    except OSError as error:
        raise FormatError(f"{path} does not read as an image ({error}); replace it or take it out") from error
    if frame.shape[1::-1] != size_wh:
        raise FormatError(f"{path} is {frame.shape[1::-1]}, its mask {size_wh} (width, height); scale it to that")
    return frame


def _painted(masks: Masks) -> Frames:
    """Return (T, H, W, 3) a textured ground, and on the mask a texture that moves with the mask's middle."""
    random = np.random.default_rng(0)
    count, height, width = masks.shape
    ground = texture(random, (width, height), (90, 120, 90), fine=9)
    skin = texture(random, (2 * width, 2 * height), (190, 110, 70), fine=6)
    frames = np.repeat(ground[None], count, axis=0)
    if not masks.any():
        return frames
    for i, (x, y) in enumerate(ObjectPath.of(masks).centres):
        left, top = int(np.clip(width - x, 0, width)), int(np.clip(height - y, 0, height))
        frames[i][masks[i]] = skin[top : top + height, left : left + width][masks[i]]
    return frames


def shrunk(view: FullView) -> FullView:
    """Return the view reduced to at most ``LONGEST_SIDE`` pixels in width and height."""
    height, width = view.masks.shape[1:]
    scale = LONGEST_SIDE / max(width, height)
    if scale >= 1:
        return view
    size = round(width * scale), round(height * scale)
    frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in view.frames]
    masks = [cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5 for m in view.masks]
    return FullView(view.name, np.stack(frames), np.stack(masks))
