"""Opens projects for the page: the sample, an upload, a path or a name. Exports into their folders."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path

from vas_tool.engines.base import Progress
from vas_tool.errors import ProjectError, VideoError
from vas_tool.formats.intrinsics import Camera, give_camera
from vas_tool.formats.sequences import is_sequences_folder
from vas_tool.imports.given_masks import import_sequences
from vas_tool.imports.new_project import create_project
from vas_tool.sample import is_sample, sample_clip
from vas_tool.ui.early_start import EarlyStart
from vas_tool.ui.exporting import ExportReport, export_session
from vas_tool.ui.open_projects import ImportOptions, OpenProjects
from vas_tool.ui.queue_of_projects import ProjectQueue
from vas_tool.ui.reopening import made_from
from vas_tool.video.source import clip_name

LONGEST_UPLOAD = 57_600
"""Most frames of an uploaded clip: two hours at 8 FPS."""

SAMPLE_NAME = "sample"
"""Name of the sample's project."""


class Opener:
    """Opens what the user chose and returns a token of ``open_projects``."""

    def __init__(
        self,
        open_projects: OpenProjects,
        *,
        start: Path | None = None,
        camera: Camera | None = None,
        queue: ProjectQueue | None = None,
    ) -> None:
        """``start`` is the video, folder or project of the first tab, and ``camera`` its camera. ``queue`` holds the
        projects that a batch left for a person; a new tab shows the first of them.
        """
        self.open_projects, self._camera, self.queue = open_projects, camera, queue
        self._start: Path | EarlyStart[str] | None = start
        self._starting = threading.Lock()
        """Held while the start is imported, because several tabs may request it."""
        self._sampling = threading.Lock()
        """Held while the sample is imported."""

    def begin(self) -> None:
        """Begin to import ``start`` in the background, before the first tab asks for it."""
        if isinstance(self._start, Path):
            path = self._start
            self._start = EarlyStart(lambda report: self._first(path, report))

    def arrive(self, wanted: str, progress: Progress) -> str:
        """Open a project for a new tab and return a token; "" if there is none.

        It is the project in the tab's address (``wanted``), or else ``start``, or else the one that was used last.
        While ``start`` is imported, other tabs and reloads of the same tab wait for it.
        """
        if wanted:
            return self.project(wanted)
        with self._starting:
            start, self._start = self._start, None
            if start is not None:
                return start.result(progress) if isinstance(start, EarlyStart) else self._first(start, progress)
        if self.queue is not None:
            return self.queue.enter_next("")
        names = self.open_projects.projects()
        return self.project(names[0]) if names else ""

    def _first(self, start: Path, progress: Progress) -> str:
        token = self.sample(progress) if is_sample(start) else self.source(start, progress)
        if self._camera is not None:
            give_camera(self.open_projects.session(token).project, self._camera)
        return token

    def project(self, name: str) -> str:
        """Open a project under the root by its name and return a token."""
        if not name:
            raise ProjectError("choose a project in the list, or open a video")
        return self.open_projects.enter(self.open_projects.inside(name))

    def sample(self, progress: Progress) -> str:
        """Open the bundled sample, or the project that was made from it, and return a token."""
        folder = self.open_projects.root / SAMPLE_NAME
        with self._sampling:
            if (folder / "project.json").is_file():
                return self.open_projects.enter(folder)
            return self.open_projects.create(sample_clip(), name=SAMPLE_NAME, progress=progress)

    def path(self, path: str, progress: Progress, *, options: ImportOptions | None = None) -> str:
        """Open a video, folder or project at a path under the root and return a token."""
        if not path.strip():
            raise ProjectError(f"type the path of a video or folder under {self.open_projects.root}")
        return self.source(self.open_projects.source(path.strip()), progress, options=options)

    def source(self, path: Path, progress: Progress, *, options: ImportOptions | None = None) -> str:
        """Open a project folder, or import anything else, and return a token."""
        if (path / "project.json").is_file():
            return self.open_projects.enter(path)
        if not path.exists():
            raise VideoError(f"{path} does not exist; check the spelling")
        if path.suffix.lower() == ".json":
            raise VideoError(
                f"{path} holds annotations, no pictures: `vas-tool import tao-amodal {path} --frames FOLDER "
                f"--projects {self.open_projects.root}` makes projects of it (vas-tool import --help); open those"
            )
        made = made_from(self.open_projects.root, path) if options in (None, ImportOptions()) else None
        if made:
            return self.open_projects.enter(made)
        if path.is_dir() and is_sequences_folder(path):
            with self.open_projects.new_folder(path.name) as folder:
                import_sequences(path, folder, progress=progress).close()
                return self.open_projects.enter(folder)
        return self.open_projects.create(path, name=clip_name(path), options=options, progress=progress)

    def upload(self, file: Path, progress: Progress, *, options: ImportOptions | None = None) -> str:
        """Import an uploaded file and return a token. The copy is deleted after the import; only its name is stored.

        Raises VideoError when the clip would have more than LONGEST_UPLOAD frames.
        """

        def limited(done: int, total: int, what: str, /) -> None:
            if max(done, total) > LONGEST_UPLOAD:
                raise VideoError(
                    f"this video gives about {max(done, total)} frames; an upload may give {LONGEST_UPLOAD} "
                    "(two hours at 8 FPS). Choose a part of it under Options, or open it by its path"
                )
            progress(done, total, what)

        try:
            with self.open_projects.new_folder(file.stem) as folder:
                how = asdict(options or ImportOptions())
                create_project(folder, file, source_name=file.name, progress=limited, **how).close()
                return self.open_projects.enter(folder)
        except VideoError as error:
            raise VideoError(str(error).replace(str(file), file.name)) from error
        finally:
            file.unlink(missing_ok=True)

    def export(self, token: str, name: str, *, only_accepted: bool, progress: Progress) -> ExportReport:
        """Write a format into the project's ``exports`` folder, or to the folder that the report names.

        Raises FormatError when there is nothing to write.
        """
        return export_session(self.open_projects.session(token), name, only_accepted=only_accepted, progress=progress)
