"""Makes projects from annotation files with masks: one per video. Its masks are stamped as given, not made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import file_digest
from itertools import pairwise
from pathlib import Path, PurePosixPath

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, PromptError
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, AnnotatedTrack, AnnotatedVideo
from vas_tool.formats.origin import Origin, TrackOrigin
from vas_tool.formats.sequences import upright_size
from vas_tool.imports.frame_choice import between, rate_of
from vas_tool.imports.planned import Imported, Plan, PlannedObject, folder_name, make_all, nothing_chosen
from vas_tool.project.depth_order import InFront, Orders, add_orders
from vas_tool.types import Box, FrameRecord
from vas_tool.video import ListedImages
from vas_tool.video.images import is_image
from vas_tool.wording import counted, runs_of

USUAL_FPS = 8.0
"""Frames per second of a clip when the file states no rate."""


@dataclass(frozen=True)
class AnnotatedChoice:
    """Which videos and objects to take. An empty field takes all."""

    videos: tuple[str, ...] = ()
    """Names of videos, ends of names after a slash, ids, or patterns with * and ?."""
    tracks: tuple[str, ...] = ()
    """Ids of tracks."""
    categories: tuple[str, ...] = ()
    """Labels."""

    def takes_video(self, *names: str) -> bool:
        """Return whether a video with these names (its name, its id) is chosen."""
        return not self.videos or any(
            fnmatchcase(name, wanted) or name == wanted or name.endswith(f"/{wanted}")
            for wanted in self.videos
            for name in names
        )

    def takes_track(self, track: AnnotatedTrack) -> bool:
        """Return whether the object is chosen."""
        return (not self.tracks or str(track.id) in self.tracks) and (
            not self.categories or track.label in self.categories
        )


def import_annotated(
    read: Callable[[Path], AnnotatedFile],
    annotations: Path,
    projects: Path,
    *,
    frames: Path,
    choice: AnnotatedChoice | None = None,
    fps: float | None = None,
    with_amodal: bool = False,
    progress: Progress = silent,
) -> Imported:
    """Make a project below ``projects`` from every chosen video. ``frames`` is the root folder of the files' names.

    Modal masks become the objects' masks; boxes around the visible part become prompts. ``with_amodal`` imports the
    amodal masks, too; without it, new masks can be measured against them. The clip holds every annotated picture, and
    of those between, as far as they are in the folder, the ones that fit ``fps`` frames per second best. Without
    ``fps``, the rate of a clip with only annotated pictures is the file's, else 8.

    Wrong records are listed in ``problems``; the others are imported. Raises FormatError when the file cannot be read
    or nothing in it is chosen; Cancelled.
    """
    file, chosen = read(annotations), choice or AnnotatedChoice()
    wanted = [
        (v, [t for t in v.tracks if chosen.takes_track(t)])
        for v in file.videos
        if chosen.takes_video(v.name, str(v.id))
    ]
    wanted = [(video, tracks) for video, tracks in wanted if tracks]
    if not wanted:
        names = ", ".join(video.name for video in file.videos[:3])
        raise nothing_chosen(f"{annotations} has {counted(len(file.videos), 'video')} ({names}, ...)", file.problems)
    planning = _Planning(file, annotations, frames, fps=fps, with_amodal=with_amodal)
    plans = [plan for video, tracks in wanted if (plan := planning.plan(video, tracks))]
    return make_all(plans, projects, problems=[*file.problems, *planning.problems], progress=progress)


@dataclass
class _Planning:
    """Makes the plans of all projects of a file. It holds the settings that all videos share, and the problems
    found.
    """

    file: AnnotatedFile
    annotations: Path
    frames: Path
    fps: float | None
    with_amodal: bool
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._digest = ""
        if self.annotations.is_file():
            with self.annotations.open("rb") as opened:
                self._digest = file_digest(opened, "sha256").hexdigest()

    def plan(self, video: AnnotatedVideo, tracks: Sequence[AnnotatedTrack]) -> Plan | None:
        """Return the plan of one video; None, with a problem, when it cannot be made."""
        try:
            places = self._places(video)
            images, rate = self._images(video, places)
        except FormatError as error:
            self.problems.append(f"video {video.id} ({video.name}): {error}")
            return None
        frame_of = {record.source_index: i for i, (_, record) in enumerate(images.frames)}
        name = f"video {video.id} ({video.name})"
        objects = tuple(
            planned_object(track, frame_of, self.problems, name=name, with_amodal=self.with_amodal) for track in tracks
        )
        image_ids = {frame_of[place]: i for place, i in video.image_ids.items() if place in frame_of}
        origin = Origin(self.file.format, self.annotations.name, self._digest, video.id, image_ids, {})
        in_front = _orders(video, tracks, frame_of)
        return Plan(folder_name(video.name), images, rate, objects, origin if self._digest else None, in_front)

    def _places(self, video: AnnotatedVideo) -> list[int]:
        """Return the indices of the pictures that are in the folder. Raises FormatError when an annotated one is
        not.
        """
        for name in video.files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise FormatError(f"{name!r} is not a plain relative path")
        try:
            there = [place for place, name in enumerate(video.files) if is_image(self.frames / name)]
        except OSError as error:  # such as a name that is too long for the file system
            raise FormatError(f"its pictures cannot be looked for ({error}); check their names") from error
        needed = range(len(video.files)) if video.annotated is None else video.annotated
        missing = [video.files[place] for place in sorted(set(needed) - set(there))]
        if missing:
            more = f" (nor {len(missing) - 1} others)" if len(missing) > 1 else ""
            raise FormatError(f"{missing[0]} is not below {self.frames}{more}; --frames names the root of these files")
        size_wh = upright_size(self.frames / video.files[there[0]])
        if size_wh != video.size_wh:
            raise FormatError(f"{video.files[there[0]]} is {size_wh}, the file says {video.size_wh} (width, height)")
        return there

    def _images(self, video: AnnotatedVideo, places: Sequence[int]) -> tuple[ListedImages, float]:
        """Return the clip's pictures with their times, and its rate."""
        usual = self.fps or USUAL_FPS
        if video.annotated is None:
            rate = self.fps or video.fps or USUAL_FPS
            times = video.seconds if video.seconds and not self.fps else [place / rate for place in places]
            if any(after <= before for before, after in pairwise(times)):
                raise FormatError("the times of its frames do not ascend; say with --fps how many there are a second")
            chosen = list(zip(places, times, strict=True))
        else:
            rank = {place: i for i, place in enumerate(places)}
            source_fps = video.fps or usual
            ranks = [rank[place] for place in video.annotated]
            taken = between(ranks, [place / source_fps for place in video.annotated], fps=usual)
            chosen = [(places[i], places[i] / source_fps) for i, _ in taken]
            rate = rate_of([seconds for _, seconds in chosen], fps=usual)
        frames = tuple((self.frames / video.files[i], FrameRecord(i, seconds)) for i, seconds in chosen)
        return ListedImages(frames[0][0].parent, frames), rate


