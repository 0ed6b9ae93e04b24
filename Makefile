# make demo   sets up everything and runs the main job
# make test   sets up everything and tests it
# make setup  makes .venv with .venv/bin/lightship (both call it)

PYTHON ?= $(shell for p in python3 python3.12 python3.13 python3.11; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { command -v $$p; break; }; \
  done; true)
BIN := .venv/bin
STAMP := .venv/.lightship-setup
INSTALL := UV_COMPILE_BYTECODE=1 sh infra/install.sh $(BIN)/python
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url --no-emit-find-links

.PHONY: help setup demo test check unit integration data live browser kafka alertmanager collector stacks recordings chaos fuzz docs bench lock pin clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: $(STAMP) ## make .venv with everything pinned and hashed

$(STAMP): requirements.lock infra/installer.lock infra/install.sh pyproject.toml ingest/exporter/pyproject.toml
	@test -n "$(PYTHON)" || { echo "Lightship needs Python 3.11, 3.12 or 3.13 and found none: install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv || { echo "cannot make a virtual environment: on Debian install python3-venv"; exit 1; }
	@echo "setting up .venv (half a minute to two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: --require-hashes -r infra/installer.lock || true
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e . -e ingest/exporter
	@touch $@

demo: setup ## run the main job on demo traffic and open the dashboard
	@$(BIN)/lightship demo

test: setup ## everything this machine allows; what is left out is said
	@$(BIN)/python -m tests.run

check: setup ## format, lint, types, contracts between packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup ## fast tests without any server
	$(BIN)/pytest -n auto --dist worksteal -m "not integration and not chaos and not kafka and not alertmanager and not browser and not live and not data and not collector and not stacks"

integration: setup ## tests against the embedded servers
	$(BIN)/pytest -m "integration and not chaos and not kafka and not alertmanager"

data live browser kafka: setup ## tests of one kind
	$(BIN)/pytest -m "$@ and not chaos and not alertmanager"

alertmanager: setup ## tests against a real Prometheus Alertmanager (on Debian: prometheus-alertmanager)
	$(BIN)/pytest -m "alertmanager and not chaos and not kafka"

collector: setup ## a real OpenTelemetry Collector, built from Go modules, with the configurations of the docs
	$(BIN)/python -m tests.collector_programs
	$(BIN)/pytest -m collector

chaos: setup ## kills, full disks, wrong clocks, hostile texts: ten seeds on each broker that have not passed yet, and a table (an hour or two)
	$(BIN)/pytest -m chaos --capture=no --ignore=tests/chaos/test_kill_everything.py
	$(BIN)/python -m tests.chaos

fuzz: setup ## hostile bytes on readers and redaction, guided by coverage (ten minutes)
	$(INSTALL) --require-hashes -r tests/fuzz/requirements.txt
	$(BIN)/python -m tests.fuzz

docs: setup ## the documentation, built strictly
	$(BIN)/mkdocs build --strict --quiet

recordings: setup ## what those applications send, recorded anew with what ought to be read of it
	$(BIN)/python -m tests.stacks --record build/recordings $(STACKS)

stacks: setup ## real applications, each in its own environment, started as lightship env says, and a table
	$(BIN)/python -m tests.stacks $(STACKS)

bench: setup ## every number we quote
	$(BIN)/python -m bench

lock: setup ## resolve the dependencies anew
	$(LOCK) --all-extras --prerelease=if-necessary pyproject.toml -o requirements.lock
	echo 'uv>=0.9' | $(LOCK) --no-annotate - -o infra/installer.lock

pin: setup ## pin the container images to the digests that their tags have now
	$(BIN)/python -m infra.image_pins docker-compose.yml infra/Dockerfile

clean: ## remove what setup and tests made
	rm -rf .venv site build .mypy_cache .ruff_cache .pytest_cache .hypothesis
