# make conformance   every hermetic case against the bundled server, on the simulated network and clock
# make test          lint, types, layers, the tool's own tests, the hermetic cases in both worlds, a slice of the peers
# make peers         all peers in full; records in reports/peers/, tables in docs/peers.md
#
# PYTHON=python3.12 chooses the interpreter; SMBTORTURE_PEERS=require makes a missing peer a failure.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS_SLICE_SECONDS ?= 240
export SMBTORTURE_PEERS ?= offer
# The tests start some hundred interpreters: each would compile everything anew where byte code may not be kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: conformance test lint tool detection coverage hermetic peers-slice peers peer-tools clean

conformance: $(VENV)/installed
	$(BIN)/python -m pytest suites --target reference -q

test: lint tool detection hermetic peers-slice

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# More processes than processors: many of these tests wait for a process they started.
tool: $(VENV)/installed-dev peer-tools
	$(BIN)/python -m pytest tests --ignore=tests/peers --ignore=tests/detection --ignore=tests/hermetic -q -n 8 --dist worksteal --durations 12

# What the suites cover, measured anew: suites/proofs.json and docs/coverage.md.
coverage: $(VENV)/installed-dev
	$(BIN)/smbtorture-py coverage --measure --markdown > docs/coverage.md

# Every defect is noticed, every case that judges a MUST is made to fail; both numbers are printed.
detection: $(VENV)/installed-dev
	$(BIN)/python -m pytest tests/detection -q -n auto --dist worksteal

# Every hermetic case passes in both worlds and shows the same; a seed brings back every byte. More processes than
# processors, because over TCP most of the time is waiting; the slow cases, which wait for minutes there, come first,
# and one to a process.
hermetic: $(VENV)/installed-dev
	$(BIN)/python -m pytest tests/hermetic/test_hermetic_worlds.py tests/hermetic -q -n 12 --maxschedchunk 1

peers-slice: $(VENV)/installed-dev peer-tools
	timeout $(PEERS_SLICE_SECONDS) $(BIN)/python -m pytest tests/peers -q -m "not full" --durations 12

peers: $(VENV)/installed-dev
	@.ci/peer-tools chromium:chromium
	$(BIN)/python -m pytest tests/peers -q; status=$$?; \
	$(BIN)/python tests/peers/peer_page.py reports/peers docs/peers.md && exit $$status

peer-tools:
	@.ci/peer-tools

# venv needs ensurepip, which some distributions leave out; virtualenv brings its own.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m virtualenv -q $(VENV) 2>/dev/null || virtualenv -q -p $(PYTHON) $(VENV); } || { rm -rf $(VENV); echo "neither venv nor virtualenv works: install python3-venv" >&2; exit 1; }

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install -q -e ".[dev,peers]"
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
