# `make setup` builds .venv from requirements.lock; every other target sets up first if needed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# A file is the unit, as its tests share what they trained.
PARALLEL := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
export UV_LINK_MODE ?= copy
# A run starts many processes, each of which takes more than twice as long to begin where no bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE
export VIRTUAL_ENV := $(CURDIR)/.venv

.PHONY: setup demo demo-segmentation test test-fast test-cluster lint format types check lock schema reference

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@echo "Setting up .venv. Note: it includes ultralytics (extra 'yolo'), whose licence is AGPL-3.0."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	$(BIN)/python jobs/train_all.py --recipe demo

demo-segmentation: $(STAMP)
	$(BIN)/python jobs/train_all.py --recipe segmentation-demo

test: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL) --ignore tests/cluster/test_ray_up.py

test-fast: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL) -m "not training"

test-cluster: $(STAMP)
	$(BIN)/python -m pytest -rs tests/cluster/test_ray_up.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

check: lint types test test-cluster

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-header --output-file requirements.lock pyproject.toml

schema: $(STAMP)
	$(BIN)/python -c "from recycle.recipe_yaml import json_schema; print(json_schema(), end='')" > recycle/recipes/recipe.schema.json

reference: $(STAMP)
	$(BIN)/python -c "from recycle.recipe.reference import reference; print(reference(), end='')" > docs/recipes.md
