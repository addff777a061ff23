"""Overlays and outlines of masks on numpy arrays. No function changes its input."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vas_tool.types import Content, Depth, Frame, Mask, SizeWH

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

OBJECT_COLOURS: tuple[Colour, ...] = (
    (240, 160, 20),  # orange
    (86, 180, 233),  # sky blue
    (240, 228, 66),  # yellow
    (224, 130, 180),  # purple
    (32, 190, 140),  # bluish green
    (236, 100, 34),  # vermillion
    (90, 140, 255),  # blue
    (225, 225, 225),  # near white
)
"""Colours of objects, after Okabe and Ito (distinct for all common colour blindness), lighter for dark grounds.

The page's ``colours.js`` has the same colours; a test compares them.
"""

OUTLINE_WIDTH = 2
"""Pixels: width of outlines. It is visible at 240p and thin at 1080p."""

SHADE_OPACITY = 0.6
"""Opacity of the dark line inside an outline."""

HATCH_SPACING = 8
"""Pixels between two stripes."""

HATCH_WIDTH = 2
"""Pixels: width of a stripe. A quarter of the spacing leaves the picture visible."""

CELL = 16
"""Pixels: side of a checkerboard's cells."""

LIGHT, DARK = 200, 150
"""Greys of the checkerboard. Black, white and mid-grey objects are visible on both."""

SEEN_OPACITY = 0.45
"""Opacity of the colour on the modal mask."""

HIDDEN_OPACITY = 0.25
"""Opacity of the colour on the hidden part, under its stripes."""


def colour_of(object_id: int) -> Colour:
    """Return the colour of an object. Ids start at 1; colours repeat after eight."""
    return OBJECT_COLOURS[(object_id - 1) % len(OBJECT_COLOURS)]


def hex_of(colour: Colour) -> str:
    """Return a colour as text, for example ``#f0a014``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def tint(frame: Frame, mask: Mask, colour: Colour, *, opacity: float = 0.5) -> Frame:
    """Return the (H, W, 3) frame with ``colour`` over the mask. ``opacity`` 0 shows only the frame, 1 only the
    colour.
    """
    levels = np.arange(256)[:, None] * (1 - opacity) + np.asarray(colour) * opacity
    laid_over = cv2.LUT(frame, np.round(levels).astype(np.uint8)[None])  # ten times as fast as arithmetic on pixels
    return np.asarray(cv2.copyTo(laid_over, mask.astype(np.uint8), frame.copy()), dtype=np.uint8)


def outline(mask: Mask, width: int = OUTLINE_WIDTH) -> Mask:
    """Return (H, W) the mask's pixels within ``width`` pixels of its border. The edge of the picture is no border."""
    if width <= 0:
        return np.zeros_like(mask)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    inner = cv2.erode(mask.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    border: Mask = mask & (inner == 0)
    return border


def hatch(mask: Mask, *, spacing: int = HATCH_SPACING, width: int = HATCH_WIDTH) -> Mask:
    """Return (H, W) diagonal stripes on the mask. They are fixed in the picture, so that they do not move in a
    video.
    """
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    stripes: Mask = (rows + columns) % spacing < width
    return mask & stripes


def outlined(frame: Frame, mask: Mask, colour: Colour) -> Frame:
    """Return the frame with the mask's outline and a dark line inside it. One of the two is visible on any ground."""
    dark = tint(frame, outline(mask, OUTLINE_WIDTH + 1), (0, 0, 0), opacity=SHADE_OPACITY)
    return tint(dark, outline(mask), colour, opacity=1)


def modal_overlay(frame: Frame, modal: Mask, colour: Colour) -> Frame:
    """Return the frame with the modal mask tinted and outlined."""
    return outlined(tint(frame, modal, colour, opacity=SEEN_OPACITY), modal, colour)


def amodal_overlay(frame: Frame, modal: Mask, amodal: Mask, *, colour: Colour) -> Frame:
    """Return the frame with the modal mask tinted, the hidden part hatched, and the amodal mask outlined; all of
    one size.
    """
    hidden = amodal & ~modal
    out = tint(frame, modal & amodal, colour, opacity=SEEN_OPACITY)
    out = tint(out, hidden, colour, opacity=HIDDEN_OPACITY)
    return outlined(tint(out, hatch(hidden), colour, opacity=1), amodal, colour)


def checkerboard(size_wh: SizeWH, cell: int = CELL) -> Frame:
    """Return (H, W, 3) a checkerboard of two greys, which shows transparency."""
    rows, columns = np.ogrid[: size_wh[1], : size_wh[0]]
    grey = np.where((rows // cell + columns // cell) % 2, DARK, LIGHT).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def over(content: Content, ground: Frame) -> Frame:
    """Return an (H, W, 3) ground with (H, W, 4) RGBA content over it."""
    alpha = content[..., 3:].astype(np.float32) / 255
    return np.round(content[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)


def mask_picture(mask: Mask) -> Frame:
    """Return a mask as (H, W, 3), white on black."""
    return np.repeat((mask.astype(np.uint8) * 255)[..., None], 3, axis=2)


def depth_colours(depth: Depth) -> Frame:
    """Return (H, W) depth in 0..1 as (H, W, 3) colours, nearer = brighter, in the perceptually uniform map Inferno."""
    levels = np.round(np.clip(depth, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1], dtype=np.uint8)


def side_by_side(pictures: Sequence[Frame], gap: int = 4) -> Frame:
    """Return (H, W, 3) pictures of one height in a row, with ``gap`` black columns between them.

    Raises ValueError when there are none, or their heights differ.
    """
    if len({picture.shape[0] for picture in pictures}) != 1:
        raise ValueError(f"pictures in a row need one height, got {[p.shape[0] for p in pictures]}")
    between = np.zeros((pictures[0].shape[0], gap, 3), np.uint8)
    row = [part for picture in pictures for part in (between, picture)]
    return np.concatenate(row[1:], axis=1)
