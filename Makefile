# Everything a person needs: make run, make test. The rest serves those who change the code.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

NODE_CLIENTS := $(VENV)/node

.PHONY: run install test lint bench crash-test clean node-clients

run: $(STAMP)  ## Start EnergyGrid with its sandbox on http://127.0.0.1:8000
	$(BIN)/energygrid serve --sandbox $(ARGS)

install: $(STAMP)  ## Create .venv with the pinned dependencies

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "EnergyGrid needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q src
	touch $(STAMP)

test: $(STAMP)  ## Run the whole suite on a database of its own
	$(BIN)/python -m compileall -q src bench tests  # the many processes that tests start need not do it each
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadgroup $(ARGS)

node-clients: $(NODE_CLIENTS)/.installed  ## The outside Green Button client that runs on Node.js, for the test that uses it

$(NODE_CLIENTS)/.installed: Makefile | $(STAMP)
	npm install --prefix $(NODE_CLIENTS) --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
		@cityssm/green-button-parser@1.0.1
	touch $@

lint: $(STAMP)  ## Style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## Print measured figures as ratios to limits measured in the same run
	$(BIN)/python -m bench $(ARGS)

crash-test: $(STAMP)  ## Kill the server and PostgreSQL at random points for a long time (ARGS="--rounds 500")
	$(BIN)/python -m bench.crash $(ARGS)

clean:  ## Remove .venv and caches, never the data folder
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build
