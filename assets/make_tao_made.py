"""Makes ``assets/tao_made``: a small data set in TAO-Amodal's form of which everything is known.

    python assets/make_tao_made.py [OUT]

Two clips look through a smaller window at the rendered sample (``assets/sample``), so that its car leaves the picture;
two are drawn here. Every frame is 256 x 144; every eighth is annotated, as TAO's are once a second. ``truth.json`` has
modal and amodal masks of every frame, on a canvas padded by half the frame on each side. The same bytes every time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from vas_tool.boxes.keyframes import box_iou
from vas_tool.masks import box_xyxy, to_rle

ASSETS = Path(__file__).parent
FRAME_WH = (256, 144)
CANVAS_WH = (512, 288)
LEFT_TOP = (128, 72)
"""Of the frame on the canvas."""
JPEG_QUALITY = 66
FINE = 2
"""Pixels are drawn this much finer, then averaged."""
NUM_FRAMES = 25
STEP = 8
"""Frames from one annotated frame to the next: one second."""
CATEGORIES = {1: "toy_car", 2: "person", 3: "dog", 4: "ball"}

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Shown:
    """One frame of a clip, everything on the canvas."""

    picture: Picture
    objects: dict[int, tuple[Mask, Mask]]
    """Category -> amodal mask, and where nothing is in front of it (rim of the picture not counted)."""


# --- windows on the rendered sample -----------------------------------------------------------------------------------


def sample_window(frames: range, corner: Callable[[float], tuple[float, float]]) -> Iterator[Shown]:
    """The sample through a window of 384 x 216 whose left upper corner moves with the share (0..1) of the clip."""
    with av.open(str(ASSETS / "sample" / "clip.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for number, index in enumerate(frames):
        x, y = corner(number / (len(frames) - 1))
        amodal, modal = (_sample_mask(kind, index) for kind in ("amodal", "modal"))
        seen = _looked_at(modal, x, y) > 0.5
        yield Shown(_looked_at(pictures[index], x, y), {1: (_looked_at(amodal, x, y) > 0.5, seen)})


def _sample_mask(kind: str, index: int) -> NDArray[np.float32]:
    mask = cv2.imread(str(ASSETS / "sample" / "truth" / kind / f"{index:05d}.png"), cv2.IMREAD_GRAYSCALE)
    return (mask > 127).astype(np.float32)


def _looked_at(picture: NDArray[Any], x: float, y: float) -> NDArray[Any]:
    """The canvas around a window at (x, y) of the sample: 1.5 of its pixels become one."""
    scale = 384 / FRAME_WH[0]
    to_sample = np.array([[scale, 0, x - LEFT_TOP[0] * scale], [0, scale, y - LEFT_TOP[1] * scale]])
    smooth = cv2.GaussianBlur(picture, (0, 0), 0.6) if picture.dtype == np.uint8 else picture
    return cv2.warpAffine(smooth, to_sample, CANVAS_WH, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


# --- drawn clips ------------------------------------------------------------------------------------------------------


class Drawing:
    """A canvas on which layers are laid, farthest first, at FINE times the size."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.wh = CANVAS_WH[0] * FINE, CANVAS_WH[1] * FINE
        self.backdrop = self.cloudy((120, 150, 170), 90)
        ground = self.cloudy((110, 105, 80), 60)
        horizon = round(self.wh[1] * 0.56)
        self.backdrop[horizon:] = ground[horizon:]

    def cloudy(self, colour: tuple[int, int, int], spread: int) -> Picture:
        """A texture around a colour, over the whole canvas."""
        total = np.zeros((self.wh[1], self.wh[0]), np.float32)
        for cells in (6, 14, 40, 70):
            noise = self.random.uniform(-0.5, 0.5, (cells * 9 // 16 + 2, cells + 2)).astype(np.float32)
            total += cv2.resize(noise, self.wh, interpolation=cv2.INTER_CUBIC) / 2
        shaded = np.array(colour, np.float32) + spread * total[..., None]
        return np.clip(shaded, 0, 255).astype(np.uint8)

    def blank(self) -> NDArray[np.uint8]:
        """A layer with nothing on it."""
        return np.zeros((self.wh[1], self.wh[0]), np.uint8)

    def flat(self, layers: list[tuple[int | None, NDArray[np.uint8], Picture]]) -> Shown:
        """The picture of layers (category or None, where, texture), farthest first."""
        picture = self.backdrop.copy()
        for _, where, texture in layers:
            picture[where > 0] = texture[where > 0]
        objects = {}
        for number, (category, where, _) in enumerate(layers):
            if category is not None:
                front = np.any([w > 0 for _, w, _ in layers[number + 1 :]] or [where < 0], axis=0)
                objects[category] = (_shrunk(where > 0), _shrunk((where > 0) & ~front))
        return Shown(cv2.resize(picture, CANVAS_WH, interpolation=cv2.INTER_AREA), objects)


def _shrunk(mask: Mask) -> Mask:
    small = cv2.resize(mask.astype(np.float32), CANVAS_WH, interpolation=cv2.INTER_AREA)
    return np.asarray(small >= 0.5)


Point = tuple[float, float]


def _limb(layer: NDArray[np.uint8], start: Point, end: Point, *, width: float) -> None:
    points = [tuple(round(FINE * c) for c in point) for point in (start, end)]
    cv2.line(layer, points[0], points[1], 1, max(1, round(FINE * width)))
    for point in points:
        cv2.circle(layer, point, max(1, round(FINE * width / 2)), 1, cv2.FILLED)


def person(layer: NDArray[np.uint8], x: float, ground: float, *, height: float, phase: float) -> None:
    """Somebody who walks: head, body, swinging arms and legs."""
    hip, neck = ground - 0.47 * height, ground - 0.8 * height
    _limb(layer, (x, hip), (x, neck + 0.05 * height), width=0.19 * height)
    cv2.circle(layer, (round(FINE * x), round(FINE * (ground - 0.91 * height))), round(FINE * 0.09 * height), 1, -1)
    for side in (-1, 1):
        swing = 0.19 * height * np.sin(phase) * side
        bend = 0.06 * height * max(0.0, np.cos(phase) * side)
        _limb(layer, (x, hip), (x + 0.6 * swing + bend, ground - 0.24 * height), width=0.1 * height)
        _limb(layer, (x + 0.6 * swing + bend, ground - 0.24 * height), (x + swing, ground), width=0.08 * height)
        _limb(layer, (x, neck + 0.06 * height), (x - 0.8 * swing, neck + 0.34 * height), width=0.07 * height)


def dog(layer: NDArray[np.uint8], x: float, ground: float, *, height: float, phase: float) -> None:
    """A dog that trots to the left."""
    back = ground - 0.7 * height
    _limb(layer, (x - 0.45 * height, back), (x + 0.45 * height, back), width=0.42 * height)
    _limb(layer, (x - 0.55 * height, back), (x - 0.75 * height, ground - 1.05 * height), width=0.26 * height)
    _limb(
        layer,
        (x - 0.75 * height, ground - 1.05 * height),
        (x - 1.0 * height, ground - 0.98 * height),
        width=0.2 * height,
    )
    _limb(layer, (x + 0.6 * height, back), (x + 0.9 * height, back - 0.3 * height), width=0.1 * height)
    for number, foot in enumerate((-0.45, -0.35, 0.35, 0.45)):
        swing = 0.18 * height * np.sin(phase + number * np.pi / 2)
        _limb(layer, (x + foot * height, back), (x + foot * height + swing, ground), width=0.13 * height)


def street() -> Iterator[Shown]:
    """A person walks out of the picture to the right, behind posts and a hedge; a dog trots the other way in front."""
    drawing = Drawing(3)
    coat, fur = drawing.cloudy((170, 60, 50), 160), drawing.cloudy((90, 70, 50), 120)
    hedge, wood = drawing.cloudy((50, 95, 45), 110), drawing.cloudy((120, 85, 55), 70)
    for index in range(NUM_FRAMES):
        walker, trotter, posts = drawing.blank(), drawing.blank(), drawing.blank()
        person(walker, 168 + 9.2 * index, 212, height=104, phase=0.75 * index)
        dog(trotter, 405 - 9.0 * index, 222, height=30, phase=1.1 * index)
        for left in (176, 236, 300, 352):
            cv2.rectangle(posts, (FINE * left, FINE * 96), (FINE * (left + 17), FINE * 214), 1, cv2.FILLED)
        bush = drawing.blank()
        cv2.ellipse(bush, (FINE * 268, FINE * 214), (FINE * 44, FINE * 40), 0, 0, 360, 1, cv2.FILLED)
        yield drawing.flat([(2, walker, coat), (None, posts, wood), (None, bush, hedge), (3, trotter, fur)])


def kick() -> Iterator[Shown]:
    """A ball flies over the picture's upper rim and comes down behind a wall; somebody large stands in the way."""
    drawing = Drawing(11)
    leather, brick = drawing.cloudy((215, 200, 180), 190), drawing.cloudy((140, 75, 60), 80)
    cloth = drawing.cloudy((60, 75, 120), 110)
    for index in range(NUM_FRAMES):
        share = index / (NUM_FRAMES - 1)
        ball, wall, somebody = drawing.blank(), drawing.blank(), drawing.blank()
        x, y = 150 + 215 * share, 168 - 330 * share * (1 - share) * 1.15 + 34 * share
        middle, turn = (round(FINE * x), round(FINE * y)), 400 * share
        cv2.ellipse(ball, middle, (FINE * 25, FINE * 19), turn, 0, 360, 1, cv2.FILLED)
        cv2.rectangle(wall, (FINE * 322, FINE * 150), (FINE * 440, FINE * 230), 1, cv2.FILLED)
        person(somebody, 176 + 1.4 * index, 226, height=128, phase=0.5)
        yield drawing.flat([(4, ball, leather), (None, wall, brick), (2, somebody, cloth)])


CLIPS: dict[str, Callable[[], Iterator[Shown]]] = {
    "car_leaves": lambda: sample_window(range(0, NUM_FRAMES), lambda share: (60 - 10 * share, 108)),
    "car_comes": lambda: sample_window(range(32, 32 - NUM_FRAMES, -1), lambda share: (330 - 190 * share, 120)),
    "street": street,
    "kick": kick,
}


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass
class Written:
    """The data set as it grows."""

    out: Path
    annotations: dict[str, list[dict[str, Any]]]
    truth: dict[str, Any]

    def add(self, video_id: int, name: str, frames: Iterator[Shown]) -> None:
        """One clip: frames, annotations of every STEP-th, truth of all."""
        width, height = FRAME_WH
        folder = f"val/Made/{name}"
        (self.out / "frames" / folder).mkdir(parents=True, exist_ok=True)
        video = {"id": video_id, "name": folder, "width": width, "height": height, "metadata": {"dataset": "Made"}}
        self.annotations["videos"].append({**video, "neg_category_ids": [], "not_exhaustive_category_ids": []})
        tracks: dict[int, int] = {}
        for index, shown in enumerate(frames):
            file_name = f"{folder}/frame{index:04d}.jpg"
            (self.out / "frames" / file_name).write_bytes(_jpeg(_in_frame(shown.picture)))
            for category, (amodal, seen) in shown.objects.items():
                if category not in tracks:
                    tracks[category] = len(self.annotations["tracks"]) + 1
                    track = {"id": tracks[category], "category_id": category, "video_id": video_id}
                    self.annotations["tracks"].append(track)
                modal = _in_frame(seen)
                entry = self.truth.setdefault(name, {}).setdefault(str(tracks[category]), {"modal": [], "amodal": []})
                entry["modal"].append(to_rle(modal)["counts"])
                entry["amodal"].append(to_rle(amodal)["counts"])
                if index % STEP == 0:
                    ids = {"video_id": video_id, "track_id": tracks[category], "category_id": category}
                    self._annotate(ids, _image_id(video_id, index), modal=modal, amodal=amodal)
            if index % STEP == 0:
                image = {"id": _image_id(video_id, index), "video_id": video_id, "file_name": file_name}
                sizes = {"width": width, "height": height, "frame_index": index, "license": 0}
                self.annotations["images"].append({**image, **sizes})

    def _annotate(self, ids: dict[str, int], image_id: int, *, modal: Mask, amodal: Mask) -> None:
        whole, seen = box_xyxy(amodal), box_xyxy(modal)
        if whole is None:
            return
        x, y = LEFT_TOP
        corners = (whole[0] - x, whole[1] - y, whole[2] - x, whole[3] - y)
        entry = {"id": len(self.annotations["annotations"]) + 1, "image_id": image_id, **ids}
        entry |= {"amodal_bbox": _xywh(corners), "amodal_is_uncertain": seen is None, "visibility": 0.0}
        if seen is not None:
            entry |= {"bbox": _xywh(seen), "area": _xywh(seen)[2] * _xywh(seen)[3]}
            entry["visibility"] = round(box_iou(seen, corners), 6)
        self.annotations["annotations"].append(entry)


def _image_id(video_id: int, index: int) -> int:
    return 1000 * video_id + index


def _xywh(corners: tuple[int, int, int, int]) -> list[int]:
    x0, y0, x1, y1 = corners
    return [x0, y0, x1 - x0, y1 - y0]


def _in_frame(canvas: NDArray[Any]) -> NDArray[Any]:
    (x, y), (width, height) = LEFT_TOP, FRAME_WH
    return canvas[y : y + height, x : x + width]


def _jpeg(picture: Picture) -> bytes:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)


def main() -> None:
    """Write the data set."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ASSETS / "tao_made"
    categories = [{"id": i, "name": name, "synset": f"{name}.n.01"} for i, name in CATEGORIES.items()]
    annotations: dict[str, list[dict[str, Any]]] = {"videos": [], "images": [], "tracks": [], "annotations": []}
    written = Written(out, {**annotations, "categories": categories}, {})
    for number, (name, frames) in enumerate(CLIPS.items(), start=1):
        written.add(number, name, frames())
    (out / "amodal_annotations").mkdir(parents=True, exist_ok=True)
    texts = {"amodal_annotations/validation.json": written.annotations, "truth.json": written.truth}
    for file_name, data in texts.items():
        (out / file_name).write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
