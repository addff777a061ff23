"""``vas-tool compose``: a clip whose hidden part is known, from objects of projects."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import ExitStack, closing
from pathlib import Path

from vas_tool.commands.terminal import ProgressBar
from vas_tool.errors import InputError
from vas_tool.evaluation.composed_clips import Composed, Edges, Front, ProjectObject, compose
from vas_tool.project import Project
from vas_tool.types import Frame
from vas_tool.video.clip import as_rgb
from vas_tool.video.picture_files import loaded_picture
from vas_tool.wording import counted, ranges


def compose_(options: Namespace) -> int:
    """Run ``vas-tool compose`` and print the folder of the new clip. Returns 0."""
    shifts = [_shift(text) for text in options.shift]
    for name, given in (("--shift", shifts), ("--delay", options.delay)):
        if len(given) > len(options.front):
            raise InputError(f"{name} is given {len(given)} times for {counted(len(options.front), 'front')}")
    edges = Edges(options.soft, _picture(options.reference) if options.reference else None, options.whole)
    with ExitStack() as stack:
        opened: dict[Path, Project] = {}
        behind, *front = (_object(text, opened, stack) for text in (options.behind, *options.front))
        things = [
            Front(
                source,
                shifts[place] if place < len(shifts) else (0, 0),
                options.delay[place] if place < len(options.delay) else 0,
            )
            for place, source in enumerate(front)
        ]
        bar = ProgressBar()
        done = compose(behind, things, options.out, edges=edges, seed=options.seed, progress=bar)
        bar.close()
    print(done.folder)
    print(_said(done), file=sys.stderr)
    return 0


def _said(done: Composed) -> str:
    gone = f", all of it on the frames {ranges(done.gone)}" if done.gone else ""
    said = [f"{counted(done.num_frames, 'frame')}, {100 * done.hidden_fraction:.1f} % of the object hidden{gone}."]
    said += [f"{name} is nowhere in the picture; check --shift and --delay." for name in done.beyond]
    return "\n".join([*said, f"Measure with: vas-tool bench --cases {done.folder.parent}"])


def _object(text: str, opened: dict[Path, Project], stack: ExitStack) -> ProjectObject:
    """Return the object that PROJECT or PROJECT:ID names. A project that is named twice is opened once."""
    path, colon, number = text.rpartition(":")
    named = bool(colon) and number.isascii() and number.isdecimal() and not Path(text).exists()
    folder = Path(path if named else text)
    if folder not in opened:
        opened[folder] = stack.enter_context(closing(Project.open(folder)))
    return ProjectObject(opened[folder], int(number) if named else None)


def _shift(text: str) -> tuple[int, int]:
    try:
        x, y = (int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--shift needs X,Y in whole pixels, such as 40,-12; got {text!r}") from error
    return x, y


def _picture(path: Path) -> Frame:
    try:
        return as_rgb(loaded_picture(path))
    except OSError as error:
        raise InputError(f"{path} does not read as an image ({error}); name a picture of the empty scene") from error
