"""Renders the bundled sample: a toy car drives behind things and comes out again.

Needs Python 3.11 and Blender as a package (its Cycles renders on the CPU, its Open Image Denoise cleans the frames);
about 40 minutes on two busy cores. Then ``pack_sample.py`` makes the clip and the truth:

    python3.11 -m venv blender && blender/bin/pip install "bpy==4.5.*"
    blender/bin/python assets/make_sample.py RENDERED
    python assets/pack_sample.py RENDERED/work assets/sample

``--frames 0,12 --samples 8`` renders only some frames, to look at. Every frame is rendered three times: the picture;
the car alone, lit as in the picture, which gives content and amodal mask; and the car with the things in front of it
cut out, which gives the modal mask.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from sample_scene import props, room
from sample_scene.toy_car import Pose, ToyCar

NUM_FRAMES = 36
SIZE_WH = (768, 432)
PICTURE_SAMPLES = 24
MASK_SAMPLES = 16
"""Antialiasing of the silhouettes before they are cut at one half."""

PARTS = ("room", "occluders", "car")
SPAN_X = 2.74
"""The car drives from -SPAN_X to SPAN_X."""
FAR_Y = 0.95
"""The drive's farthest point, in its middle."""
SAG = 0.155
"""How much the drive bends towards the camera: y = FAR_Y - SAG x^2."""
CAMERA_AT = (0.0, -8.5, 1.9)


def pose_at(share: float) -> Pose:
    """Where the car is after ``share`` (0..1) of the drive: an even pace along the bow."""
    fine = np.linspace(-SPAN_X, SPAN_X, 2001)
    bow = FAR_Y - SAG * fine**2
    driven = np.r_[0.0, np.cumsum(np.hypot(np.diff(fine), np.diff(bow)))]
    x = float(np.interp(share * driven[-1], driven, fine))
    heading = float(np.arctan(-2 * SAG * x))
    return Pose(x, FAR_Y - SAG * x**2, heading, share * float(driven[-1]), steer=-0.16)


class Scene:
    """The built scene: three collections of things, the car's rig, the camera."""

    def __init__(self) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with _collection("room"):
            room.furnish()
            room.light()
            self.camera = room.camera()
        with _collection("occluders"):
            height = props.book_stack(0.42, -0.75)
            props.mug(0.78, -0.7, height)
            props.blocks(-1.2, -0.7)
            props.plant(1.52, -1.25)
        with _collection("car"):
            self.car = ToyCar()

    def at(self, frame_index: int) -> None:
        """Set car and camera for a frame of the clip."""
        share = frame_index / (NUM_FRAMES - 1)
        pose = pose_at(share)
        self.car.put(pose)
        room.look(self.camera, CAMERA_AT, (0.22 * pose.x / SPAN_X, 0.2, 0.5))


@contextmanager
def _collection(name: str) -> Iterator[None]:
    """Everything made inside goes into a new collection."""
    made = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(made)
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children[name]
    yield


def set_up_render() -> None:
    """Cycles on the CPU, denoised, with a soft film response."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = SIZE_WH
    scene.render.use_persistent_data = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.cycles.device = "CPU"
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.015
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.cycles.max_bounces, scene.cycles.sample_clamp_indirect = 6, 4.0
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.0


def shoot(path: Path, *, shown: dict[str, str], samples: int) -> None:
    """Render to ``path``; ``shown`` says how each part appears: 'seen', 'unseen' (it still lights) or 'hole'."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    for name, how in shown.items():
        layer.layer_collection.children[name].indirect_only = how == "unseen"
        layer.layer_collection.children[name].holdout = how == "hole"
    scene.render.film_transparent = shown["room"] != "seen"
    scene.cycles.samples = samples
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def render_frame(work: Path, name: str, samples: int) -> None:
    """The three pictures of the current frame."""
    whole = dict.fromkeys(PARTS, "seen")
    alone = {"room": "unseen", "occluders": "unseen", "car": "seen"}
    cut = {"room": "unseen", "occluders": "hole", "car": "seen"}
    shoot(work / "picture" / name, shown=whole, samples=samples)
    shoot(work / "content" / name, shown=alone, samples=samples)
    shoot(work / "modal" / name, shown=cut, samples=MASK_SAMPLES)


def arguments() -> argparse.Namespace:
    """The command line, with or without Blender's own options before ``--``."""
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=lambda text: [int(n) for n in text.split(",")], default=None)
    parser.add_argument("--samples", type=int, default=PICTURE_SAMPLES)
    return parser.parse_args(given)


def main() -> None:
    """Render every frame that is asked for."""
    wanted = arguments()
    scene = Scene()
    set_up_render()
    for frame_index in wanted.frames or range(NUM_FRAMES):
        scene.at(frame_index)
        render_frame(wanted.out / "work", f"{frame_index:05d}.png", wanted.samples)


if __name__ == "__main__":
    main()
