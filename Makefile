# Every target sets up what it needs: a virtual environment in .venv, made once, brought up to date when
# the dependencies or the native engine's sources change.

PYTHON ?= python3
BIN := .venv/bin
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
endif
READY := .venv/.ready

.PHONY: help demo test browser coverage peers sanitize mutants lint docs bench pictures clean

help:
	@echo "make demo      train on handwritten digits and draw what happened, into out/"
	@echo "make test      run the tests, on both engines"
	@echo "make browser   run the tests of the explorer's page in Chromium (apt-get install chromium chromium-driver)"
	@echo "make coverage  run the tests and say which lines they reach"
	@echo "make peers     hold conventions against PyTorch and JAX, and 20,000 random programs against the engine"
	@echo "make sanitize  run the engine's tests with a native engine that looks at every access to memory"
	@echo "make mutants   edit the code in many places, one at a time, and see that the tests notice"
	@echo "make lint      ruff, ruff format and mypy"
	@echo "make docs      run the examples in the documentation"
	@echo "make bench     measure, against other libraries, and write the table in the README"
	@echo "make pictures  draw the pictures in docs/ again"

$(READY): pyproject.toml setup.py $(wildcard autograd/*.pyx autograd/native/*.pxi autograd/program/*.pyx autograd/program/*.h) autograd/_pages.h autograd/_lists.h autograd/c_rules.py autograd/primitives.py autograd/symbol.py
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[all]" --group dev
	@touch $(READY)

demo: $(READY)
	$(BIN)/python -m nn train digits --out out/

# On both engines, two tests at a time. COVERAGE: options for the first run; of the Python that there is, the native
# engine being C.
COVERAGE :=
test: $(READY)
	GLASSGRAD_ENGINE=python $(BIN)/python -m pytest -n 2 $(COVERAGE)
	$(BIN)/python -m pytest -n 2

browser: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group browser
	$(BIN)/python -m pytest tests/browser --override-ini addopts=

coverage: $(READY)
	GLASSGRAD_ENGINE=python $(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered

peers:
	test -d .venv-peers || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venv-peers/bin/python -m pip install --quiet --editable ".[all]" --group test torch==2.13.0 jax
	.venv-peers/bin/python -m pytest tests/peers --override-ini addopts= --override-ini filterwarnings=default
	.venv-peers/bin/python tests/programs/fuzz.py 10000 20000 --quick
	.venv-peers/bin/python tests/programs/fuzz.py 0 20000 --hard

# Built apart, so that the ordinary engine stays as it is; Python's own leaks are not looked for.
SANITIZED := build/sanitized
sanitize: $(READY)
	rm -rf $(SANITIZED) && mkdir -p $(SANITIZED)
	cp -r autograd nn visualize tests setup.py pyproject.toml $(SANITIZED)
	find $(SANITIZED) -name "*.so" -delete
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "setuptools>=77" "Cython>=3.1"
	cd $(SANITIZED) && CFLAGS="-fsanitize=address,undefined -fno-omit-frame-pointer -g" LDFLAGS="-fsanitize=address,undefined" \
		../../$(BIN)/python setup.py --quiet build_ext --inplace
	cd $(SANITIZED) && LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc GLASSGRAD_ENGINE=native PYTHONPATH=. \
		../../$(BIN)/python -m pytest -q tests/test_engines.py tests/test_value.py tests/test_sweep.py \
		tests/test_random_graphs.py tests/test_crashes.py tests/test_program_loops.py -k "not without_memory and not fork"

mutants: $(READY)
	$(BIN)/python tests/mutants.py

lint: $(READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

docs: $(READY)
	$(BIN)/python -m pytest --doctest-modules --doctest-glob="*.md" autograd nn visualize docs README.md

bench: $(READY)
	$(BIN)/python -m benchmarks --write

pictures: $(READY)
	$(BIN)/python docs/pictures.py

clean:
	rm -rf .venv out build dist *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
