"""``run_batch`` runs all rows of a manifest, on Ray Data or in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from vas_tool.batch.batch_files import BatchFiles, Status, read_failures
from vas_tool.batch.batch_options import BatchOptions as BatchOptions
from vas_tool.batch.clip_work import ClipState, ClipWork, Event, Failure
from vas_tool.batch.manifest import ClipTask, Manifest, chosen_rows, clip_tasks, read_manifest
from vas_tool.batch.pools import Cluster
from vas_tool.batch.summary_page import write_report
from vas_tool.errors import InputError, NothingToDo

OnStatus = Callable[[Status], None]
"""A function that is called with the batch's progress after every event."""


@dataclass(frozen=True)
class BatchResult:
    """The result of a batch."""

    status: Status
    projects: Path
    report: Path
    """Path of the HTML report."""
    failures: tuple[Failure, ...] = field(default=())
    """The rows that failed in this run."""


def run_batch(
    manifest: Path | str,
    projects: Path | str,
    options: BatchOptions | None = None,
    *,
    cluster: Cluster | None = None,
    rows: Sequence[str] = (),
    only_failed: bool = False,
    on_status: OnStatus = lambda status: None,
    again: Sequence[str] = (),
) -> BatchResult:
    """Run the rows of a manifest into projects in the folder ``projects``. Finished results there are kept.

    ``cluster`` is the Ray cluster; None runs one row after the other in this process. ``rows`` are the ids of the rows
    to run (empty: all); ``only_failed`` adds the rows that failed before. ``on_status`` is called after every event.
    ``again`` is the command that ``failed.jsonl`` names for running a row again, without the row's id (empty:
    ``vas-tool batch``).

    If a row fails, the other rows run; ``BatchResult.failures`` and ``failed.jsonl`` list the failed rows. Raises
    FormatError if the manifest cannot be read or has no usable row, or if an id in ``rows`` is unknown; NothingToDo if
    ``only_failed`` finds no row; InputError if ``cluster`` is given and Ray is not installed or no cluster answers.
    """
    path, folder = Path(manifest), Path(projects).absolute()
    chosen = _chosen(read_manifest(path), folder, rows=rows, only_failed=only_failed)
    status = Status(str(path), len(chosen.rows) + len(chosen.bad))
    command = again or ("vas-tool", "batch", str(path), "--projects", str(projects))
    files, failed, state = BatchFiles(folder, status, again=command), list[Failure](), "stopped"

    def on_event(event: Event) -> None:
        if isinstance(event, Failure):
            failed.append(event)
        files.on_event(event)
        on_status(status)

    try:
        for bad in chosen.bad:
            on_event(Failure(bad.id, "manifest", bad.reason))
        tasks, work = clip_tasks(chosen.rows, folder), ClipWork.of(options or BatchOptions(), folder)
        if cluster is None:
            status.workers = "in this process"
            _in_process(tasks, work, on_event)
        else:
            _on_ray(tasks, work, cluster, on_event=on_event, status=status)
        for row_id in files.missing([row.id for row in chosen.rows]):
            on_event(Failure(row_id, "worker", "its worker was lost and did not come back; run it again"))
        state = "finished"
    finally:
        files.close(state)
    report = write_report(files, folder)
    return BatchResult(replace(status), folder, report, tuple(failed))


def _chosen(manifest: Manifest, projects: Path, *, rows: Sequence[str], only_failed: bool) -> Manifest:
    wanted = list(rows)
    if only_failed:
        known = {row.id for row in manifest.rows}.union(row.id for row in manifest.bad)
        wanted += [row_id for row_id in read_failures(projects) if row_id in known]
        if not wanted:
            raise NothingToDo(f"no row of the manifest stands in {projects / 'failed.jsonl'}")
    return chosen_rows(manifest, wanted) if wanted else manifest


def _in_process(tasks: Sequence[ClipTask], work: ClipWork, on_event: Callable[[Event], None]) -> None:
    for task in tasks:
        state = ClipState(task)
        work.enter(state, on_event)
        work.run(state, work.options.stages, on_event, last=True)


def has_ray() -> bool:
    """Return whether Ray Data is installed."""
    return all(find_spec(name) is not None for name in ("ray", "pyarrow", "pandas"))


def require_ray() -> None:
    """Raise InputError, which names the command that installs Ray Data, unless it is installed."""
    if not has_ray():
        raise InputError("Ray is not installed; run: pip install 'vas-tool[batch]', or leave --address out")


def _on_ray(
    tasks: Sequence[ClipTask], work: ClipWork, cluster: Cluster, *, on_event: Callable[[Event], None], status: Status
) -> None:
    require_ray()
    from vas_tool.batch.on_ray import run_on_ray

    run_on_ray(tasks, work, cluster, on_event=on_event, status=status)
