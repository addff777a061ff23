"""Makes projects from TAO-Amodal annotations: one per video, with amodal boxes as keyframes and modal boxes as
prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from hashlib import file_digest
from itertools import pairwise
from pathlib import Path, PurePosixPath

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError, PromptError, VideoError
from vas_tool.formats.origin import Id, Origin, TrackOrigin
from vas_tool.formats.sequences import upright_size
from vas_tool.formats.tao_amodal import TaoAmodalFile, TaoBox, TaoImage, TaoTrack, TaoVideo, Xywh
from vas_tool.formats.tao_predictions import FORMAT
from vas_tool.formats.tao_reading import read_tao_amodal
from vas_tool.imports.frame_choice import between, rate_of, seconds_of
from vas_tool.imports.planned import Imported, Plan, PlannedObject, folder_name, make_all, nothing_chosen
from vas_tool.types import AmodalBox, Box, BoxKeyframe, FrameRecord, NoBox, SizeWH
from vas_tool.video import ListedImages
from vas_tool.video.images import image_paths, is_image
from vas_tool.video.order import in_natural_order
from vas_tool.wording import counted

ANNOTATED_FPS = 1.0
"""Annotated frames per second of TAO (Dave et al., ECCV 2020)."""


@dataclass(frozen=True)
class Choice:
    """Which videos and tracks to take. An empty field, or None, takes all."""

    videos: tuple[str, ...] = ()
    """Names of videos, ends of names after a slash, ids, or patterns with * and ?."""
    tracks: tuple[str, ...] = ()
    """Ids of tracks."""
    categories: tuple[str, ...] = ()
    """Names of categories."""
    visibility: tuple[float, float] | None = None
    """Lowest and highest visibility, 0..1. A track is taken if it is in this band on some frame."""
    out_of_frame: bool = False
    """Whether only tracks with a box that leaves the frame are taken."""

    def takes_video(self, video: TaoVideo) -> bool:
        """Return whether the video is chosen."""
        names = (video.name, str(video.id))
        asked = (n == w or fnmatchcase(n, w) or n.endswith(f"/{w}") for w in self.videos for n in names)
        return not self.videos or any(asked)

    def takes_track(self, track: TaoTrack, size_wh: SizeWH) -> bool:
        """Return whether the track is chosen."""
        if self.tracks and str(track.id) not in self.tracks:
            return False
        if self.categories and track.category not in self.categories:
            return False
        low, high = self.visibility or (0.0, 1.0)
        if not any(low <= box.visibility <= high for box in track.boxes):
            return False
        return not self.out_of_frame or any(b.out_of_frame or leaves(b.amodal_xywh, size_wh) for b in track.boxes)


def leaves(xywh: Xywh, size_wh: SizeWH) -> bool:
    """Return whether a box reaches beyond the frame."""
    x, y, width, height = xywh
    return x < 0 or y < 0 or x + width > size_wh[0] or y + height > size_wh[1]


def import_tao_amodal(
    annotations: Path,
    projects: Path,
    *,
    frames: Path,
    choice: Choice | None = None,
    fps: float = 8.0,
    annotated_fps: float = ANNOTATED_FPS,
    progress: Progress = silent,
) -> Imported:
    """Make a project below ``projects`` from every chosen video. ``frames`` is the root folder of the files' names.

    The clip holds every annotated frame, and of the frames between, as far as they are in the folder, those that fit
    ``fps`` best. Wrong records are listed in ``problems``; the others are imported.

    Raises FormatError when the file cannot be read or nothing in it is chosen; the message lists everything that is
    wrong in the file. Raises Cancelled.
    """
    plans, problems = plan_tao_amodal(annotations, frames=frames, choice=choice, fps=fps, annotated_fps=annotated_fps)
    return make_all(plans, projects, problems=problems, progress=progress)


def plan_tao_amodal(
    annotations: Path,
    *,
    frames: Path,
    choice: Choice | None = None,
    fps: float = 8.0,
    annotated_fps: float = ANNOTATED_FPS,
) -> tuple[list[Plan], list[str]]:
    """Return the plans of the projects that ``import_tao_amodal`` makes, and the problems in the file.

    Arguments and errors are those of ``import_tao_amodal``.
    """
    file = read_tao_amodal(annotations)
    chosen = _chosen(file, choice or Choice())
    if not chosen:
        names = ", ".join(video.name for video in file.videos[:3])
        raise nothing_chosen(f"{annotations} has {counted(len(file.videos), 'video')} ({names}, ...)", file.problems)
    with annotations.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
    planning = _Planning(frames, fps=fps, annotated_fps=annotated_fps, source=(annotations.name, digest))
    plans = [plan for video, tracks in chosen if (plan := planning.plan(video, tracks))]
    return plans, [*file.problems, *planning.problems]


def _chosen(file: TaoAmodalFile, choice: Choice) -> list[tuple[TaoVideo, list[TaoTrack]]]:
    by_video: dict[Id, list[TaoTrack]] = {}
    for track in file.tracks:
        by_video.setdefault(track.video_id, []).append(track)
    videos = [video for video in file.videos if choice.takes_video(video)]
    tracks = ((v, [t for t in by_video.get(v.id, ()) if choice.takes_track(t, v.size_wh)]) for v in videos)
    return [(video, own) for video, own in tracks if own]


@dataclass
class _Planning:
    """Makes the plans of all projects of a file. It holds the settings that all videos share, and the problems
    found.
    """

    frames: Path
    fps: float
    annotated_fps: float
    source: tuple[str, str]
    """Name and SHA-256 of the annotation file."""
    broken: Mapping[Path, str] = field(default_factory=dict)
    """Pictures that are left out -> what is wrong with each."""
    problems: list[str] = field(default_factory=list)

    def plan(self, video: TaoVideo, tracks: Sequence[TaoTrack]) -> Plan | None:
        """Return the plan of one video; None, with a problem, when it cannot be made."""
        needed = {box.image_id for track in tracks for box in track.boxes}
        try:
            there = self._there(video, needed)
        except (FormatError, VideoError) as error:
            self.problems.append(f"video {video.id} ({video.name}): {error}")
            return None
        if not there:
            return None
        images, frame_of = self._frames(video, there)
        if not self._fits(video, images):
            return None
        planned = [self._object(track, frame_of, size_wh=video.size_wh) for track in tracks]
        objects = tuple(obj for obj in planned if obj.amodal_boxes)
        if not objects:
            self.problems.append(f"video {video.id} ({video.name}): no chosen object is on the frames that are there")
            return None
        return Plan(
            name=folder_name(video.name),
            images=images,
            fps=rate_of([record.pts_seconds for _, record in images.frames], fps=self.fps),
            objects=objects,
            origin=Origin(FORMAT, *self.source, video.id, {f: i for i, f in frame_of.items()}, {}),
            without=partial(self._without, video, tracks),
        )

    def _without(
        self, video: TaoVideo, tracks: Sequence[TaoTrack], broken: Mapping[Path, str]
    ) -> tuple[Plan | None, list[str]]:
        """Return the plan of a video without broken pictures, and new notes about them."""
        again = replace(self, broken={**self.broken, **broken}, problems=[])
        annotated = {self.frames / image.file_name for image in video.images}
        between_them = [what for file, what in broken.items() if file not in annotated]
        plan = again.plan(video, tracks)
        news = [problem for problem in again.problems if problem not in self.problems]
        return plan, [*news, *(f"video {video.id} ({video.name}): {what}" for what in between_them)]

    def _there(self, video: TaoVideo, needed: set[Id]) -> list[tuple[TaoImage, Path]]:
        """Return the video's images with their files, in the files' order. Missing files are problems."""
        there: dict[Path, TaoImage] = {}
        missing: list[str] = []
        for image in video.images:
            path = PurePosixPath(image.file_name)
            file = self.frames / path
            if path.is_absolute() or ".." in path.parts:
                self.problems.append(f"image {image.id}: file_name {image.file_name!r} is not a plain relative path")
            elif file in there:
                self.problems.append(f"image {image.id}: {image.file_name} is image {there[file].id} already")
            elif file in self.broken:
                self.problems.append(f"image {image.id}: {self.broken[file]}")
            elif is_image(file):
                there[file] = image
            elif image.id in needed:
                missing.append(f"image {image.id}: {image.file_name} is not below {self.frames}")
        if not there:  # one line for all of them: most likely the root folder is wrong
            example = f" ({missing[0]})" if missing else ""
            what = f"none of its annotated frames is there{example}; left out"
            self.problems.append(f"video {video.id} ({video.name}): {what}")
            return []
        self.problems += missing
        folders = in_natural_order({file.parent for file in there})
        if len(folders) > 1:
            raise FormatError(f"its frames lie in {len(folders)} folders, {folders[0]} and others; put them into one")
        return [(image, file) for file, image in there.items()]

    def _frames(self, video: TaoVideo, there: list[tuple[TaoImage, Path]]) -> tuple[ListedImages, dict[Id, int]]:
        """Return the clip's files, and the frame_index of each annotated image."""
        folder = there[0][1].parent
        files, notes = _files_in_order(folder, there)
        place_of = {path.name: place for place, path in enumerate(files)}
        there = sorted(there, key=lambda pair: place_of[pair[1].name])
        places = [place_of[path.name] for _, path in there]
        seconds = self._seconds(video, [image for image, _ in there])
        broken = {place for place, file in enumerate(files) if file in self.broken}
        clip = between(places, seconds, fps=self.fps, broken=broken)
        frames = tuple((files[place], FrameRecord(place, second)) for place, second in clip)
        frame_of = {place: frame_index for frame_index, (place, _) in enumerate(clip)}
        return ListedImages(folder, frames, notes), {
            image.id: frame_of[p] for (image, _), p in zip(there, places, strict=True)
        }

    def _seconds(self, video: TaoVideo, there: Sequence[TaoImage]) -> list[float]:
        """Return the times of the annotated frames that exist, in seconds; the first is 0."""
        listed = list({image.file_name: image for image in video.images}.values())  # missing files count, too
        when = seconds_of([image.frame_index for image in listed], annotated_fps=self.annotated_fps)
        second_of = {image.file_name: second for image, second in zip(listed, when, strict=True)}
        first = second_of[there[0].file_name]
        seconds = [second_of[image.file_name] - first for image in there]
        if all(before < after for before, after in pairwise(seconds)):
            return seconds
        return [place / self.annotated_fps for place in range(len(there))]  # the order of the names differs

    def _fits(self, video: TaoVideo, images: ListedImages) -> bool:
        """Return whether the first readable picture has the size that the annotations state."""
        for path, _ in images.frames:
            try:
                size_wh = upright_size(path)
            except FormatError:  # reported when the project is made
                continue
            break
        else:
            self.problems.append(f"video {video.id} ({video.name}): none of its frames can be read; left out")
            return False
        if size_wh != video.size_wh:
            self.problems.append(
                f"video {video.id} ({video.name}): {path} is {size_wh}, the annotations say {video.size_wh} "
                "(width, height); left out"
            )
        return size_wh == video.size_wh

    def _object(self, track: TaoTrack, frame_of: Mapping[Id, int], *, size_wh: SizeWH) -> PlannedObject:
        boxes = [(frame_of[box.image_id], box) for box in track.boxes if box.image_id in frame_of]
        return PlannedObject(
            label=track.category,
            boxes=tuple(b for f, box in boxes for b in self._prompt(f, box, size_wh)),
            amodal_boxes=self._keyframes(track, boxes, frame_of),
            track=TrackOrigin(track.id, track.category_id, tuple(sorted(f for f, box in boxes if box.uncertain))),
        )

    def _keyframes(
        self, track: TaoTrack, boxes: Sequence[tuple[int, TaoBox]], frame_of: Mapping[Id, int]
    ) -> tuple[BoxKeyframe, ...]:
        """Return the annotated boxes as keyframes.

        If the object is absent on the next annotated frame, its box ends at once, because the file does not say when
        the object left. A frame with an unreadable box gives no keyframe.
        """
        keyframes: dict[int, BoxKeyframe] = {f: AmodalBox(f, *_corners(box.amodal_xywh)) for f, box in boxes}
        unclear = {frame_of[image] for image in track.unclear_images if image in frame_of}
        annotated = sorted(set(frame_of.values()) - unclear)
        last = max(keyframes, default=0)
        for before, after in pairwise(annotated):
            if before in keyframes and after not in keyframes and after < last:
                keyframes[before + 1] = NoBox(before + 1)
        return tuple(keyframes[f] for f in sorted(keyframes))

    def _prompt(self, frame_index: int, box: TaoBox, size_wh: SizeWH) -> Iterator[Box]:
        """Yield the modal box, cut to the frame; nothing where no part is seen."""
        if box.modal_xywh is None:
            return
        x0, y0, x1, y1 = _corners(box.modal_xywh)
        try:
            yield Box(frame_index, max(0.0, x0), max(0.0, y0), min(size_wh[0], x1), min(size_wh[1], y1))
        except PromptError:
            self.problems.append(
                f"annotation {box.id}: bbox {list(box.modal_xywh)} lies outside the frame of {size_wh}"
            )


def _files_in_order(folder: Path, there: Sequence[tuple[TaoImage, Path]]) -> tuple[list[Path], tuple[str, ...]]:
    """Return the clip's files in the order of the annotations' ``frame_index``, and notes for the user.

    ``there`` is in that order if the annotations state it. If the names sort differently, the places of the files
    between are unknown.
    """
    files = image_paths(folder)
    numbers = [image.frame_index for image, _ in there if image.frame_index is not None]
    if len(numbers) < len(there) or len(set(numbers)) < len(numbers):
        return files, ()
    annotated = [path.name for _, path in there]
    known = set(annotated)
    for order in (files, sorted(files)):
        if [path.name for path in order if path.name in known] == annotated:
            return order, ()
    note = "its names sort otherwise than frame_index says: that holds, and files without annotations were left out"
    return [path for _, path in there], (note,)


def _corners(xywh: Xywh) -> tuple[float, float, float, float]:
    x, y, width, height = xywh
    return x, y, x + width, y + height
