# Everything a newcomer types. Each target does all its own set-up: Python ≥ 3.11 is enough.
.PHONY: help demo test check fault bench lock install clean docs-reference
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

help:
	@echo "make demo    load WordNet into a real Neo4j, stimulate a word, watch activation spread (WORD=coffee)"
	@echo "make test    install what the tests need, and run them"
	@echo "make check   ruff, mypy, import rings"
	@echo "make bench   the speed table: ratios taken in one run (ROW=… for one row)"
	@echo "make lock    pin the dependencies anew"

# Pinned by hash. pip alone does it, so that nothing need be there but Python.
.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Stridegraph needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing Stridegraph and what it needs into .venv (a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: .venv/.installed

demo: install
	@$(BIN)/stridegraph demo $(if $(WORD),--word "$(WORD)")

test: install
	$(BIN)/pytest $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m benchmarks $(ROW)

lock: install
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

docs-reference: install
	$(BIN)/python docs/settings_table.py > docs/reference/settings.md
	$(BIN)/python -m worker.events.schema docs/reference/events
