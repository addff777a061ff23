"""A synthetic miniature of MOVi: boxes and cylinders on a floor, a camera that moves around them, exact truth.

Written in the layout that ``movi_samples`` reads. Pictures are drawn by casting a ray through every pixel at each
object, so that modal and amodal masks and the camera are exact. Objects hide each other; frames on which nothing is
seen of an object exist, and have no box, as in MOVi.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Doubles = npt.NDArray[np.float64]

FOCAL = 35 / 32
"""Focal length divided by the picture's width, the same as for every Kubric camera."""

FAR = 1e9
"""Depth of a ray that misses the object."""


@dataclass(frozen=True)
class SceneObject:
    """A box or an upright cylinder that stands on the floor."""

    round: bool
    middle: Doubles
    """(2,) position on the floor."""
    half: Doubles
    """(3,) half of the extent along x, y and z before rotation. The first is a cylinder's radius."""
    angle: float
    colour: Doubles
    """(3,) RGB in 0..1."""


@dataclass(frozen=True)
class CameraView:
    """A camera: its position and the three axes of its view, each (3,)."""

    position: Doubles
    right: Doubles
    down: Doubles
    forward: Doubles

    @classmethod
    def at(cls, position: Doubles, target: Doubles) -> CameraView:
        """Return an upright camera at ``position`` that points to ``target``."""
        forward = (target - position) / np.linalg.norm(target - position)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        return cls(position, right, np.cross(forward, right), forward)

    def rays(self, side: int) -> Doubles:
        """Return (side, side, 3): the direction of each pixel's centre, with length 1 along the view."""
        middle = ((np.arange(side) + 0.5) / side - 0.5) / FOCAL
        across, down = np.meshgrid(middle, middle)
        return self.forward + across[..., None] * self.right + down[..., None] * self.down


