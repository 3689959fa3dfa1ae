# Every target sets up what it needs by itself: a virtual environment in .venv with the tested versions of everything.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# BLAS and OpenMP threads of one test process: the tests themselves run in parallel.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.PHONY: demo test lint format bench bench-exact docs clean

demo: $(VENV)/.installed
	$(BIN)/sparseprobe demo --out runs/demo

test: lint
	$(ONE_THREAD) $(BIN)/pytest -n auto --dist loadscope

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.probing
	$(BIN)/python -m benchmarks.datasets
	$(BIN)/python -m benchmarks.ablation

bench-exact: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.exact

docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache site
