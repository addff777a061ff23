"""The page: Gradio blocks for opening and exporting, and the one workbench. Handlers hold no logic."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from vas_tool.errors import Cancelled, VasToolError
from vas_tool.exports import EXPORTS
from vas_tool.ui.opening import Opener
from vas_tool.ui.rooms import Rooms
from vas_tool.ui.routes import WORKBENCH

NOTHING_OPEN = {"token": "", "base": ""}
"""The workbench's value before a clip is open."""

MOUNT = """
import(new URL('workbench/main.js', document.baseURI).href)
  .then(module => module.mount(element, props, watch))
  .catch(error => { element.textContent = 'The workbench did not load (' + error + '). Reload the page.'; });
"""
"""Runs once in the browser: the page's own modules take over the workbench's element."""

PAGE_CSS = """
.gradio-container { max-width: none !important; padding: 8px 12px !important; }
footer { display: none !important; }
#topbar { gap: 8px; align-items: end; }
#message p { margin: 0; }
"""


class Page:
    """Builds the page and holds what belongs to open tabs: their token, and the flag that stops an import."""

    def __init__(self, rooms: Rooms, opener: Opener) -> None:
        self.rooms = rooms
        self.opener = opener
        self._tokens: dict[str, str] = {}
        self._stops: dict[str, threading.Event] = {}

    def build(self) -> gr.Blocks:
        """The page as Gradio blocks."""
        blocks: gr.Blocks
        with gr.Blocks(title="vas-tool", analytics_enabled=False) as blocks:
            project, sample, upload, path, open_path, stop = _opening_bar(self.rooms)
            export_format, only_accepted, export = _export_bar()
            message = gr.Markdown(elem_id="message")
            workbench = gr.HTML(
                value=NOTHING_OPEN,
                html_template=(WORKBENCH / "workbench.html").read_text(),
                css_template=(WORKBENCH / "workbench.css").read_text(),
                js_on_load=MOUNT,
                apply_default_css=False,
                elem_id="workbench",
            )
            opened = [workbench, message, project]
            self._on(blocks.load, self._arrive, inputs=[], outputs=opened)
            self._on(project.input, self._choose, inputs=[project], outputs=opened)
            self._on(sample.click, self._sample, inputs=[], outputs=opened)
            self._on(upload.upload, self._upload, inputs=[upload], outputs=opened)
            self._on(open_path.click, self._path, inputs=[path], outputs=opened)
            self._on(path.submit, self._path, inputs=[path], outputs=opened)
            stop.click(self._stop, [], message, queue=False)
            self._on(export.click, self._export, inputs=[export_format, only_accepted], outputs=[message])
            blocks.unload(self._leave)
        return blocks

    @staticmethod
    def _on(event: Any, handler: Callable[..., Any], *, inputs: list[Any], outputs: list[Any]) -> None:
        event(handler, inputs, outputs, show_progress="minimal", concurrency_limit=4)

    # --- a tab comes and goes -------------------------------------------------------------------------------------

    def _arrive(self, request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        wanted = request.query_params.get("project", "")
        return self._opened(request, lambda report: self.opener.arrive(wanted, report), progress)

    def _leave(self, request: gr.Request) -> None:
        self.rooms.leave(self._tokens.pop(str(request.session_hash), ""))

    # --- opening --------------------------------------------------------------------------------------------------

    def _choose(self, name: str, request: gr.Request) -> tuple[Any, ...]:
        return self._opened(request, lambda report: self.opener.project(name), None)

    def _sample(self, request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        return self._opened(request, self.opener.sample, progress)

    def _upload(self, file: str, request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        return self._opened(request, lambda report: self.opener.upload(Path(file), report), progress)

    def _path(self, path: str, request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        return self._opened(request, lambda report: self.opener.path(path, report), progress)

    def _stop(self, request: gr.Request) -> str:
        self._stops.setdefault(str(request.session_hash), threading.Event()).set()
        return "Stopping; nothing half-made is left."

    def _opened(
        self, request: gr.Request, enter: Callable[[Any], str], progress: gr.Progress | None
    ) -> tuple[Any, ...]:
        """Open something for this tab: (workbench, message, project list). What was open stays when it fails."""
        tab = str(request.session_hash)
        stop = self._stops[tab] = threading.Event()

        def report(done: int, total: int, what: str, /) -> None:
            if stop.is_set():
                raise Cancelled("the import was stopped; nothing of it is left")
            if progress is not None and total:
                progress((done, total), desc=what)

        try:
            token = enter(report)
        except VasToolError as error:
            return gr.skip(), _alert(str(error)), gr.skip()
        if not token:
            return gr.skip(), "", gr.skip()
        self.rooms.leave(self._tokens.pop(tab, ""))
        self._tokens[tab] = token
        project = self.rooms.session(token).project
        choices = gr.Dropdown(choices=self.rooms.projects(), value=project.name)
        return {"token": token, "base": ""}, "", choices

    # --- exporting ------------------------------------------------------------------------------------------------

    def _export(  # noqa: PLR0917  # Gradio passes inputs by position
        self,
        export_format: str,
        only_accepted: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        token = self._tokens.get(str(request.session_hash), "")
        if not token:
            return _alert("open a clip first")
        try:
            report = self.opener.export(
                token, export_format, only_accepted=only_accepted, progress=lambda d, t, w: progress((d, t), desc=w)
            )
        except VasToolError as error:
            return _alert(str(error))
        links = " · ".join(f"[{name}](api/{token}/exports/{name})" for name in report.files)
        notes = " ".join(escape(line) for line in report.notes)
        return f"**Exported** to `{report.folder}`: {links}. {notes}"


def _opening_bar(rooms: Rooms) -> tuple[Any, ...]:
    with gr.Row(elem_id="topbar"):
        project = gr.Dropdown(
            rooms.projects(), value=None, label="Project", scale=2, min_width=160, elem_id="project", interactive=True
        )
        sample = gr.Button("Open the sample", scale=1, min_width=120, elem_id="open-sample")
        upload = gr.UploadButton(
            "Upload a video", file_types=["video", ".gif", ".mkv"], scale=1, min_width=120, elem_id="upload"
        )
        path = gr.Textbox(
            label="Path of a video, a folder of images, or an rgbs/ + masks/ folder",
            placeholder=f"under {rooms.root}",
            scale=3,
            min_width=200,
            max_lines=1,
            elem_id="path",
        )
        open_path = gr.Button("Open path", scale=1, min_width=90, elem_id="open-path")
        stop = gr.Button("Stop import", scale=1, min_width=90, elem_id="stop-import")
    return project, sample, upload, path, open_path, stop


def _export_bar() -> tuple[Any, ...]:
    with gr.Row(elem_id="exportbar"):
        export_format = gr.Dropdown(list(EXPORTS), value="coco", label="Export as", scale=1, elem_id="export-format")
        only_accepted = gr.Checkbox(value=False, label="accepted frames only", scale=1, elem_id="only-accepted")
        export = gr.Button("Export", variant="primary", scale=1, elem_id="export")
    return export_format, only_accepted, export


def _alert(text: str) -> str:
    return f'<span role="alert">⚠ {escape(text)}</span>'
