# `make demo` and `make test` set up all they need: Python ≥ 3.11 with venv, Node ≥ 20 and git are the only demands.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test test-all lint format bench lock clean
.DELETE_ON_ERROR:

demo: .venv/ready contracts/node_modules/ready
	$(BIN)/monitor demo

test: lint
	$(PYTEST) -n 2 -m "not slow"

test-all: lint
	HYPOTHESIS_PROFILE=wide $(PYTEST) -n 2

lint: .venv/ready contracts/node_modules/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/ready
	@missed=; for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || missed="$$missed $$script"; done; \
	  [ -z "$$missed" ] || { echo "make: these missed their goal:$$missed" >&2; exit 1; }

# The lock is universal (3.11 to 3.14, every platform); `make lock` needs uv.
lock:
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --quiet --output-file requirements.lock

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than 3.11; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

contracts/node_modules/ready: contracts/package-lock.json
	@command -v npm >/dev/null || { echo "make: npm is missing; install Node.js 20 or newer" >&2; exit 1; }
	cd contracts && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clean:
	rm -rf .venv contracts/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-out
