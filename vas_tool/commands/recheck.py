"""``vas-tool recheck``: asks accepted frames again without the old answer, and compares the answers."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import closing

from vas_tool.commands.terminal import ProgressBar
from vas_tool.evaluation.tables import Cell
from vas_tool.evaluation.text import columns, table_cells
from vas_tool.imports.blind_copies import ask_again, blind_folder, compare_answers
from vas_tool.project import Project
from vas_tool.wording import counted

ABOUT = (
    "hidden_iou: mean IoU of the hidden parts of the accepted answer and of the second one, in percent, with the "
    "number of frames. Frames on which neither hides anything are not in it."
)


def recheck_(options: Namespace) -> int:
    """Run ``vas-tool recheck``: with ``--share`` make the copy to answer in, else compare the answers. Returns 0.

    Raises InputError when there is nothing to ask or to compare, ProjectError.
    """
    with closing(Project.open(options.project)) as project:
        return _ask(project, options) if options.share is not None else _compare(project)


def _ask(project: Project, options: Namespace) -> int:
    bar = ProgressBar()
    recheck = ask_again(project, options.share, annotator=options.annotator, seed=options.seed, progress=bar)
    bar.close()
    folder = blind_folder(project, recheck)
    print(folder)
    print(
        f"{counted(recheck.num_asked, 'frame')} to answer again, marked as frames that need work. Open them with: "
        f"vas-tool open {folder}\nComplete and accept them, then compare: vas-tool recheck {options.project}",
        file=sys.stderr,
    )
    return 0


def _compare(project: Project) -> int:
    done, notes = compare_answers(project)
    cells = {recheck.annotator: Cell(recheck.hidden_iou, len(recheck.ious)) for recheck in done}
    print("\n".join(columns(table_cells({name: {"hidden_iou": cell} for name, cell in cells.items()}))))
    print(ABOUT)
    for note in notes:
        print(note, file=sys.stderr)
    for recheck in done:
        nothing = recheck.num_answered - len(recheck.ious)
        alike = f"; on {nothing} of them neither hides anything" if nothing else ""
        answered = f"{recheck.num_answered} of {counted(recheck.num_asked, 'frame')} answered{alike}"
        print(f"{recheck.annotator}: {answered}", file=sys.stderr)
    return 0