def _orders(video: AnnotatedVideo, tracks: Sequence[AnnotatedTrack], frame_of: Mapping[int, int]) -> Orders:
    """Return which of the chosen objects is in front of which, by their places from 1."""
    number = {track.id: place for place, track in enumerate(tracks, 1)}
    frames: dict[tuple[int, int], set[int]] = {}
    for front, behind, place in video.in_front:
        if front in number and behind in number and place in frame_of:
            frames.setdefault((number[front], number[behind]), set()).add(frame_of[place])
    return add_orders(
        (),
        (
            InFront(front, behind, first, last)
            for (front, behind), there in frames.items()
            for first, last in runs_of(there)
        ),
    )


def planned_object(
    track: AnnotatedTrack, frame_of: Mapping[int, int], problems: list[str], *, name: str, with_amodal: bool = False
) -> PlannedObject:
    """Return the object of a track. ``frame_of`` maps the track's pictures to frames of the clip; others are left out.

    ``problems`` receives a sentence for each invalid box; ``name`` names the video there.
    """
    boxes = []
    for place, corners in track.boxes.items():
        try:
            boxes += [Box(frame_of[place], *corners)] if place in frame_of else []
        except PromptError as error:
            problems.append(f"{name}, track {track.id}, picture {place}: {error}")
    return PlannedObject(
        label=track.label,
        boxes=tuple(boxes),
        modal={frame_of[place]: read for place, read in track.modal.items() if place in frame_of},
        amodal={frame_of[i]: read for i, read in track.amodal.items() if i in frame_of} if with_amodal else {},
        track=TrackOrigin(track.id, track.category_id),
    )
