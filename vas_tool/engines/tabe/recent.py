"""What was tuned and painted last, in memory: the content stage comes after the amodal stage, in a project or not.

The model holds it, so it goes when the model goes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from vas_tool.work import WindowAnswer, WindowKey, WindowStore

MOST_BYTES = 256 * 2**20
"""The tuned weights of an object take 28 MB, a painted chunk of 30 frames of 512 x 512 takes 1 MB."""


@dataclass
class Recent:
    """Answers that were used last, up to ``most_bytes``."""

    most_bytes: int = MOST_BYTES
    kept: OrderedDict[WindowKey, WindowAnswer] = field(default_factory=OrderedDict)

    def put(self, key: WindowKey, answer: WindowAnswer) -> None:
        """As the last one used. The oldest go where there are too many."""
        self.kept[key] = answer
        self.kept.move_to_end(key)
        while len(self.kept) > 1 and sum(one.nbytes for one in self.kept.values()) > self.most_bytes:
            self.kept.popitem(last=False)


@dataclass(frozen=True)
class WithRecent:
    """A WindowStore: memory first, then the project's, if there is one."""

    recent: Recent
    store: WindowStore | None

    def read(self, key: WindowKey) -> WindowAnswer | None:
        """See WindowStore."""
        answer = self.recent.kept.get(key)
        if answer is None and self.store is not None:
            answer = self.store.read(key)
        if answer is not None:
            self.recent.put(key, answer)
        return answer

    def keep(self, key: WindowKey, answer: WindowAnswer) -> None:
        """See WindowStore."""
        self.recent.put(key, answer)
        if self.store is not None:
            self.store.keep(key, answer)
