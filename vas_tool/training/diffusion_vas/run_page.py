"""The report of a run: ``run.html``, a single file, and TensorBoard's files when TensorBoard is installed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from vas_tool.evaluation.charts import Axis, curves
from vas_tool.storage import write_atomically

MOST_POINTS = 300
"""The most points of a curve. Longer runs show means."""
CURVES = {
    "loss": "loss, percent of the largest shown",
    "learning_rate": "learning rate, percent of the largest",
    "hidden_iou": "IoU of the hidden part of the validation clips, percent",
    "hidden_error": "error of the hidden part's colours, percent of the largest",
}
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:0 auto;padding:24px;color:#1b1d21}"
    "svg{width:100%;max-width:520px;font-size:11px;fill:#5a5f66}.grid{stroke:#e4e4df}img{max-width:100%}"
    "td{padding:2px 14px 2px 0}figure{margin:14px 0}"
)


class RunPage:
    """The report of one run."""

    def __init__(self, out: Path, card: Mapping[str, Any]) -> None:
        self._out, self._card, self._pictures = out, card, list[tuple[int, tuple[Path, ...]]]()
        self._board: Any = None

    def add(self, line: Mapping[str, float]) -> None:
        """Add a line of numbers to TensorBoard's files."""
        board = self._writer()
        if board is not None:
            for name, value in line.items():
                board.add_scalar(name, value, int(line["step"]))

    def show(self, step: int, pictures: tuple[Path, ...]) -> None:
        """Take the pictures of the validation clips after a step. The page shows the last ones."""
        if pictures:
            self._pictures = [(step, pictures)]

    def write(self, lines: Sequence[Mapping[str, float]]) -> None:
        """Write ``run.html``."""
        parts = [f"<!doctype html><meta charset='utf-8'><title>vas-tool train</title><style>{STYLE}</style>"]
        parts += [f"<h1>{escape(str(self._card['recipe']['stage']))}</h1>", *_where(lines)]
        parts += [_curve(name, words, lines) for name, words in CURVES.items()]
        for step, pictures in self._pictures:
            parts.append(f"<h2>validation clips after step {step}</h2><p>what is seen; the answer; the truth</p>")
            parts += [_picture(path) for path in pictures]
        rows = {**self._card["recipe"], "from": self._card["from"], "data": ", ".join(self._card["data"])}
        cells = (f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
        parts.append(f"<h2>how</h2><table>{''.join(cells)}</table>")
        write_atomically(self._out / "run.html", "\n".join(parts).encode())

    def close(self) -> None:
        """Close TensorBoard's files."""
        if self._board:
            self._board.close()

    def _writer(self) -> Any:
        if self._board is None:
            try:
                from torch.utils.tensorboard import SummaryWriter

                self._board = SummaryWriter(str(self._out / "logs"))
            except ImportError:
                self._board = False
        return self._board or None


def duration(seconds: float) -> str:
    """Return seconds as text: ``3.2 h`` or ``12 min``."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def _where(lines: Sequence[Mapping[str, float]]) -> list[str]:
    if not lines:
        return []
    last = lines[-1]
    return [
        f"<p>step {last['step']:.0f}, loss {last['loss']:.4g}, {last['seconds']:.3g} s a step, "
        f"about {duration(last['seconds_left'])} left</p>"
    ]


def _curve(name: str, words: str, lines: Sequence[Mapping[str, float]]) -> str:
    """Return a chart of a number over the steps; "" when no line has it."""
    there = [(line["step"], line[name]) for line in lines if name in line]
    if not there:
        return ""
    size = max(1, len(there) // MOST_POINTS)
    means = [_mean(there[i : i + size]) for i in range(0, len(there), size)]
    last, most = there[-1][0], max(abs(value) for _, value in means) or 1.0
    scale = 1.0 if name == "hidden_iou" else most
    points = [(step / last, value / scale) for step, value in means]
    title = words if scale == 1.0 else f"{words}: {most:.4g}"
    axis = Axis("step", {0.0: "0", 1.0: f"{last:.0f}"})
    return f"<figure>{curves(title, {name: points}, axis)}<figcaption>{escape(title)}</figcaption></figure>"


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return points[-1][0], sum(value for _, value in points) / len(points)


def _picture(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<figure><img alt="{escape(path.stem)}" src="data:image/png;base64,{data}"></figure>'
