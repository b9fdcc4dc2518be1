# Two commands on a fresh machine: `make run` and `make test`. Each does its own set-up and may be repeated.
# the Python of the environment; without it the one that requirements/python finds fast
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
# LiteLLM pins over a hundred packages, so its tests have an environment of their own
LITELLM := .venv-litellm
# an API that reads keys as many do, for the tests of key spellings
EXPRESS := tests/gateways/express/node_modules/.package-lock.json
# an OpenID Connect provider, for the tests of signing in
PROVIDER := tests/admin/provider/node_modules/.package-lock.json
# axe-core, for the tests of the console's pages
AXE := tests/console/axe/node_modules/.package-lock.json
# what `python3 -m venv` needs, and the servers that the tests talk to
APT_RUN := python3-venv
APT_TEST := nginx-light libnginx-mod-http-lua lua-cjson luajit2 redis-server redis-sentinel haproxy chromium faketime prometheus

# one file's tests stay together, because they share the servers that the file starts
PYTEST := $(BIN)/python -m pytest -q -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: setup interpreted run demo test test-fast test-hydra test-long mutants protobuf console screenshots lint format bench bench-nginx chaos fuzz hydra geoip-data docs image-test lock
.DELETE_ON_ERROR:

setup: $(VENV)/.compiled

# Take the compiled form away, to work on the sources as they are; the next `make setup` or `make test` brings it back.
interpreted:
	requirements/compiled --remove
	rm -f $(VENV)/.compiled

# the recipe replaces itself with the sidecar, so that a signal to it ends the sidecar
run: setup
	exec $(BIN)/headcount serve

# A sidecar with a past: a day in which a hydra was found, played into a new state. The console then has something to show.
demo: setup
	rm -rf var/demo
	mkdir -p var/demo
	$(BIN)/python examples/generate.py --now var/demo/day.jsonl.gz
	exec $(BIN)/headcount serve --config examples/linked.yaml --state var/demo/state.sqlite3 --play var/demo/day.jsonl.gz

test: $(VENV)/.test $(VENV)/.compiled $(LITELLM)/.ready $(VENV)/haproxy/haproxy $(EXPRESS) $(PROVIDER) $(AXE)
	requirements/apt $(APT_TEST)
	$(PYTEST) --ignore=tests/benchmarks/hydra
	@echo 'All tests passed. Next: make run, or make lint before a commit.'

# For the inner loop: no server but our own, no simulator, and no file that takes long.
test-fast: $(VENV)/.test
	$(PYTEST) -m "not gateway and not slow and not long" --ignore=tests/benchmarks --ignore=tests/examples

# The simulator of benchmarks/hydra, which changes seldom.
test-hydra: $(VENV)/.test
	$(PYTEST) tests/benchmarks/hydra

# The long trials whole: kills, interleavings, floods, steps of the clock. `make test` runs a sample of each.
test-long: $(VENV)/.test $(VENV)/.compiled $(EXPRESS)
	requirements/apt $(APT_TEST)
	$(PYTEST) -m long

# Change the core a little, one change at a time, and see whether the tests notice; works on copies of the tree.
# About a quarter of an hour on two quiet cores; `make mutants MUTANTS="--count 50 --seed 2 reputation/engine/shared_budgets.py"` takes less.
mutants: $(VENV)/.test
	$(BIN)/python -m benchmarks.mutants $(MUTANTS)

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Figures of docs/benchmarks.md; on a machine with nothing else to do.
bench: $(VENV)/.test $(VENV)/.compiled
	$(BIN)/python -m benchmarks.machine
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.messages
	$(BIN)/python -m benchmarks.replay_speed
	$(BIN)/python -m benchmarks.weights_replay
	$(BIN)/python -m benchmarks.weights_suggest --levels L3,L4 --honest 300 --heads 60 --days 3
	$(BIN)/python -m benchmarks.http_check --sidecar '$(BIN)/headcount serve --state :memory: --listen {listen} --admin {admin}'
	$(BIN)/python -m benchmarks.grpc_calls

PARSERS := check batch settle adapters http1 http2 hpack spoe envoy configuration replay lists databases webhooks

