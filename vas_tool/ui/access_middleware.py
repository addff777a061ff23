"""Checks every request by the rules of ``Access``, to the tool's routes and to Gradio's. Forbids frames around the
page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vas_tool.ui.access import Access
from vas_tool.ui.uploads import UPLOAD_ROUTE

BODY_LIMIT = 4 << 20
"""Most bytes of a request's body. The longest strokes need a tenth of it. Uploads have their own limit."""

ICON = "/favicon.ico"
"""Path of the icon, which browsers request without prefix and cookie. It is Gradio's and reveals nothing."""

COOKIE_SECONDS = 30 * 24 * 3600

SAFE_HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

GALLERY = "/projects"
"""The page of all projects."""

SERVED = {
    *("/", GALLERY, "/config", "/theme.css", ICON, "/manifest.json", "/robots.txt", UPLOAD_ROUTE),
    *("/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/cancel", "/gradio_api/reset"),
    *("/gradio_api/startup-events", "/gradio_api/app_id", "/gradio_api/theme.css"),
}
SERVED_BELOW = (
    "/api/",
    f"{GALLERY}/",
    "/workbench/",
    "/assets/",
    "/static/",
    "/svelte/",
    "/gradio_api/run/",
)
"""Routes that this page needs. Gradio's other routes (files, proxies, recordings, monitoring) are closed."""

EVENTS = ("/gradio_api/queue/join", "/gradio_api/run/")
"""Gradio's routes that receive the values of components."""

ENTRANCE = """<!doctype html><title>vas-tool</title>
<body style="font: 16px system-ui, sans-serif; max-width: 34em; margin: 12vh auto; padding: 0 1em">
<h1 style="font-size: 20px">vas-tool</h1>
<p>Open the address that the command line printed: it holds a secret (<code>?token=…</code>), so that nobody else on
this computer can use your projects. Or paste the secret here:</p>
<form><input name="token" type="password" autocomplete="off" autofocus style="font: inherit; width: 20em">{kept}
<button style="font: inherit">Open</button></form>
"""


class AccessMiddleware:
    """ASGI middleware that refuses requests without access."""

    def __init__(self, app: ASGIApp, *, access: Access, is_upload: Callable[[str], bool]) -> None:
        """Wrap an ASGI app. ``is_upload`` returns whether a path is that of a file that was uploaded to this server."""
        self._app, self._access, self._is_upload = app, access, is_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer with the reason for the refusal."""
        if scope["type"] == "websocket":  # the page uses no websockets
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            scope = self._without_prefix(scope)
            with suppress(ClientDisconnect):
                await self._answer(Request(scope, receive), _HeaderSender(send))

    def _without_prefix(self, scope: Scope) -> Scope:
        """Return the request without the prefix, which some proxies remove and others leave."""
        prefix, path = self._access.root_path, str(scope["path"])
        if not prefix or not f"{path}/".startswith(f"{prefix}/"):
            return scope
        inner = path.removeprefix(prefix) or "/"
        return {**scope, "path": inner, "raw_path": scope.get("raw_path", b"").removeprefix(prefix.encode()) or b"/"}

    async def _answer(self, request: Request, send: Send) -> None:
        scope, receive = request.scope, request.receive
        refused = self._access.refusal(request)
        if refused:
            answer: Response | None = _text_answer(request, refused.words, refused.status)
        else:
            answer = self._entrance(request) or self._shut(request)
        if answer is None and scope["method"] not in ("GET", "HEAD") and scope["path"] != UPLOAD_ROUTE:
            body = await _body(request)
            answer = _text_answer(request, f"a request may have {BODY_LIMIT} bytes", 413) if body is None else None
            if body is not None and scope["path"].startswith(EVENTS):
                body = self._checked(body)
                answer = (
                    _text_answer(request, "it names a file that was not uploaded here", 403) if body is None else None
                )
            receive = _again(body or b"", receive)
        await (answer or self._app)(scope, receive, send)

    def _entrance(self, request: Request) -> Response | None:
        """Return the answer to a visitor without the secret; None with it. A secret in the address becomes a cookie."""
        token = request.query_params.get("token")
        if token is not None and request.url.path in ("/", GALLERY) and self._access.takes(token):
            return self._cookie(request)
        if self._access.admits(request) or request.url.path == ICON:
            return None
        if self._access.login is not None:
            return PlainTextResponse("name and password, please", 401, {"WWW-Authenticate": 'Basic realm="vas-tool"'})
        if request.url.path not in ("/", GALLERY):
            return _text_answer(request, "open the address that the command line printed", 401)
        kept = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in _others(request))
        return HTMLResponse(ENTRANCE.replace("{kept}", kept), 401)

    def _cookie(self, request: Request) -> Response:
        others = urlencode(list(_others(request)))
        # Relative to the requested address, for any prefix.
        page = f"./{GALLERY[1:] if request.url.path == GALLERY else ''}"
        answer = RedirectResponse(f"{page}?{others}" if others else page, 303)
        if self._access.token is not None:
            name, path = self._access.cookie(request), self._access.root_path or "/"
            answer.set_cookie(
                name, self._access.token, COOKIE_SECONDS, path=path, httponly=True, samesite="lax",
                secure=request.headers.get("x-forwarded-proto") == "https",
            )  # fmt: skip
        return answer

    @staticmethod
    def _shut(request: Request) -> Response | None:
        path = request.scope["path"]
        return None if path in SERVED or path.startswith(SERVED_BELOW) else PlainTextResponse("not found", 404)

    def _checked(self, body: bytes) -> bytes | None:
        """Return the event as it was parsed here, so that it is not parsed differently later; None if it names another
        file than an uploaded one.
        """
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return None if any(not self._is_upload(path) for path in paths_in(event)) else json.dumps(event).encode()


def _text_answer(request: Request, words: str, status: int) -> Response:
    """Return an error response with a message, in the form that the page's scripts expect."""
    if request.scope["path"].startswith(("/api/", *EVENTS)):
        return JSONResponse({"detail": words}, status)
    return PlainTextResponse(words, status)


class _HeaderSender:
    """Sends answers with the headers of every answer."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers[name] = value
        await self._send(message)


def _others(request: Request) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in request.query_params.multi_items() if name != "token")


async def _body(request: Request) -> bytes | None:
    """Return the whole body, or None when it is too long."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that delivers the body again."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def paths_in(value: Any) -> Iterator[str]:
    """Yield all texts in a JSON value that Gradio could use as the path of a file."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "path" in item:
                yield str(item["path"])
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
