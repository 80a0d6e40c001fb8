# make demo      set up, then train, score and apply a small network on the built-in shapes, and say whether it came out well
# make test      set up what the tests need, and run them; REST="--ignore=tests/house" for pytest's own options
# make test-all  the slow tests too
# make fuzz      spoil files and read them for an hour; MINUTES=5 for less
# make check     formatter, linter, types, house tests
# make clean     remove what these targets made
#
# All of them work in a new clone with nothing installed but Python 3.11 or newer. They install into VENV, which is
# made when it does not exist: `make test VENV=$VIRTUAL_ENV` takes the environment you are in.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
MARKS := not slow and not gpu

.PHONY: help demo test test-all fuzz check format clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(VENV)/.has-package
	@$(BIN)/intarsia demo

test: $(VENV)/.has-test
	$(PYTEST) -n 2 -m "$(MARKS)" $(REST)

test-all: MARKS := not gpu
test-all: test

MINUTES ?= 60

fuzz: $(VENV)/.has-test
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/drive.py --minutes $(MINUTES) --keep

check: $(VENV)/.has-test $(VENV)/.has-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@echo "types, and beside them the house tests"; $(BIN)/mypy & types=$$!; \
	  $(PYTEST) -q -n 2 tests/house || { kill $$types; exit 1; }; wait $$types

format: $(VENV)/.has-lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python on the path that is new enough makes the environment.
$(BIN)/python:
	@for python in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "Intarsia needs Python 3.11 or newer, and 'python3' here is $$(python3 --version 2>/dev/null || echo missing); install one and run make again." >&2; exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv "$(VENV)" || { echo "Python could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; rm -rf "$(VENV)"; exit 1; }

# uv installs in a third of pip's time; where it cannot be had, or cannot reach the index that pip is set up for, pip does it.
define install
	@"$(BIN)/python" -m pip --version >/dev/null 2>&1 || "$(BIN)/python" -m ensurepip --upgrade >/dev/null
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt uv || echo "uv could not be installed; pip goes on alone, which takes longer" >&2
	@echo "installing $(1) into $(VENV) (PyTorch with CUDA is 5.5 GB; the README says how to take the small build for processors)"
	@{ [ -x "$(BIN)/uv" ] && "$(BIN)/uv" pip install --python "$(BIN)/python" -c constraints.txt -e "$(1)"; } || \
	  "$(BIN)/python" -m pip install --disable-pip-version-check -c constraints.txt -e "$(1)"
	@touch $@
endef

$(VENV)/.has-package: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.)

$(VENV)/.has-test: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.[test])

$(VENV)/.has-lint: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.[lint])
