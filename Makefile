# What each target is for: make help.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# One file stays on one worker, so that tests that share an engine's storage never overlap.
PARALLEL := -n 2 --dist loadfile

.PHONY: help setup lint test prove bench demo clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup: ## install Debian packages and .venv (root or sudo; safe to repeat)
	@tools/setup

lint: setup ## ruff, mypy and the import contracts
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

test: lint ## lint, then unit, property and end-to-end tests
	$(PYTEST) -q $(PARALLEL) -m 'not prove'

prove: lint ## everything, the long proofs included; goes on where it ended
	@tools/prove
	@tools/engine-matrix

bench: setup ## how fast the hot paths are here
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

demo: setup ## build an example twice, far apart, and compare the digests
	@tools/demo

clean: ## remove what make made, .venv included
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
