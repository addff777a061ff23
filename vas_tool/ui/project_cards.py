"""A card for each project on the page of all projects: numbers from the project's files, and a picture. The project is
not opened for the numbers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vas_tool.drawing import amodal_overlay, colour_of, modal_overlay
from vas_tool.errors import FormatError
from vas_tool.formats.json_files import load_json
from vas_tool.project import Project
from vas_tool.types import Frame
from vas_tool.video.storing import encode_jpeg
from vas_tool.wording import counted

PICTURE_WIDTH = 320
"""Width of a picture, in pixels."""

MOST_LABELS = 3
"""Most objects whose labels are shown; of more objects, the number is shown."""

DAMAGED = "damaged: open it to see what is wrong"


@dataclass(frozen=True)
class ProjectCard:
    """The state of one project on disk."""

    name: str
    """Name of the project's folder."""
    version: int
    """Nanoseconds: the time of the last change of ``project.json`` or of a layer."""
    num_frames: int = 0
    labels: tuple[str, ...] = ()
    """Labels of the objects."""
    num_modal: int = 0
    num_amodal: int = 0
    num_accepted: int = 0
    num_marked: int = 0
    """Number of frames that the person marked for later. The numbers count the frames of all objects."""
    damaged: bool = False

    @property
    def num_masks(self) -> int:
        """Number of frames with a mask, of all objects: those that can be accepted."""
        return max(self.num_modal, self.num_amodal, self.num_accepted)

    @property
    def state(self) -> str:
        """The progress of the work, as text."""
        if self.damaged:
            return DAMAGED
        if not self.labels:
            return "no object yet"
        if not self.num_masks:
            return "not tracked yet"
        if self.num_accepted:
            return f"{self.num_accepted} of {self.num_masks} accepted"
        return f"completed: {self.num_amodal} of {self.num_masks}" if self.num_amodal else f"tracked: {self.num_modal}"

    @property
    def content(self) -> str:
        """The numbers of frames and objects, as text."""
        if self.damaged:
            return ""
        objects = ", ".join(self.labels) if len(self.labels) <= MOST_LABELS else counted(len(self.labels), "object")
        return ", ".join(filter(None, (counted(self.num_frames, "frame"), objects)))


def card_of(folder: Path) -> ProjectCard:
    """Return the card of the project in ``folder``. A damaged project gets a card that says so; that is not
    an error.
    """
    path = folder / "project.json"
    version = max(place.stat().st_mtime_ns for place in (path, *folder.glob("objects/*/*")))
    try:
        head = load_json(path)
        objects = head["objects"]
        names = [f"{obj['id']:03d}" for obj in objects]
        return ProjectCard(
            folder.name,
            version,
            num_frames=len(head["ledger"]),
            labels=tuple(str(obj["label"]) for obj in objects),
            num_modal=_count(folder, names, "modal"),
            num_amodal=_count(folder, names, "amodal"),
            num_accepted=sum(len(obj["accepted"]) for obj in objects),
            num_marked=sum(len(obj["needs_work"]) for obj in objects),
        )
    except (FormatError, LookupError, TypeError, ValueError):
        return ProjectCard(folder.name, version, damaged=True)


def _count(folder: Path, names: Sequence[str], layer: str) -> int:
    """Return the number of masks of a layer, of all objects."""
    total = 0
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            total += sum(entry.endswith(".png") for entry in os.listdir(folder / "objects" / name / layer))
    return total


def card_picture(project: Project) -> bytes:
    """Return a small JPEG of the middle frame, with the masks of all objects."""
    clip = project.clip
    width, height = clip.size_wh
    size = PICTURE_WIDTH, max(1, round(PICTURE_WIDTH * height / width))
    frame = with_masks(project, len(clip) // 2)
    return encode_jpeg(np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8))


def with_masks(project: Project, frame_index: int) -> Frame:
    """Return the (H, W, 3) frame with the masks of all objects drawn on it."""
    frame, window = project.clip[frame_index], project.truth.canvas.window
    for obj in project.truth.objects:
        amodal, colour = project.amodal(obj.id), colour_of(obj.id)
        modal = amodal.modal.get(frame_index)
        if modal is not None and frame_index in amodal:
            frame = amodal_overlay(frame, modal, amodal[frame_index][window], colour=colour)
        elif modal is not None:
            frame = modal_overlay(frame, modal, colour)
    return frame
