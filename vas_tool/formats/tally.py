"""Counts what an export writes and leaves out, and makes notes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vas_tool.formats.masks_on_frame import MasksOnFrame
from vas_tool.formats.notes import Note, NoteKind

Key = tuple[str, int, str]
"""Video name, object id, label."""

ALL: Key = ("", 0, "")
"""Key of what is counted for all objects together."""


@dataclass(frozen=True)
class ExportSummary:
    """The counts of an export, and notes on what it left out."""

    path: Path
    images_root: Path
    """Folder that every ``file_name`` is relative to."""
    num_videos: int
    num_images: int
    """Number of frames of all videos."""
    num_annotations: int
    """Number of objects on frames."""
    num_accepted: int
    """Number of annotations on frames that the user accepted."""
    num_modal_only: int
    """Number of annotations whose amodal mask is the modal mask, because no amodal mask was made."""
    unreviewed: tuple[Note, ...]
    """A note for each object with frames that nobody accepted. They are in the file unless ``only_accepted`` is set."""
    left_out: tuple[Note, ...]
    """A note for each object with frames that are not in the file, with the reason."""


@dataclass(frozen=True)
class CountedObject:
    """One object on one frame, as the tally counts it."""

    key: Key
    frame_index: int
    accepted: bool
    modal_only: bool

    @classmethod
    def of(cls, video_name: str, masks: MasksOnFrame) -> CountedObject:
        """Return the counts of an object's masks on a frame."""
        key = (video_name, masks.obj.id, masks.obj.label)
        return cls(key, masks.frame_index, masks.accepted, modal_only=masks.amodal_stamp is None)


@dataclass
class Tally:
    """Counts what is written and left out while annotations are written."""

    brief: bool = False
    """Whether frames are counted instead of listed by object, so that memory does not grow with their number."""
    num_annotations: int = 0
    num_accepted: int = 0
    num_modal_only: int = 0
    unseen: dict[Key, list[int]] = field(default_factory=dict)
    """Frames that nobody accepted."""
    needing_work: dict[Key, list[int]] = field(default_factory=dict)
    """Frames that nobody accepted and that a check or the user marked as needing work."""
    empty: dict[Key, list[int]] = field(default_factory=dict)
    """Frames without any pixel in a mask."""
    cut: dict[Key, list[int]] = field(default_factory=dict)
    """Frames whose amodal box reaches beyond the canvas."""
    unfit: dict[NoteKind, dict[Key, list[int]]] = field(default_factory=dict)
    """Reason -> frames that the format cannot hold."""

    _last: dict[int, set[Key]] = field(default_factory=dict)
    """With ``brief``: the objects of the current video that each of the mappings above counts already."""

    def takes(self, video_name: str, masks: MasksOnFrame, *, only_accepted: bool) -> bool:
        """Count an object on a frame, and return whether it goes into the export.

        It does not when its amodal mask is empty, or with ``only_accepted`` when nobody accepted the frame.
        """
        here = CountedObject.of(video_name, masks)
        if masks.review == "needs_work":
            self._note(self.needing_work, here)
        if not masks.amodal.any():  # the amodal mask covers the modal mask, so that is empty, too
            self._note(self.empty, here)
            return False
        if not here.accepted:
            self._note(self.unseen, here)
            if only_accepted:
                return False
        if masks.is_cut:
            self._note(self.cut, here)
        self._count(here, 1)
        return True

    def unfit_for(self, why: NoteKind, here: CountedObject) -> None:
        """Take back a count of ``takes``, because the format cannot hold the object. ``why`` is the kind of note."""
        self._note(self.unfit.setdefault(why, {}), here)
        self._count(here, -1)

    def _note(self, frames: dict[Key, list[int]], here: CountedObject) -> None:
        """Add a frame to its object's list; with ``brief``, only to the numbers of frames and of objects."""
        if not self.brief:
            frames.setdefault(here.key, []).append(here.frame_index)
            return
        counts, last = frames.setdefault(ALL, [0, 0]), self._last.setdefault(id(frames), set())
        if last and next(iter(last))[0] != here.key[0]:
            last.clear()  # another video begins
        counts[0], counts[1] = counts[0] + 1, counts[1] + (here.key not in last)
        last.add(here.key)

    def _count(self, here: CountedObject, step: int) -> None:
        self.num_annotations += step
        self.num_accepted += step * here.accepted
        self.num_modal_only += step * here.modal_only

    @property
    def unreviewed(self) -> list[Note]:
        """Return the notes on frames that nobody accepted, and on those of them that need work."""
        return on_objects("not_accepted", self.unseen) + on_objects("needs_work", self.needing_work)

    def summary(
        self, path: Path, root: Path, *, num_videos: int, num_images: int, only_accepted: bool
    ) -> ExportSummary:
        """Return the counts and the notes."""
        left_out = on_objects("left_out", self.unseen) if only_accepted else []
        left_out += on_objects("no_mask", self.empty)
        left_out += on_objects("cut", self.cut)
        for why, frames in self.unfit.items():
            left_out += on_objects(why, frames)
        return ExportSummary(
            path=path,
            images_root=root,
            num_videos=num_videos,
            num_images=num_images,
            num_annotations=self.num_annotations,
            num_accepted=self.num_accepted,
            num_modal_only=self.num_modal_only,
            unreviewed=tuple(self.unreviewed),
            left_out=tuple(left_out),
        )


def on_objects(kind: NoteKind, frames: Mapping[Key, Sequence[int]]) -> list[Note]:
    """Return one note for each object, in the order of videos and ids."""
    if ALL in frames:
        return [Note(kind, numbers=tuple(frames[ALL]))]
    return [Note(kind, *key, frames=tuple(found)) for key, found in sorted(frames.items())]
