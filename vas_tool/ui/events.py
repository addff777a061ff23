"""The state of a project, sent to a page whenever it changes (server-sent events), until the page is closed."""

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
from vas_tool.ui.reports import told
from vas_tool.ui.views import state_view
from vas_tool.ui.weight_downloads import DOWNLOADS

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
"""Between two looks at whether anything changed; they read a few attributes."""

BEAT_SECONDS = 5.0
"""A page that hears nothing for several of these takes the connection for lost. As often the whole state is compared:
weights may arrive on disk without anything being done in the project."""

REST = 4
"""Times as long as the last state took: a long clip's state costs the processor time that the work needs."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""``X-Accel-Buffering``: nginx would hold events back until a buffer is full."""

BEAT = ": beat\n\n"
"""A comment: it says only that the server is there."""

Telling = tuple[object, ...]


async def state_events(open_projects: OpenProjects, token: str, since: int | None) -> AsyncIterator[str]:
    """``data: {"state": ...}`` (``views.state_view``) at once and after every change, ``data: {"error": words}`` where
    it cannot be made, and a comment at least every ``BEAT_SECONDS``, also while a large project's first state is made.

    ``since`` is the version that the page knows (None: nothing yet). Ends when the token is not known any more, and
    when the server stops. While it runs the token counts as in use.
    """
    stream = _Stream(open_projects, token, since)
    while (session := stream.session) is not None:
        if stream.is_due(session):
            making = asyncio.create_task(run_in_threadpool(stream.text, session))
            while not (await asyncio.wait([making], timeout=BEAT_SECONDS))[0]:
                yield BEAT
            yield making.result()
        await asyncio.sleep(LOOK_SECONDS)


class _Stream:
    """What one page was told, and when it is to be told more."""

    def __init__(self, open_projects: OpenProjects, token: str, since: int | None) -> None:
        self._rooms, self._token, self._since = open_projects, token, since
        self._signs: Telling | None = None
        self._said = ""
        self._beat_at = self._rest_until = 0.0

    @property
    def session(self) -> Session | None:
        """None: nothing more will be told."""
        if self._rooms.stopping.is_set():
            return None
        try:
            return self._rooms.session(self._token)
        except KeyError:
            return None

    def is_due(self, session: Session) -> bool:
        now = time.monotonic()
        return now >= self._beat_at or (now >= self._rest_until and self._signs != _signs_of(session))

    def text(self, session: Session) -> str:
        """The event to send now; ``BEAT`` when the state says nothing new."""
        begun, self._signs = time.monotonic(), _signs_of(session)
        said, event = self._event(session)
        now = time.monotonic()
        self._beat_at, self._rest_until = now + BEAT_SECONDS, now + REST * (now - begun)
        if said == self._said:
            return BEAT
        self._said = said
        return event

    def _event(self, session: Session) -> tuple[str, str]:
        """What is compared with what was said before, and the event."""
        try:
            state = state_view(session, self._since)
        except (VasToolError, OSError) as error:
            logger.warning("the state could not be made: %s", error)
            words = told(error)
        except Exception as error:  # a stream that broke off would look like a lost connection
            logger.exception("the state could not be made")
            words = f"the state could not be made ({type(error).__name__}: {error}); see the log"
        else:
            self._since = state["version"]
            return _event_of({**state, "changed": None, "ledger": None}), _event_of({"state": state})
        event = _event_of({"error": words})
        return event, event


def _event_of(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, allow_nan=False, separators=(',', ':'))}\n\n"


def _signs_of(session: Session) -> Telling:
    """Cheap to read; while they are equal the state most likely is, too."""
    return session.version, session.saved, session.refining, session.waits, session.job, DOWNLOADS.serial
