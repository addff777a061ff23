"""Weights from the page: what there is to fetch, how large it is and under which licence, and one button."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from vas_tool.engines import registry, table
from vas_tool.engines.weights import AnyWeights, download
from vas_tool.errors import VasToolError
from vas_tool.types import STAGES
from vas_tool.ui.reports import told


def weights_row() -> tuple[Any, Any, Any]:
    """(row, choice, button): hidden until asked for. The button says size and licence before anything is fetched."""
    weights = offered()
    with gr.Row(visible=False, elem_id="weights") as row:
        names = [w.name for w in weights]
        value = first_offer()
        choice = gr.Dropdown(names, value=value, label="weights of an engine", elem_id="weights-name")
        button = gr.Button(button_text(value), size="sm", elem_id="weights-download")
        choice.change(button_text, choice, button, show_progress="hidden", api_visibility="private")
    return row, choice, button


def offered() -> list[AnyWeights]:
    """All weights that can be fetched; some are only looked for."""
    return [weights for weights in registry.all_weights() if weights.repo_id]


def first_offer() -> str | None:
    """What most people want first: the weights that make the earliest stage better on this computer."""
    names = [weights.name for weights in offered()]
    for stage in STAGES:
        better = registry.better_engine(registry.spec_of(stage))
        if better and not registry.has_weights(better) and better.weights[0].name in names:
            return better.weights[0].name
    return names[0] if names else None


def button_text(name: str | None) -> str:
    """What the button promises: ``Download sam2.1-tiny: 156 MB, licence Apache-2.0``."""
    for weights in registry.all_weights():
        if weights.name == name:
            return f"Download {name}: {weights.num_megabytes} MB, licence {weights.licence}"
    return "Nothing to download"


def fetch_weights(name: str, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
    """Fetch what the button promises; gives the message for the person."""
    chosen = next((w for w in registry.all_weights() if w.name == name), None)
    if chosen is None:
        return "Choose the weights in the list."
    try:
        found = chosen.find()
        path = found or download(chosen, progress=lambda done, total, what: progress((done, total), desc=what))
    except (VasToolError, OSError) as error:
        return f'<span role="alert">⚠ {escape(told(error))}</span>'
    lacking = (s.install for s in registry.ENGINES if chosen in s.weights and table.missing_packages(s))
    install = next(lacking, "")
    more = f" The engine still needs: `{install}`" if install else ""
    return f"**{name}** {'is there already' if found else 'is ready'}: `{path}`.{more}"