# Look for bytes that a parser cannot bear, guided by coverage where atheris can be had; `make fuzz SECONDS=600` looks longer at each.
# Made-up streams of whole frames come last: coverage alone seldom gets there.
fuzz: interpreted $(VENV)/.test
	-$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/fuzz.lock
	for one in $(PARSERS); do $(BIN)/python -m benchmarks.fuzz_parsers $$one --seconds $(or $(SECONDS),30) || exit 1; done
	$(BIN)/python -m benchmarks.fuzz_spop --seconds $(or $(SECONDS),30)
	$(BIN)/python -m benchmarks.fuzz_envoy --seconds $(or $(SECONDS),30)
	$(BIN)/python -m benchmarks.fuzz_http2 --seconds $(or $(SECONDS),30)

# Faults in random order against two sidecars over one server, under load; the seed is printed. `make chaos SECONDS=1800` plays longer.
chaos: $(VENV)/.test $(VENV)/.compiled
	requirements/apt $(APT_TEST)
	$(BIN)/python -m benchmarks.chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

# What leases cost nginx, and whether they hold: docs/leases.md.
bench-nginx: $(VENV)/.test
	requirements/apt $(APT_TEST) wrk
	$(BIN)/python -m benchmarks.nginx_leases
	$(BIN)/python -m benchmarks.nginx_bound --fail closed
	$(BIN)/python -m benchmarks.nginx_bound --fail open
	$(BIN)/python -m benchmarks.nginx_hydra

# What every simulated world lets through and costs, as in docs/hydra.md, which says how long it takes; HYDRA=--quick takes less.
hydra: $(VENV)/.test
	$(BIN)/python -m benchmarks.machine
	$(BIN)/python -m benchmarks.hydra.measure --jobs 2 $(HYDRA)

# Build the embedded address database anew; needs npm.
geoip-data: $(VENV)/.run
	$(BIN)/python -m tools.address_database

# Fetch the console's bundled libraries anew; needs npm.
console:
	reputation/console/libraries/fetch

# The pictures of docs/console.md, and of the demo in the README.
screenshots: $(VENV)/.test
	requirements/apt chromium
	PYTHONPATH=tests $(BIN)/python -m tests.console.screenshots

# Generate the code of Envoy's messages anew, after a change of their description.
protobuf: $(VENV)/.run
	$(BIN)/pip install --quiet uv
	$(BIN)/uv run --quiet --no-project --with grpcio-tools==1.85.1 python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. plugins/envoy/messages.proto

# The pages as a static site in var/site; a broken link is an error.
docs: $(VENV)/.test
	rm -rf var/site
	$(BIN)/python -m tools.site var/site
	@echo 'Open var/site/index.html'

image-test:
	image/test

$(VENV)/bin/python:
	python=$${PYTHON:-$$(requirements/python || echo python3)}; \
	$$python -m venv $(VENV) 2>/dev/null || { requirements/apt $(APT_RUN) && $$python -m venv --clear $(VENV); }

$(VENV)/.run: $(VENV)/bin/python requirements/run.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/run.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# The heart of a check, compiled beside its sources. A compiled module hides its source, so any newer source means again.
$(VENV)/.compiled: $(VENV)/.run requirements/compile.lock requirements/compiled setup.py $(shell find reputation geoip plugins -name '*.py')
	requirements/compiled $(BIN)/python
	touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/test.lock
	touch $@

$(LITELLM)/.ready: requirements/litellm.lock | $(VENV)/bin/python
	$(BIN)/python -m venv --clear $(LITELLM)
	$(LITELLM)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

$(EXPRESS) $(PROVIDER) $(AXE): %/node_modules/.package-lock.json: %/package-lock.json
	command -v npm >/dev/null || requirements/apt nodejs npm
	npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --silent
	touch $@

# HAProxy asks another way from 3.1 on, and Debian 12 has 2.6. Where none can be had, its tests are skipped and say so.
$(VENV)/haproxy/haproxy: requirements/newer-haproxy | $(VENV)/bin/python
	-requirements/newer-haproxy $(@D)

# Re-resolve the pinned versions after a change of dependencies in pyproject.toml.
lock:
	$(BIN)/pip install --quiet uv
	echo 'setuptools>=80' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/run.lock pyproject.toml -
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/test.lock --constraint requirements/run.lock --group test --group bench --group docs
	echo 'atheris' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/fuzz.lock -
	echo 'litellm[proxy]' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/litellm.lock -
	printf 'mypy\ntypes-cachetools\ntypes-protobuf\ntypes-pyyaml\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/compile.lock --constraint requirements/test.lock -
