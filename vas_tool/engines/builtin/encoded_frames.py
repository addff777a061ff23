"""Encodes windows of a frame. Each window is encoded once and reused."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vas_tool.engines.builtin.click_network import NUM_MAPS, ClickNetwork, Encoded
from vas_tool.engines.builtin.feature_matching import Reference, Similarity, matches, similarity, together
from vas_tool.engines.builtin.frame_windows import Window, WindowResult
from vas_tool.types import Box, Click, Frame, SizeWH

WINDOWS_KEPT = 6
"""Encoded windows that are kept per frame, about 2 MB each."""

SIMILARITIES_KEPT = 12
"""Similarities of a window with a reference that are kept per frame, about 10 kB each."""

CLICK_RADIUS = 4
"""Pixels of a window: radius of the disc of a click, as in training."""

Floats = npt.NDArray[np.float32]


class EncodedFrame:
    """A frame, with the encodings of its latest windows."""

    def __init__(self, frame: Frame, network: ClickNetwork) -> None:
        self.frame, self._network = frame, network
        self._encoded: OrderedDict[Window, Encoded] = OrderedDict()
        self._similar: OrderedDict[tuple[Window, int], tuple[Reference, Similarity]] = OrderedDict()

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
        alike = matches(
            seen,
            sure=self._similarity(window, sure),
            recent=self._similarity(window, recent),
            clicked=(points[0], points[1]),
        )
        return WindowResult(window, self._network.decode(seen, maps, alike))

    def resemblance(self, window: Window, references: Sequence[Reference | None]) -> tuple[Floats, Floats]:
        """Return twice (height, width): similarity of each pixel with the references' object, and with its
        background.
        """
        found = together([self._similarity(window, reference) for reference in references])
        like, unlike = matches(self.encoded(window), sure=found)[:2]
        return cv2.resize(like, window.size_wh), cv2.resize(unlike, window.size_wh)

    def _similarity(self, window: Window, reference: Reference | None) -> Similarity:
        """Return the similarity of a window with a reference. It is computed once, as a window is looked at again."""
        if reference is None:
            return None, None
        key = window, id(reference)  # the reference is kept beside its similarity, so no other gets its id
        if key not in self._similar:
            self._similar[key] = reference, similarity(self.encoded(window), reference)
        while len(self._similar) > SIMILARITIES_KEPT:
            self._similar.popitem(last=False)
        return self._similar[key][1]

    def reference(self, found: WindowResult) -> Reference:
        """Return the reference of an object where it was found."""
        return Reference.of(self.encoded(found.window), found.soft)
