# Each target does the set-up it needs in .venv: `make demo` and `make test` work in a fresh clone.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := demo
# Share of vtrain's lines and branches that the fast tests must reach (%).
COVERAGE := 92
# Tests at a time: most wait for a process of theirs.
JOBS := 2
# One thread per process: the tracing workers already keep every core busy.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test test-ci test-all lint format docs bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

setup: $(STAMP)  ## make .venv and install vtrain with its tools

$(STAMP): pyproject.toml constraints.txt
	@python=; \
	for name in $(or $(PYTHON),python3.11 python3.12 python3.13 python3); do \
	  if "$$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    2>/dev/null; then python="$$name"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "vtrain needs Python 3.11, 3.12 or 3.13 with its venv module, and none was found." >&2; \
	  echo "Install one (on Debian: apt install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.12" >&2; \
	  exit 2; \
	fi; \
	if [ -d $(VENV) ] && ! $(BIN)/python -c '' 2>/dev/null; then rm -rf $(VENV); fi; \
	[ -d $(VENV) ] || { echo "Making $(VENV) with $$("$$python" --version)"; "$$python" -m venv $(VENV); }
	@echo "Installing vtrain and its tools into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## train on sample logos, validate, trace some: under 10 minutes on two cores
	$(BIN)/vtrain run --run $(DEMO)/run -c demo
	$(BIN)/vtrain data sample $(DEMO)/logos --count 8 --seed 1
	$(BIN)/vtrain trace $(DEMO)/logos -o $(DEMO)/svg --run $(DEMO)/run
	@echo
	@echo "Logos:   $(CURDIR)/$(DEMO)/logos"
	@echo "SVGs:    $(CURDIR)/$(DEMO)/svg"
	@echo "Report:  $$(ls -t "$(CURDIR)/$(DEMO)/run/"execution_report_*.txt | head -n 1)"

test: lint  ## lint and the fast tests, with coverage
	@rm -f .coverage .coverage.*
	@# Compiled once here, and not under the eyes of the coverage measurement.
	@$(BIN)/python -c 'from vtrain.scoring.score import warm_up; warm_up()'
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE)

test-ci: test  ## test, then the injected faults: what fits in 25 minutes
	@# Some take minutes and some seconds: whoever is done takes from the others.
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m faults

test-all: test  ## test, then the slow tests and the injected faults
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'slow or faults'

lint: $(STAMP)  ## ruff, mypy, and whether the generated pages are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/generate_docs.py --check

format: $(STAMP)  ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## write docs/cli.md and docs/config.md
	$(BIN)/python scripts/generate_docs.py

bench: $(STAMP)  ## measure speed and quality: see docs/benchmarks.md
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python scripts/bench_engine.py

clean:  ## remove .venv, the demo and every cache; runs/ is kept
	rm -rf $(VENV) $(DEMO) build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
