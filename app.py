"""Open the tool in a browser: ``python app.py [VIDEO | FOLDER | PROJECT]`` does what ``vas-tool open`` does."""

import sys

from vas_tool.cli import main

if __name__ == "__main__":
    sys.exit(main(["open", *sys.argv[1:]]))
