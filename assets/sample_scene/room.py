"""The room: floor, wall, window light, camera, and a few things far behind."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from . import materials, meshes

WALL_Y = 3.4


def furnish() -> None:
    """Floor, wall, skirting and the background."""
    floor = meshes.rounded_box("floor", (16, 14, 0.2), look=materials.planks(), bevel=0.001)
    floor.location = (0, 0, -0.1)
    wall = meshes.rounded_box("wall", (18, 0.2, 8), look=materials.plaster("wall", "#a9b8b3"), bevel=0.001)
    wall.location = (0, WALL_Y + 0.1, 3.9)
    white = materials.plain("skirting", "#e8e6df", 0.45)
    for height, thick in ((0.42, 0.06), (0.05, 0.085)):
        skirting = meshes.rounded_box("skirting", (18, thick, height), look=white, bevel=0.012)
        skirting.location = (0, WALL_Y - thick / 2, height / 2 + (0.4 if height < 0.1 else 0))
    _rug()
    _ball((-2.75, 2.45), 0.42)
    _ring_tower((2.75, 2.5))
    _picture((0.55, WALL_Y - 0.2))


def _rug() -> None:
    """A round woven rug, stripes by rings."""
    for number, colour in enumerate(("#d8cdb8", "#7d93a0", "#d8cdb8", "#c7a562", "#d8cdb8")):
        outer = 1.5 - 0.3 * number
        ring = meshes.lathe(
            "rug",
            [(outer, -0.01), (outer, 0.012 + number * 1e-3), (0.0, 0.014 + number * 1e-3)],
            look=materials.cloth(f"rug{number}", colour),
        )
        ring.location = (-0.9, 2.2, 0.0)


def _ball(place: tuple[float, float], radius: float) -> None:
    turn = np.linspace(0, np.pi, 40)
    ball = meshes.lathe("ball", [(radius * np.sin(t), radius * np.cos(t)) for t in turn], look=_ball_look())
    ball.location, ball.rotation_euler = (*place, radius), (0.7, 0.5, 0.3)


def _ball_look() -> Any:
    look = materials.Look("ball")
    split = look.node("SeparateXYZ", {"Vector": look.where()})
    band = look.node("MapRange", {"Value": split.outputs["Z"], 1: -0.42, 2: 0.42}).outputs["Result"]
    cream, blue, mustard = (materials.from_hex(c) for c in ("#ece3cf", "#3f6c8f", "#d7a63c"))
    colour = look.ramp(band, (0.0, blue), (0.36, mustard), (0.44, cream), (0.62, blue))
    ramp = look.tree.nodes[-1]
    ramp.color_ramp.interpolation = "CONSTANT"
    return look.shine(base_color=colour, roughness=0.4)


def _ring_tower(place: tuple[float, float]) -> None:
    base = 0.0
    for radius, colour in (
        (0.46, "#5f8a8b"),
        (0.40, "#d7a63c"),
        (0.34, "#e8e0cc"),
        (0.28, "#7a9a5e"),
        (0.21, "#3f6c8f"),
    ):
        turn = np.linspace(-np.pi / 2, np.pi / 2, 16)
        profile = [
            (0.0, 0.0),
            *((radius - 0.12 + 0.12 * np.cos(t), 0.12 + 0.12 * np.sin(t)) for t in turn),
            (0.0, 0.24),
        ]
        ring = meshes.lathe("ring", profile, look=materials.plain(f"ring{radius}", colour, 0.4))
        ring.location = (*place, base)
        base += 0.23


def _picture(place: tuple[float, float]) -> None:
    """A framed print leaning on the wall: hills and a sun."""
    oak, mat = materials.wood("oak", "#c79c68", "#a1753f"), materials.plain("mat", "#f2eee4", 0.8)
    shape = {"frame": ((1.7, 0.06, 1.25), oak, 0.0), "mat": ((1.56, 0.06, 1.11), mat, -0.006)}
    hills = (((1.2, 0.06, 0.78), "#d9e2e0", -0.012, 0.0),)
    parts = []
    for name, (size, look, forward) in shape.items():
        part = meshes.rounded_box(name, size, look=look, bevel=0.01)
        part.location = (0, forward, size[2] / 2 if name == "frame" else 0.625)
        parts.append(part)
    for size, colour, forward, _ in hills:
        part = meshes.rounded_box("print", size, look=materials.plain("sky", colour, 0.8), bevel=0.002)
        part.location = (0, forward, 0.625)
        parts.append(part)
    sun = meshes.lathe("sun", [(0.0, 0.0), (0.15, 0.0)], look=materials.plain("sun", "#dda64a", 0.8))
    sun.location, sun.rotation_euler = (0.2, -0.044, 0.72), (np.pi / 2, 0, 0)
    parts.append(sun)
    for number, (colour, base, swing) in enumerate(
        (("#9fb5ae", 0.60, 1.3), ("#6f8f88", 0.50, 2.4), ("#4d6d6d", 0.40, 3.6))
    ):
        parts.append(_hill(number, base, swing, materials.plain(f"hill{number}", colour, 0.8)))
    root = bpy.data.objects.new("picture", None)
    bpy.context.collection.objects.link(root)
    root.location, root.rotation_euler = (*place, 0.0), (np.radians(-8), 0, np.radians(3))
    for part in parts:
        part.parent = root


def _hill(number: int, base: float, swing: float, look: Any) -> Any:
    x = np.linspace(-0.6, 0.6, 40)
    top = base + 0.09 * np.sin(swing * 2.2 * x + number * 1.7)
    y = np.full_like(x, -0.046 - 0.002 * number)
    corners = np.concatenate([np.c_[x, y, np.full_like(x, 0.235)], np.c_[x, y, top]])
    return meshes.add_mesh("hill", corners, [(i, i + 1, i + 41, i + 40) for i in range(39)], look=look)


def light() -> None:
    """Morning sun through a paned window on the left, and the soft light of the room."""
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.angle, sun.color = 4.2, np.radians(1.6), (1.0, 0.86, 0.68)
    _aim(sun, (-6.0, -3.4, 4.6), (0.0, 0.6, 0.0))
    window = bpy.data.lights.new("window", "AREA")
    window.energy, window.shape, window.size, window.size_y, window.color = (
        420,
        "RECTANGLE",
        4.0,
        3.0,
        (0.86, 0.93, 1.0),
    )
    _aim(window, (-6.2, -1.5, 3.6), (0.0, 0.3, 0.4))
    fill = bpy.data.lights.new("fill", "AREA")
    fill.energy, fill.size, fill.color = 130, 6.0, (1.0, 0.95, 0.88)
    _aim(fill, (4.5, -6.5, 5.5), (0.0, 0.5, 0.3))
    world = bpy.data.worlds.new("room")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.75, 0.83, 0.95, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.28


def _aim(data: Any, place: tuple[float, float, float], target: tuple[float, float, float]) -> Any:
    obj = bpy.data.objects.new(data.name, data)
    bpy.context.collection.objects.link(obj)
    obj.location = place
    obj.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    return obj


def camera() -> Any:
    """The camera at a child's eye height, focused on the drive."""
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_width = 46.0, 36.0
    data.dof.use_dof, data.dof.aperture_fstop = True, 0.6
    made = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(made)
    bpy.context.scene.camera = made
    return made


def look(made: Any, place: tuple[float, float, float], target: tuple[float, float, float]) -> None:
    """Point the camera; the focus stays between the car and what hides it."""
    made.location = place
    towards = Vector(target) - Vector(place)
    made.rotation_euler = towards.to_track_quat("-Z", "Y").to_euler()
    made.data.dof.focus_distance = towards.length
