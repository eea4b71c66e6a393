# Five verbs: app, test, check, fix, bench. `setup` makes the environment and is what the others call first.
# `make VENV=DIR …` chooses the environment; `make PYTHON=python3.12 …` the interpreter that makes it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PORT ?= 8501

.PHONY: setup app test check fix bench samples screens gallery hostile fuzz soak audit

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

app: setup
	$(BIN)/streamlit run app.py $(if $(STREAMLIT_SERVER_PORT),,--server.port $(PORT))

test: setup
	$(BIN)/python -m pytest -n 3 --dist loadfile

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

samples: setup
	for made in sample_models/*/make.py; do $(BIN)/python -m sample_models.$$(basename $$(dirname $$made)).make || exit 1; done

screens: setup
	$(BIN)/python -m tests.browser.screens

gallery: setup
	$(BIN)/python -m tests.browser.gallery

# Longer than `make test`: files made to do harm, files changed at random, a server under many hands, public advisories.
hostile: setup
	$(BIN)/python -m tests.hostile

fuzz: setup
	$(BIN)/python -m tests.fuzz

soak: setup
	$(BIN)/python -m tests.soak
	PRUNEVIZ_WALK=300 $(BIN)/python -m pytest tests/studio/test_walk.py tests/browser/test_walk.py

audit: setup
	$(BIN)/python -m tests.audit
