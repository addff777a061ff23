"""The command line with fake engines: the amodal one guesses differently with every seed, the depth one warns.

A training ends when its folder holds a file ``seen``, with an engine and a score.
"""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from fake_engines import SAMPLED, SECOND, FlatDepth, fake_specs

from vas_tool import cli
from vas_tool.engines import registry
from vas_tool.planning import gate
from vas_tool.run_warnings import warn
from vas_tool.session import training_runs
from vas_tool.types import Depth

registry.ENGINES = (SAMPLED, *fake_specs(), SECOND)
gate.GUESSING_ENGINE = "fake"  # the fake's depth is flat: nothing could hide the object
_estimate = FlatDepth.estimate


def _remarking(self: FlatDepth, *given: Any, **more: Any) -> Iterator[tuple[int, Depth]]:
    for frame_index, depth in _estimate(self, *given, **more):
        if frame_index > 3:
            warn("its depth is clipped", frame_index=frame_index)
        yield frame_index, depth


FlatDepth.estimate = _remarking  # type: ignore[method-assign]

TRAINING = """
import json, sys, time
from pathlib import Path
from vas_tool.engines.tuned import register
out = Path(sys.argv[1])
(out / "metrics.jsonl").write_text(json.dumps({"step": 120, "seconds": 1.0, "loss": 1}) + "\\n")
end = time.monotonic() + 60
while not (out / "seen").exists() and time.monotonic() < end:
    time.sleep(0.1)
score = {"name": "beside box", "hidden": 0.25, "whole": 0.5, "num_frames": 3}
card = {"engine": "learned", "stage": "amodal", "steps": 300, "before": [score], "after": [score | {"hidden": 0.5}]}
(out / "final").mkdir()
(out / "final" / "vas_tool.json").write_text(json.dumps(card))
register(out / "final", out.name)
"""


class _Popen(subprocess.Popen[bytes]):
    def __init__(self, command: list[str], **how: Any) -> None:
        if "train" in command:
            command = [sys.executable, "-c", TRAINING, command[-1]]
        super().__init__(command, **how)


training_runs.subprocess.Popen = _Popen  # type: ignore[misc]

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
