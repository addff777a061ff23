"""The commands of the command line by name: functions of the parsed arguments that return the exit status."""

from __future__ import annotations

import gc
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path

from vas_tool.commands.terminal import ProgressBar
from vas_tool.errors import InputError
from vas_tool.exports import STREAMED, export, export_folders
from vas_tool.formats.intrinsics import Camera, camera_of, give_camera
from vas_tool.formats.notes import worded
from vas_tool.project import Project
from vas_tool.project.head import is_project
from vas_tool.wording import counted, numbers_in


def open_(options: Namespace) -> int:
    """Run ``vas-tool open``: start the server, open the page, and serve it until Ctrl+C. Returns 0.

    Raises InputError when the source does not exist, or the options do not fit together.
    """
    gc.disable()  # imported modules are never garbage: collecting among them costs half a second
    try:
        serve = _page(options)
    finally:
        gc.enable()
    serve()
    return 0


def _page(options: Namespace) -> Callable[[], None]:
    """Return the function that serves the page until Ctrl+C."""
    from vas_tool.batch.queue import read_queue
    from vas_tool.ui.access import Access
    from vas_tool.ui.address import Address
    from vas_tool.ui.open_projects import OpenProjects
    from vas_tool.ui.opening import Opener
    from vas_tool.ui.queue_of_projects import ProjectQueue
    from vas_tool.ui.secret import kept_secret

    access = Access(
        host=options.host,
        allowed=options.allow_host,
        token=None if options.no_token else kept_secret(),
        login=options.auth,
        root_path=options.root_path,
    )
    source: Path | None = options.source
    if source is not None and not source.exists():
        raise InputError(f"{source} does not exist; check the spelling")
    root: Path = options.root
    entries = []
    if options.queue:
        if source is None or not source.is_dir():
            raise InputError("--queue needs the folder of a batch's projects: vas-tool open DIR --queue")
        entries, root, source = read_queue(source), source, None
        if not entries:
            raise InputError(f"no project in {root} needs a look; open it without --queue")
    page = ""
    if source is not None and (source / "project.json").is_file():
        root = source.resolve().parent
    elif source is not None and any(source.glob("*/project.json")):
        root, source, page = source, None, "projects"
    camera = camera_of(options.intrinsics) if options.intrinsics else None
    if camera and source is None:
        raise InputError("--intrinsics are of one clip; name it as well: vas-tool open SOURCE --intrinsics ...")
    address = Address.take(access, options.port, page=page)
    open_projects = OpenProjects(root)
    queue = ProjectQueue(entries, open_projects) if entries else None
    opener = Opener(open_projects, start=source, camera=camera, queue=queue)
    opener.begin()  # runs while Gradio is imported, which takes longer
    if not options.no_browser:
        address.open_browser()

    from vas_tool.ui.server import make_app, serve

    return partial(serve, make_app(opener, access), opener.open_projects, address)


def import_(options: Namespace) -> int:
    """Run ``vas-tool import`` and print the projects. Returns 1 when nothing was made and something is wrong, else
    0.
    """
    from vas_tool.imports.import_formats import IMPORTS

    bar = ProgressBar()
    camera = camera_of(options.intrinsics) if options.intrinsics else None
    done = IMPORTS[options.format](options, bar)
    bar.close()
    for path in done.projects:
        if camera:
            _give_camera(path, camera)
        print(path)
    for line in (*done.notes, *done.problems):
        print(line, file=sys.stderr)
    if done.problems:
        outcome = "the rest was imported" if done.projects else "nothing new was imported"
        print(f"{options.source}: {counted(len(done.problems), 'problem')}; {outcome}", file=sys.stderr)
    return 1 if done.problems and not done.projects else 0


def _give_camera(path: Path, camera: Camera) -> None:
    project = Project.open(path)
    try:
        give_camera(project, camera)
    finally:
        project.close()


def export_(options: Namespace) -> int:
    """Run ``vas-tool export``: print the written files, and notes on the error stream. Returns 0.

    Raises FormatError when there is nothing to write or the target cannot be written.
    """
    bar = ProgressBar()
    frames = None if options.frames is None else numbers_in(options.frames)
    folders, accepted = project_folders(options.projects), options.only_accepted
    if options.format in STREAMED and frames is None:
        done = export_folders(folders, options.format, options.out, only_accepted=accepted, progress=bar)
    else:
        with ExitStack() as stack:
            projects = []
            for folder in folders:
                projects.append(Project.open(folder))
                stack.callback(projects[-1].close)
            done = export(projects, options.format, options.out, frames=frames, only_accepted=accepted, progress=bar)
    bar.close()
    for path in done.paths:
        print(path)
    for note in done.notes:
        print(worded(note), file=sys.stderr)
    return 0


def project_folders(paths: Sequence[Path]) -> list[Path]:
    """Return the project folders that ``paths`` name. A folder of projects gives all projects in it.

    Files that a batch writes into its folder of projects are left out.
    """
    from vas_tool.batch.batch_files import OF_A_BATCH

    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if is_project(p)) if path.is_dir() and not is_project(path) else []
        found += inside or ([] if path.is_file() and OF_A_BATCH.fullmatch(path.name) else [path])
    return found


def verify_(options: Namespace) -> int:
    """Run ``vas-tool verify``. Returns 0 when nothing is wrong, else 1 after printing one problem per line."""
    from vas_tool.formats.verify import verify

    if not options.file.exists():
        raise InputError(f"{options.file} does not exist; check the spelling")
    report = verify(options.file)
    for problem in report.problems:
        print(problem)
    found = counted(len(report.problems), "problem") if report.problems else "nothing wrong"
    images, masks = counted(report.num_images, "image"), counted(report.num_annotations, "annotation")
    print(f"{options.file} ({', '.join(report.kinds) or report.kind}): {images}, {masks}, {found}", file=sys.stderr)
    return 1 if report.problems else 0


def train_(options: Namespace) -> int:
    """Run ``vas-tool train``. Returns the exit status. Raises InputError when packages for training are missing."""
    try:
        if options.method == "eoras":
            from vas_tool.commands.training import train

            return train(options)
        from vas_tool.commands import fine_tuning

        methods = {"prepare": fine_tuning.prepare, "learned": fine_tuning.learned}
        return methods.get(options.method, fine_tuning.tune)(options)
    except ImportError as error:
        raise InputError(f"training needs more packages ({error}); run: pip install 'vas-tool[train]'") from error


def _of(module: str, function: str) -> Callable[[Namespace], int]:
    """Return a command that imports its module of ``vas_tool.commands`` only when it runs."""
    return lambda options: int(getattr(import_module(f"vas_tool.commands.{module}"), function)(options))


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "open": open_,
    "run": _of("run", "run"),
    "import": import_,
    "manifest": _of("batch", "manifest_"),
    "batch": _of("batch", "batch_"),
    "export": export_,
    "scene": _of("scene", "scene_"),
    "verify": verify_,
    "models": _of("models", "models"),
    "evaluate": _of("measure", "evaluate_"),
    "bench": _of("bench", "bench_"),
    "compare": _of("compare", "compare_"),
    "compose": _of("compose", "compose_"),
    "agreement": _of("agreement", "agreement_"),
    "recheck": _of("recheck", "recheck_"),
    "predict": _of("measure", "predict_"),
    "train": train_,
}
"""Name of a command -> function of the parsed arguments that returns the exit status."""
