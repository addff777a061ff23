"""Describes what a batch would make, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from vas_tool.batch.batch_options import BatchOptions
from vas_tool.batch.clip_work import requests_of
from vas_tool.batch.entering import with_options
from vas_tool.batch.manifest import ClipTask
from vas_tool.errors import VasToolError
from vas_tool.formats.batch_rows import read_rows
from vas_tool.planning.cost import in_words, total
from vas_tool.planning.plan import costs_of, plan_and_outcome
from vas_tool.planning.snapshot import snapshot_of
from vas_tool.project import Project
from vas_tool.project.head import is_project
from vas_tool.wording import counted


def words_of_plan(tasks: Sequence[ClipTask], options: BatchOptions) -> Iterator[str]:
    """Yield one line for each existing project, and one with the number of projects to make, if any.

    The cost of a new project is unknown until its video is read.
    """
    fresh = [task for task in tasks if not is_project(task.folder)]
    for task in tasks:
        if is_project(task.folder):
            yield f"{task.folder}: {_words(task, options)}"
    if fresh:
        num_rows = sum(len(task.rows) for task in fresh)
        yield f"{counted(len(fresh), 'project')} to make, with {counted(num_rows, 'row')}: {', '.join(options.stages)}"


def _words(task: ClipTask, options: BatchOptions) -> str:
    try:
        with closing(Project.open(task.folder)) as project:
            known, there = read_rows(project.folder), {obj.id for obj in project.truth.objects}
            ids = [row.object_id or (known[row.id].object_id if row.id in known else 0) for row in task.rows]
            new = [object_id for object_id in ids if object_id not in there]
            truth, costs = with_options(project.truth, options), []
            snapshot = snapshot_of(project, [i for i in ids if i in there], truth=truth, priced=True)
            for object_id in (i for i in ids if i in there):
                for request in [r for stage in options.stages for r in requests_of(object_id, stage, options)]:
                    made, snapshot = plan_and_outcome(snapshot, request)
                    costs += costs_of(made)
    except VasToolError as error:
        return str(error)
    parts = [f"{counted(len(new), 'object')} to enter"] * bool(new) + [
        words for words in [in_words(total(costs))] if words
    ]
    return "; ".join(parts) or "nothing to make"
