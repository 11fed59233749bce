# Everything that a person or the CI runs. GNU make 3.81 and a POSIX shell are enough, in a folder of any name.

PY := .venv/bin/python
PIP_INSTALL := $(PY) -m pip --disable-pip-version-check install --progress-bar off --no-input

# What may be asked of the interpreter before it is trusted with .venv.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
CAN_VENV := import ensurepip, venv

# Prints one line per package while pip works, all that it said if it fails, and keeps its exit status.
SHOW := awk '/^Collecting/ { print "    " $$2; fflush(); next } /^exit / { status = $$2; next } { said = said $$0 "\n" } \
	END { if (status != 0) printf "%s\nThe packages could not be installed: does the package index answer? Then run the same command again.\n", said; \
	exit status }'
INSTALL = { $(PIP_INSTALL) $(1) 2>&1; echo "exit $$?"; } | $(SHOW)

# Some hundred processes of a test run would each compile what none of them may keep.
export PYTHONDONTWRITEBYTECODE :=

.DELETE_ON_ERROR:
.PHONY: help setup dev demo demo-terminal demo-clean page pictures test check faults soak mutants mutations fuzz bench lock licences docker-lint wheel clean slow slack-manifest real-model

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/.core ## .venv with what Postern needs (ten seconds to half a minute, once)
	@echo 'Set up. Next: make demo'

dev: .venv/.dev ## .venv with the extras and the tools of this project too

demo: .venv/.slack ## The sample in a workspace in your browser; DEMO_CONFIG=FOLDER takes another repository
	@$(PY) -m bot demo

demo-terminal: .venv/.core ## The same conversation in the terminal; it goes on where it ended
	@$(PY) -m bot demo --terminal

demo-clean: ## Remove what the demo made (.postern/)
	@rm -rf .postern && echo "Removed .postern/"

test: .venv/.dev ## All tests, on all cores; ARGS="tests/core -k wildcard" narrows them
	@$(PY) -m pytest $(ARGS)

faults: .venv/.dev ## Every fault at every call of GitLab and Git, kill -9 between any two, disk over time (some minutes)
	@$(PY) -m pytest -m "slow or not slow" tests/faults $(ARGS)

soak: .venv/.dev ## Simulated teams while things break; ARGS="--requests 200 --seed 7 --database postgres" (or sqlite)
	@$(PY) -m tests.reliability $(ARGS)

check: .venv/.dev ## Lint, format, types and import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

slow: .venv/.dev ## The tests that `make test` leaves out because they take minutes each, and all examples of properties
	@POSTERN_ALL_EXAMPLES=1 $(PY) -m pytest -m "slow or hypothesis" $(ARGS)

mutants: .venv/.dev ## Plant mistakes; each must turn a test red (some minutes)
	@$(PY) -m tests.mutants $(ARGS)

mutations: .venv/.dev ## Mutations drawn by lot over the code that decides; ARGS="--count 200 --seed 7"
	@$(PY) -m tests.mutations $(ARGS)

slack-manifest: .venv/.dev ## Write slack-manifest.yaml anew from what the code registers and calls
	@$(PY) -m bot.slack.manifest > slack-manifest.yaml

fuzz: .venv/.dev ## Hand changed texts to every reader; ARGS="--minutes 30 --seed 7"; finds are kept in tests/cases_fuzz
	@$(PY) -m tests.fuzz $(ARGS)

real-model: .venv/.dev ## A real, weak model as a hostile one (docs/AI.md); ARGS="http://127.0.0.1:8082/v1 24"
	@$(PY) -m tests.hostile_model $(ARGS)

bench: .venv/.dev ## Measure the check path, proposals, durable work and what Slack waits for, as ratios to their floors
	@$(PY) -m benchmarks.check_path $(ARGS)
	@$(PY) -m benchmarks.propose $(ARGS)
	@$(PY) -m benchmarks.durable
	@$(PY) -m benchmarks.slack_ingress
	@$(PY) -m benchmarks.slack_answers
	@$(PY) -m benchmarks.ai

