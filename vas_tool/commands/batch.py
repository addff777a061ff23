"""``vas-tool manifest`` lists the objects of a data set; ``vas-tool batch`` runs the rows of such a list."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vas_tool.batch import made_manifests
from vas_tool.batch.batch_files import FAILED, Status, read_status
from vas_tool.batch.batch_options import BatchOptions
from vas_tool.batch.batch_run import has_ray, run_batch
from vas_tool.batch.dry_run import words_of_plan
from vas_tool.batch.manifest import chosen_rows, clip_tasks, read_manifest, write_manifest
from vas_tool.batch.pools import Cluster, gpus_of
from vas_tool.batch.rows import USUAL_FPS
from vas_tool.commands.run_arguments import engines_of, stages_of, with_settings
from vas_tool.commands.terminal import ProgressBar
from vas_tool.errors import FormatError, InputError
from vas_tool.imports.folders import TABE_FPS
from vas_tool.imports.import_formats import rate, tao_amodal_choices
from vas_tool.imports.tao_amodal import plan_tao_amodal
from vas_tool.planning.cost import duration
from vas_tool.project.truth import Truth
from vas_tool.types import Canvas
from vas_tool.wording import counted

LINE_SECONDS = 60.0
"""Seconds between two progress lines when the output is not a terminal."""

GET_RAY = "rows run one after the other in this process; to run several at once: pip install 'vas-tool[batch]'"


def manifest_(options: Namespace) -> int:
    """Run ``vas-tool manifest``: write the rows to ``--out``. Returns 0, or 1 when there is no row to write.

    Problems go to the error stream, one a line. Raises FormatError when the source cannot be read.
    """
    made = _made(options)
    if made.records:
        write_manifest(made.records, options.out)
        print(options.out)
    for problem in made.problems:
        print(problem, file=sys.stderr)
    blind = sum("clicks" in record and not record["clicks"] for record in made.records)
    needs = f"; {blind} of them say nothing about the object yet: add clicks or boxes" if blind else ""
    print(f"{options.source}: {counted(len(made.records), 'row')}{needs}", file=sys.stderr)
    return 0 if made.records else 1


def _made(options: Namespace) -> made_manifests.Made:
    if options.out.suffix != ".jsonl":
        raise FormatError(f"--out {options.out}: a manifest is written as JSON lines; name a .jsonl file")
    if options.format == "tao-amodal":
        plans, problems = plan_tao_amodal(options.source, **tao_amodal_choices(options))
        lists = options.out.with_suffix(".clips")
        return made_manifests.Made(list(made_manifests.of_tao_amodal(plans, lists)), problems)
    if options.format == "projects":
        return made_manifests.of_projects(options.source)
    if options.format == "folder":
        fps = rate(options, USUAL_FPS)
        return made_manifests.of_folder(options.source, masks=options.masks, label=options.label, fps=fps)
    usual = TABE_FPS if options.format == "tabe" else USUAL_FPS
    of = made_manifests.of_tabe if options.format == "tabe" else made_manifests.of_sequences
    return of(options.source, fps=rate(options, usual), label=options.label, mask_values=options.mask_values)


def batch_(options: Namespace) -> int:
    """Run ``vas-tool batch``, or ``vas-tool batch status``. Returns 1 when a row failed, else 0.

    Raises InputError for arguments that do not fit together, FormatError for an unreadable manifest.
    """
    if options.manifest == "status":
        return _status(options)
    if options.folder is not None or options.projects is None:
        raise InputError("say where the projects go: vas-tool batch MANIFEST --projects DIR")
    asked, cluster = _asked(options), _cluster(options)
    if options.dry_run:
        return _dry_run(options, asked)
    if cluster is None and options.address is None:
        print(GET_RAY, file=sys.stderr)
    progress = _Progress()
    done = run_batch(
        options.manifest,
        options.projects,
        asked,
        cluster=cluster,
        rows=options.row,
        only_failed=options.only_failed,
        on_status=progress,
        again=_again(options),
    )
    progress.close()
    status = done.status
    print(f"{options.projects}: {status.done} of {counted(status.total, 'row')} done, {status.failed} failed")
    print(done.report)
    for failure in done.failures[:10]:
        print(f"{failure.row_id}, {failure.stage}: {failure.reason}", file=sys.stderr)
    if done.failures:
        print(f"all failures: {options.projects / FAILED}; again with --only-failed", file=sys.stderr)
    return 1 if done.failures else 0


def _asked(options: Namespace) -> BatchOptions:
    if options.retries < 0 or (options.seed or 0) < 0 or (options.workers or 1) < 1:
        raise InputError("--retries and --seed take a whole number from 0, --workers one from 1")
    engines = engines_of(options.engine)
    settings = with_settings(Truth(Canvas((1, 1)), engines=engines), options.settings).settings
    stages = tuple(stages_of(options.stages))
    given = {"seed": options.seed, "gate": options.gate, "retries": options.retries}
    return BatchOptions(stages, engines, settings, **given)  # type: ignore[arg-type]


def _cluster(options: Namespace) -> Cluster | None:
    """Return the Ray cluster to run on; None to run in this process."""
    if options.address == "local" or (options.address is None and not has_ray()):
        if options.gpus_per_stage or options.workers:
            raise InputError("--workers and --gpus-per-stage need Ray; run: pip install 'vas-tool[batch]'")
        return None
    return Cluster(options.address, options.workers, gpus_of(options.gpus_per_stage))


def _again(options: Namespace) -> list[str]:
    """Return the words of the command without the choice of rows; ``failed.jsonl`` states them."""
    words = ["vas-tool", "batch", str(options.manifest), "--projects", str(options.projects)]
    words += ["--stages", options.stages]
    lists: Sequence[tuple[str, list[str]]] = (
        ("--engine", options.engine),
        ("--set", options.settings),
        ("--gpus-per-stage", options.gpus_per_stage),
    )
    for option, values in lists:
        words += [word for value in values for word in (option, value)]
    words += [] if options.gate is None else ["--gate" if options.gate else "--no-gate"]
    named: dict[str, Any] = {"--seed": options.seed, "--address": options.address, "--workers": options.workers}
    return words + [str(word) for option, value in named.items() if value is not None for word in (option, value)]


def _dry_run(options: Namespace, asked: BatchOptions) -> int:
    manifest = read_manifest(Path(options.manifest))
    manifest = chosen_rows(manifest, options.row) if options.row else manifest
    for bad in manifest.bad:
        print(f"{bad.id}: {bad.reason}", file=sys.stderr)
    for line in words_of_plan(clip_tasks(manifest.rows, options.projects.absolute()), asked):
        print(line)
    return 0


def _status(options: Namespace) -> int:
    """Run ``vas-tool batch status DIR``: print how far each batch in the folder is. Returns 0."""
    if options.folder is None:
        raise InputError("say which batch: vas-tool batch status DIR, the folder of its projects")
    files = sorted(options.folder.glob("batch*.json"))
    if not files:
        raise InputError(f"{options.folder} holds no batch.json; name the folder that --projects names")
    for file in files:
        status = read_status(file)
        left = status["seconds_left"]
        print(f"{status['manifest']}: {status['state']} {status['workers']}".rstrip())
        rows = counted(status["total"], "row")
        print(
            f"  {status['done']} of {rows} done, {status['failed']} failed, {status['left']} "
            f"left; {status['rows_a_minute']:g} rows a minute"
            + (f", {duration(left)} left" if left and status["state"] == "running" else "")
        )
        for stage, count in status["stages"].items():
            windows = f", {counted(count['windows'], 'window')}" if count["windows"] else ""
            print(
                f"  {stage}: {counted(count['rows'], 'row')}, {counted(count['frames'], 'frame')} made{windows}, "
                f"{duration(count['seconds'])}"
            )
        if status["state"] == "running" and time.time() - status["written"] > 2 * LINE_SECONDS:
            print("  nothing was written for two minutes; if the batch is not running, start it again: it goes on")
    return 0


class _Progress:
    """Shows the progress of a batch: a bar on a terminal, else one line a minute."""

    def __init__(self) -> None:
        self._bar, self._said = ProgressBar(), time.monotonic()

    def __call__(self, status: Status) -> None:
        ended, stages = status.done + status.failed, _stages(status)
        self._bar(ended, status.total, f"rows ({status.failed} failed; {stages})")
        if not sys.stderr.isatty() and time.monotonic() - self._said > LINE_SECONDS:
            self._said = time.monotonic()
            left = status.seconds_left
            print(
                f"{ended} of {status.total} rows, {status.failed} failed ({stages}), {status.rows_a_minute:.3g} rows a "
                "minute" + (f", {duration(left)} left" if left is not None else ""),
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        """End the bar."""
        self._bar.close()


def _stages(status: Status) -> str:
    """Return the number of rows that each stage has done, such as ``segment 4, amodal 3 (12 windows)``."""
    return ", ".join(
        f"{stage} {count.rows}" + (f" ({counted(count.windows, 'window')})" if count.windows else "")
        for stage, count in status.stages.items()
    )
