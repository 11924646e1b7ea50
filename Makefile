# What one does here; `make` alone lists it.
PYTHON ?= python3
BIN := .venv/bin
Q ?= How does S-LoRA serve thousands of adapters?

.DEFAULT_GOAL := help
.PHONY: help install chat ask index test lint types format gate check clean

help: ## Show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## Make .venv with the `assistant` script and what the checks need

# Bytecode is made at install, so that the first question does not wait for it.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

chat: install ## Open the chat page
	@$(BIN)/assistant serve --open-browser

ask: install ## Ask one question: make ask Q="How does S-LoRA serve thousands of adapters?"
	@$(BIN)/assistant ask -- "$$Q"

ask: export Q := $(Q)

index: install ## Index the configured corpus
	@$(BIN)/assistant index

test: install ## Run the tests, with coverage
	$(BIN)/python -m pytest -n auto --cov=assistant --cov-report=term:skip-covered --cov-fail-under=95

lint: install ## Look for faults and for lines out of style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry .

types: install ## Check the types
	$(BIN)/mypy

format: install ## Put every line in style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

gate: install ## Run the offline evals against their floors
	$(BIN)/python -m evals gate

check: test lint types gate ## Everything that must hold, as CI runs it

clean: ## Remove what the tools left behind, .venv too
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage dist build
