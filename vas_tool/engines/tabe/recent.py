"""The latest tuned weights and painted chunks, in memory, so that the content stage need not repeat the amodal stage.

The model holds them: they are freed with it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from vas_tool.work import WindowAnswer, WindowKey, WindowStore

MOST_BYTES = 256 * 2**20
"""Most bytes of all entries together. The tuned weights of an object take 28 MB, a painted chunk of 30 frames 1 MB."""


@dataclass
class Recent:
    """The entries that were used last, up to ``most_bytes``."""

    most_bytes: int = MOST_BYTES
    kept: OrderedDict[WindowKey, WindowAnswer] = field(default_factory=OrderedDict)

    def put(self, key: WindowKey, answer: WindowAnswer) -> None:
        """Add an entry as the last one used. The oldest are dropped above the limit."""
        self.kept[key] = answer
        self.kept.move_to_end(key)
        while len(self.kept) > 1 and sum(one.nbytes for one in self.kept.values()) > self.most_bytes:
            self.kept.popitem(last=False)


@dataclass(frozen=True)
class WithRecent:
    """A WindowStore that reads memory first, then the project's store if there is one."""

    recent: Recent
    store: WindowStore | None

    def read(self, key: WindowKey) -> WindowAnswer | None:
        """Return the result stored under the key, from memory or the project's store; None when there is none."""
        answer = self.recent.kept.get(key)
        if answer is None and self.store is not None:
            answer = self.store.read(key)
        if answer is not None:
            self.recent.put(key, answer)
        return answer

    def keep(self, key: WindowKey, answer: WindowAnswer) -> None:
        """Store a result in memory, and in the project's store if there is one."""
        self.recent.put(key, answer)
        if self.store is not None:
            self.store.keep(key, answer)
