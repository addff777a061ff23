"""Encodes windows of a frame. Each window is encoded once and reused."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.click_network import NUM_MAPS, ClickNetwork, Encoded
from vas_tool.engines.builtin.feature_matching import Reference, matches
from vas_tool.engines.builtin.frame_windows import Window, WindowResult
from vas_tool.types import Box, Click, Frame, SizeWH

WINDOWS_KEPT = 6
"""Encoded windows that are kept per frame, about 2 MB each."""

CLICK_RADIUS = 4
"""Pixels of a window: radius of the disc of a click, as in training."""

Floats = npt.NDArray[np.float32]


class EncodedFrame:
    """A frame, with the encodings of its latest windows."""

    def __init__(self, frame: Frame, network: ClickNetwork) -> None:
        self.frame, self._network = frame, network
        self._encoded: OrderedDict[Window, Encoded] = OrderedDict()

    @property
    def size_wh(self) -> SizeWH:
        """(width, height) of the frame."""
        return self.frame.shape[1], self.frame.shape[0]

    @property
    def num_windows(self) -> int:
        """The number of encoded windows in memory."""
        return len(self._encoded)

    def encoded(self, window: Window) -> Encoded:
        """Return the encoding of a window."""
        if window not in self._encoded:
            self._encoded[window] = self._network.encode(window.picture(self.frame))
        self._encoded.move_to_end(window)
        while len(self._encoded) > WINDOWS_KEPT:
            self._encoded.popitem(last=False)
        return self._encoded[window]

    def look(
        self,
        window: Window,
        *,
        clicks: Sequence[Click] = (),
        box: Box | None = None,
        prior: Floats | None = None,
        sure: Reference | None = None,
        recent: Reference | None = None,
    ) -> WindowResult:
        """Return the object in a window from clicks, a box, a (height, width) prior mask and references of other
        frames.
        """
        maps, seen = np.zeros((NUM_MAPS, *window.shape), np.float32), self.encoded(window)
        points: tuple[list[tuple[float, float]], ...] = ([], [])
        for click in clicks:
            if window.holds((click.x, click.y, click.x, click.y)):
                kind, at = int(not click.positive), window.point(click.x, click.y)
                points[kind].append(at)
                cv2.circle(maps[kind], (round(at[0]), round(at[1])), CLICK_RADIUS, 1.0, cv2.FILLED)
        if prior is not None:
            maps[2] = prior
        if box is not None:
            left, top = (max(0, round(v + 0.5)) for v in window.point(box.x0 - 0.5, box.y0 - 0.5))
            right, bottom = (max(0, round(v + 0.5)) for v in window.point(box.x1 - 0.5, box.y1 - 0.5))
            maps[3, top:bottom, left:right] = 1
        alike = matches(seen, sure=sure, recent=recent, clicked=(points[0], points[1]))
        return WindowResult(window, self._network.decode(seen, maps, alike))

    def resemblance(self, window: Window, reference: Reference) -> tuple[Floats, Floats]:
        """Return twice (height, width): similarity of each pixel with a reference's object, and with its background."""
        like, unlike = matches(self.encoded(window), sure=reference)[:2]
        return cv2.resize(like, window.size_wh), cv2.resize(unlike, window.size_wh)

    def reference(self, found: WindowResult) -> Reference:
        """Return the reference of an object where it was found."""
        return Reference.of(self.encoded(found.window), found.soft)
