# Wheels of torch_sparse and torch_scatter, taken if the folder exists (optional).
WHEELS ?= ../shared/wheels
PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
EPOCHS ?= 30
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS ?= 1

.PHONY: help install demo test test-lowest lint docs results clean

help:
	@echo "make demo    train SEA on MovieLens-100K, compare with Popularity, recommend"
	@echo "make test    run the test suite"
	@echo "make test-lowest  the same with the oldest versions of pyproject.toml"
	@echo "make lint    ruff, mypy --strict and the import contracts"
	@echo "make docs    build the documentation into docs/_build/html"
	@echo "make results train and measure all that README and docs show (days)"

# The version of constraints.txt, as pip finds it: where its index or --find-links offers
# the CPU build, that is what it takes. PIP_INDEX_URL and the like choose another source.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --only-binary torch -c constraints.txt '$(TORCH)'
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.wheels: $(VENV)/.installed
	@if [ -d '$(WHEELS)' ]; then \
	  $(PIP) --no-index --no-deps --find-links '$(WHEELS)' torch_scatter torch_sparse \
	    && echo 'with torch_sparse and torch_scatter from $(WHEELS)' \
	    || echo 'no wheel in $(WHEELS) fits this Python: going without torch_sparse'; \
	fi
	@touch $@

install: $(VENV)/.wheels

demo: $(VENV)/.wheels
	SEA_PYG='$(BIN)/sea-pyg' bash examples/demo.sh $(EPOCHS)

test: $(VENV)/.wheels
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

# The oldest versions that pyproject.toml allows, in an environment of their own. Old
# versions of PyG and others warn of themselves, so that warnings are no errors here.
$(VENV)-lowest/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet uv
	$(VENV)-lowest/bin/uv pip install --quiet --python $(VENV)-lowest/bin/python \
	  --resolution lowest-direct -e '.[dev]'
	@touch $@

test-lowest: $(VENV)-lowest/.installed
	$(VENV)-lowest/bin/python -m pytest -n $(JOBS) -o filterwarnings= $(ARGS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.installed
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo 'docs/_build/html/index.html'

results: $(VENV)/.wheels
	bash benchmarks/results.sh $(BIN)/python results $(JOBS)

clean:
	rm -rf $(VENV) $(VENV)-lowest .venv-core docs/_build docs/api build dist
