"""The address of the page: its port is taken and the browser is sent there before Gradio, which takes seconds, is read.

A request that comes before the page is made waits in the socket's queue. Nothing here imports Gradio.
"""

from __future__ import annotations

import socket
import threading
import webbrowser
from dataclasses import dataclass

from vas_tool.errors import VasToolError
from vas_tool.ui.access import Access

PORT = 7860
"""The first one tried; the next free one is taken."""

TRIED = 50
"""Ports that are tried, from PORT on."""


@dataclass(frozen=True)
class Address:
    """Where the page is, and the socket that already listens there."""

    listening: socket.socket
    url: str
    """For a browser on this computer; ends with a slash, and holds no secret."""
    access: Access
    page: str = ""
    """Of this server: what a browser opens first, relative to ``url``."""

    @classmethod
    def take(cls, access: Access, port: int | None = None, *, page: str = "") -> Address:
        """Listen on ``port``, or (None) on the first free one from PORT on. Raises VasToolError when it is taken."""
        host = access.host
        wanted = range(PORT, PORT + TRIED) if port is None else [port]
        for candidate in wanted:
            listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind((host, candidate))
                listening.listen()
            except OSError:
                listening.close()
                continue
            return cls(listening, _url(access, listening.getsockname()[1]), access, page)
        raise VasToolError(f"port {wanted[0]} on {host} is in use or not allowed; choose another one with --port")

    @property
    def with_secret(self) -> str:
        """The address that lets in whoever has it."""
        return self._with(self.access.token)

    def _with(self, token: str | None) -> str:
        return f"{self.url}{self.page}?token={token}" if token else f"{self.url}{self.page}"

    def open_browser(self) -> threading.Thread:
        """Show the page in a browser, where there is one. Gives the thread that does: some browsers hold it."""
        once = self._with(self.access.ticket() if self.access.token else None)
        thread = threading.Thread(target=webbrowser.open, args=(once,), daemon=True, name="open-browser")
        thread.start()
        return thread


def _url(access: Access, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(access.host, access.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{access.root_path}/"
