PYTHON ?= python3
VENV ?= .venv
PACKAGES = -e ".[dev]" -e plugins/pointmass -e plugins/mujoco -e plugins/locomotion -e plugins/manipulation -e plugins/trackers -e baselines

.PHONY: run test check bench gpu gpu-wheels

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
	OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/bench_reuse.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/bench_leaderboard.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/bench_executors.py

# A machine with a GPU has a torch of its own, and perhaps no network: the interpreter at hand is used,
# with what lies in wheels/ laid before it. Without wheels/ it must have hyperbench already.
GPU_PYTHON ?= 3.12
GPU_PACKAGES = build/gpu/site-packages
GPU = PYTHONPATH=$(CURDIR)/$(GPU_PACKAGES) OMP_NUM_THREADS=1 $(PYTHON)

gpu:  ## tests and figures of a CUDA GPU, under eight minutes on an H100
	rm -rf $(GPU_PACKAGES)
	if ls wheels/*.whl >/dev/null 2>&1; then \
	  $(PYTHON) -m pip install -q --no-index --no-deps --target $(GPU_PACKAGES) wheels/*.whl; fi
	$(GPU) -P -m pytest -m gpu -s -W default --confcutdir tests/gpu tests/gpu
	$(GPU) tests/gpu/bench.py
	$(GPU) tests/benchmarks/bench_fit.py --device cuda
	$(GPU) tests/benchmarks/bench_fit.py --device cuda --preset published
	$(GPU) tests/benchmarks/bench_fit.py --device cuda --method hyperzero

gpu-wheels: $(VENV)/installed  ## where there is network: make wheels/ for make gpu, WITHOUT="numpy scipy"
	$(VENV)/bin/python tests/gpu/wheels.py --python $(GPU_PYTHON) --without "$(WITHOUT)"
