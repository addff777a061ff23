"""The web server: FastAPI with the workbench's routes, and the Gradio page mounted on it."""

from __future__ import annotations

import importlib
import logging
import socket
import threading
import time
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import gradio as gr
import uvicorn
from fastapi import FastAPI

from vas_tool.errors import VasToolError
from vas_tool.ui.collecting import kept_for_good
from vas_tool.ui.layout import PAGE_HEAD, Page, dark_theme
from vas_tool.ui.opening import Opener
from vas_tool.ui.routes import add_routes

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
"""Only this computer; others come through an SSH tunnel."""

PORT = 7860
"""The first one tried; the next free one is taken."""

UPLOAD_LIMIT = "4gb"
"""Of one uploaded video; larger ones are opened by their path."""


def make_app(opener: Opener) -> FastAPI:
    """The whole tool as an ASGI application that serves the projects under the root of ``opener``'s rooms."""
    rooms = opener.rooms

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        rooms.close()

    app = FastAPI(title="vas-tool", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, rooms)
    page = Page(rooms, opener)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page.build(),
        path="/",
        theme=dark_theme(),
        head=PAGE_HEAD,
        max_file_size=UPLOAD_LIMIT,
        run_history=False,
        footer_links=[],
        show_error=True,
    )
    return mounted


def serve(opener: Opener, *, host: str = HOST, port: int | None = None, browser: bool = True) -> None:
    """Run the tool until Ctrl+C. Prints the address; opens it in a browser where there is one."""
    chosen = free_port(host, port)
    with kept_for_good():
        app = make_app(opener)
    address = f"http://{host}:{chosen}/"
    print(f"vas-tool is at {address}  (projects in {opener.rooms.root}; Ctrl+C stops it)", flush=True)
    if browser:
        threading.Thread(target=_open_when_up, args=(address, host, chosen), daemon=True).start()
    threading.Thread(target=_import_ahead, daemon=True, name="import-ahead").start()
    uvicorn.run(app, host=host, port=chosen, log_level="warning")


def free_port(host: str, port: int | None) -> int:
    """``port``, or (None) the first free one from PORT on. Raises VasToolError when it is taken."""
    wanted = range(PORT, PORT + 50) if port is None else [port]
    for candidate in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
                return candidate
            except OSError:
                continue
    raise VasToolError(f"port {wanted[0]} on {host} is in use or not allowed; choose another one with --port")


def _import_ahead() -> None:
    """What the first event would import, while the browser still reads the page."""
    with suppress(ImportError):
        importlib.import_module("matplotlib")  # Gradio's, where it is installed


def _open_when_up(address: str, host: str, port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                webbrowser.open(address)
                return
        time.sleep(0.1)
