# Every target is a short way to say what `itaas`, pytest or a script does; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
# A file stays with one worker, so that what its tests share is made once. `make test WORKERS=` runs in one process.
WORKERS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run demo stack test test-long bench format check lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

$(BIN)/itaas: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q $(VENV)/lib services *_service gateway || true
	@touch $(BIN)/itaas

$(VENV)/.dev: requirements-dev.txt $(BIN)/itaas
	@echo "installing the locked tools of the tests"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $(VENV)/.dev

.venv-focus/.done: tests/requirements-focus-validator.txt
	@rm -rf .venv-focus
	@python=$$(for each in python3.12 $$HOME/.pyenv/versions/3.12*/bin/python; do \
	    $$each -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null && echo $$each && break; done); \
	if test -n "$$python"; then \
	    echo "installing the FOCUS validator" && $$python -m venv .venv-focus && \
	    .venv-focus/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; \
	else echo "no Python 3.12: the FOCUS validator will not be run" && mkdir -p .venv-focus; fi
	@touch $@

setup: $(BIN)/itaas ## Make .venv with `itaas` in it

setup-dev: $(VENV)/.dev .venv-focus/.done ## The same with what tests and checks need

run: setup ## Serve the suite with the sample organisation on 127.0.0.1:8080 (PORT=…)
	@$(BIN)/itaas up --sample --port $(PORT)

demo: setup ## Drive the whole value loop against a running suite, or one of its own
	@ITAAS_PORT=$(PORT) $(BIN)/itaas loop

stack: setup ## The distributed mode for real: Kafka, PostgreSQL and five processes, without Docker
	@$(BIN)/itaas stack --sample --port $(PORT)

test: setup-dev ## All tests that take less than ten minutes together
	@$(BIN)/python -m pytest -m "not long" $(WORKERS) $(ARGS)

test-long: setup-dev ## What takes longer
	@$(BIN)/python -m pytest -m long $(ARGS)

$(VENV)/.bench: requirements-bench.txt $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $(VENV)/.bench

bench: $(VENV)/.bench ## Measure against references in the same run, and keep the figures in docs/bench.md
	@$(BIN)/python -m tests.bench --write docs/bench.md $(ARGS)

format: setup-dev ## Put the code into the form that `make check` asks for
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format .

check: setup-dev ## Lint, types, and the direction of the dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: ## Renew the requirements files (needs uv)
	uv pip compile pyproject.toml --group build --group dev $(LOCK) -o requirements-dev.txt
	uv pip compile pyproject.toml --group build -c requirements-dev.txt $(LOCK) -o requirements.txt
	uv pip compile pyproject.toml --group bench -c requirements-dev.txt $(LOCK) -o requirements-bench.txt
LOCK := --quiet --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --universal

clean: ## Remove the environment and caches; the data folder .itaas stays
	rm -rf $(VENV) .venv-focus .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
