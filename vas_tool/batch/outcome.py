"""The outcome of a row: numbers of masks, and the frames that need a look."""

from __future__ import annotations

from dataclasses import dataclass

from vas_tool.project import Project
from vas_tool.project.frame_facts import needs_look

MOST_LOOKS = 8
"""Most frames that are listed for a row, so that memory does not grow with the length of the videos."""


@dataclass(frozen=True)
class RowOutcome:
    """The results of one row's object."""

    row_id: str
    project: str
    """Path of the project's folder."""
    object_id: int
    label: str
    num_frames: int
    num_modal: int
    num_amodal: int
    num_occluded: int
    num_content: int
    num_looks: int
    """Number of frames that need a look."""
    looks: tuple[tuple[int, str], ...]
    """The first ``MOST_LOOKS`` frames that need a look: (frame_index, reason)."""

    @property
    def share_to_look_at(self) -> float:
        """Share of the frames that need a look, 0..1."""
        return self.num_looks / self.num_frames


def outcome_of(project: Project, row_id: str, object_id: int) -> RowOutcome:
    """Return the present results of a row's object."""
    amodal, looks = project.amodal(object_id), sorted(needs_look(project, object_id).items())
    return RowOutcome(
        row_id=row_id,
        project=str(project.folder),
        object_id=object_id,
        label=amodal.obj.label,
        num_frames=len(project.clip),
        num_modal=len(amodal.modal),
        num_amodal=len(amodal),
        num_occluded=sum(amodal.occluded(f) for f in amodal),
        num_content=len(amodal.layers.content),
        num_looks=len(looks),
        looks=tuple(looks[:MOST_LOOKS]),
    )
