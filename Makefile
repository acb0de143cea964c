# All developer commands. `make run` and `make test` need only Python 3.11 or later.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run test check format lock clean soak bench

run: $(VENV)/.runtime
	@$(BIN)/creditgate up --seed

test: $(VENV)/.dev
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_import_rule.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(VENV)/.dev
	CREDITGATE_SOAK=1 $(BIN)/pytest -q tests/e2e/test_worker_kill.py

# Needs Debian's wrk; compares with nginx-light and crowdsec if installed. BENCH="--quick" runs a short version.
bench: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python -m bench.run $(BENCH)

$(VENV)/.runtime: requirements.lock pyproject.toml scripts/bootstrap.sh
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh $(VENV) requirements.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh $(VENV) requirements-dev.lock
	@touch $@

# Needs `uv`. The lock files hold versions and hashes, and no address of an index.
lock:
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements.lock
	uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
