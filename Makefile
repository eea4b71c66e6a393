# Five verbs: app, test, check, fix, bench. `setup` makes the environment and is what the others call first.
# `make VENV=DIR …` chooses the environment; `make PYTHON=python3.12 …` the interpreter that makes it;
# `make WORKERS=2 test` how many test at once: each may take three gigabytes.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 3
BIN = $(VENV)/bin
PORT ?= 8501

.PHONY: setup app test check fix bench reproduce runs samples screens gallery hostile fuzz soak crash audit

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

app: setup
	$(BIN)/streamlit run app.py $(if $(STREAMLIT_SERVER_PORT),,--server.port $(PORT))

# Three workers, even on two cores: they often wait for servers and browsers. Each file stays in one, and the
# order is that of tests/conftest.py. Modules are compiled once and kept, not once for each of some fifty processes.
test: export PYTHONDONTWRITEBYTECODE =
test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest tests/test_architecture.py tests/test_readme.py

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tests.readme_table

bench: setup
	$(BIN)/python -m benchmarks

# The papers' tables into docs/results.md, from a store of their own (.reproduce): up to three hours on two cores, and only
# what is not there yet.
reproduce: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.reproduce

# The runs that the labs show before anything is trained; those whose files are there are left alone.
runs: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pruneviz.runs.shipping

samples: setup
	for made in sample_models/*/make.py; do $(BIN)/python -m sample_models.$$(basename $$(dirname $$made)).make || exit 1; done

screens: setup
	$(BIN)/python -m tests.browser.screens

gallery: setup
	$(BIN)/python -m tests.browser.gallery

# Longer than `make test`: files made to do harm, files changed at random, a server under many hands, processes killed at
# any instant, public advisories.
hostile: setup
	$(BIN)/python -m tests.hostile

fuzz: setup
	$(BIN)/python -m tests.fuzz

soak: setup
	$(BIN)/python -m tests.soak
	PRUNEVIZ_WALK=300 $(BIN)/python -m pytest tests/studio/test_walk.py tests/browser/test_walk.py

crash: setup
	$(BIN)/python -m tests.crash

audit: setup
	$(BIN)/python -m tests.audit
