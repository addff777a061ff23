"""A Hugging Face hub of our own, on loopback: one repository with a file, or several."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the hub serves, and what was asked of it."""

    repo_id: str
    file_name: str
    content: bytes
    etag: str
    """The file's sha256, as a hub gives it."""
    others: dict[str, bytes] = field(default_factory=dict)
    """More files of the repository: name -> content."""
    token: str = ""
    """What a client must show; empty for an open repository."""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(method, path, Range header)."""

    def content_of(self, path: str) -> tuple[bytes, str] | None:
        """(content, etag) of what a path asks for; None when it is not here."""
        name = path.removeprefix(f"/{self.repo_id}/resolve/main/")
        if name == self.file_name:
            return self.content, self.etag
        other = self.others.get(name)
        return None if other is None else (other, hashlib.sha256(other).hexdigest())

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, *, body: bool) -> None:
                wanted = self.headers.get("Range")
                hub.asked.append((self.command, self.path, wanted))
                gated = bool(hub.token) and self.headers.get("Authorization") != f"Bearer {hub.token}"
                known = None if gated else hub.content_of(self.path)
                content, etag = known or (b"", "")
                start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
                part = content[start:]
                self.send_response((206 if wanted else 200) if known else 401 if gated else 404)
                if gated:
                    self.send_header("X-Error-Code", "GatedRepo")
                elif not known:
                    here = self.path.startswith(f"/{hub.repo_id}/")
                    self.send_header("X-Error-Code", "EntryNotFound" if here else "RepoNotFound")
                if wanted:
                    total = len(content)
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                self.send_header("Content-Length", str(len(part)))
                self.send_header("ETag", f'"{etag}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Accept-Ranges", "bytes")
                self.end_headers()
                if body:
                    self.wfile.write(part)

            def handle(self) -> None:
                with suppress(OSError):  # the client went away, as some tests have it do
                    super().handle()

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        return Handler

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address to give as HF_ENDPOINT."""
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler()) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()