.venv/bin/python:
	@python=; older=; venvless=; \
	for each in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
		"$$each" -c '' 2>/dev/null || continue; \
		if ! "$$each" -c '$(NEW_ENOUGH)'; then older=$$each; continue; fi; \
		if ! "$$each" -c '$(CAN_VENV)' 2>/dev/null; then venvless=$$each; continue; fi; \
		python=$$each; break; \
	done; \
	if [ -z "$$python" ] && [ -n "$$venvless" ]; then \
		echo "Your $$venvless can't make virtual environments: install its venv package (Debian and Ubuntu: python3-venv)." >&2; exit 1; \
	elif [ -z "$$python" ]; then \
		echo "Postern needs Python 3.11 or newer, and none is on your PATH: install one, or say where it is with make setup PYTHON=/path/to/python3." >&2; exit 1; \
	fi; \
	echo "Making .venv with $$("$$python" -V)"; \
	"$$python" -m venv --clear .venv

.venv/.core: requirements/core.txt pyproject.toml .venv/bin/python
	@began=$$(date +%s); \
	echo "Installing $$(grep -c == requirements/core.txt) packages from requirements/core.txt"; \
	$(call INSTALL,--no-deps --only-binary :all: -r requirements/core.txt) && \
	$(PIP_INSTALL) -q --no-deps --no-build-isolation -e . && \
	touch .venv/.core && echo "Ready after $$(( $$(date +%s) - began )) s"

# What the demo's page needs beside the core: the library that speaks to Slack, and its web server.
.venv/.slack: requirements/slack.txt .venv/.core
	@echo "Installing what the page of the demo needs, from requirements/slack.txt"; \
	$(call INSTALL,--no-deps --only-binary :all: -r requirements/slack.txt) && touch .venv/.slack

# The oracle's own pins would contradict ours: it gets a folder, and tests run it as a process of its own.
.venv/.dev: requirements/dev.txt requirements/oracle.txt tests/counterparts/package-lock.json .venv/.core
	@began=$$(date +%s); \
	echo "Installing $$(grep -c == requirements/dev.txt) packages from requirements/dev.txt"; \
	$(call INSTALL,--no-deps --only-binary :all: -r requirements/dev.txt) && \
	rm -rf .venv/oracle && $(PIP_INSTALL) -q --no-deps --target .venv/oracle -r requirements/oracle.txt && \
	{ ! command -v npm >/dev/null || npm ci --prefix tests/counterparts --ignore-scripts --no-audit --no-fund --silent; } && \
	touch .venv/.slack .venv/.dev && echo "Ready after $$(( $$(date +%s) - began )) s"

# Existing pins stay unless UPGRADE says otherwise: `make lock UPGRADE=--upgrade`. Each file keeps to the one before.
COMPILE := .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --custom-compile-command "make lock" $(UPGRADE)

lock: .venv/.dev ## Write requirements/*.txt anew from pyproject.toml
	$(COMPILE) pyproject.toml --extra all -o requirements/server.txt
	$(COMPILE) pyproject.toml --extra slack --extra gitlab --extra durable --extra postgres --extra openai --extra anthropic --extra helm --group dev -c requirements/server.txt -o requirements/dev.txt
	$(COMPILE) pyproject.toml --group build -c requirements/dev.txt -o requirements/core.txt
	$(COMPILE) pyproject.toml --extra slack --group build -c requirements/dev.txt -o requirements/slack.txt
	$(COMPILE) --group oracle -o requirements/oracle.txt

page: ## Build the page of the demo anew from page/ (Node and npm); its users need neither
	npm ci --prefix page --ignore-scripts --no-audit --no-fund --silent
	npm run --prefix page --silent build

pictures: .venv/.dev ## Take docs/pictures/*.png anew, of the page in Chromium
	@$(PY) -m tests.page.pictures

licences: .venv/.dev ## Write docs/LICENCES.md anew from what the packages say of themselves
	.venv/bin/uv venv -q --clear build/licences
	.venv/bin/uv pip install -q --python build/licences -r requirements/dev.txt -r requirements/server.txt
	build/licences/bin/python -m tests.house.licences

docker-lint: .venv/.dev ## Check the Dockerfile without an engine
	@$(PY) -m pytest -q -n 0 tests/house/test_dockerfile.py

wheel: .venv/.core ## Build dist/postern-*.whl
	@$(PY) -m pip --disable-pip-version-check wheel -q --no-deps --no-build-isolation -w dist . && ls dist/*.whl

clean: demo-clean ## Remove the demo, .venv, builds and caches
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
