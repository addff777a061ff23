"""The command ``vas-tool scene``: renders a project with its objects reordered, moved, scaled, hidden or frozen."""

from __future__ import annotations

import argparse
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vas_tool.errors import InputError

if TYPE_CHECKING:
    from vas_tool.scene_edits import SceneEdits

MOST_MARGIN = 500
"""Pixels: largest value of ``--margin``."""


def add_scene(scene: argparse.ArgumentParser) -> None:
    """Add the arguments of ``vas-tool scene``."""
    scene.add_argument("project", type=Path, metavar="PROJECT")
    scene.add_argument("--out", type=Path, required=True, metavar="VIDEO", help="the .mp4 or .gif to write")
    scene.add_argument("--order", metavar="ID,...", help="objects from front to back; the others stay behind them")
    for name, values, what in (
        ("move", "ID:DX,DY", "move an object by clip pixels, to the right and down"),
        ("scale", "ID:FACTOR", "scale an object; the middle of its lower edge stays in place"),
        ("hide", "ID", "leave an object out"),
        ("freeze", "ID:FRAME", "show an object on every frame as it is on one"),
    ):
        scene.add_argument(f"--{name}", action="append", default=[], metavar=values, help=what)
    scene.add_argument(
        "--background",
        default="builtin",
        metavar="ENGINE",
        help="what fills the background where an object leaves its place: builtin (pixels of other frames), or a "
        "content engine (see vas-tool models)",
    )
    scene.add_argument(
        "--margin",
        type=int,
        default=4,
        metavar="PIXELS",
        help="also fill so far around an object that leaves its place, for its shadow (default: %(default)s)",
    )


def scene_(options: Namespace) -> int:
    """Run ``vas-tool scene``: write the video and print its path. Returns 0. The project is not changed.

    Raises InputError for invalid options, ProjectError when the project does not open, VideoError when the video cannot
    be written.
    """
    from vas_tool.commands.terminal import ProgressBar
    from vas_tool.engines import registry
    from vas_tool.engines.builtin.background import BuiltinBackground
    from vas_tool.project import Project
    from vas_tool.scene.rendering import Scene
    from vas_tool.video import write_video

    if not 0 <= options.margin <= MOST_MARGIN:
        raise InputError(f"--margin needs 0 to {MOST_MARGIN} pixels; got {options.margin}")
    builtin = options.background == "builtin"
    engine = BuiltinBackground() if builtin else registry.load("content", options.background).engine
    bar = ProgressBar()
    project = Project.open(options.project)
    try:
        scene = Scene(project, _edits(options, project.truth.scene), engine, margin=options.margin)
        write_video(options.out, scene.frames(progress=bar), fps=project.clip.fps)
    finally:
        project.close()
    bar.close()
    print(options.out)
    return 0


def _edits(options: Namespace, edits: SceneEdits) -> SceneEdits:
    """Return a project's edits, changed by the options. Raises InputError for a value that does not parse."""
    if options.order is not None:
        order = tuple(_number(part, "--order") for part in options.order.split(",") if part)
        edits = replace(edits, order=order)
    for text in options.move:
        object_id, dx, dy = _parts(text, "--move", "ID:DX,DY")
        edits = _with(edits, object_id, dx=_float(dx, "--move"), dy=_float(dy, "--move"))
    for text in options.scale:
        object_id, factor = _parts(text, "--scale", "ID:FACTOR")
        edits = _with(edits, object_id, scale=_float(factor, "--scale"))
    for text in options.hide:
        edits = _with(edits, text, hidden=True)
    for text in options.freeze:
        object_id, frame = _parts(text, "--freeze", "ID:FRAME")
        edits = _with(edits, object_id, freeze=_number(frame, "--freeze"))
    return edits


def _with(edits: SceneEdits, object_id: str, **changes: Any) -> SceneEdits:
    return edits.having(replace(edits.of(_number(object_id, "an object's id")), **changes))


def _parts(text: str, option: str, form: str) -> list[str]:
    """Return the parts of ``text`` that ``form`` separates by a colon and commas."""
    parts = text.replace(":", ",", 1).split(",")
    if len(parts) != len(form.replace(":", ",").split(",")) or ":" not in text:
        raise InputError(f"{option} needs {form}, such as {EXAMPLES[option]}; got {text!r}")
    return parts


EXAMPLES = {"--move": "1:40,-10", "--scale": "1:0.5", "--freeze": "1:12"}
"""Option -> an example of its value."""


def _number(text: str, what: str) -> int:
    if not text.strip().isdecimal():
        raise InputError(f"{what} needs a whole number from 0 on; got {text!r}")
    return int(text)


def _float(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{what} needs numbers; got {text!r}") from error
