"""The command line with fake engines: the amodal one guesses differently with every seed, the depth one warns."""

import sys
from collections.abc import Iterator
from typing import Any

from fake_engines import SAMPLED, FlatDepth, fake_specs

from vas_tool import cli
from vas_tool.engines import registry
from vas_tool.run_warnings import warn
from vas_tool.types import Depth

registry.ENGINES = (SAMPLED, *fake_specs())
_estimate = FlatDepth.estimate


def _remarking(self: FlatDepth, *given: Any, **more: Any) -> Iterator[tuple[int, Depth]]:
    for frame_index, depth in _estimate(self, *given, **more):
        if frame_index > 3:
            warn("its depth is clipped", frame_index=frame_index)
        yield frame_index, depth


FlatDepth.estimate = _remarking  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
