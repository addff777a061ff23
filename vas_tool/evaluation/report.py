"""The report: one HTML file that needs nothing else. Tables, curves over visibility, the worst frames."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator
from html import escape

import vas_tool.evaluation.charts as charts
from vas_tool import __version__
from vas_tool.drawing import hex_of
from vas_tool.evaluation.averages import FORMS, Form
from vas_tool.evaluation.pictures import MISSED, RIGHT, SURPLUS, WorstPicture
from vas_tool.evaluation.tables import Evaluation, Table
from vas_tool.evaluation.text import FORM_WORDS, NOTHING, percent

MOST_CURVES = 4
"""Measures that get a chart, in the order of the table."""

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
figure {{ margin: 0 }} figure img {{ width: 100%; border-radius: 6px; display: block }}
figcaption {{ font-size: 13px; overflow-wrap: anywhere }}
.swatch {{ display: inline-block; width: 26px; height: 14px; border-radius: 3px; margin: 0 6px -2px 0 }}
.right {{ background: {hex_of(RIGHT)} }}
.missed {{ background: repeating-linear-gradient(135deg, {hex_of(MISSED)} 0 3px, #fff 3px 7px) }}
.surplus {{ background: radial-gradient({hex_of(SURPLUS)} 35%, #fff 40%) 0 0 / 6px 6px }}
.wrong li {{ font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere }}
"""


def report_html(evaluation: Evaluation, pictures: Iterable[WorstPicture] = ()) -> str:
    """The whole page as text. Everything that came from a file is escaped."""
    title = f"{evaluation.benchmark}: evaluation"
    body = "".join(
        (*_head(evaluation), *_forms(evaluation), *_worst(pictures), *_groups(evaluation), *_wrong(evaluation))
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def _head(evaluation: Evaluation) -> Iterator[str]:
    yield f"<h1>{escape(evaluation.benchmark)}</h1>"
    left_out = ", ".join(f"{kind}: {count}" for kind, count in evaluation.left_out.items()) or "nothing was left out"
    yield (
        f'<p class="quiet">{evaluation.num_clips} clips, {evaluation.num_frames} frames measured; {escape(left_out)}. '
        f"{escape('; '.join(evaluation.sources))} (vas-tool {__version__})</p>"
    )
    yield from (f"<p>{escape(note)}</p>" for note in evaluation.notes)


def _forms(evaluation: Evaluation) -> Iterator[str]:
    for form in ("strict", "reference"):
        yield f"<h2>{escape(FORM_WORDS[form].capitalize())}</h2><section>"
        if form == "reference":
            yield f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in evaluation.about)}</ul>"
        yield _table(evaluation.tables[form], evaluation)
        yield "</section>"
        yield from _charts(evaluation, form)


def _table(table: Table, evaluation: Evaluation | None = None) -> str:
    measures = list(next(iter(table.values()), {}))
    times = evaluation.milliseconds if evaluation else {}
    best = {m: max((row[m].mean for row in table.values() if not math.isnan(row[m].mean)), default=2) for m in measures}
    best.pop("invented", None)  # less is better there
    rows = []
    for name, row in table.items():
        cells = "".join(
            f"<td{' class=best' if row[m].mean == best.get(m) else ''}><b>{percent(row[m].mean)}</b>"
            f"<small>{row[m].num_frames}</small></td>"
            for m in measures
        )
        spent = f"<td>{times[name]:.1f}</td>" if name in times else f"<td>{NOTHING}</td>" if times else ""
        rows.append(f"<tr><th scope=row>{escape(name)}</th>{cells}{spent}</tr>")
    heads = "".join(f"<th scope=col>{escape(m)}</th>" for m in measures) + ("<th>ms a frame</th>" if times else "")
    return (
        '<div class="scroll"><table><thead><tr><th>percent <small class="quiet">frames</small></th>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _charts(evaluation: Evaluation, form: Form) -> Iterator[str]:
    rows = evaluation.tables[form]
    measures = [m for m in next(iter(rows.values()), {}) if m not in ("miou_gone", "invented")][:MOST_CURVES]
    of_what = "of each clip" if form == "reference" else "of each frame"
    yield f"<section><p>Over the visibility {of_what} (IoU of modal and amodal)</p><div class='charts'>"
    for measure in measures:
        lines = {
            name: [((low + high) / 2, t[name][measure].mean) for (low, high), t in evaluation.curves[form].items()]
            for name in rows
        }
        yield f"<div><b>{escape(measure)}</b>{charts.curves(f'{measure} over visibility, {form}', lines)}</div>"
    yield f"</div><p>{charts.key(list(rows))}</p></section>"


def _worst(pictures: Iterable[WorstPicture]) -> Iterator[str]:
    shown = list(pictures)
    if not shown:
        return
    yield (
        '<h2>Worst frames</h2><section><p><span class="swatch right"></span>rightly added (or the true box) '
        '<span class="swatch missed"></span>missed <span class="swatch surplus"></span>added and not there '
        '(or the answered box); a white line around what is seen</p><div class="worst">'
    )
    for picture in shown:
        data = base64.b64encode(picture.png).decode("ascii")
        said = f"{picture.frame.clip}: {picture.frame.key}"
        value = f"{escape(picture.frame.measure)} {percent(picture.frame.value)}"
        yield f'<figure><img alt="{escape(said)}" src="data:image/png;base64,{data}">'
        yield f"<figcaption><b>{value}</b> {escape(said)}</figcaption></figure>"
    yield "</div></section>"


def _groups(evaluation: Evaluation) -> Iterator[str]:
    for form in FORMS:
        tables = evaluation.categories[form]
        if len(tables) > 1:
            inner = "".join(f"<h3>{escape(name)}</h3>{_table(table)}" for name, table in tables.items())
            yield f"<h2>By category, {form}</h2><section><details><summary>{len(tables)} categories</summary>"
            yield f"{inner}</details></section>"


def _wrong(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.problems:
        items = "".join(f"<li>{escape(str(problem))}</li>" for problem in evaluation.problems)
        yield "<h2>What is wrong with the files</h2><section class='wrong'><details open><summary>"
        yield f"{len(evaluation.problems)} problems</summary><ol>{items}</ol></details></section>"
