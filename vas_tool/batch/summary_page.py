"""The HTML report of a batch: counts, times by stage, failed rows, and the frames that need a look, worst first."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import closing
from html import escape
from pathlib import Path

import cv2
import numpy as np

from vas_tool.batch.batch_files import BatchFiles, StageCount
from vas_tool.batch.outcome import RowOutcome
from vas_tool.drawing import amodal_overlay, colour_of
from vas_tool.errors import VasToolError
from vas_tool.evaluation.report import page_html
from vas_tool.formats.in_place import text_in_place
from vas_tool.masks import box_xyxy
from vas_tool.planning.cost import duration
from vas_tool.project import Project
from vas_tool.types import Frame, Mask
from vas_tool.video.storing import encode_jpeg
from vas_tool.wording import counted

REPORT = "report.html"
MOST_PICTURES = 48
"""Most rows with a picture. A page with thousands of pictures would not open."""
MOST_FAILURES = 200
"""Most failed rows on the page; ``failed.jsonl`` has all."""
ROOM = 0.6
"""Margin around the object in a picture, as a share of the longer side of its box."""
SIDE = 320
"""Longest side of a picture, in pixels."""


def write_report(files: BatchFiles, projects: Path) -> Path:
    """Write the report of a batch, and return its path. Raises FormatError if it cannot be written."""
    path = files.file(REPORT)
    with text_in_place(path) as file:
        file.write(page_html(f"Batch in {projects.name}", "".join(_body(files, projects))))
    return path


def _body(files: BatchFiles, projects: Path) -> Iterator[str]:
    status, outcomes = files.status, list(files.outcomes.values())
    clips = len({o.project for o in outcomes})
    yield f"<h1>Batch in {escape(projects.name)}</h1>"
    yield (
        f'<p class="quiet">{escape(status.manifest)}: {counted(status.total, "row")}, {status.done} done, '
        f"{status.failed} failed, in {duration(status.seconds)} {escape(status.workers)}.</p>"
    )
    frames, looks = sum(o.num_frames for o in outcomes), sum(o.num_looks for o in outcomes)
    yield (
        f"<section><p>{counted(len(outcomes), 'object')} in {counted(clips, 'project')}, {counted(frames, 'frame')}: "
        f"{sum(o.num_amodal for o in outcomes)} amodal masks, {sum(o.num_occluded for o in outcomes)} occluded; "
        f"<b>{counted(looks, 'frame')}</b> of {counted(sum(bool(o.num_looks) for o in outcomes), 'object')} "
        f"{'needs' if looks == 1 else 'need'} a look.</p>"
        f"<p>Look at them with: <code>vas-tool open {escape(str(projects))} --queue</code></p></section>"
    )
    yield from _stages(status.stages)
    yield from _worst(outcomes)
    yield from _failures(files)


def _stages(stages: dict[str, StageCount]) -> Iterator[str]:
    head = "<th scope=col>".join(["<tr><th scope=col>stage", "rows", "frames made", "windows", "time", "a frame"])
    rows = (
        f"<tr><th scope=row>{escape(stage)}</th><td>{c.rows}</td><td>{c.frames}</td><td>{c.windows or '-'}</td>"
        f"<td>{duration(c.seconds)}</td><td>{f'{1000 * c.seconds / c.frames:.0f} ms' if c.frames else '-'}</td></tr>"
        for stage, c in stages.items()
    )
    yield "<h2>Times by stage, in this run, over all processes</h2><section><div class='scroll'><table><thead>"
    yield f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>"


def _worst(outcomes: Sequence[RowOutcome]) -> Iterator[str]:
    needing = sorted((o for o in outcomes if o.num_looks), key=lambda o: (-o.share_to_look_at, o.project, o.object_id))
    if not needing:
        return
    yield "<h2>What needs a look, worst first</h2><section><div class='worst'>"
    for outcome in needing[:MOST_PICTURES]:
        frame_index, why = outcome.looks[0]
        picture = _picture(outcome, frame_index)
        said = f"{Path(outcome.project).name}, object {outcome.object_id} ({outcome.label}), frame {frame_index}: {why}"
        image = f'<img alt="{escape(said)}" src="data:image/jpeg;base64,{picture}">' if picture else ""
        share = f"{counted(outcome.num_looks, 'frame')} of {outcome.num_frames}"
        yield f"<figure>{image}<figcaption><b>{share}</b> {escape(said)}</figcaption></figure>"
    yield "</div>"
    if rest := len(needing) - MOST_PICTURES:
        yield f"<p>and {counted(rest, 'object')} more</p>" if rest > 0 else ""
    yield "</section>"


def _picture(outcome: RowOutcome, frame_index: int) -> str:
    """Return the frame with the object's masks as a JPEG in base 64; "" if the project cannot be opened now."""
    try:
        with closing(Project.open(Path(outcome.project))) as project:
            amodal = project.amodal(outcome.object_id)
            seen = amodal.modal[frame_index]
            whole = project.canvas.to_frame(amodal[frame_index]) if frame_index in amodal else seen
            colour = colour_of(outcome.object_id)
            drawn = amodal_overlay(project.clip[frame_index], seen, whole, colour=colour)
    except (VasToolError, KeyError):
        return ""
    drawn = _around(drawn, whole)
    height, width = drawn.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    small = cv2.resize(drawn, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return base64.b64encode(encode_jpeg(np.asarray(small, np.uint8))).decode("ascii")


def _around(drawn: Frame, whole: Mask) -> Frame:
    """Return the part of a picture around a mask, with a margin; the whole picture if the mask is empty."""
    box = box_xyxy(whole)
    if box is None:
        return drawn
    x0, y0, x1, y1 = box
    room = round(ROOM * max(x1 - x0, y1 - y0)) + 8
    return drawn[max(0, y0 - room) : y1 + room, max(0, x0 - room) : x1 + room]


def _failures(files: BatchFiles) -> Iterator[str]:
    failures = list(files.failures.values())
    if not failures:
        return
    items = "".join(
        f"<li>{escape(str(f['row_id']))}, {escape(str(f['stage']))}: {escape(str(f['reason']))}</li>"
        for f in failures[:MOST_FAILURES]
    )
    yield f"<h2>What failed</h2><section class='wrong'><p>{counted(len(failures), 'row')}; "
    yield f"all of them stand in {files.file('failed.jsonl').name}, each with the command that runs it again</p>"
    yield f"<ol>{items}</ol></section>"
