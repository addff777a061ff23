"""The page: Gradio blocks for opening and exporting, and the workbench. Handlers hold no logic."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import quote

import gradio as gr

from vas_tool.errors import Cancelled, VasToolError
from vas_tool.exports import EXPORTS
from vas_tool.ui.open_projects import ImportOptions, OpenProjects
from vas_tool.ui.opening import Opener
from vas_tool.ui.reports import error_message, report_html
from vas_tool.ui.routes import WORKBENCH
from vas_tool.ui.uploads import Uploads

NOTHING_OPEN = {"token": "", "base": ""}
"""The workbench's value before a clip is open."""

OURS: dict[str, Any] = {"api_visibility": "private"}
"""Events are private to this page. Gradio would describe public events at every first load."""

ARRIVALS = 16
"""Tabs that may load at the same time, so that a long import in one does not block the others."""

MOUNT = """
import(new URL('workbench/main.js', document.baseURI).href)
  .then(module => module.mount(element, props, watch))
  .catch(error => { element.textContent = 'The workbench did not load (' + error + '). Reload the page.'; });
"""
"""Runs once in the browser: the page's own modules fill the workbench's element."""

PAGE_HEAD = '<link rel="stylesheet" href="workbench/page.css">'
"""The style sheet is linked, because Gradio's templates would evaluate backticks and braces in it."""


def dark_theme() -> gr.themes.Base:
    """Return a dark theme for every browser, because pictures are judged best on a dark neutral ground."""
    both = {
        "body_background_fill": "#0e1014",
        "background_fill_primary": "#14171d",
        "background_fill_secondary": "#14171d",
        "body_text_color": "#e6e9ee",
        "body_text_color_subdued": "#98a2b0",
        "block_background_fill": "#14171d",
        "block_border_color": "#2a303a",
        "block_label_text_color": "#98a2b0",
        "border_color_primary": "#2a303a",
        "input_background_fill": "#1b1f27",
        "input_border_color": "#333b47",
        "button_secondary_background_fill": "#252b35",
        "button_secondary_background_fill_hover": "#303845",
        "button_secondary_text_color": "#e6e9ee",
        "button_primary_background_fill": "#2f6fab",
        "button_primary_background_fill_hover": "#3a80c2",
        "button_primary_text_color": "#ffffff",
    }
    dark = {f"{name}_dark": value for name, value in both.items()}
    return gr.themes.Base(font=["system-ui", "sans-serif"]).set(**both, **dark)


BRAND = '<a href="projects" title="All projects, as pictures">vas-tool</a>'

REMEMBER = """
name => {
  if (!name) return;
  const here = new URL(location);
  if (here.searchParams.get('project') !== name) for (const part of ['frame', 'object']) here.searchParams.delete(part);
  here.searchParams.set('project', name);
  history.replaceState(null, '', here);
}
"""
"""Writes the open project into the address, so that a reload or a bookmark returns to it. The workbench adds frame and
object (``workbench/link.js``)."""


