"""The command line with what tests of the page need: an engine more, and better ones that can be got.

- segment: ``twin`` is the builtin engine under another name;
- weights come slowly;
- for depth, a package is missing.
"""

import sys
import time
from dataclasses import replace

from vas_tool import cli
from vas_tool.engines import registry, specs
from vas_tool.engines.base import Progress
from vas_tool.engines.specs import EngineSpec
from vas_tool.engines.weights import WeightsFolder, weights_folder
from vas_tool.ui import weight_downloads

MEGABYTES = 40


def _slowly(weights: WeightsFolder, *, progress: Progress) -> None:
    for done in range(MEGABYTES + 1):
        progress(done, MEGABYTES, f"download {weights.name}, MB")
        time.sleep(0.05)
    folder = weights_folder() / weights.folder_name
    folder.mkdir(parents=True, exist_ok=True)
    for part in weights.parts:
        (folder / part.name).touch()


def _missing(spec: EngineSpec) -> list[str]:
    return ["transformers"] if spec.stage == "depth" and spec.packages else []


builtin = registry.spec_of("segment", "builtin")
registry.ENGINES = (*registry.ENGINES, replace(builtin, name="twin", note="A twin.", cost="Costs nothing."))
registry.has_gpu = lambda: False  # type: ignore[assignment]
specs.missing_packages = _missing
weight_downloads.download = _slowly  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
