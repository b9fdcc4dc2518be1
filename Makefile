# Two commands on a fresh machine: `make run` and `make test`. Each does its own set-up and may be repeated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# what `python3 -m venv` needs, and the servers that the tests talk to
APT_RUN := python3-venv
APT_TEST := nginx-light iproute2

.PHONY: setup run test lint lock bench
.DELETE_ON_ERROR:

setup: $(VENV)/.run

run: setup
	$(BIN)/headcount serve

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { requirements/apt $(APT_RUN) && $(PYTHON) -m venv --clear $(VENV); }

$(VENV)/.run: $(VENV)/bin/python requirements/run.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.lock
	touch $@

# Re-resolve the pinned versions after a change of dependencies in pyproject.toml.
lock:
	$(BIN)/pip install --quiet uv
	echo 'setuptools>=80' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/run.lock pyproject.toml -
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/test.lock --constraint requirements/run.lock --group test --group bench
