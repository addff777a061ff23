"""Server-sent events: sends the state of a project to a page whenever it changes, until the page is closed."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool

from vas_tool.errors import VasToolError
from vas_tool.session import Session
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.reports import error_message
from vas_tool.ui.views import state_view
from vas_tool.ui.weight_downloads import DOWNLOADS

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
"""Seconds between two checks for changes, which read a few attributes."""

BEAT_SECONDS = 5.0
"""Seconds between two comments. A page without events for several of them reports a lost connection. The whole state is
compared as often, because weights may appear on disk without any action in the project."""

REST = 4
"""Pause after a state, in multiples of the time to make it, so that states of long clips leave processor time for
the work."""

MOST_REST_SECONDS = 30.0
"""The longest such pause."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Headers of the stream. Without ``X-Accel-Buffering``, nginx would delay events until a buffer is full."""

BEAT = ": beat\n\n"
"""A comment in the stream, which says only that the server is alive."""

StateSigns = tuple[object, ...]


async def state_events(open_projects: OpenProjects, token: str, since: int | None) -> AsyncIterator[str]:
    """Yield the server-sent events of one page: its project's state at once and after every change.

    An event is ``data: {"state": ...}`` (``views.state_view``), or ``data: {"error": words}`` if the state cannot be
    made. A comment follows after ``BEAT_SECONDS`` without an event, also while a large state is made. ``since`` is the
    version of the state that the page has (None: it has none). The stream ends when the token is no longer known, and
    when the server stops. Until then the token counts as in use.
    """
    stream = _Stream(open_projects, token, since)
    while (session := stream.session) is not None:
        if stream.is_due(session):
            making = asyncio.create_task(run_in_threadpool(stream.text, session))
            while not (await asyncio.wait([making], timeout=BEAT_SECONDS))[0]:
                yield BEAT
            yield making.result()
        elif stream.is_silent():
            yield BEAT
        await asyncio.sleep(LOOK_SECONDS)


class _Stream:
    """The events of one page: what was sent last, and when to send more."""

    def __init__(self, open_projects: OpenProjects, token: str, since: int | None) -> None:
        self._open_projects, self._token, self._since = open_projects, token, since
        self._signs: StateSigns | None = None
        self._last_text = ""
        self._beat_at = self._rest_until = self._compare_at = 0.0

    @property
    def session(self) -> Session | None:
        """The session; None if the stream must end."""
        if self._open_projects.stopping.is_set():
            return None
        try:
            return self._open_projects.session(self._token)
        except KeyError:
            return None

    def is_due(self, session: Session) -> bool:
        """Return whether to make the state now: something has changed, or the last comparison was
        ``BEAT_SECONDS`` ago.
        """
        now = time.monotonic()
        return now >= self._compare_at or (now >= self._rest_until and self._signs != _signs_of(session))

    def is_silent(self) -> bool:
        """Return whether nothing was sent for ``BEAT_SECONDS``; True at most once in that time."""
        silent = time.monotonic() >= self._beat_at
        if silent:
            self._beat_at = time.monotonic() + BEAT_SECONDS
        return silent

    def text(self, session: Session) -> str:
        """Return the event to send now; ``BEAT`` when the state has not changed."""
        begun, self._signs = time.monotonic(), _signs_of(session)
        state_text, event = self._event(session)
        now = time.monotonic()
        rest = min(REST * (now - begun), MOST_REST_SECONDS)
        self._beat_at, self._rest_until, self._compare_at = (
            now + BEAT_SECONDS,
            now + rest,
            now + max(rest, BEAT_SECONDS),
        )
        if state_text == self._last_text:
            return BEAT
        self._last_text = state_text
        return event

    def _event(self, session: Session) -> tuple[str, str]:
        """Return the value that is compared with the last event's, and the event."""
        try:
            state = state_view(session, self._since)
            state_text, event = _event_of({**state, "changed": None, "ledger": None}), _event_of({"state": state})
            self._since = state["version"]
            return state_text, event
        except (VasToolError, OSError) as error:
            logger.warning("the state could not be made: %s", error)
            message = error_message(error)
        except Exception as error:  # a broken stream would look like a lost connection
            logger.exception("the state could not be made")
            message = f"the state could not be made ({type(error).__name__}: {error}); see the log"
        event = _event_of({"error": message})
        return event, event


def _event_of(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, allow_nan=False, separators=(',', ':'))}\n\n"


def _signs_of(session: Session) -> StateSigns:
    """Return values that are cheap to read. While they are equal, the state is most probably equal."""
    return (
        session.changes.version,
        session.changes.saved,
        session.prompts.refining,
        session.prompts.waits,
        session.runs.job,
        DOWNLOADS.serial,
    )
