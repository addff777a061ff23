"""Whether something nearer touches an object on a frame: read from depth and mask once, and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial

from vas_tool.engines.base import Progress
from vas_tool.errors import ProjectDamaged
from vas_tool.occlusion import touches_nearer
from vas_tool.project import Project
from vas_tool.project.object_layers import ObjectLayers
from vas_tool.stamp_index import Stamps
from vas_tool.types import Depth, Mask

WHAT = "touched"


def state_of_evidence(seen: str, depth: str) -> str:
    """Return what stands for everything that the number follows from: state of the modal mask and digest of depth."""
    return f"{seen}~{depth}"


def untouched(layers: ObjectLayers, seen: Mapping[int, str], depth: Stamps) -> dict[int, str]:
    """Return frame_index -> state, of the frames of which it is known that nothing nearer touches the object."""
    digests = depth.by_frame("digest")
    states = {f: state_of_evidence(state, digests[f]) for f, state in seen.items() if f in digests}
    return {f: state for f, state in states.items() if layers.measured.known(WHAT, f, state) == 0}


def measure_touching(project: Project, object_id: int, frames: Iterable[int], *, progress: Progress) -> None:
    """Read mask and depth of those frames that were not read before. A damaged picture leaves its frame unknown.

    Raises what ``progress`` raises to stop.
    """
    modal, measured = project.modal(object_id), project.layers(object_id).measured
    states = unmeasured(project, object_id, frames)
    for done, (f, state) in enumerate(states.items()):
        progress(done, len(states), "what could hide the object")
        with suppress(KeyError, ProjectDamaged):
            measured.get(WHAT, f, state=state, measure=partial(_touched, modal, project.depth, f))


def unmeasured(project: Project, object_id: int, frames: Iterable[int]) -> dict[int, str]:
    """Return frame_index -> state, ascending, of those frames with mask and depth that were not read yet."""
    modal, measured, depth = project.modal(object_id), project.layers(object_id).measured, project.depth.stamps()
    wanted = [f for f in sorted(frames) if f in modal and f in depth]
    states = {f: state_of_evidence(modal.state(f), depth.value(f, "digest")) for f in wanted}
    return {f: state for f, state in states.items() if measured.known(WHAT, f, state) is None}


def _touched(modal: Mapping[int, Mask], depths: Mapping[int, Depth], frame_index: int) -> int:
    """Return 1 where something nearer touches the object or nothing of it is seen, else 0."""
    mask, depth = modal[frame_index], depths[frame_index]
    return int(not mask.any() or touches_nearer(mask, depth))
