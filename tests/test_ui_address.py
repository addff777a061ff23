"""The page's address: which port is taken, and that a browser may come before the page is made."""

import socket
import webbrowser
from urllib.parse import urlsplit

import pytest

from vas_tool.errors import VasToolError
from vas_tool.ui import address as module
from vas_tool.ui.access import Access
from vas_tool.ui.address import Address


def test_the_next_free_port_is_taken_or_the_one_that_is_asked_for_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(VasToolError, match=f"port {taken} on 127.0.0.1 is in use.*--port"):
            Address.take(Access(), taken)
        monkeypatch.setattr(module, "PORT", taken)
        address = Address.take(Access(root_path="/vas"))
        with address.listening:
            port = address.listening.getsockname()[1]
            assert port > taken and address.url == address.with_secret == f"http://127.0.0.1:{port}/vas/"


def test_a_request_waits_until_somebody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    access = Access(token="secret")
    address = Address.take(access, 0)
    with address.listening, socket.create_connection(address.listening.getsockname()) as early:
        early.sendall(b"GET /")
        address.open_browser().join(10)
        assert shown[0].startswith(f"{address.url}?token=") and not shown[0].endswith("secret"), "good for one visit"
        assert urlsplit(address.with_secret).query == "token=secret"
        there, _ = address.listening.accept()
        with there:
            assert there.recv(5) == b"GET /"
