"""``vas-tool recheck``: accepted frames are asked again without the old answer, and the answers are compared."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import closing
from pathlib import Path

from vas_tool.commands.terminal import ProgressBar
from vas_tool.errors import InputError
from vas_tool.evaluation.second_look import frames_to_ask, with_answers
from vas_tool.evaluation.tables import Cell
from vas_tool.evaluation.text import columns, table_cells
from vas_tool.imports.blind_copies import make_blind_copy
from vas_tool.imports.planned import folder_name
from vas_tool.project import Project
from vas_tool.project.rechecks import Recheck, read_rechecks, write_rechecks
from vas_tool.wording import counted

ABOUT = (
    "hidden_iou: mean IoU of the hidden parts of the accepted answer and of the second one, in percent, with the "
    "number of frames. Frames on which neither hides anything are not in it."
)


def recheck_(options: Namespace) -> int:
    """Run ``vas-tool recheck``: ask with ``--share``, else compare. Returns 0."""
    with closing(Project.open(options.project)) as project:
        project.require_writable()
        return _ask(project, options) if options.share is not None else _compare(project)


def _ask(project: Project, options: Namespace) -> int:
    annotator: str = options.annotator
    known = read_rechecks(project.folder)
    if any(recheck.annotator == annotator for recheck in known):
        raise InputError(f"{annotator} was asked already; give another --annotator, or compare without --share")
    asked = frames_to_ask(project, options.share, seed=options.seed)
    recheck = Recheck(annotator, folder_name(f"{project.name}-recheck-{annotator}"), asked)
    folder = _beside(project) / recheck.folder
    bar = ProgressBar()
    make_blind_copy(project, folder, asked, progress=bar)
    bar.close()
    write_rechecks(project.folder, [*known, recheck])
    print(folder)
    print(
        f"{counted(recheck.num_asked, 'frame')} to answer again, marked as frames that need work. Open them with: "
        f"vas-tool open {folder}\nComplete and accept them, then compare: vas-tool recheck {options.project}",
        file=sys.stderr,
    )
    return 0


def _compare(project: Project) -> int:
    known = read_rechecks(project.folder)
    if not known:
        raise InputError(f"nothing of {project.name} was asked again; ask with --share 0.1")
    done = [_with_answers(recheck, project) for recheck in known]
    write_rechecks(project.folder, done)
    table = {recheck.annotator: {"hidden_iou": _cell(recheck)} for recheck in done}
    print("\n".join(columns(table_cells(table))))
    print(ABOUT)
    for recheck in done:
        nothing = recheck.num_answered - len(recheck.ious)
        alike = f"; on {nothing} of them neither hides anything" if nothing else ""
        answered = f"{recheck.num_answered} of {counted(recheck.num_asked, 'frame')} answered{alike}"
        print(f"{recheck.annotator}: {answered}", file=sys.stderr)
    return 0


def _with_answers(recheck: Recheck, project: Project) -> Recheck:
    """Return the second look with its answers; as it was, with a sentence, when its project is gone."""
    folder = _beside(project) / recheck.folder
    if not (folder / "project.json").is_file():
        print(f"{folder} is gone; the agreement that was measured before is kept", file=sys.stderr)
        return recheck
    with closing(Project.open(folder)) as blind:
        return with_answers(recheck, project, blind)


def _beside(project: Project) -> Path:
    return project.folder.resolve().parent


def _cell(recheck: Recheck) -> Cell:
    ious = recheck.ious
    return Cell(sum(ious) / len(ious) if ious else float("nan"), len(ious))
