# Météo santé. `make help` lists the targets; `make demo` and `make test` need nothing else beforehand.
#
# PYTHON=…   interpreter to make .venv with (3.11 to 3.13)
# ARGS=…     added to the command of the target, as in  make demo ARGS="--speed 3600x"

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench faults services-up services-down docs lock clean environment environment-test
ARGS ?=
BIN := .venv/bin

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name text; do \
	    printf '  make %-14s %s\n' "$$name" "$$text"; done

environment:
	@sh infra/deploy/environment.sh demo

environment-test:
	@sh infra/deploy/environment.sh test

demo: environment ## run everything on this machine at http://127.0.0.1:8000 until Ctrl-C
	@exec $(BIN)/meteo demo $(ARGS)

test: environment-test ## lint, types and every test, on real Kafka, TimescaleDB and Chromium
	@sh tests/run.sh $(ARGS)

lint: environment-test ## style, form and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: environment-test ## strict types
	$(BIN)/mypy

bench: environment-test ## measurements, with yardsticks in the same run
	$(BIN)/pytest -m bench -s $(ARGS)

faults: environment-test ## every fault: kills, cuts, floods, disorder
	sh tests/provision.sh
	$(BIN)/pytest -m faults $(ARGS)

services-up: environment ## start the embedded Kafka and PostgreSQL, and leave them running
	@$(BIN)/meteo services up $(ARGS)

services-down: environment ## stop them; their data stays
	@$(BIN)/meteo services down

docs: environment-test ## write the reference pages from the code
	$(BIN)/python docs/generate.py $(ARGS)

# The locks name no registry: hashes say what a file is, whoever serves it.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url
lock: environment-test ## resolve the dependencies anew into the lock files
	$(COMPILE) pyproject.toml -o requirements.lock $(ARGS)
	$(COMPILE) pyproject.toml --group test -o requirements-test.lock $(ARGS)
	$(COMPILE) requirements-build.in -o requirements-build.lock $(ARGS)
	cd infra/services/locks && "$(CURDIR)/$(BIN)/jgo" --resolver python --class-path-only --system-java -f jgo.toml lock

clean: ## remove what was made here, except the data in .meteo
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
