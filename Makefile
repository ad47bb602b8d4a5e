# Each target makes its own virtual environment first: nothing else has to be installed but Python 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One process a core, one thread a process: at test sizes more threads only wait for each other.
SPREAD := -q -n auto --dist loadfile
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(SPREAD)
READY := $(VENV)/.ready
OLDEST := .venv-oldest
MITOOLS_TESTS := tests/mitools tests/test_examples.py

.PHONY: help demo test test-slow test-oldest test-kernel lint format benchmarks clean

help:
	@echo "make demo        digits, a small net, Algorithm 1, a table, figures and a report (about two minutes)"
	@echo "make test        the tests (under five minutes)"
	@echo "make test-slow   the slow tests"
	@echo "make test-oldest the tests of mitools with the oldest versions that pyproject.toml allows"
	@echo "make test-kernel the tests of mitools under a second BLAS kernel"
	@echo "make lint        ruff and mypy"
	@echo "make benchmarks  speed and accuracy against other packages, coverage of intervals"
	@echo "make clean       remove the virtual environment and caches (not runs/)"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $(READY)

demo: $(READY)
	$(BIN)/robustsplit demo --out runs/demo

test: $(READY)
	$(PYTEST)

test-slow: $(READY)
	$(PYTEST) -m slow

# Numba keeps one version's compiled code in a folder: two versions would throw out each other's.
test-oldest: $(OLDEST)/.ready
	OMP_NUM_THREADS=1 NUMBA_CACHE_DIR=$(CURDIR)/$(OLDEST)/numba \
	  $(OLDEST)/bin/python -m pytest $(SPREAD) $(MITOOLS_TESTS)

$(OLDEST)/.ready: pyproject.toml tests/oldest.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "The oldest versions exist for Python 3.11. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv --clear $(OLDEST)
	$(PYTHON) -m tests.oldest > $(OLDEST)/oldest.txt
	$(OLDEST)/bin/python -m pip install --quiet --editable . --constraint $(OLDEST)/oldest.txt \
	  hypothesis pytest pytest-xdist
	@touch $@

test-kernel: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.kernel $(SPREAD) tests/test_kernel.py tests/mitools tests/pinned

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(READY)
	@for name in speed edge accuracy; do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done
	$(BIN)/python benchmarks/intervals.py --groups plain --sizes 1000
	$(BIN)/python benchmarks/conditional.py

clean:
	rm -rf $(VENV) $(OLDEST) .pytest_cache .mypy_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
