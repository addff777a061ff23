"""The projects of one export. Each is open only while it is written, so memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from zlib import crc32

from vas_tool.errors import FormatError
from vas_tool.formats.batch_rows import row_ids
from vas_tool.formats.origin import read_origin
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.videos import ExportVideo, named_folders, numbered_labels
from vas_tool.project import Project
from vas_tool.project.frame_facts import needs_look

MANY = 20
"""With more projects than this, notes count frames instead of listing them by object."""

ProjectOrFolder = Project | Path


@dataclass(frozen=True)
class _Place:
    """The ids of one project in the export."""

    video_id: int
    first_image_id: int
    first_track_id: int
    digest: int
    video: ExportVideo | None = None
    """For a project that was given open: its state at the start of the export."""


class VideoStream:
    """The videos of an export in the order of their names. Ids of videos, images and tracks are counted from 1 in this
    order.

    A project that is given open stays open. A folder is opened at every iteration, and closed before the next project
    is opened. Every iteration gives the same videos: FormatError is raised when somebody changed a project in between.
    """

    def __init__(self, projects: Sequence[ProjectOrFolder], *, thorough: bool = False) -> None:
        """Open every project once to number its images and objects.

        ``thorough`` reads every picture whenever a folder is opened, so that damaged ones count as absent. Raises
        FormatError when there is no project or one is listed twice, and the errors of ``Project.open``.
        """
        self.root, names = named_folders([p.folder if isinstance(p, Project) else p for p in projects])
        self._named = sorted(zip(names, projects, strict=True), key=itemgetter(0))
        self._given = {name for name, project in self._named if isinstance(project, Project)}
        self._thorough = thorough
        self.notes: dict[tuple[str, str], None] = {}
        """(name of the project, one of ``Project.notes``) as keys, each once."""
        self.num_objects = self.num_images = 0
        self._places: list[_Place] = []
        labels: set[str] = set()
        for name, project in self._opened():
            with project.mutex:
                place = _Place(len(self._places) + 1, 1 + self.num_images, 1 + self.num_objects, _digest(project))
                if name in self._given:
                    looks = {obj.id: needs_look(project, obj.id) for obj in project.truth.objects}
                    place = replace(place, video=_video(place, name, project, looks=looks))
                self._places.append(place)
                labels |= {obj.label for obj in project.truth.objects}
                self.num_images += len(project.clip)
                self.num_objects += len(project.truth.objects)
        self.categories: Mapping[str, int] = numbered_labels(labels)
        """Label -> category id."""

    @property
    def many(self) -> bool:
        """Whether notes are to count instead of to list."""
        return len(self) > MANY

    def __len__(self) -> int:
        return len(self._named)

    def __iter__(self) -> Iterator[ExportVideo]:
        for (name, project), place in zip(self._opened(), self._places, strict=True):
            if place.video is None and _digest(project) != place.digest:
                raise FormatError(f"{project.folder} was changed while it was exported; export again")
            yield place.video or _video(place, name, project, looks=_Looks(project))

    def _opened(self) -> Iterator[tuple[str, Project]]:
        for name, given in self._named:
            with nullcontext(given) if isinstance(given, Project) else closing(Project.open(given)) as project:
                if self._thorough and not isinstance(given, Project):
                    project.look_through()
                yield name, project
                self.notes |= {(project.name, text): None for text in project.notes}


def _video(place: _Place, name: str, project: Project, *, looks: Mapping[int, Mapping[int, str]]) -> ExportVideo:
    return ExportVideo(
        id=place.video_id,
        name=name,
        project=project,
        truth=project.truth,
        first_image_id=place.first_image_id,
        first_track_id=place.first_track_id,
        looks=looks,
        origin=read_origin(project.folder),
        rows=row_ids(project.folder),
    )


def _digest(project: Project) -> int:
    """Return a checksum of the facts that ids depend on: number of frames, objects, labels."""
    return crc32(repr((len(project.clip), [(obj.id, obj.label) for obj in project.truth.objects])).encode())


class _Looks(dict[int, Mapping[int, str]]):
    """Object id -> frame_index -> the reason why the frame needs work; computed at the first access."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project

    def __missing__(self, object_id: int) -> Mapping[int, str]:
        found = self[object_id] = needs_look(self._project, object_id)
        return found


def as_stream(projects: Sequence[ProjectOrFolder] | VideoStream) -> VideoStream:
    """Return a stream of the projects; a stream is returned unchanged."""
    return projects if isinstance(projects, VideoStream) else VideoStream(projects)


def video_of(project: Project) -> ExportVideo:
    """Return a project that is exported by itself. An edit during the export does not change it.

    Raises ProjectDamaged when its ``origin.json`` is damaged.
    """
    (video,) = VideoStream([project])
    return video


def summary_of(tally: Tally, videos: VideoStream, path: Path, *, only_accepted: bool) -> ExportSummary:
    """Return the summary of an export to ``path``, from what ``tally`` counted."""
    num_videos, num_images = len(videos), videos.num_images
    return tally.summary(path, videos.root, num_videos=num_videos, num_images=num_images, only_accepted=only_accepted)
