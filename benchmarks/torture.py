"""Kills, a full disk, damaged and hostile files: what the tool must bear without losing anything.

    python benchmarks/torture.py [--kills 1000] [--actions 1000] [--videos 2000] [--json 3000] [--only KIND ...]

Prints a line for each kind, with how many were

- done: all went well, as far as can be told;
- refused: a message said why not;
- lost: confirmed work was gone, a file was changed or written elsewhere, or code in a file was run;
- crashed: an error that is no message, or the end of the process;
- hung: no answer in a minute.

Status 1 when any was lost, crashed or hung: each is told, and its files are kept under ``--keep``. The whole takes
about an hour on two cores, nearly all of it for the kills. The full disk is a small one that Linux gives to a process
of its own (``unshare``, no root needed); where it does not, that is said and nothing is tried.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torture_inputs
from torture_child import Attempt, Child

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from conftest import write_images
from full_disk_worker import work_on_small_disk
from killing import Workers, check_nothing_lost

from vas_tool.imports.new_project import create_project

GOOD = ("done", "refused")
BAD = ("lost", "crashed", "hung")

KILLS_A_PROJECT = 50
"""Then a new one: what was done before is looked at after each kill."""

ACTIONS_A_DISK = 40
"""Then a new one."""


@dataclass
class Row:
    """What became of one kind."""

    kind: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    remark: str = ""
    seconds: float = 0.0

    def add(self, outcome: str, said: str = "") -> None:
        """One more was tried."""
        self.counts[outcome] += 1
        if outcome in BAD:
            self.faults.append(f"{outcome}: {said}")

    def __str__(self) -> str:
        numbers = [self.counts.total(), *(self.counts[name] for name in (*GOOD, *BAD))]
        return f"{self.kind:<14}" + "".join(f"{n:>9}" for n in numbers) + f"{self.seconds:>9.0f}  {self.remark}"


def kills(row: Row, number: int, folder: Path, *, chance: random.Random) -> None:
    """Kill a process at work, ``number`` times, and look each time whether what it confirmed is there."""
    with Workers() as workers:
        _kills(row, number, folder, chance=chance, workers=workers)


def _kills(row: Row, number: int, folder: Path, *, chance: random.Random, workers: Workers) -> None:
    confirmed = 0
    for seed in range(number):
        if seed % KILLS_A_PROJECT == 0:
            project = create_project(folder / f"clip{seed}", write_images(folder / f"images{seed}", 8, (64, 48)))
            project.close()
        try:
            said = workers.work_until_killed(project.folder, seed, chance)
            confirmed += len(said)
            check_nothing_lost(project.folder, said[-1])
            row.add("done")
        except (TimeoutError, RuntimeError) as error:
            row.add("hung" if isinstance(error, TimeoutError) else "crashed", f"kill {seed}: {error}")
        except Exception:
            row.add("lost", f"kill {seed}: {traceback.format_exc()}")
    row.remark = f"{confirmed:,} confirmed actions"


def full_disk(row: Row, number: int, folder: Path, *, chance: random.Random) -> None:
    """Take ``number`` actions on disks that are full, or nearly."""
    for start in range(0, number, ACTIONS_A_DISK):
        disk = folder / f"disk{start}"
        disk.mkdir()
        try:
            done = work_on_small_disk(disk, chance.randrange(10**6), min(ACTIONS_A_DISK, number - start))
        except OSError as error:
            row.remark = f"not tried: {error}"
            return
        except Exception:
            row.add("crashed", traceback.format_exc())
            continue
        row.counts.update({"done": done.get("confirmed", 0), "refused": done.get("refused", 0)})
        for fault in done["faults"]:
            row.add(*fault.split(": ", 1))


def files(make: Callable[[Path, random.Random], Iterator[Attempt]], keep: Path) -> Callable[..., None]:
    """What tries the files of one kind: ``number`` of them, or all that there are."""

    def try_all(row: Row, number: int, folder: Path, *, chance: random.Random) -> None:
        (folder / "temporary").mkdir()
        child = Child(folder / "temporary")
        for attempt in islice(make(folder, chance), number):
            outcome, said = child.outcome_of(attempt)
            row.add(outcome, said)
            if outcome in BAD:
                (keep / row.kind).mkdir(parents=True, exist_ok=True)
                torture_inputs.keep(attempt[1], keep / row.kind, len(row.faults))
        child.close()

    return try_all


def main() -> int:
    """Try every kind that is asked for; prints the table."""
    options = _options()
    kinds = {
        "kills": (kills, options.kills),
        "full disk": (full_disk, options.actions),
        "videos": (files(torture_inputs.videos, options.keep), options.videos),
        "json": (files(torture_inputs.json_files, options.keep), options.json),
        "checkpoints": (files(torture_inputs.checkpoints, options.keep), None),
        "zips": (files(torture_inputs.zips, options.keep), None),
        "playlists": (files(torture_inputs.playlists, options.keep), None),
    }
    print(f"{'':<14}" + "".join(f"{name:>9}" for name in ("tried", *GOOD, *BAD, "seconds")))
    rows = []
    for kind, (attempt, number) in kinds.items():
        if options.only and kind not in options.only:
            continue
        rows.append(row := Row(kind))
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            attempt(row, number, Path(folder), chance=random.Random(options.seed))
        row.seconds = time.monotonic() - began
        print(row, flush=True)
    for row in rows:
        _tell(row)
    return 1 if any(row.faults for row in rows) else 0


def _tell(row: Row) -> None:
    """Each fault once: those that end on the same line of code are the same."""
    same: dict[str, list[int]] = {}
    for number, fault in enumerate(row.faults, 1):
        places = [line for line in fault.splitlines() if line.startswith("  File ")]
        same.setdefault(places[-1] if places else fault, []).append(number)
    for numbers in same.values():
        print(f"\n{row.kind}, {len(numbers)} times (number {', '.join(map(str, numbers[:9]))})")
        print(row.faults[numbers[0] - 1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="kills, a full disk, damaged and hostile files")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--actions", type=int, default=1000, help="on a full disk")
    parser.add_argument("--videos", type=int, default=2000, help="damaged ones")
    parser.add_argument("--json", type=int, default=3000, help="damaged files of projects, exports and benchmarks")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="of: kills, 'full disk', videos, json, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("torture-faults"), help="folder for what fails")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
