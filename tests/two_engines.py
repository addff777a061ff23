"""The command line with a second segment engine that is the builtin one under another name."""

import sys
from dataclasses import replace

from vas_tool import cli
from vas_tool.engines import registry

builtin = registry.spec_of("segment", "builtin")
registry.ENGINES = (*registry.ENGINES, replace(builtin, name="twin", note="A twin.", cost="Costs nothing."))

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
