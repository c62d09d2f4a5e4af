# Every target installs what it needs. Start with `make run` and `make test`.
VENV    ?= .venv
BIN     := $(VENV)/bin
IS_NEW  := import sys; sys.exit(sys.version_info < (3, 11))
# The first Python that is new enough. Another one: make run PYTHON=/path/to/python3
PYTHON  ?= $(shell unset PYTHONHOME; for each in python3 python3.13 python3.12 python3.11 python3.14; do $$each -c '$(IS_NEW)' 2>/dev/null && echo $$each && break; done)
INSTALL  = "$(PYTHON)" -Es -m installation $(VENV)
unexport PYTHONHOME

# A virtual environment contains the path of its folder and of its Python: install again after either has changed.
IS_MOVED := $(shell unset PYTHONHOME; $(BIN)/python -c '' 2>/dev/null && pwd -P | grep -sqxFf - $(VENV)/location || echo yes)
ifneq ($(filter command environment,$(origin PYTHON)),)
IS_MOVED += $(shell unset PYTHONHOME; "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null | grep -sqxFf - $(VENV)/location || echo yes)
endif
ifneq ($(strip $(IS_MOVED)),)
IGNORED := $(shell rm -f $(VENV)/tools.stamp $(VENV)/run.stamp $(VENV)/test.stamp)
endif

.PHONY: run test test-fast check first-runs docs bench chaos fuzz simulate screenshots lock wheel clean

run: $(VENV)/run.stamp
	@$(BIN)/headgate up $(ARGS)

# Without compiled modules in files, each process that a test starts would compile them.
test test-fast: export PYTHONDONTWRITEBYTECODE =

# Folders whose tests start servers and processes, and those whose tests install Headgate, in virtual environments, an image or on machines.
SERVERS := tests/system tests/integration tests/fuzz tests/chaos
INSTALLATIONS := tests/integration/installation tests/integration/docker tests/system/team
PYTEST := $(BIN)/python -m tests.support.time_slices 0.01 $(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

# Every test but those of the installation, in two sessions at a time: the tests with servers often wait, and meanwhile the other session
# runs all other tests. With ARGS, plain pytest. Modules of tests are compiled by pytest, which rewrites their assertions.
test: $(VENV)/test.stamp
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m compileall -q -j 2 -x '/test_[a-z_0-9]*\.py$$' domain application adapters entrypoints tests
	@$(PYTEST) $(SERVERS:%=--ignore=%) > $(VENV)/others.log 2>&1 & others=$$!; \
	trap "kill $$others; exit 130" INT TERM; \
	$(PYTEST) $(INSTALLATIONS:%=--ignore=%) $(SERVERS); servers=$$?; \
	wait $$others; others=$$?; cat $(VENV)/others.log; test $$servers = 0 && test $$others = 0
endif

# Domain, use cases and contracts on fakes: no server, no process, a few seconds.
test-fast: $(VENV)/test.stamp
	@$(BIN)/python -m pytest -q -n 2 -m "not real" tests/unit/domain tests/unit/application tests/contracts $(ARGS)

check: $(VENV)/test.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff check --quiet --preview --select PLW1514 domain application adapters entrypoints installation  # text files need an encoding
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

# The tests of the installation, also of the image and of a team's machines; then `make run` to the first completed run, on each Python of
# this machine, in a locale that is not UTF-8, and as the user nobody.
first-runs: $(VENV)/test.stamp
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup $(INSTALLATIONS)
	@$(BIN)/python -m tests.first_runs

bench: $(VENV)/test.stamp
	@$(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/test.stamp
	@$(BIN)/python -m tests.chaos.run --flood 1000 --incidents 500 $(ARGS)

fuzz: $(VENV)/test.stamp
	@$(BIN)/python -m tests.fuzz.run --seconds $(or $(SECONDS),600) $(ARGS)

simulate: $(VENV)/test.stamp
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),100000) $(ARGS)

$(VENV)/tools.stamp: requirements-tools.lock
	@"$(PYTHON)" -c '$(IS_NEW)' 2>/dev/null || { echo "headgate: Python 3.11 or newer is required; set PYTHON=/path/to/python3" >&2; exit 2; }
	@$(INSTALL) tools
	@touch $@

$(VENV)/run.stamp: requirements.lock pyproject.toml $(VENV)/tools.stamp
	@$(INSTALL) run
	@touch $@

$(VENV)/test.stamp: requirements-test.lock $(VENV)/run.stamp
	@$(INSTALL) test
	@touch $@

screenshots: $(VENV)/test.stamp
	@$(BIN)/python -m tests.support.screenshots $(ARGS)

docs: $(VENV)/test.stamp
	@$(BIN)/python -m tests.support.reference_pages

# Universal: each package has the Python versions and systems that need it. The packages that pyproject.toml overrides, and theirs, are left out.
LOCKED := pip compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate
LOCK := $(LOCKED) pyproject.toml --extra examples $(foreach name,django numpy pandas sqlparse,--no-emit-package $(name))

lock: $(VENV)/tools.stamp
	$(BIN)/uv $(LOCK) -o requirements.lock
	$(BIN)/uv $(LOCK) --group test -c requirements.lock -o requirements-test.lock
	printf 'hatchling\nuv\n' | $(BIN)/uv $(LOCKED) - -c requirements-test.lock -o requirements-tools.lock

# A wheel and an sdist. The wheel needs no checkout.
wheel: $(VENV)/tools.stamp
	@$(BIN)/python -m hatchling build -d dist

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache
