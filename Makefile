# Names the commands; what they do is decided elsewhere. One .venv serves them all.
#
#   make demo           the whole way of a recording, watched from outside
#   make test           format, lint, types, every test
#   make vm-test        cameras on the USB bus of a dock in a virtual machine; README names the packages that it needs
#   make vm-test-long   the same with bad disks, power cuts, more pulls, and a card with 10,000 files
#   make bench          the engine beside what one would take instead; what a register of a million entries costs
#   make lint           format, lint, types
#   make wheelhouse     wheels for a dock without network; an existing wheelhouse/ is then the only source
#   make requirements   pin again from pyproject.toml (needs uv); UPGRADE=--upgrade takes newer versions
#   make messages       collect every sentence for translators (dockd/locale/dockd.pot)
#   make clean          everything that can be made again, except the wheelhouse

PYTHON ?= python3
WHEELHOUSE ?= $(wildcard wheelhouse)
UPGRADE ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
WHEELS := --require-hashes --only-binary :all:
INSTALL := $(PIP) install $(WHEELS) $(if $(WHEELHOUSE),--no-index --find-links $(WHEELHOUSE))
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make requirements" uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --annotation-style line $(UPGRADE) pyproject.toml

# A machine for each processor; who is done takes the next test.
VM_OPTIONS := -n auto --maxprocesses 4 --dist load --maxschedchunk 1 --durations=0
EXTRACT := --no-location --sort-output --omit-header --width 120

.PHONY: demo test vm-test vm-test-long bench lint requirements wheelhouse messages clean
.DELETE_ON_ERROR:

demo: .venv/.runtime
	$(BIN)/dockd demo

test: lint
	$(BIN)/pytest -n auto

vm-test: .venv/.test
	$(BIN)/pytest $(VM_OPTIONS) tests/vm

vm-test-long: .venv/.test
	DOCKD_VM_LONG=1 $(BIN)/pytest $(VM_OPTIONS) tests/vm

bench: .venv/.test
	$(BIN)/python -m bench.engine
	$(BIN)/python -m bench.register
	$(BIN)/python -m bench.reader

lint: .venv/.test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

.venv/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) -r requirements/build.txt
	$(INSTALL) -r requirements/runtime.txt
	PYTHONWARNINGS=ignore $(PIP) install --no-index --no-deps --no-build-isolation --editable .
	touch $@

.venv/.test: requirements/test.txt .venv/.runtime
	$(INSTALL) -r requirements/test.txt
	touch $@

requirements:
	$(COMPILE) --output-file requirements/runtime.txt
	$(COMPILE) --constraint requirements/runtime.txt --group dev --output-file requirements/test.txt
	$(COMPILE:pyproject.toml=) --constraint requirements/test.txt --group build --output-file requirements/build.txt

# For the Python and the machine that run it, so run it on the Debian that the dock has.
wheelhouse: .venv/.runtime
	$(PIP) download $(WHEELS) --dest wheelhouse -r requirements/build.txt
	$(PIP) download $(WHEELS) --dest wheelhouse -r requirements/test.txt

messages: .venv/.test
	mkdir -p dockd/locale
	$(BIN)/pybabel --quiet extract $(EXTRACT) --output-file dockd/locale/dockd.pot dockd drivers

clean:
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
