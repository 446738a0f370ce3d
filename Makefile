# Two commands: `make run` shows it work, `make test` proves it. They need python3 (3.11 or newer) and make;
# everything else goes into .venv, and again only when pyproject.toml has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config/corsproxy.yaml
UPSTREAM ?=
ARGS ?=
SECONDS ?= 600
SEEDS ?= 10000
FROM ?= 0

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help run test lint bench fuzz simulate clean
.DELETE_ON_ERROR:

help:
	@echo "make run                              the demonstration: sample app, proxy, page; Ctrl-C ends it"
	@echo "make run UPSTREAM=http://127.0.0.1:5000   the proxy with $(CONFIG) before your own app"
	@echo "make test                             everything is checked: ruff, mypy, pytest (ARGS='-k demo' for less)"
	@echo "make lint                             ruff and mypy alone"
	@echo "make bench                            compare with other proxies (ARGS are passed on)"
	@echo "make fuzz SECONDS=600                 look for inputs that break it, for that long (Linux on x86-64)"
	@echo "make simulate SEEDS=10000 FROM=0      play that many worlds of many clients and backends, one a seed"
	@echo "make clean                            remove .venv, caches and built packages"
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter, CONFIG=file the rules (CONFIG= the"
	@echo "demonstration's own, which move to free ports)."

ifeq ($(strip $(UPSTREAM)),)
run: $(VENV)/.installed-demo
	@exec $(BIN)/corsproxy demo $(if $(strip $(CONFIG)),-c "$(CONFIG)") $(ARGS)
else
run: $(VENV)/.installed-demo
	@echo 'Call the proxy, at the address behind "listen" below, where you called $(UPSTREAM).' >&2
	@echo 'Who may read stands in $(CONFIG). Edit it and save: it holds for the next request.' >&2
	@echo 'What is refused, and why: in the lines below, and as a page at the address behind "admin". Ctrl-C ends it.' >&2
	@exec $(BIN)/corsproxy run -c "$(CONFIG)" --upstream "$(UPSTREAM)" $(ARGS)
endif

lint: $(VENV)/.installed-test
	@echo "ruff check"
	@$(BIN)/ruff check
	@echo "ruff format --check"
	@$(BIN)/ruff format --check
	@echo "mypy --strict (the first time takes a minute)"
	@$(BIN)/mypy

# pytest comes last, so that its closing line is the last one.
test: lint
	@echo "pytest"
	@$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.installed-test
	@$(BIN)/python -m bench $(ARGS)

fuzz: $(VENV)/.installed-test
	@nice $(BIN)/python -m tests.fuzz $(SECONDS)

simulate: $(VENV)/.installed-test
	@nice $(BIN)/python -m tests.simulation --seeds $(SEEDS) --from $(FROM)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. The stamps lie inside it, so that removing it is enough to begin anew.
$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old: corsproxy needs 3.11 or newer. Name another: make PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Creating $(VENV) (a few seconds)"
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing corsproxy[$*] into $(VENV) (up to a minute; only when pyproject.toml changes)"
	@$(PIP) --editable '.[$*]'
	@touch $@
