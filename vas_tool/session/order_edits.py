"""What a person says of which object is in front of which."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from vas_tool.errors import PromptError
from vas_tool.project.depth_order import InFront, Orders, Pair, add_orders, remove_order
from vas_tool.project.frame_order import OrderFinder
from vas_tool.project.object_layers import require_frame
from vas_tool.session.change_log import ChangeLog
from vas_tool.wording import ranges


class OrderEdits:
    """Edits of who is in front of whom, on spans of frames."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes, self.project = changes, changes.project

    def say(self, pairs: Sequence[Pair], frame_index: int, *, span: range | None = None) -> str:
        """Say that the first of each pair is in front of the second, as one edit; returns what was said, in words.

        Without a ``span`` it holds on the frames around ``frame_index`` on which the two objects meet. Raises
        PromptError for unknown objects, an object with itself, or frames that the clip does not have.
        """
        require_frame(frame_index, len(self.project.clip))
        with self.project.mutex:
            finder, new = OrderFinder(self.project), list[InFront]()
            for front, behind in pairs:
                self.project.truth.object(front), self.project.truth.object(behind)
                frames = span if span is not None else finder.meeting((front, behind), frame_index)
                new.append(InFront(front, behind, frames[0], frames[-1]))
            if not new:
                raise PromptError("say of at least two objects which one is in front")
            words = "; ".join(self._words(order) for order in new)
            self._store(words, add_orders(self.project.truth.in_front, new))
        return words

    def unsay(self, pair: Collection[int], span: range) -> None:
        """Take back what was said of two objects on a span of frames. Raises PromptError when nothing was said."""
        with self.project.mutex:
            truth = self.project.truth
            left = remove_order(truth.in_front, pair, span)
            if left == truth.in_front:
                raise PromptError("nothing is said of these two objects on these frames")
            names = " and ".join(truth.object(object_id).label for object_id in pair)
            self._store(f"take back the order of {names}", left)

    def _store(self, what: str, orders: Orders) -> None:
        for order in orders:
            require_frame(order.last, len(self.project.clip))
        self.changes.store(what, replace(self.project.truth, in_front=orders))

    def _words(self, order: InFront) -> str:
        truth = self.project.truth
        frames = f"frame{'s' * (order.first < order.last)} {ranges(range(order.first, order.last + 1))}"
        return f"{truth.object(order.front).label} in front of {truth.object(order.behind).label}, {frames}"
