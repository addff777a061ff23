"""The command line with fake engines, of which the amodal one guesses differently with every seed."""

import sys

from fake_engines import SAMPLED, fake_specs

from vas_tool import cli
from vas_tool.engines import registry

registry.ENGINES = (SAMPLED, *fake_specs())

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