class Page:
    """Builds the page, and holds the token and the stop flag of each open tab."""

    def __init__(self, open_projects: OpenProjects, opener: Opener, uploads: Uploads) -> None:
        self.open_projects = open_projects
        self.uploads = uploads
        self.opener = opener
        self._tokens: dict[str, str] = {}
        self._stops: dict[str, threading.Event] = {}
        """Of the tabs that import now."""

    def build(self) -> gr.Blocks:
        """Return the page as Gradio blocks."""
        blocks: gr.Blocks
        with gr.Blocks(title="vas-tool", analytics_enabled=False) as blocks:
            with gr.Row(elem_id="topbar"):
                gr.HTML(BRAND, elem_id="brand", padding=False, apply_default_css=False)
                project, sample, upload, path, open_path, stop = _opening_bar(self.open_projects)
                queued = gr.Button("Next project", visible=self.opener.queue is not None, elem_id="next-project")
                export_format, only_accepted, export = _export_bar()
            options = _options_panel()
            message = gr.Markdown(elem_id="message")
            workbench = gr.HTML(
                value=NOTHING_OPEN,
                html_template=(WORKBENCH / "workbench.html").read_text(),
                js_on_load=MOUNT,
                apply_default_css=False,
                elem_id="workbench",
            )
            opened = [workbench, message, project]
            blocks.load(self._arrive, [], opened, show_progress="hidden", concurrency_limit=ARRIVALS, **OURS)
            project.change(None, [project], None, js=REMEMBER, show_progress="hidden", **OURS)
            project.input(self._choose, [project], opened, show_progress="hidden", **OURS)
            queued.click(self._next, [], opened, show_progress="hidden", **OURS)
            for event, handler, inputs in (
                (sample.click, self._sample, []),
                (upload.upload, self._upload, [upload, *options]),
                (open_path.click, self._path, [path, *options]),
                (path.submit, self._path, [path, *options]),
            ):
                event(lambda: gr.Button(visible=True), [], stop, queue=False, show_progress="hidden", **OURS)
                opening = event(handler, inputs, opened, show_progress_on=message, concurrency_limit=4, **OURS)
                opening.then(lambda: gr.Button(visible=False), [], stop, queue=False, show_progress="hidden", **OURS)
            stop.click(self._stop, [], message, queue=False, show_progress="hidden", **OURS)
            begun = export.click(_exporting, [], [export, message], queue=False, show_progress="hidden", **OURS)
            asked = [export_format, only_accepted]
            done = begun.then(self._export, asked, message, show_progress_on=message, **OURS)
            done.then(_may_export, [], export, queue=False, show_progress="hidden", **OURS)
        return blocks

    # --- a tab comes ----------------------------------------------------------------------------------------------

    def _arrive(self, request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        wanted = request.query_params.get("project", "")
        return self._opened(request, lambda report: self.opener.arrive(wanted, report), progress)

    # --- opening --------------------------------------------------------------------------------------------------

    def _choose(self, name: str, request: gr.Request) -> tuple[Any, ...]:
        if name and name == self._open_name(request):
            return gr.skip(), gr.skip(), gr.skip()  # nothing is closed and opened again under the person's hands
        return self._opened(request, lambda report: self.opener.project(name), None)

    def _open_name(self, request: gr.Request) -> str:
        """Return the name of the project that is open in this tab; "" if none is."""
        with suppress(KeyError):
            name: str = self.open_projects.session(self._tokens[str(request.session_hash)]).project.name
            return name
        return ""

    def _next(self, request: gr.Request) -> tuple[Any, ...]:
        """Open the next project of the queue."""
        queue = self.opener.queue
        if queue is None:
            return gr.skip(), gr.skip(), gr.skip()
        return self._opened(request, lambda report: queue.enter_next(self._open_name(request)), None)

    def _sample(self, request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        return self._opened(request, self.opener.sample, progress)

    def _upload(  # noqa: PLR0917  # Gradio passes inputs by position
        self,
        file: str | None,
        fps: float | None,
        start: float | None,
        end: float | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        options = _options(fps, start, end)
        enter = lambda report: self.opener.upload(self.uploads.take(file), report, options=options)  # noqa: E731
        return self._opened(request, enter, progress)

    def _path(  # noqa: PLR0917  # Gradio passes inputs by position
        self,
        path: str,
        fps: float | None,
        start: float | None,
        end: float | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        options = _options(fps, start, end)
        return self._opened(request, lambda report: self.opener.path(path, report, options=options), progress)

    def _stop(self, request: gr.Request) -> str:
        stop = self._stops.get(str(request.session_hash))
        if stop is not None:
            stop.set()
        return "Stopping; nothing half-made is left."

    def _opened(
        self, request: gr.Request, enter: Callable[[Any], str], progress: gr.Progress | None
    ) -> tuple[Any, ...]:
        """Open a project for this tab with ``enter``. Return (workbench, message, project list). After an error, the
        project that was open stays open.
        """
        tab = str(request.session_hash)
        stop = self._stops[tab] = threading.Event()

        def report(done: int, total: int, what: str, /) -> None:
            if stop.is_set():
                raise Cancelled("the import was stopped; nothing of it is left")
            if progress is not None and total:
                progress((done, total), desc=what)

        try:
            token = enter(report)
        except (VasToolError, OSError) as error:
            return gr.skip(), _alert(error_message(error)), gr.skip()
        finally:
            self._stops.pop(tab, None)
        if not token:
            return gr.skip(), "", gr.skip()
        project = self.open_projects.session(token).project
        known = {other: old for other, old in list(self._tokens.items()) if self.open_projects.is_open(old)}
        self._tokens = {**known, tab: token}
        self.open_projects.leave(token)  # unless its page speaks: it may have been closed while the clip was made
        choices = gr.Dropdown(choices=self.open_projects.projects(), value=project.name)
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
        except (VasToolError, OSError) as error:
            return _alert(error_message(error))
        links = [(name, f"api/{token}/exports/{quote(name)}") for name in report.files]
        return report_html(str(report.folder), links, notes=report.notes, lines=report.by_object)


def _opening_bar(open_projects: OpenProjects) -> tuple[Any, ...]:
    project = gr.Dropdown(
        open_projects.projects(), value=None, label="Project", show_label=False, container=False, elem_id="project"
    )
    sample = gr.Button("Open the sample", elem_id="open-sample")
    upload = gr.UploadButton("Upload a video", elem_id="upload")  # any suffix that opens by path
    path = gr.Textbox(
        label=f"Path of a video, an image folder, or a folder with rgbs/ and masks/, under {open_projects.root}",
        show_label=False,
        container=False,
        placeholder="Path of a video or folder",
        max_lines=1,
        elem_id="path",
    )
    open_path = gr.Button("Open path", elem_id="open-path")
    gr.Button("Options", elem_id="import-options")
    stop = gr.Button("Stop import", visible=False, elem_id="stop-import")
    return project, sample, upload, path, open_path, stop


def _options_panel() -> list[Any]:
    """Return the fields for the rate, start and end of a clip. The page's script shows them over the picture when their
    button is pressed.
    """
    with gr.Row(elem_id="options"):
        fps = gr.Number(8, label="frames per second", minimum=0.1, maximum=60, elem_id="fps")
        start = gr.Number(0, label="start, seconds", minimum=0, elem_id="start")
        end = gr.Number(None, label="end, seconds (0: all)", elem_id="end")
    return [fps, start, end]


def _options(fps: float | None, start: float | None, end: float | None) -> ImportOptions:
    """Return the options of the fields. An empty field means its default, which Gradio sends as 0 for a number."""
    return ImportOptions(fps or 8.0, start or 0.0, end or None)


def _export_bar() -> tuple[Any, ...]:
    export_format = gr.Dropdown(
        list(EXPORTS), value="coco", label="Export as", show_label=False, container=False, elem_id="export-format"
    )
    only_accepted = gr.Checkbox(value=False, label="accepted only", container=False, elem_id="only-accepted")
    export = gr.Button("Export", variant="primary", elem_id="export")
    return export_format, only_accepted, export


def _exporting() -> tuple[Any, str]:
    """Disable the button and remove the last report while an export runs."""
    return gr.Button("Exporting…", interactive=False), ""


def _may_export() -> Any:
    return gr.Button("Export", interactive=True)


def _alert(text: str) -> str:
    return f'<span role="alert">⚠ {escape(text)}</span>'
