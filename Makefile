# `make run` does the main job on the sample data, `make test` checks everything, `make bench` measures,
# `make fuzz` reads spoilt archives.
# Each sets up .venv first, with whatever Python 3.11 or newer this machine has.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$python >/dev/null 2>&1 && \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	echo $$python && break; done)
BIN := .venv/bin
SIZE ?= full
FUZZ_SECONDS ?= 600

.PHONY: run test check bench fuzz sample figure clean

run: .venv/installed
	$(BIN)/poseda align sample_data/data_3d_h36m.npz --target sample_data/mpi_inf_3dhp_test_set \
		-o aligned_sample --overwrite

# One thread of the linear algebra library for each test process: there is one for each core.
test: check
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/python -m tests.benchmarks --size $(SIZE) $(if $(JSON),--json $(JSON))

# Spoils small archives of every layout and reads them: a clean result, or a documented error.
fuzz: .venv/installed-dev
	$(BIN)/python -m tests.fuzzing --seconds $(FUZZ_SECONDS)

# Makes sample_data anew; the committed files are the output of this.
sample: .venv/installed
	rm -rf sample_data
	$(BIN)/poseda sample -o sample_data

# Draws the figure of the README anew.
figure: .venv/installed-dev
	$(BIN)/poseda align sample_data/data_3d_h36m.npz --target sample_data/mpi_inf_3dhp_test_set \
		-o aligned_sample --overwrite --plot --quiet
	mkdir -p .readme
	cp aligned_sample/distribution.png .readme/

clean:
	rm -rf .venv aligned_sample build *.egg-info

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "poseda needs Python 3.11 or newer; none found. Try make PYTHON=/path/to/python3." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/installed
