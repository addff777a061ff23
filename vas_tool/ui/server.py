"""The web server: FastAPI with the workbench's routes, and the Gradio page mounted on it."""

from __future__ import annotations

import importlib
import logging
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import gradio as gr
import uvicorn
from fastapi import FastAPI

from vas_tool.ui.access import Access
from vas_tool.ui.access_middleware import AccessMiddleware
from vas_tool.ui.address import Address
from vas_tool.ui.gallery import add_gallery
from vas_tool.ui.layout import PAGE_HEAD, Page, dark_theme
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.opening import Opener
from vas_tool.ui.routes import add_routes
from vas_tool.ui.uploads import UPLOAD_LIMIT_GB, Uploads, add_upload_route

logger = logging.getLogger(__name__)

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
    add_gallery(app, open_projects)
    add_upload_route(app, uploads)
    app.add_middleware(AccessMiddleware, access=access, is_upload=uploads.holds)
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


def serve(app: FastAPI, open_projects: OpenProjects, address: Address) -> None:
    """Run the tool until Ctrl+C. It prints the address with the secret."""
    where = f"projects in {open_projects.root}; Ctrl+C stops it"
    print(f"vas-tool is at {address.with_secret}  ({where})", flush=True)
    threading.Thread(target=_import_early, daemon=True, name="import-early").start()
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config, open_projects)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[address.listening])
    if not server.started:
        raise SystemExit(1)  # the reason was printed


class _Server(uvicorn.Server):
    """A server that ends the event streams of open pages when it stops, because they never end by themselves."""

    def __init__(self, config: uvicorn.Config, open_projects: OpenProjects) -> None:
        super().__init__(config)
        self._open_projects = open_projects

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._open_projects.stopping.set()
        await super().shutdown(sockets)


def _import_early() -> None:
    """Import what the first event needs, while the browser loads the page."""
    with suppress(ImportError):
        importlib.import_module("matplotlib")  # Gradio's, where it is installed
