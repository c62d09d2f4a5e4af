# Every target installs what it needs. Start with `make run` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: run test test-fast check docs bench chaos fuzz simulate screenshots lock clean

run: $(VENV)/run.stamp
	@$(BIN)/headgate up $(ARGS)

# Every test, in three processes, since many wait for others; then those that measure time or kill processes, one at a time. With ARGS, plain pytest.
test: $(VENV)/test.stamp
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder -m "not alone"
	@$(BIN)/python -m pytest -m alone
endif

# Domain, use cases and contracts on fakes: no server, no process, a few seconds.
test-fast: $(VENV)/test.stamp
	@$(BIN)/python -m pytest -q -m "not real" tests/unit/domain tests/unit/application tests/contracts $(ARGS)

check: $(VENV)/test.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(VENV)/test.stamp
	@$(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/test.stamp
	@$(BIN)/python -m tests.chaos.run --flood 1000 $(ARGS)

fuzz: $(VENV)/test.stamp
	@$(BIN)/python -m tests.fuzz.run --seconds $(or $(SECONDS),600) $(ARGS)

simulate: $(VENV)/test.stamp
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),100000) $(ARGS)

$(BIN)/uv: requirements-tools.lock
	@echo "headgate: creating a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "headgate: Python 3.11 or newer is required; set PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.lock
	@touch $@

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/uv
	@echo "headgate: installing its dependencies (about 150 MB, from the hash-pinned lock)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test.stamp: requirements-test.lock $(VENV)/run.stamp
	@echo "headgate: installing the tests' dependencies"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-test.lock
	@touch $@

screenshots: $(VENV)/test.stamp
	@$(BIN)/python -m tests.support.screenshots $(ARGS)

docs: $(VENV)/test.stamp
	@$(BIN)/python -m tests.support.reference_pages

# Universal: each package has the Python versions and systems that need it. The packages that pyproject.toml overrides, and theirs, are left out.
LOCK := pip compile pyproject.toml --universal --group examples --generate-hashes --no-emit-index-url --no-header --no-annotate \
	$(foreach name,django numpy pandas sqlparse,--no-emit-package $(name))

lock: $(BIN)/uv
	$(BIN)/uv $(LOCK) -o requirements.lock
	$(BIN)/uv $(LOCK) --group test -c requirements.lock -o requirements-test.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
