# What people and CI call. `make audit` and `make test` need nothing but Python 3.11 or newer, make and pip.

VENV ?= .venv
BIN := $(VENV)/bin
# The tests that wait for servers leave a core idle, so there are as many workers as cores, and never one alone.
WORKERS ?= auto
FUZZ_CASES ?= 2000
# In front of pytest: `-m coverage run` counts what the tests run, and so do the commands that they start.
MEASURED ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check

# `python3` may be an old one, with a newer one beside it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: help audit test coverage check style types layers fix docs golden picture fuzz clean

help: ## What can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

audit: $(VENV)/.installed ## Audit the sample app that does everything wrong; JSON in audit-report/
	@mkdir -p audit-report
# Exit code 1 says "findings", which is what this app is for; 2 and 3 are failures of the audit itself.
	$(BIN)/fastapi-audit scan sample_apps/prototype --report json=audit-report/scorecard.json || [ $$? -eq 1 ]

test: $(VENV)/.installed-dev ## Every test; those that need a server are skipped where there is none, unless CI=true
	$(BIN)/python $(MEASURED) -m pytest --numprocesses $(WORKERS)

coverage: ## Every test, then the lines and branches of src that none of them took
	rm -f .coverage .coverage.*
	$(MAKE) test MEASURED='-m coverage run'
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report
	$(BIN)/python tests/branches.py

check: style types layers test ## What CI runs

style: $(VENV)/.installed-dev ## Format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev ## mypy --strict
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy --config-file sample_apps/production/pyproject.toml sample_apps/production/leads
	$(BIN)/python -m mypy --config-file sample_apps/layered/pyproject.toml sample_apps/layered/orders

layers: $(VENV)/.installed-dev ## Who may import whom
	$(BIN)/lint-imports --no-logo

fix: $(VENV)/.installed-dev ## Format, and apply what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev ## Write checks/ and the README's blocks from the rules and reports/
	$(BIN)/python tests/pages.py

golden: $(VENV)/.installed-dev ## Write reports/ from the sample apps; review the diff
	$(BIN)/python tests/golden.py

fuzz: $(VENV)/.installed-dev ## Tens of thousands of damaged files; FUZZ_CASES of each target
	FUZZ_CASES=$(FUZZ_CASES) $(BIN)/python -m pytest tests/fuzz --numprocesses $(WORKERS) --timeout 7200

picture: $(VENV)/.installed-dev ## Write docs/report.png with the Chromium of the machine
	$(BIN)/python tests/picture.py

clean: ## Remove everything that was made here
	rm -rf $(VENV) audit-report .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "fastapi-audit needs Python 3.11 or newer; none is on the PATH" >&2; exit 1; }
# Debian's Python comes without ensurepip; its pip can still install into another environment.
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable .
	@touch $@

# Dependency groups need a pip of 2025.
$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	$(PIP) install --quiet --editable . --group dev
	@touch $@ $(VENV)/.installed
