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
from urllib.parse import urlsplit

import gradio as gr
import uvicorn
from fastapi import FastAPI

from vas_tool.errors import VasToolError
from vas_tool.ui.access import Access
from vas_tool.ui.access_middleware import AccessMiddleware
from vas_tool.ui.collecting import kept_for_good
from vas_tool.ui.layout import PAGE_HEAD, Page, dark_theme
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.opening import Opener
from vas_tool.ui.routes import add_routes
from vas_tool.ui.uploads import UPLOAD_LIMIT_GB, Uploads, add_upload_route

logger = logging.getLogger(__name__)

PORT = 7860
"""First port to try. The next free port is used."""

STOP_SECONDS = 3
"""Seconds that a stopped server waits for running requests."""


def make_app(opener: Opener, access: Access) -> FastAPI:
    """Return the tool as an ASGI application for the projects under the root of ``opener``."""
    open_projects, uploads = opener.open_projects, Uploads()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        open_projects.close()
        uploads.close()

    app = FastAPI(title="vas-tool", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, open_projects)
    add_upload_route(app, uploads)
    app.add_middleware(AccessMiddleware, access=access, knows_upload=uploads.knows)
    blocks = Page(open_projects, opener, uploads).build()
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=dark_theme(),
        head=PAGE_HEAD,
        max_file_size=f"{UPLOAD_LIMIT_GB}gb",
        root_path=access.root_path,
        run_history=False,
        footer_links=[],
        show_error=True,
    )
    blocks.has_launched = True  # Gradio checks paths of files only after a launch, and a mounted page is never launched
    return mounted


def serve(opener: Opener, access: Access, *, port: int | None = None, browser: bool = True) -> None:
    """Run the tool until Ctrl+C. It prints the address with the secret, and opens it in a browser if there is one."""
    chosen = free_port(access.host, port)
    with kept_for_good():
        app = make_app(opener, access)
    address = _address(access, chosen)
    secret = f"?token={access.token}" if access.token else ""
    print(f"vas-tool is at {address}{secret}  (projects in {opener.open_projects.root}; Ctrl+C stops it)", flush=True)
    if browser:
        once = f"?token={access.ticket()}" if access.token else ""
        threading.Thread(target=_open_when_up, args=(address + once, chosen), daemon=True).start()
    threading.Thread(target=_import_ahead, daemon=True, name="import-ahead").start()
    config = uvicorn.Config(
        app,
        host=access.host,
        port=chosen,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config, opener.open_projects)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(1)  # the reason was printed


class _Server(uvicorn.Server):
    """Ends the streams of events of open pages when it stops: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, open_projects: OpenProjects) -> None:
        super().__init__(config)
        self._rooms = open_projects

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._rooms.stopping.set()
        await super().shutdown(sockets)


def _address(access: Access, port: int) -> str:
    """Return the address of the page for a browser on this computer."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(access.host, access.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{access.root_path}/"


def free_port(host: str, port: int | None) -> int:
    """Return ``port``, or, with None, the first free port from PORT on. Raises VasToolError when it is in use."""
    wanted = range(PORT, PORT + 50) if port is None else [port]
    for candidate in wanted:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
                return candidate
            except OSError:
                continue
    raise VasToolError(f"port {wanted[0]} on {host} is in use or not allowed; choose another one with --port")


def _import_ahead() -> None:
    """Import what the first event needs, while the browser loads the page."""
    with suppress(ImportError):
        importlib.import_module("matplotlib")  # Gradio's, where it is installed


def _open_when_up(address: str, port: int) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection((urlsplit(address).hostname, port)):
            webbrowser.open(address)
            return
        time.sleep(0.1)
