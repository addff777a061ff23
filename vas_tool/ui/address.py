"""Takes a port for the page, and opens the browser there before Gradio is imported, which takes seconds.

A request that arrives before the page is ready waits in the socket's queue. This module does not import Gradio.
"""

from __future__ import annotations

import socket
import threading
import webbrowser
from dataclasses import dataclass

from vas_tool.errors import VasToolError
from vas_tool.ui.access import Access

PORT = 7860
"""The first port that is tried."""

TRIED = 50
"""Number of ports that are tried, from PORT on."""


@dataclass(frozen=True)
class Address:
    """The page's address, and the socket that listens there."""

    listening: socket.socket
    url: str
    """Address for a browser on this computer, without the secret. It ends with a slash."""
    access: Access
    page: str = ""
    """The page that a browser opens first, relative to ``url``."""

    @classmethod
    def take(cls, access: Access, port: int | None = None, *, page: str = "") -> Address:
        """Listen on ``port``; None takes the first free port from PORT on. Raises VasToolError if no port is free."""
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
        """The address with the secret: whoever has it can use the page."""
        return self._with(self.access.token)

    def _with(self, token: str | None) -> str:
        return f"{self.url}{self.page}?token={token}" if token else f"{self.url}{self.page}"

    def open_browser(self) -> threading.Thread:
        """Open the page in a browser, if there is one, in a thread, because some browsers block. Return the thread."""
        once = self._with(self.access.ticket() if self.access.token else None)
        thread = threading.Thread(target=webbrowser.open, args=(once,), daemon=True, name="open-browser")
        thread.start()
        return thread


def _url(access: Access, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(access.host, access.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{access.root_path}/"
