"""One result of a run on its way to the disk: stored at once, under the edit that asked for it.

So a stop keeps what is finished, and undo takes it back.
"""

from __future__ import annotations

from collections.abc import Callable

from vas_tool.engines.registry import EngineSpec
from vas_tool.errors import Cancelled
from vas_tool.planning.fingerprint import Fingerprint
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import LayerFolder, Picture, Stamp

OnFrame = Callable[[int], None]
"""Told of every frame whose pictures changed."""


def ignore_frame(frame_index: int) -> None:
    """For callers who do not follow along."""


def stamp_by(spec: EngineSpec, *, made_from: Fingerprint, seed: int = 0, certainty: float = 1.0) -> Stamp:
    """The stamp of a picture that an engine made."""
    return Stamp(engine=spec.name, revision=spec.revision, seed=seed, made_from=made_from, certainty=float(certainty))


def put_result(
    project: Project, object_id: int, layer: LayerFolder[Picture], *, edit_id: int, item: tuple[int, Picture, Stamp]
) -> None:
    """Store (frame_index, picture, stamp). Raises Cancelled when it is not wanted any more."""
    with project.mutex:
        still_wanted(project, object_id, edit_id)
        with project.under(edit_id):
            layer.put(*item)


def still_wanted(project: Project, object_id: int, edit_id: int) -> AnnotatedObject:
    """The object as it is now. Raises Cancelled when the edit was undone or the object deleted under way."""
    things = {thing.id: thing for thing in project.truth.objects}
    if object_id not in things or not project.is_done(edit_id):
        raise Cancelled("the run was undone")
    return things[object_id]
