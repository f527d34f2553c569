# Everything a newcomer types. Each target does all its own set-up: Python ≥ 3.11 is enough.
.PHONY: help demo test check audit fault bench bench-docs bench-agree bench-guard lock install clean docs docs-reference bench-recall
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
	@echo "make bench   the speed table: ratios taken in one run (ROW=… for one row); then make bench-docs for its tables and plots"
	@echo "make bench-guard BASE=main   is this commit slower than another? Both in one run"
	@echo "make bench-recall   does recall find what belongs together? against PageRank, on hidden links of WordNet, and after learning"
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
	EXAMPLES=$${EXAMPLES:-2000} $(BIN)/pytest -n $(or $(PROCESSES),4) $(ARGS)

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

# each row from the last run that measured it
bench-docs: install
	$(BIN)/python -m benchmarks.docs

# do the last two runs agree within 15 %?
bench-agree: install
	$(BIN)/python -m benchmarks.agree

bench-guard: install
	$(BIN)/python -m benchmarks.guard $(or $(BASE),main) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(WORKS),--works $(WORKS))

# ten minutes, no database; it writes the tables of docs/explanation/does-it-help.md
bench-recall: install
	$(BIN)/python -m benchmarks.recall_quality

lock: install
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

docs: install
	$(BIN)/python docs/worked_example.py > docs/explanation/_worked_example.md
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs

docs-reference: install
	$(BIN)/python docs/settings_table.py > docs/reference/settings.md
	$(BIN)/python docs/api_table.py > docs/reference/api.md
	$(BIN)/python docs/events_table.py > docs/reference/events.md
	$(BIN)/python docs/failures_table.py > docs/reference/failures.md
	$(BIN)/python docs/log_table.py > docs/reference/log.md
	$(BIN)/python docs/metrics_table.py > docs/reference/metrics.md
	$(BIN)/python docs/commands_table.py > docs/reference/commands.md
	$(BIN)/python docs/http_table.py > docs/reference/http.md
	$(BIN)/python docs/schema_table.py > docs/reference/schema.md
	$(BIN)/python -m worker.events.schema docs/reference/events
