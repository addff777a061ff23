"""The stream that tells a page what has changed: at once, while something long is made, and until either side goes."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Server
from conftest import write_images
from fake_engines import use_fake_engines
from waiting import until

from vas_tool.session import Session
from vas_tool.types import Click
from vas_tool.ui import events
from vas_tool.ui.events import BEAT, state_events
from vas_tool.ui.open_projects import OpenProjects

LINGER_SECONDS = 0.3

Steps = Callable[[AsyncIterator[str]], Coroutine[Any, Any, None]]


@pytest.fixture
def open_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenProjects]:
    use_fake_engines(monkeypatch)
    open_projects = OpenProjects(tmp_path / "root", linger_seconds=LINGER_SECONDS)
    yield open_projects
    open_projects.close()


@pytest.fixture
def token(open_projects: OpenProjects) -> str:
    return open_projects.create(write_images(open_projects.root / "clip", 4, (64, 48)))


def follow(open_projects: OpenProjects, token: str, steps: Steps, *, since: int | None = None) -> None:
    """Run ``steps`` with the stream of a page."""

    async def run() -> None:
        stream = state_events(open_projects, token, since)
        await steps(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


async def told(stream: AsyncIterator[str]) -> dict[str, Any]:
    """The next event that is no beat."""
    while (event := await asyncio.wait_for(anext(stream), 20)) == BEAT:
        pass
    assert event.startswith("data: ") and event.endswith("\n\n")
    return dict(json.loads(event[6:]))


def test_everything_first_and_then_what_changes(open_projects: OpenProjects, token: str) -> None:
    session = open_projects.session(token)

    async def steps(stream: AsyncIterator[str]) -> None:
        first = (await told(stream))["state"]
        assert first["changed"] is None and len(first["ledger"]) == 4 and first["objects"] == []
        session.prompts.click(Click(2, 8, 8))
        session.prompts.settle()
        state: dict[str, Any] = {"refining": True}
        changed: set[int] = set()
        while state["refining"] or not state["objects"]:
            state = (await told(stream))["state"]
            changed |= set(state["changed"])
        assert changed == {2} and state["ledger"] is None and state["version"] == session.changes.version

    follow(open_projects, token, steps)


def test_progress_and_the_end_of_a_job_are_told(open_projects: OpenProjects, token: str) -> None:
    session: Session = open_projects.session(token)
    session.prompts.click(Click(0, 8, 8))
    session.prompts.settle()

    async def steps(stream: AsyncIterator[str]) -> None:
        await told(stream)
        session.runs.track(1, 0)
        while not ((await told(stream))["state"]["job"] or {}).get("finished"):
            pass

    follow(open_projects, token, steps)


def test_a_long_first_look_is_not_silence(
    open_projects: OpenProjects, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_view = events.state_view

    def slow(session: Session, since: int | None) -> dict[str, Any]:
        time.sleep(0.3)
        return state_view(session, since)

    monkeypatch.setattr(events, "state_view", slow)
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)

    async def steps(stream: AsyncIterator[str]) -> None:
        beats = [await anext(stream) for _ in range(3)]
        assert beats == [BEAT] * 3
        assert (await told(stream))["state"]["project"]["frame_count"] == 4

    follow(open_projects, token, steps)


def test_beats_follow_while_nothing_changes_and_what_no_version_tells_is_seen(
    open_projects: OpenProjects, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    session = open_projects.session(token)

    async def steps(stream: AsyncIterator[str]) -> None:
        await told(stream)
        assert await anext(stream) == BEAT
        session.place = {"frame": 3}  # stands for weights that arrive on disk: nothing was done in the project
        assert (await told(stream))["state"]["place"] == {"frame": 3}

    follow(open_projects, token, steps)


def test_what_goes_wrong_is_told_once_and_the_stream_goes_on(
    open_projects: OpenProjects, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_view, session = events.state_view, open_projects.session(token)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/disk/project.json")

    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(events, "state_view", full)

    async def steps(stream: AsyncIterator[str]) -> None:
        said = await told(stream)
        assert said == {"error": "/disk/project.json: No space left on device; free some space on that disk"}
        assert await anext(stream) == BEAT
        monkeypatch.setattr(events, "state_view", state_view)
        assert (await told(stream))["state"]["version"] == session.changes.version

    follow(open_projects, token, steps)


def test_a_page_is_there_as_long_as_its_stream(
    open_projects: OpenProjects, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)

    async def steps(stream: AsyncIterator[str]) -> None:
        await told(stream)
        open_projects.leave(token)
        end = time.monotonic() + 3 * LINGER_SECONDS
        while time.monotonic() < end:
            await anext(stream)
        assert open_projects.is_open(token)

    follow(open_projects, token, steps)
    until(lambda: not open_projects.is_open(token))


def test_it_ends_with_the_server_and_with_the_project(open_projects: OpenProjects, token: str) -> None:
    async def steps(stream: AsyncIterator[str]) -> None:
        await told(stream)
        open_projects.stopping.set()
        with pytest.raises(StopAsyncIteration):
            await told(stream)

    follow(open_projects, token, steps)
    open_projects.stopping.clear()

    async def others(stream: AsyncIterator[str]) -> None:
        with pytest.raises(StopAsyncIteration):
            await told(stream)

    follow(open_projects, "nobody", others)


@pytest.mark.slow
def test_a_stopped_server_does_not_wait_for_open_pages(tmp_path: Path) -> None:
    server = Server(
        tmp_path / "projects",
        write_images(tmp_path / "clip", 4, (64, 48)),
        options=("--no-token", "--root-path", "/vas"),
    )
    server.root.mkdir()
    server.start()
    try:
        token = _token_of(server)
        with urllib.request.urlopen(f"{server.address}vas/api/{token}/events", timeout=20) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"] == "no-store"
            assert json.loads(stream.readline()[6:])["state"]["project"]["frame_count"] == 4
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(20)
            assert time.monotonic() - begun < 2.5, "it waited for the stream"
    finally:
        server.kill()


def _token_of(server: Server) -> str:
    """Arrive as a page does: Gradio's first event answers with the token."""
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "tab"}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{server.address}gradio_api/queue/join", body, headers)).close()
    with urllib.request.urlopen(f"{server.address}gradio_api/queue/data?session_hash=tab", timeout=60) as lines:
        for line in lines:
            message = json.loads(line[5:]) if line.startswith(b"data:") else {}
            if message.get("msg") == "process_completed":
                return str(message["output"]["data"][0]["token"])
    raise AssertionError("no token came")
