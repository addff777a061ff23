"""What a batch gains from a second process, what Ray costs, and how much memory an export of many projects takes.

    python benchmarks/batch_scaling.py --rows 6 --seconds 9.9
    python benchmarks/batch_scaling.py --export 10 1000

The first command writes a manifest with ``--rows`` rows of the sample, each a clip and a project of its own, cut after
``--seconds`` (9.9: the whole sample). It runs the manifest in this process, which uses all cores, and on Ray with one
and with two processes, each with one core. It prints rows a minute, the start-up in seconds (until the first stage
begins), and the part of the time after it in which a process runs no stage.

The second command copies a small project 10 and 1,000 times, exports each number of copies in a process of its own, and
prints that process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vas_tool.batch import BatchOptions, run_batch
from vas_tool.batch.batch_files import Status
from vas_tool.batch.pools import Cluster
from vas_tool.sample import sample_clip

CLICK = [0, 70, 237]
"""frame_index, x, y of a click on the sample's car."""


def write_manifest(folder: Path, *, rows: int, seconds: float) -> Path:
    """Write a manifest. The rows' clips end less than a frame apart, so that each row has a project of its own."""
    manifest = folder / "rows.jsonl"
    lines = [
        {"id": str(n), "source": str(sample_clip().absolute()), "clicks": [CLICK], "end": seconds - n / 1000}
        for n in range(rows)
    ]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return manifest


def measure(manifest: Path, name: str, cluster: Cluster | None, *, workers: int) -> float:
    """Run the manifest, print the times, and return the seconds after the start-up."""
    projects = manifest.parent / name
    start, first = time.monotonic(), [0.0]

    def follow(status: Status) -> None:
        if not first[0]:
            first[0] = time.monotonic() - start - sum(count.seconds for count in status.stages.values())

    done = run_batch(manifest, projects, BatchOptions(), cluster=cluster, on_status=follow)
    took, busy = time.monotonic() - start, sum(count.seconds for count in done.status.stages.values())
    assert not done.failures, done.failures
    working = took - max(0.0, first[0])
    shutil.rmtree(projects)
    rows, ready = done.status.total, max(0.0, first[0])
    print(
        f"{name}: {60 * rows / working:.2f} rows a minute, {busy / rows:.1f} s a row; start-up {ready:.1f} s; "
        f"in all {took:.1f} s; no stage runs in {1 - busy / working / workers:.1%} of the time",
        flush=True,
    )
    return working


def export_memory(numbers: list[int]) -> None:
    """Print the peak memory of an export of each number of projects."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        manifest = write_manifest(root, rows=1, seconds=0.5)
        options = BatchOptions(stages=("segment",), engines={"segment": "builtin"})
        assert not run_batch(manifest, root / "made", options).failures
        made = next((root / "made").glob("*/project.json")).parent
        for number in numbers:
            for n in range(number):
                shutil.copytree(made, root / f"{number}" / f"p{n:05d}", dirs_exist_ok=True)
            command = [sys.executable, __file__, "--export-of", str(root / f"{number}")]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{number} projects: {told.splitlines()[-1]}", flush=True)


def export_once(projects: Path) -> None:
    """Export all projects in a folder, and print this process's peak memory and processor time."""
    from vas_tool.cli import main

    start = time.process_time()
    assert main(["export", str(projects), "--format", "coco", "--out", str(projects.parent / "coco.json")]) == 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} MB at most, {time.process_time() - start:.1f} s of processor time")


def main_() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4, help="number of rows")
    parser.add_argument("--seconds", type=float, default=2.0, help="end of each row's clip, in seconds")
    parser.add_argument("--export", type=int, nargs="*", help="numbers of projects to export instead")
    parser.add_argument("--export-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.export_of:
        return export_once(options.export_of)
    if options.export:
        return export_memory(options.export)
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_manifest(Path(folder), rows=options.rows, seconds=options.seconds)
        measure(manifest, "in-this-process", None, workers=1)
        one = measure(manifest, "ray-1-process", Cluster(workers=1), workers=1)
        two = measure(manifest, "ray-2-processes", Cluster(workers=2), workers=2)
        print(f"2 processes: {one / two:.2f} times as fast as 1")
    return None


if __name__ == "__main__":
    main_()
