# Every target says what it does after ##; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := bash

PYTHON ?= python3.11
WORKERS ?= 2

BIN := .venv/bin
INSTALLED := .venv/.installed

# Python keeps what it has compiled: without, each of the many processes compiles all that it imports, in 9 seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test check format ui bench hooks

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED) ## Create .venv with Python 3.11 and the pinned packages (the others do so when needed)

demo: $(INSTALLED) ## Run the whole chain on a simulated market
	$(BIN)/asof demo

test: $(INSTALLED) ## Run all tests and doctests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(INSTALLED) ## Lint, formatting, types, the direction of imports, and hygiene of files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	SKIP=ruff-check,ruff-format,mypy,import-linter $(BIN)/pre-commit run --all-files

format: $(INSTALLED) ## Format, and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

ui: $(INSTALLED) ## Open the Dagster UI on the store in ASOF_HOME (.asof unless set)
	$(BIN)/asof ui

bench: $(INSTALLED) ## Run the benchmarks, one after the other (not laws and platform, which take an hour: run these by name)
	@set -e; for script in $(filter-out benchmarks/laws.py benchmarks/platform.py benchmarks/_%,$(wildcard benchmarks/*.py)); do \
		name="$${script%.py}"; echo "== $$name"; $(BIN)/python -m "$${name//\//.}"; done

hooks: $(INSTALLED) ## Run the checks before every git commit
	$(BIN)/pre-commit install

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "asof needs Python 3.11, and '$(PYTHON)' is not it. Install it," \
			"or name one: make PYTHON=path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	# Python compiles what is imported; compiling all that the packages hold takes as long as installing them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $@
