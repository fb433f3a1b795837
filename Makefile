# The two commands of the README. Each sets up all it needs, in .venv/ in this folder, and notices
# when nothing has changed since the last time.

PYTHON ?=
# Relative names: make cannot hold a path with a space.
VENV   := .venv
STAMP  := $(VENV)/.ready
BIN    := $(VENV)/bin

.PHONY: learn test book check-style clean help

learn: $(STAMP)  ## set up, then show the map of the course and the next exercise
	@$(BIN)/tinymlx

test: $(STAMP)  ## set up, then run all tests of the project
	@tests/course/install_browser.sh
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --impl solutions -n auto --dist worksteal

book: $(STAMP)  ## set up, then build the book in build/book, ready for any static host
	@$(BIN)/tinymlx book --build-only

check-style: $(STAMP)  ## ruff and mypy, as continuous integration runs them
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@cd solutions && ../$(BIN)/mypy --config-file ../pyproject.toml -p tinymlx

$(STAMP): pyproject.toml constraints.txt setup.sh
	@PYTHON="$(PYTHON)" ./setup.sh "$(VENV)"
	@touch $@

clean:  ## remove the virtual environment (your work and its backups stay)
	rm -rf "$(VENV)"

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'
