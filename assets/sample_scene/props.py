"""What stands in the way: books with a mug, building blocks, a potted plant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

from . import materials, meshes

BOOKS = (  # width, depth, height, turn in degrees, binding
    (1.62, 1.02, 0.23, -3.0, "#2f4a63"),
    (1.52, 0.98, 0.17, 4.0, "#c99a3b"),
    (1.56, 0.94, 0.20, -1.5, "#6f8b78"),
    (1.44, 0.90, 0.15, 6.0, "#e2d8c3"),
    (1.36, 0.86, 0.19, -5.0, "#3d3a4f"),
)
COVER = 0.022
LEAVES = 30
GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


def book_stack(x: float, y: float) -> float:
    """Books lying on each other, spines to the camera; gives the height of the stack."""
    base = 0.0
    pages = materials.paper()
    gilt = materials.plain("gilt", "#d9b866", 0.35, metallic=0.8)
    for number, (width, depth, height, turn, colour) in enumerate(BOOKS):
        parts = _book((width, depth, height), binding=materials.cloth(f"cloth{number}", colour), pages=pages, gilt=gilt)
        shift = 0.03 * np.sin(number * 2.1)
        _together(f"book{number}", parts, place=(x + shift, y + shift / 2, base), turn=np.radians(turn))
        base += height
    return base


def _book(size: Sequence[float], *, binding: Any, pages: Any, gilt: Any) -> list[Any]:
    width, depth, height = size
    block = meshes.rounded_box("block", (width - 0.08, depth - 0.07, height - 2 * COVER), look=pages, bevel=0.006)
    block.location = (0.0, 0.0, height / 2)
    boards = []
    for z in (COVER / 2, height - COVER / 2):
        board = meshes.rounded_box("board", (width, depth, COVER), look=binding, bevel=0.009)
        board.location = (0.0, 0.0, z)
        boards.append(board)
    spine = meshes.rounded_box("spine", (width, 0.05, height), look=binding, bevel=0.022)
    spine.location = (0.0, -depth / 2, height / 2)
    bands = []
    for along, thick in ((-0.42, 0.02), (-0.38, 0.008), (0.38, 0.008), (0.42, 0.02), (-0.05, 0.34)):
        wide = thick if thick < 0.1 else thick * width
        tall = height * (0.96 if thick < 0.1 else 0.22)
        band = meshes.rounded_box("band", (wide, 0.053, tall), look=gilt, bevel=0.004)
        band.location = (along * width, -depth / 2, height / 2)
        bands.append(band)
    return [block, *boards, spine, *bands]


def _together(name: str, parts: list[Any], *, place: Sequence[float], turn: float) -> Any:
    root = bpy.data.objects.new(name, None)
    bpy.context.collection.objects.link(root)
    root.location, root.rotation_euler = place, (0.0, 0.0, turn)
    for part in parts:
        part.parent = root
    return root


def mug(x: float, y: float, base: float) -> None:
    """A glazed mug with a handle and a dark rim."""
    glaze = materials.plain("glaze", "#dfe3dd", 0.16, coat_weight=0.6)
    rim = materials.plain("rim", "#34506b", 0.2, coat_weight=0.6)
    outline = [
        (0.0, 0.0),
        (0.17, 0.0),
        (0.205, 0.02),
        (0.21, 0.4),
        (0.205, 0.43),
        (0.19, 0.43),
        (0.185, 0.4),
        (0.18, 0.05),
        (0.0, 0.04),
    ]
    cup = meshes.lathe("mug", meshes.smooth_profile(outline, 2), look=glaze)
    ring = meshes.lathe("rim", [(0.2115, 0.37), (0.2125, 0.38), (0.2125, 0.41), (0.211, 0.42)], look=rim)
    turn = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 24)
    handle_path = np.c_[0.19 + 0.15 * np.cos(turn), np.zeros(24), 0.22 + 0.125 * np.sin(turn)]
    handle = meshes.tube("handle", handle_path, radius=0.028, look=glaze)
    _together("mug", [cup, ring, handle], place=(x, y, base), turn=np.radians(-28))


def blocks(x: float, y: float) -> None:
    """A little wall of wooden blocks that hides the lower half of what passes behind it."""
    raw = materials.wood("beech", "#dcb98a", "#b98d5c")
    blue, yellow, green = (
        materials.plain(n, c, 0.45) for n, c in (("blue", "#3f6c8f"), ("yellow", "#dcae42"), ("green", "#7a9a5e"))
    )
    plan = (  # size, centre, turn in degrees, look
        ((0.34, 0.34, 0.34), (-0.34, 0.02, 0.17), 9.0, blue),
        ((0.34, 0.34, 0.34), (0.06, -0.05, 0.17), -6.0, raw),
        ((0.34, 0.34, 0.34), (0.46, 0.04, 0.17), 14.0, yellow),
        ((0.66, 0.17, 0.17), (-0.12, 0.0, 0.425), 4.0, green),
    )
    for size, (dx, dy, z), turn, look in plan:
        block = meshes.rounded_box("block", size, look=look, bevel=0.028)
        block.location, block.rotation_euler = (x + dx, y + dy, z), (0.0, 0.0, np.radians(turn))
    roller = meshes.lathe(
        "roller",
        meshes.smooth_profile([(0.0, 0.12), (0.11, 0.12), (0.12, 0.11), (0.12, -0.11), (0.11, -0.12), (0.0, -0.12)], 1),
        look=materials.wood("walnut", "#9a6a42", "#6d4728"),
    )
    roller.location, roller.rotation_euler = (x + 0.82, y - 0.22, 0.12), (np.pi / 2, 0.0, 0.5)


def plant(x: float, y: float) -> None:
    """A pot with long drooping leaves."""
    pot_look = materials.plain("pot", "#e9e4d8", 0.4, coat_weight=0.3)
    outline = [
        (0.0, 0.0),
        (0.2, 0.0),
        (0.225, 0.02),
        (0.29, 0.46),
        (0.31, 0.47),
        (0.31, 0.53),
        (0.28, 0.53),
        (0.27, 0.47),
        (0.0, 0.45),
    ]
    pot = meshes.lathe("pot", meshes.smooth_profile(outline, 2), look=pot_look)
    soil = meshes.lathe("soil", [(0.272, 0.478), (0.0, 0.485)], look=materials.plain("soil", "#3a2a1e", 0.95))
    greens = [materials.leaf(f"leaf{i}", c) for i, c in enumerate(("#3f6b35", "#4f7d3c", "#2f5a33"))]
    random = np.random.default_rng(5)
    leaves = [_leaf(number, random, greens[number % 3]) for number in range(LEAVES)]
    _together("plant", [pot, soil, *leaves], place=(x, y, 0.0), turn=0.4)


def _leaf(number: int, random: np.random.Generator, look: Any) -> Any:
    """One leaf on its stalk: rises, arches over and hangs; the later ones stand steeper."""
    share = number / (LEAVES - 1)
    turn = number * GOLDEN_ANGLE + random.normal(0, 0.15)
    length = 0.75 + 0.35 * share + random.normal(0, 0.06)
    rise = np.radians(38 + 46 * share + random.normal(0, 4))
    droop = np.radians(105 - 55 * share)
    along = np.linspace(0, 1, 29)
    slope = rise - droop * along**1.4
    reach = np.r_[0, np.cumsum(np.cos(slope[:-1]))] * length / 28
    height = np.r_[0, np.cumsum(np.sin(slope[:-1]))] * length / 28
    blade = np.clip((along - 0.22) / 0.78, 0, 1)
    width = 0.012 + 0.105 * np.sin(np.pi * blade**0.75) ** 0.9 * (blade > 0)
    across = np.linspace(-1, 1, 9)
    out = 0.06 + reach[:, None] + 0 * across
    side = width[:, None] * across
    up = 0.47 + height[:, None] + 0.35 * np.abs(side)  # folded along the rib
    corners = np.stack([out * np.cos(turn) - side * np.sin(turn), out * np.sin(turn) + side * np.cos(turn), up], -1)
    quads = [(9 * i + j, 9 * i + j + 1, 9 * i + j + 10, 9 * i + j + 9) for i in range(28) for j in range(8)]
    made = meshes.add_mesh("leaf", corners.reshape(-1, 3), quads, look=look)
    layer = made.data.attributes.new("rib", "FLOAT", "POINT")
    layer.data.foreach_set("value", np.abs(np.broadcast_to(across, (29, 9))).astype(np.float32).ravel())
    return made
