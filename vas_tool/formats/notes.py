"""Notes about an export as values, which ``worded`` turns into sentences for a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vas_tool.wording import counted, ranges

NoteKind = Literal[
    "written",
    "modal_only",
    "folder",
    "files",
    "shorter",
    "project",
    "object_left_out",
    "not_accepted",
    "needs_work",
    "left_out",
    "no_mask",
    "cut",
    "beyond_picture",
    "in_no_sample",
    "no_track",
    "not_annotated",
    "seen_only",
]
"""What a note is about; ``WORDS`` has the sentence."""


@dataclass(frozen=True)
class Note:
    """One fact about an export, or about one object in it."""

    kind: NoteKind
    project: str = ""
    """Name of the project, or of the folder that was written."""
    object_id: int = 0
    """0 for a note that is not about one object."""
    label: str = ""
    """The object's category name."""
    frames: tuple[int, ...] = ()
    """Frame indices, ascending."""
    numbers: tuple[float, ...] = ()
    """Counts, or seconds, in the order in which the words name them."""
    text: str = ""
    """For the kind ``project``: a note of the project itself (``Project.notes``)."""


def named(object_id: int, label: str) -> str:
    """Return the name of an object: ``object 1 (cup)``, or ``object 1`` when that is its label."""
    own = f"object {object_id}"
    return own if label == own else f"{own} ({label})"


def worded(note: Note) -> str:
    """Return a note as a sentence: ``car, object 1 (cup): 4 frames not accepted (0-2, 7)``."""
    head = f"{note.project}, {named(note.object_id, note.label)}: " if note.object_id else ""
    return head + without_object(note)


def without_object(note: Note) -> str:
    """Return a note as a sentence without project and object: ``4 frames not accepted (0-2, 7)``."""
    return WORDS[note.kind](note)


def _texts(note: Note) -> str:
    annotations, images, accepted = map(int, note.numbers)
    return f"{counted(annotations, 'annotation')} on {counted(images, 'image')}, {accepted} accepted."


def _modal_only(note: Note) -> str:
    of_what = counted(int(note.numbers[0]), "amodal mask is the modal one", "amodal masks are the modal ones")
    return f"{of_what}, because none were made; complete the object."


def _folder(note: Note) -> str:
    frames, black = map(int, note.numbers)
    what = counted(black, "frame was never segmented, its mask is", "frames were never segmented, their masks are")
    return f"{note.project}: {counted(frames, 'frame')} of {note.label}{f'; {what} black' if black else ''}."


def _shorter(note: Note) -> str:
    lasts, source = note.numbers
    return (
        f"{note.project}: videos last {lasts:.2f} s, of {source:.2f} s of the source, in which pictures are held that "
        "are one frame each here; project.json has their times."
    )


def _frames(what: str) -> Callable[[Note], str]:
    def words(note: Note) -> str:
        if note.numbers:  # a note that counts many objects, without a list of frames
            frames, objects = map(int, note.numbers)
            return f"{counted(frames, 'frame')} of {counted(objects, 'object')} {what}."
        return f"{counted(len(note.frames), 'frame')} {what} ({ranges(note.frames)})"

    return words


WORDS: dict[NoteKind, Callable[[Note], str]] = {
    "written": _texts,
    "modal_only": _modal_only,
    "folder": _folder,
    "files": lambda note: f"{counted(int(note.numbers[0]), 'file')}.",
    "shorter": _shorter,
    "project": lambda note: f"{note.text}.",
    "object_left_out": lambda _: "left out, no frame is accepted",
    "not_accepted": _frames("not accepted"),
    "needs_work": _frames("in need of work"),
    "left_out": _frames("left out because not accepted"),
    "no_mask": _frames("without a mask, so without an annotation"),
    "cut": _frames("cut: the amodal box reaches beyond the work area"),
    "beyond_picture": _frames(
        "without an annotation, because all of it lies beyond the picture and polygons cannot say so"
    ),
    "in_no_sample": _frames("in no sample, because no 25 frames in a row with both masks hold it"),
    "no_track": _frames("not written, because the object is none of the TAO-Amodal file's"),
    "not_annotated": _frames("not written, because the TAO-Amodal file has no image for them"),
    "seen_only": _frames("with the visible part only, because no content was made"),
}
"""NoteKind -> the sentence of a note, without the object that it is about."""
