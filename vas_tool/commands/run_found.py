"""``vas-tool run --find``: objects that an engine finds by words."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace

from vas_tool.engines import registry
from vas_tool.engines.base import Progress
from vas_tool.errors import InputError, PromptError
from vas_tool.finding import add_found, finding_engine, found_objects, words_of
from vas_tool.project import Project
from vas_tool.project.object_layers import require_frame
from vas_tool.project.truth import AnnotatedObject
from vas_tool.wording import counted


def require_alone(options: Namespace) -> None:
    """Raise InputError when ``--find`` is given beside options that name the object in another way."""
    others = ("click", "box", "masks", "object", "label")
    given = [f"--{name}" for name in others if getattr(options, name)]
    if options.find is None and options.find_frame is not None:
        raise InputError("--find-frame says where to look; say what for with --find")
    if options.find is not None and given:
        raise InputError(f"--find makes new objects, labelled by its words; leave out {', '.join(given)}")


def found_of(
    project: Project, options: Namespace, engines: Mapping[str, str], *, progress: Progress
) -> list[AnnotatedObject] | None:
    """Add the objects that the words of ``--find`` name to the project, and return them; None for a dry run.

    Raises PromptError when nothing is found, EngineError when no engine can search.
    """
    words = words_of(options.find)
    frames = range(len(project.clip))
    if options.find_frame is not None:
        require_frame(options.find_frame, len(project.clip))
        frames = range(options.find_frame, options.find_frame + 1)
    spec = finding_engine(replace(project.truth, engines={**project.truth.engines, **engines}))
    if options.dry_run:
        print(f"{spec.name} would search {counted(len(frames), 'frame')} for {', '.join(words)}")
        return None
    finder = registry.load("segment", spec.name)
    found = found_objects(project.clip, words, frames, finder=finder, progress=progress)
    if not found:
        raise PromptError(f"{spec.name} finds no {' and no '.join(words)}; try other words, or click the object")
    for one in found:
        seen = counted(len(one.scores), "frame")
        print(f"found {one.words}, score {one.score:.2f}, on {seen}, best on frame {one.best_frame}")
    ids = add_found(project, found, by=spec, progress=progress)
    return [project.truth.object(i) for i in ids]
