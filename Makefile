# Two commands are all there is to remember: `make run` and `make test`. Both are safe to run twice.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
SCRIPTS := node_modules/.package-lock.json

.PHONY: help run test wheel-test check docs pictures clean

help:  ## show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run: $(STAMP)  ## open the tool on the bundled sample
	$(BIN)/python app.py assets/sample/clip.mp4

# One thread a process: with more, the threads of torch wait for each other in busy loops, for ten times the work.
test: $(STAMP)  ## run every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

wheel-test: $(STAMP)  ## build the wheel, install it elsewhere, and use it there
	$(BIN)/python -m pytest tests/installed

check: $(STAMP) $(SCRIPTS)  ## format, lint and types, of Python and of the page's scripts (needs Node with npm)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	node_modules/.bin/tsc

docs: $(STAMP)  ## build the documentation into build/docs; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

pictures: $(STAMP)  ## take the pictures of the page anew (needs Chromium): look at them before you keep them
	$(BIN)/python assets/take_pictures.py

clean:  ## remove the environment
	rm -rf $(VENV) node_modules

# sam2 is built from source against torch: by itself pip would fetch a second torch for that. Its upload is not its
# authors': pip compares it with the hash in constraints.txt. (A hash that pip reads there would ask for all others.)
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "vas-tool needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision 'setuptools>=77' wheel
	sed -n 's/^\(sam2==.*\) # \(--hash=.*\)/\1 \2/p' constraints.txt > $(VENV)/sam2.txt
	SAM2_BUILD_CUDA=0 $(BIN)/python -m pip install --quiet --no-deps --require-hashes --no-build-isolation --requirement $(VENV)/sam2.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev,docs]'
	touch $(STAMP)

# The compiler that checks the page's scripts. The page itself needs no Node: the browser runs the files as they are.
$(SCRIPTS): package.json package-lock.json
	npm ci --silent
	touch $@
