"""Writes a report: one self-contained HTML file with tables, curves over visibility, and the worst frames."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator
from html import escape

import vas_tool.evaluation.charts as charts
from vas_tool import __version__
from vas_tool.drawing import hex_of
from vas_tool.evaluation.averages import FORMS, Form
from vas_tool.evaluation.tables import LESS_IS_BETTER, WORST_OF_A_CLIP, Cell, Evaluation, Table, WorstFrame, best_row
from vas_tool.evaluation.text import FORM_WORDS, NOTHING, PRINTED_WORDS, percent
from vas_tool.evaluation.worst_frames import ANSWERED, MISSED, RIGHT, SURPLUS, WorstPicture
from vas_tool.wording import counted

MOST_CURVES = 4
"""How many measures get a chart, in the order of the table."""

MOST_HYPOTHESES = 3
"""With more hypotheses than this, curves show only the first hypothesis and the best of all."""

LEAST_FOR_A_CURVE = 3
"""Least number of hypotheses for the curve over K. For fewer, the table suffices."""

MASKS_KEY = (
    '<span class="swatch right"></span>rightly added <span class="swatch missed"></span>missed '
    '<span class="swatch surplus"></span>added and not there; a white line around what is seen'
)
BOXES_KEY = (
    '<span class="swatch right"></span>the true box (thick) <span class="swatch answer"></span>the answered box '
    "(thin); a white line around what is seen, a grey one around the picture"
)

STYLE = f"""
:root {{ color-scheme: light; font: 15px/1.5 system-ui, sans-serif; color: #1b1d21; background: #f6f6f4 }}
body {{ max-width: 1080px; margin: 0 auto; padding: 28px 20px 60px }}
h1 {{ font-size: 26px; margin: 0 0 2px }} h2 {{ font-size: 18px; margin: 34px 0 6px }}
p, li {{ max-width: 76ch }} .quiet {{ color: #5a5f66 }}
section {{ background: #fff; border: 1px solid #deded9; border-radius: 8px; padding: 14px 18px; margin: 12px 0 }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: 5px 14px 5px 0; text-align: right; border-bottom: 1px solid #ecece8; white-space: nowrap }}
th:first-child, td:first-child {{ text-align: left }} thead th {{ border-bottom: 2px solid #1b1d21 }}
td b {{ font-size: 16px }} td small {{ color: #5a5f66; margin-left: 5px }} td.best b {{ text-decoration: underline }}
.charts {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 10px 20px }}
.charts svg {{ width: 100%; font-size: 11px; fill: #5a5f66 }} .grid {{ stroke: #e4e4df }}
.key {{ margin-right: 16px; white-space: nowrap }} .key svg {{ margin-right: 6px; vertical-align: middle }}
.worst {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 14px }}
figure {{ margin: 0 }}
figure img {{ width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: #26282c; border-radius: 6px }}
figcaption {{ font-size: 13px; overflow-wrap: anywhere }}
.swatch {{ display: inline-block; width: 26px; height: 14px; border-radius: 3px; margin: 0 6px -2px 0 }}
.right {{ background: {hex_of(RIGHT)} }}
.missed {{ background: repeating-linear-gradient(135deg, {hex_of(MISSED)} 0 3px, #fff 3px 7px) }}
.answer {{ background: {hex_of(ANSWERED)} }}
.surplus {{ background: radial-gradient({hex_of(SURPLUS)} 35%, #fff 40%) 0 0 / 6px 6px }}
.wrong li {{ font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere }}
"""


def report_html(evaluation: Evaluation, pictures: Iterable[WorstPicture] = ()) -> str:
    """Return the HTML page. Text from files is escaped."""
    title = f"{evaluation.benchmark}: evaluation"
    body = "".join(
        (
            *_head(evaluation),
            *_forms(evaluation),
            *_worst(evaluation, pictures),
            *_groups(evaluation),
            *_wrong(evaluation),
        )
    )
    return page_html(title, body)


def page_html(title: str, body: str) -> str:
    """Return a whole HTML page. ``body`` is HTML; ``title`` is text and gets escaped."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def _head(evaluation: Evaluation) -> Iterator[str]:
    yield f"<h1>{escape(evaluation.benchmark)}</h1>"
    left_out = ", ".join(f"{kind}: {count}" for kind, count in evaluation.left_out.items()) or "nothing was left out"
    clips, frames = counted(evaluation.num_clips, "clip"), counted(evaluation.num_frames, "frame")
    yield (
        f'<p class="quiet">{clips}, {frames} measured; {escape(left_out)}. '
        f"{escape('; '.join(evaluation.sources))} (vas-tool {__version__})</p>"
    )
    yield from (f"<p>{escape(note)}</p>" for note in evaluation.notes)


def _forms(evaluation: Evaluation) -> Iterator[str]:
    for form in ("strict", "reference"):
        yield f"<h2>{escape(FORM_WORDS[form].capitalize())}</h2><section>"
        yield f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in evaluation.about.get(form, ()))}</ul>"
        yield table_html(evaluation.tables[form], evaluation)
        yield "</section>"
        yield from _charts(evaluation, form)
    if evaluation.printed:
        yield f"<h2>{escape(PRINTED_WORDS.capitalize())}</h2><section>{table_html(evaluation.printed)}</section>"


def table_html(table: Table, evaluation: Evaluation | None = None) -> str:
    """Return an HTML table: means in percent with their numbers of frames; the best of each measure is underlined."""
    measures = list(next(iter(table.values()), {}))
    times = evaluation.milliseconds if evaluation else {}
    best = {m: max((row[m].mean for row in table.values() if not math.isnan(row[m].mean)), default=2) for m in measures}
    for measure in LESS_IS_BETTER:
        best.pop(measure, None)  # the modal mask would be the best
    rows = []
    for name, row in table.items():
        cells = "".join(
            f"<td{' class=best' if row[m].mean == best.get(m) else ''}><b>{percent(row[m].mean)}</b>"
            f"{_count(row[m])}</td>"
            for m in measures
        )
        spent = f"<td>{times[name]:.1f}</td>" if name in times else f"<td>{NOTHING}</td>" if times else ""
        rows.append(f"<tr><th scope=row>{escape(name)}</th>{cells}{spent}</tr>")
    heads = "".join(f"<th scope=col>{escape(m)}</th>" for m in measures) + ("<th>ms a frame</th>" if times else "")
    return (
        '<div class="scroll"><table><thead><tr><th>percent <small class="quiet">frames</small></th>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _count(cell: Cell) -> str:
    """The number of frames behind a mean; nothing where it is not one of frames here."""
    return f"<small>{cell.num_frames}</small>" if cell.num_frames or math.isnan(cell.mean) else ""


def _charts(evaluation: Evaluation, form: Form) -> Iterator[str]:
    rows = _charted(evaluation, form)
    measures = _charted_measures(evaluation, form)
    of_what = "of each clip" if form == "reference" else "of each frame"
    yield f"<section><p>Over the visibility {of_what} (IoU of modal and amodal)</p><div class='charts'>"
    for measure in measures:
        lines = {
            name: [((low + high) / 2, t[name][measure].mean) for (low, high), t in evaluation.curves[form].items()]
            for name in rows
        }
        yield f"<div><b>{escape(measure)}</b>{charts.curves(f'{measure} over visibility, {form}', lines)}</div>"
    yield f"</div><p>{charts.key(rows)}</p></section>"
    yield from _best_of(evaluation, form, measures)


def _charted_measures(evaluation: Evaluation, form: Form) -> list[str]:
    measures = next(iter(evaluation.tables[form].values()), {})
    return [m for m in measures if m != "miou_gone" and m not in LESS_IS_BETTER][:MOST_CURVES]


def _charted(evaluation: Evaluation, form: Form) -> list[str]:
    """Return the rows that get curves: of many hypotheses only the first and the best of all."""
    rows = list(next(iter(evaluation.curves[form].values()), {}))
    count = len(evaluation.hypotheses)
    if count <= MOST_HYPOTHESES:
        return rows
    left_out = {*evaluation.hypotheses[1:], *(best_row(k) for k in range(2, count))}
    return [name for name in rows if name not in left_out]


def _best_of(evaluation: Evaluation, form: Form, measures: list[str]) -> Iterator[str]:
    """Yield charts of the means over the number of hypotheses: the Top-K curve of the Diffusion-VAS paper."""
    count = len(evaluation.hypotheses)
    if count < LEAST_FOR_A_CURVE:
        return
    axis, table = charts.best_of_axis(count), evaluation.tables[form]
    rows = [evaluation.hypotheses[0], *(best_row(k) for k in range(2, count + 1))]
    lines = {m: list(zip(axis.ticks, (table[row][m].mean for row in rows), strict=True)) for m in measures}
    yield "<section><p>Over the number of hypotheses of which the best is taken, frame by frame</p>"
    yield f"<div class='charts'><div>{charts.curves(f'best of K, {form}', lines, axis)}</div></div>"
    yield f"<p>{charts.key(measures)}</p></section>"


def _worst(evaluation: Evaluation, pictures: Iterable[WorstPicture]) -> Iterator[str]:
    shown = list(pictures)
    if not shown:
        return
    of_what = f" of {evaluation.hypotheses[0]}" if evaluation.hypotheses else ""
    yield f"<h2>Worst frames{escape(of_what)}, strictly</h2><section><p>"
    yield BOXES_KEY if all(picture.of_boxes for picture in shown) else MASKS_KEY
    yield f"; at most {WORST_OF_A_CLIP} of a clip</p><div class='worst'>"
    for picture in shown:
        data = base64.b64encode(picture.png).decode("ascii")
        caption = _caption(picture.frame)
        value = f"{escape(picture.frame.measure)} {percent(picture.frame.value)}"
        yield f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        yield f"<figcaption><b>{value}</b> {escape(caption)}</figcaption></figure>"
    yield "</div></section>"


def _caption(frame: WorstFrame) -> str:
    """Return the clip, key and image of a frame as text, without repetition."""
    clip = "" if frame.key.startswith(frame.clip) else f"{frame.clip}: "
    image = "" if frame.image in frame.key else f" {frame.image}"
    return f"{clip}{frame.key}{image}"


def _groups(evaluation: Evaluation) -> Iterator[str]:
    for form in FORMS:
        tables = evaluation.categories[form]
        if len(tables) > 1:
            inner = "".join(f"<h3>{escape(name)}</h3>{table_html(table)}" for name, table in tables.items())
            yield f"<h2>By category, {form}</h2><section><details><summary>{len(tables)} categories</summary>"
            yield f"{inner}</details></section>"


def _wrong(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.problems:
        items = "".join(f"<li>{escape(str(problem))}</li>" for problem in evaluation.problems)
        yield "<h2>What is wrong with the files</h2><section class='wrong'><details open><summary>"
        yield f"{counted(len(evaluation.problems), 'problem')}</summary><ol>{items}</ol></details></section>"
