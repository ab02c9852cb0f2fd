PYTHON ?= python3
VENV ?= .venv
PACKAGES = -e ".[dev]" -e plugins/pointmass -e plugins/mujoco -e plugins/locomotion -e plugins/manipulation -e baselines

.PHONY: run test check bench

$(VENV)/installed: pyproject.toml constraints.txt */pyproject.toml plugins/*/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -c constraints.txt $(PACKAGES)
	touch $@

run: $(VENV)/installed  ## the main job: a board of HyPoGen on unseen target speeds
	$(VENV)/bin/hyperbench run --method hypogen --suite locomotion

test: $(VENV)/installed  ## the default tests
	$(VENV)/bin/pytest -n 2

check: $(VENV)/installed  ## lint, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/installed  ## speed, as ratios within one run
	OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/bench_rollout.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/bench_fit.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/bench_leaderboard.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/bench_executors.py
