"""The actor that collects the events of a batch on Ray. Its process imports nothing else of the tool."""

from __future__ import annotations


class EventList:
    """Collects the events of all processes until the driver asks for them.

    They stay pickled: their classes would import the whole method.
    """

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._keys: set[str] = set()

    def add(self, key: str, event: bytes) -> None:
        """Add a pickled event. An event that was added before, with the same key, is ignored."""
        if key not in self._keys:
            self._keys.add(key)
            self._events.append(event)

    def since(self, count: int) -> list[bytes]:
        """Return all events but the first ``count``."""
        return self._events[count:]