def write_made_movi(
    root: Path, *, num_train: int, num_test: int, num_frames: int = 12, side: int = 96, seed: int = 0
) -> None:
    """Write ``root/{train,test}``. Equal arguments give equal bytes. Every video has three or four objects."""
    for split, count, stream in (("train", num_train, 0), ("test", num_test, 1)):
        names = list[str]()
        (root / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            video = f"{split}{number:04d}"
            random = np.random.default_rng([seed, stream, number])
            objects = _objects(random)
            seen = _write_video(root / split / video, objects, _views(random, num_frames), side=side)
            names += [f"{video}-{obj}" for obj in seen]
        np.save(root / split / "instance_list.npy", np.array(names))


def _objects(random: np.random.Generator) -> list[SceneObject]:
    objects = list[SceneObject]()
    for _ in range(int(random.integers(3, 5))):
        half = random.uniform(0.5, 1.1, 3)
        middle = random.uniform(-1.8, 1.8, 2)
        angle, colour = float(random.uniform(0, np.pi)), random.uniform(0.15, 0.95, 3)
        objects.append(SceneObject(bool(random.random() < 0.5), middle, half, angle, colour))
    return objects


def _views(random: np.random.Generator, count: int) -> list[CameraView]:
    start, turn = random.uniform(0, 2 * np.pi), random.uniform(0.4, 1.0) * random.choice([-1, 1])
    angles = start + turn * np.linspace(0, 1, count)
    away, height = random.uniform(6.5, 8), random.uniform(1.2, 2.5)
    places = np.stack([away * np.cos(angles), away * np.sin(angles), np.full(count, height)], 1)
    return [CameraView.at(place, np.array([0, 0, 0.6])) for place in places]


def depths_of(obj: SceneObject, view: CameraView, side: int) -> tuple[Doubles, Doubles]:
    """Return (side, side) distances along the view, ``FAR`` for a ray that misses, and (side, side, 3) outward normals
    in the object's axes.
    """
    cos, sin = np.cos(obj.angle), np.sin(obj.angle)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    origin = turn @ (view.position - [*obj.middle, obj.half[2]])
    rays = view.rays(side) @ turn.T
    return _round_depths(obj, origin, rays) if obj.round else _box_depths(obj, origin, rays)


def _box_depths(obj: SceneObject, origin: Doubles, rays: Doubles) -> tuple[Doubles, Doubles]:
    with np.errstate(divide="ignore"):
        first, second = (-obj.half - origin) / rays, (obj.half - origin) / rays
    near, far = np.minimum(first, second), np.maximum(first, second)
    axis, entered, left = near.argmax(-1), near.max(-1), far.min(-1)
    normals = np.eye(3)[axis] * -np.sign(np.take_along_axis(rays, axis[..., None], -1))
    return np.where((entered < left) & (left > 0), entered, FAR), normals


def _round_depths(obj: SceneObject, origin: Doubles, rays: Doubles) -> tuple[Doubles, Doubles]:
    """Return distances and normals of a cylinder: its side, then its lid."""
    radius, half = obj.half[0], obj.half[2]
    a = (rays[..., :2] ** 2).sum(-1)
    b = (rays[..., :2] * origin[:2]).sum(-1)
    inside = b**2 - a * ((origin[:2] ** 2).sum() - radius**2)
    entered = (-b - np.sqrt(np.maximum(inside, 0))) / a
    at = origin + entered[..., None] * rays
    sides = np.where((inside > 0) & (entered > 0) & (np.abs(at[..., 2]) <= half), entered, FAR)
    with np.errstate(divide="ignore"):
        lid = (half - origin[2]) / rays[..., 2]
    on_lid = ((origin[:2] + lid[..., None] * rays[..., :2]) ** 2).sum(-1) <= radius**2
    tops = np.where(on_lid & (lid > 0), lid, FAR)
    normals = np.where((tops < sides)[..., None], [0.0, 0.0, 1.0], at * [1, 1, 0] / radius)
    return np.minimum(sides, tops), normals


def _write_video(folder: Path, objects: Sequence[SceneObject], views: Sequence[CameraView], *, side: int) -> list[int]:
    """Write a video and return the objects that are visible on at least one frame."""
    folder.mkdir(parents=True, exist_ok=True)
    instances: list[dict[str, Any]] = [{"bboxes_3d": [], "bboxes": [], "bbox_frames": []} for _ in objects]
    for t, view in enumerate(views):
        found = [depths_of(obj, view, side) for obj in objects]
        depths = np.stack([depth for depth, _ in found])
        ids = np.where(depths.min(0) < FAR, depths.argmin(0) + 1, 0).astype(np.uint8)
        Image.fromarray(ids).save(folder / f"segmentation_full_{t:05d}.png")
        Image.fromarray(_picture(objects, [n for _, n in found], ids)).save(folder / f"rgba_full_{t:05d}.png")
        for number, depth in enumerate(depths):
            amodal = ((depth < FAR) * (number + 1)).astype(np.uint8)
            Image.fromarray(amodal).save(folder / f"segmentation_{number}_{t:05d}.png")
            _note_box(instances[number], ids == number + 1, t)
    metadata = {"num_frames": len(views), "height": side, "width": side}
    matrix = [[FOCAL, 0, -0.5], [0, -FOCAL, -0.5], [0, 0, -1]]
    camera = {"K": matrix, "focal_length": 35.0, "sensor_width": 32.0, "positions": [list(k.position) for k in views]}
    content = {"metadata": metadata, "camera": camera, "instances": instances}
    (folder / "metadata.json").write_text(json.dumps(content))
    return [number for number, instance in enumerate(instances) if instance["bbox_frames"]]


def _note_box(instance: dict[str, Any], modal: npt.NDArray[np.bool_], t: int) -> None:
    """Add the frame's box (top, left, bottom, right, 0..1) to the metadata, if the object is visible."""
    rows, columns = np.flatnonzero(modal.any(1)), np.flatnonzero(modal.any(0))
    if rows.size:
        height, width = modal.shape
        box = rows[0] / height, columns[0] / width, (rows[-1] + 1) / height, (columns[-1] + 1) / width
        instance["bboxes"].append([float(part) for part in box])
        instance["bbox_frames"].append(t)


def _picture(
    objects: Sequence[SceneObject], normals: Sequence[Doubles], ids: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """Return (side, side, 4) RGBA: each object in its colour, lighter where it faces the light, on a grey floor."""
    light = np.array([0.3, 0.5, 0.8])
    picture = np.full((*ids.shape, 3), 0.55)
    for number, (obj, normal) in enumerate(zip(objects, normals, strict=True)):
        shade = 0.45 + 0.55 * np.clip(normal @ light, 0, 1)
        picture = np.where((ids == number + 1)[..., None], obj.colour * shade[..., None], picture)
    return np.dstack([(picture * 255).round().astype(np.uint8), np.full(ids.shape, 255, np.uint8)])
