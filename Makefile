# Everything a newcomer types. Each target does all its own set-up: Python ≥ 3.11 is enough.
.PHONY: help demo test check audit fault bench lock install clean docs docs-reference
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

help:
	@echo "make demo    load WordNet into a real Neo4j, stimulate a word, watch activation spread (WORD=coffee)"
	@echo "make test    install what the tests need, and run them"
	@echo "make check   ruff, mypy, import rings"
	@echo "make audit   look the pinned dependencies up among known weaknesses"
	@echo "make fault   the matrix of reliability at full length (HOURS=1 ends it, ROW=kill9 for one row, SEEDS=17:18 again)"
	@echo "make docs    build the pages into build/docs, the worked example anew"
	@echo "make bench   the speed table: ratios taken in one run (ROW=… for one row)"
	@echo "make lock    pin the dependencies anew"

# Pinned by hash. pip alone does it, so that nothing need be there but Python.
.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Stridegraph needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing Stridegraph and what it needs into .venv (a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "compiling what ticks need (once)"
	@env -i PATH="$$PATH" $(BIN)/python -c 'from worker.settings import Settings; from worker.trial import warm; warm(Settings(), 1.0)'
	@touch $@

install: .venv/.installed

demo: install
	@$(BIN)/stridegraph demo $(if $(WORD),--word "$(WORD)")

test: install
	EXAMPLES=$${EXAMPLES:-2000} $(BIN)/pytest -n $(or $(PROCESSES),3) $(ARGS)

# the matrix of reliability at full length, which is days; it goes on where it was broken off, and writes docs/reliability.md
fault: install
	$(BIN)/python -m tests.fault $(ROW) $(if $(HOURS),--hours $(HOURS)) $(if $(SEEDS),--seeds $(SEEDS))

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Not part of `check`: what it finds depends on the day, and it needs a service that not every machine can reach.
audit: install
	@found=$$($(BIN)/uvx --quiet pip-audit@2.9.0 --require-hashes --disable-pip --progress-spinner off -r requirements.lock 2>&1); code=$$?; \
	echo "$$found"; \
	if echo "$$found" | grep -q "could not be audited\|ConnectionError"; then \
		echo "make audit: NOT AUDITED: the service did not answer for all of them, and no answer is no all-clear. Run it where the package index gives that out" >&2; \
		exit 2; \
	fi; \
	exit $$code

bench: install
	$(BIN)/python -m benchmarks $(ROW)

lock: install
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

docs: install
	$(BIN)/python docs/worked_example.py > docs/explanation/_worked_example.md
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs

docs-reference: install
	$(BIN)/python docs/settings_table.py > docs/reference/settings.md
	$(BIN)/python docs/events_table.py > docs/reference/events.md
	$(BIN)/python docs/failures_table.py > docs/reference/failures.md
	$(BIN)/python docs/log_table.py > docs/reference/log.md
	$(BIN)/python docs/metrics_table.py > docs/reference/metrics.md
	$(BIN)/python -m worker.events.schema docs/reference/events
