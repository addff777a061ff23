"""Access rules: a request needs a known host name and the secret, and may not come from another site's page."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from vas_tool.errors import InputError

ANY_ADDRESS = ("", "0.0.0.0", "::")
"""Hosts to listen on that mean all addresses of this computer."""

USUAL_PORTS = {80: None, 443: None}
"""Default ports, which browsers omit."""

PLACE = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^\s:/?#@\[\]\\,]+)(?::(?P<port>\d{1,5}))?")
FROM_OTHER_SITES = "cross-site", "same-site"
"""Values of ``Sec-Fetch-Site`` in requests from another site's page. No script can set that header."""


@dataclass(frozen=True)
class Place:
    """A host name and port, as in the headers ``Host`` and ``Origin``. ``port`` is None for the default ports."""

    name: str
    port: int | None

    @classmethod
    def read(cls, text: str) -> Place | None:
        """Return the host in a text such as ``example.org:8080`` or ``[::1]:7860``; None if the text is not a host."""
        found = PLACE.fullmatch(text.strip())
        if found is None:
            return None
        port = int(found["port"]) if found["port"] else None
        return cls(found["name"].strip("[]").rstrip(".").lower(), USUAL_PORTS.get(port, port) if port else None)

    @classmethod
    def of_origin(cls, origin: str) -> Place | None:
        """Return the host of an origin such as ``http://example.org``; None for ``null`` and any other text."""
        scheme, _, place = origin.partition("://")
        return cls.read(place) if scheme in ("http", "https") else None


@dataclass(frozen=True)
class Refusal:
    """The reason why a request is refused: an HTTP status, and a message that says what to do."""

    status: int
    words: str


class Access:
    """The access rules of every route. Thread-safe."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        allowed: Iterable[str] = (),
        token: str | None = None,
        login: str | None = None,
        root_path: str = "",
    ) -> None:
        """Set the rules.

        ``allowed`` are further host names of this server. ``token`` is the secret; None means no secret. ``login`` is
        ``USER:PASSWORD`` instead of a token. ``root_path`` is the path at which a proxy shows the page, such as
        ``/vas``. Raises InputError for invalid values.
        """
        self.host, self.login = host, login
        self.token = None if login else token
        self.root_path = _checked_prefix(root_path)
        self._allowed = frozenset(_checked_place(name) for name in allowed)
        if login is not None and not all(login.partition(":")):
            raise InputError("--auth needs a name and a password: --auth USER:PASSWORD")
        if token is None and login is None and not self._is_loopback(host):
            raise InputError(f"on {host} others reach this server: give --auth USER:PASSWORD, or leave out --no-token")
        self._tickets: set[str] = set()

    # --- under which name it was asked ----------------------------------------------------------------------------

    def refusal(self, request: HTTPConnection) -> Refusal | None:
        """Return why a request is refused: an unknown host name, or another site's page. None when it is allowed.

        Another site can make its name resolve to this server (DNS rebinding); its requests carry that name.
        """
        asked = [request.headers.getlist("host"), request.headers.getlist("x-forwarded-host")]
        if len(asked[0]) != 1:
            return Refusal(400, "the request names no host, or several")
        for text in (asked[0][0], *(name for line in asked[1] for name in line.split(","))):
            place = Place.read(text)
            if place is None or not self.is_own_host(place.name):
                return Refusal(
                    421, f"this server does not know the name {text[:100]!r}: open the address that it printed, or "
                    "start it with --allow-host and that name"
                )  # fmt: skip
        if self._is_foreign(request):
            return Refusal(403, "a page of another web site asked for this; open the tool's own address")
        return None

    def is_own_host(self, name: str) -> bool:
        """Return whether a host name is one of this server."""
        if self._is_loopback(name) or name in (self.host.lower(), *(place.name for place in self._allowed)):
            return True
        return self.host in ANY_ADDRESS and _address(name) is not None  # a numeric address cannot be rebound

    @staticmethod
    def _is_loopback(name: str) -> bool:
        address = _address(name)
        return name == "localhost" or bool(address and address.is_loopback)

    def _is_foreign(self, request: HTTPConnection) -> bool:
        headers, site = request.headers, request.headers.get("sec-fetch-site")
        if site in FROM_OTHER_SITES:  # only a link to the page may be followed
            followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            return not (followed and request.scope["method"] in ("GET", "HEAD") and request.scope["path"] == "/")
        if "origin" not in headers:
            return False
        origin = Place.of_origin(headers["origin"])
        if origin is None or not self.is_own_host(origin.name):
            return True
        if site is not None or origin in self._allowed:
            return False
        forwarded = headers.get("x-forwarded-host", "").split(",")[0]
        return origin not in (Place.read(headers["host"]), Place.read(forwarded))

    # --- with which secret ----------------------------------------------------------------------------------------

    def admits(self, request: HTTPConnection) -> bool:
        """Return whether the request carries the secret, as a password or in the cookie."""
        if self.login is not None:
            return _same(_basic(request.headers.get("authorization", "")), self.login)
        return self.token is None or _same(request.cookies.get(self.cookie(request), ""), self.token)

    def takes(self, token: str) -> bool:
        """Return whether a token is the secret or an unused ticket. A ticket is valid once."""
        if token in self._tickets:
            self._tickets.discard(token)
            return True
        return self.token is not None and _same(token, self.token)

    def ticket(self) -> str:
        """Return a secret for one visit, because other users of this computer can read a browser's command line."""
        made = secrets.token_urlsafe(32)
        self._tickets.add(made)
        return made

    @staticmethod
    def cookie(request: HTTPConnection) -> str:
        """Return the cookie's name. It holds the port, because all ports of a host share their cookies."""
        place = Place.read(request.headers.get("host", ""))
        return f"vas-tool-{place.port if place and place.port else 'page'}"


def _same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(), wanted.encode())


def _basic(header: str) -> str:
    scheme, _, text = header.partition(" ")
    try:
        return base64.b64decode(text, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _checked_place(name: str) -> Place:
    place = Place.read(name)
    if place is None:
        raise InputError(f"--allow-host {name}: give a name or an address, such as example.org or example.org:8080")
    return place


def _checked_prefix(path: str) -> str:
    path = path.rstrip("/")
    if path and not re.fullmatch(r"(/[\w.~-]+)+", path):
        raise InputError(f"--root-path {path}: give the path at which the proxy shows the page, such as /vas")
    return path
