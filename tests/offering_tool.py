"""The command line with better engines to get: weights that come slowly, and, for depth, a package that is missing."""

import sys
import time

from vas_tool import cli
from vas_tool.engines import registry, specs
from vas_tool.engines.base import Progress
from vas_tool.engines.specs import EngineSpec
from vas_tool.engines.weights import Weights, weights_folder
from vas_tool.ui import weight_downloads

MEGABYTES = 40


def _slowly(weights: Weights, *, progress: Progress) -> None:
    for done in range(MEGABYTES + 1):
        progress(done, MEGABYTES, f"download {weights.name}, MB")
        time.sleep(0.05)
    weights_folder().mkdir(parents=True, exist_ok=True)
    (weights_folder() / weights.file_name).touch()


def _missing(spec: EngineSpec) -> list[str]:
    return ["transformers"] if spec.stage == "depth" and spec.packages else []


weight_downloads.download = _slowly  # type: ignore[assignment]
specs.missing_packages = _missing
registry.has_gpu = lambda: False  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
