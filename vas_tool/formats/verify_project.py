"""Checks the content of a project: hidden parts with nothing in front of them, and contradictory depth orders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vas_tool.formats.verify_file import VerifyReport
from vas_tool.project import Project
from vas_tool.project.attention import is_open
from vas_tool.project.frame_order import order_problems
from vas_tool.project.nothing_in_front import nothing_in_front
from vas_tool.wording import ranges


def verify_project(folder: Path) -> VerifyReport:
    """Report the frames on which a tenth or more of an object's hidden part has nothing in front of it, and those on
    which the depth order that a person set contradicts itself, the masks or the depth.

    Raises ProjectError when it does not open, ProjectBusy when it is open elsewhere.
    """
    project = Project.open(folder)
    try:
        masks = sum(len(project.modal(obj.id)) for obj in project.truth.objects)
        return VerifyReport(
            folder,
            "project",
            num_images=len(project.clip),
            num_annotations=masks,
            problems=(*_nothing_in_front(project), *_order(project)),
        )
    finally:
        project.close()


def _nothing_in_front(project: Project) -> Iterator[str]:
    for obj in project.truth.objects:
        for frame_index, (pixels, hidden) in nothing_in_front(project, obj.id).items():
            if is_open(pixels, hidden):
                yield (
                    f"{obj.label} (object {obj.id}), frame {frame_index}: {pixels / hidden:.0%} of the hidden part "
                    f"({pixels} of {hidden} pixels) has nothing in front"
                )


def _order(project: Project) -> Iterator[str]:
    for problem, frames in order_problems(project).items():
        yield f"frames {ranges(frames)}: {problem}"
