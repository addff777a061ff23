"""Fine-tuning that is started from a project: the offer with its cost, the run in another process, and its result.

A run learns from copies of the projects as they were when it began, because a person goes on working in them. It lies
in ``runs/`` beside the projects and does not end with the page: its folder says how it goes (``metrics.jsonl``,
``log.txt``, ``final/vas_tool.json``).
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vas_tool.engines import registry
from vas_tool.engines.tuned import registered
from vas_tool.errors import InputError, ProjectError, PromptError
from vas_tool.files import write_atomically
from vas_tool.project import Project
from vas_tool.project.head import is_project, read_head
from vas_tool.wording import counted

Method = Literal["learned", "amodal"]
METHODS: dict[Method, str] = {
    "learned": "the small learned engine, on this computer's processor",
    "amodal": "Diffusion-VAS's amodal stage, on a GPU",
}
COPIED = ("project.json", "frames", "depth", "objects")
"""Parts of a project that a run reads."""
LEARNED_STEPS = 150
LEARNED_SECONDS = 1.3
"""Processor seconds per step (1.0 to 1.3 measured on a core of an AMD EPYC: ``benchmarks/learned_tuning.py``)."""
WINDOW, EPOCHS, TERAFLOP = 25, 20, 34
"""Frames of a clip of Diffusion-VAS, times through all clips, and floating point work of a step without depth (counted,
10^12 operations)."""
JOB, LOG = "job.json", "log.txt"
STOPPED = "stopped; the last checkpoint is kept, and the command with --resume continues from it"
MOST_ERROR_LETTERS = 300


@dataclass(frozen=True)
class TrainingOffer:
    """One way to train on the accepted frames."""

    method: Method
    words: str
    command: str
    cost: str
    why_not: str
    """The reason why it cannot be started here; empty when it can."""


@dataclass(frozen=True)
class TrainingState:
    """The state of a run."""

    method: str
    runs: bool
    step: int
    steps: int
    seconds_left: float | None
    engine: str
    """Name of the new engine; empty before the run has ended."""
    scores: tuple[tuple[str, int, float, float], ...]
    """Held-out object, frames, IoU of the hidden part before and after (0..1)."""
    error: str


@dataclass
class TrainingRuns:
    """The fine-tuning runs of one project."""

    project: Project
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def sources(self) -> list[tuple[Path, int]]:
        """Return the projects beside this one that have accepted frames, and how many; this one first."""
        own = self.project.folder
        with self.project.mutex:
            found = [(own, sum(len(obj.accepted) for obj in self.project.truth.objects))]
        for folder in sorted(own.parent.iterdir()):
            if folder != own and is_project(folder):
                try:
                    found.append((folder, sum(len(obj.accepted) for obj in read_head(folder).truth.objects)))
                except ProjectError:  # a damaged neighbour is no reason against training on the others
                    continue
        return [(folder, count) for folder, count in found if count]

    def offers(self) -> list[TrainingOffer]:
        """Return the ways to train, with their commands and costs."""
        sources = self.sources()
        frames = sum(count for _, count in sources)
        amount = f"{counted(frames, 'accepted frame')} of {counted(len(sources), 'project')}"
        minutes = LEARNED_STEPS * LEARNED_SECONDS / 60
        clips = frames // WINDOW
        steps = max(1, clips) * EPOCHS
        learned = f"{amount}; {LEARNED_STEPS} steps, about {minutes:.0f} minutes of one processor core"
        amodal = (
            f"{amount}, at most {counted(clips, 'clip')} of {WINDOW} frames in a row; {steps} steps of {TERAFLOP} "
            f"TFLOP (counted). The run shows the remaining time after its first step"
        )
        few = f"it needs {WINDOW} accepted frames in a row, and there are {frames}" if frames < WINDOW else ""
        gpu = _lacks_gpu()
        none = "" if frames else "nothing is accepted yet: accept frames (Enter) first"
        return [
            TrainingOffer("learned", METHODS["learned"], self._command("learned", sources), learned, none),
            TrainingOffer("amodal", METHODS["amodal"], self._command("amodal", sources), amodal, none or few or gpu),
        ]

    def start(self, method: Method) -> None:
        """Copy the projects and start the run. Raises PromptError where it cannot be started, InputError for a full
        disk.
        """
        offer = next((o for o in self.offers() if o.method == method), None)
        if offer is None or offer.why_not:
            raise PromptError(offer.why_not if offer else f"there is no training {method!r}; reload the page")
        state = self.state()
        if state is not None and state.runs:
            raise PromptError("a training runs already; wait for it, or stop it")
        out = self._out(method)
        try:
            if out.exists():
                out.rename(_free(out))
            copies = [_copied(folder, out / "sources" / folder.name, self.project) for folder, _ in self.sources()]
            amount = ["train", method, "--data", *map(str, copies), "--out", str(out)]
            with (out / LOG).open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "vas_tool.cli", *amount],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            job = {"method": method, "pid": self._process.pid}
            write_atomically(out / JOB, json.dumps(job).encode())
        except OSError as error:
            raise InputError(f"the training could not be started ({error}); make room on the disk") from error

    def stop(self) -> None:
        """Stop the run; its last checkpoint stays."""
        state, job = self.state(), self._job()
        if state is not None and state.runs and job:
            os.killpg(int(job["pid"]), signal.SIGTERM)
            file = self._out(job["method"]) / JOB
            write_atomically(file, json.dumps({**job, "stopped": True}).encode())

    def state(self) -> TrainingState | None:
        """Return the last run; None where there was none."""
        job = self._job()
        if not job:
            return None
        out = self._out(job["method"])
        card, lines = _json(out / "final" / "vas_tool.json"), _lines(out / "metrics.jsonl")
        last, runs = (lines[-1] if lines else {}), self._runs(int(job["pid"]))
        total = int(card.get("steps", 0)) or LEARNED_STEPS
        left = last.get("seconds_left")
        if left is None and last:
            left = float(last["seconds"]) * (total - int(last["step"]))
        names = {folder: name for name, folder in registered().items()}
        engine = names.get((out / "final").resolve(), "") if card and not runs else ""
        return TrainingState(
            method=job["method"],
            runs=runs,
            step=int(last.get("step", 0)),
            steps=total,
            seconds_left=left if runs else None,
            engine=engine,
            scores=_scores(card, lines),
            error="" if runs or card else STOPPED if job.get("stopped") else _last_line(out / LOG),
        )

    def _command(self, method: Method, sources: Sequence[tuple[Path, int]]) -> str:
        data = [shlex.quote(str(folder)) for folder, _ in sources] or ["PROJECT"]
        return f"vas-tool train {method} --data {' '.join(data)} --out {shlex.quote(str(self._out(method)))}"

    def _out(self, method: str) -> Path:
        return self.project.folder.parent / "runs" / f"{self.project.folder.name}-{method}"

    def _job(self) -> dict[str, Any]:
        """Return the newest job of the project."""
        found = [path for method in METHODS if (path := self._out(method) / JOB).is_file()]
        return _json(max(found, key=lambda path: path.stat().st_mtime_ns)) if found else {}

    def _runs(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _lacks_gpu() -> str:
    if not registry.has_gpu():
        return "this computer has no GPU that it could use: run the command on one that has"
    spec = registry.spec_of("amodal", "diffusion-vas")
    return f"get what it begins with first: {spec.get}" if spec.get else ""


def _free(out: Path) -> Path:
    """Return a name beside ``out`` for the run before."""
    return next(path for n in range(1, 1000) if not (path := out.with_name(f"{out.name}-before-{n}")).exists())


def _copied(folder: Path, target: Path, open_here: Project) -> Path:
    """Copy what a run reads of a project. No edit comes between the parts of the one that is open here."""
    target.mkdir(parents=True)
    with open_here.mutex:
        for name in COPIED:
            part = folder / name
            if part.is_dir():
                shutil.copytree(part, target / name)
            elif part.exists():
                shutil.copyfile(part, target / name)
    return target


def _json(path: Path) -> dict[str, Any]:
    try:
        amount = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return amount if isinstance(amount, dict) else {}


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log of numbers that read; the last may be half written."""
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for text in texts:
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found


def _scores(card: dict[str, Any], lines: list[dict[str, Any]]) -> tuple[tuple[str, int, float, float], ...]:
    """Return the held-out objects before and after; of Diffusion-VAS the validation clips together."""
    rows = zip(card.get("before", ()), card.get("after", ()), strict=False)
    scores = [(str(b["name"]), int(b["num_frames"]), float(b["hidden"]), float(a["hidden"])) for b, a in rows]
    looks = [float(line["hidden_iou"]) for line in lines if "hidden_iou" in line]
    if not scores and len(looks) > 1:
        scores = [("validation clips, from step 1 on", 0, looks[0], looks[-1])]
    return tuple(scores)


def _last_line(log: Path) -> str:
    """Return the last line of a log."""
    try:
        lines = [line for line in log.read_text(errors="replace").replace("\r", "\n").splitlines() if line.strip()]
    except OSError:
        return "the run ended and left no log"
    return lines[-1][-MOST_ERROR_LETTERS:] if lines else "the run was stopped"
