"""What the tests that need a GPU share; on a machine without one they are skipped in words.

``GPU_TESTS_DEVICE=cpu`` rehearses on the CPU all that does not ask a GPU itself.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hyperbench_baselines.plugin import hyperbench_methods
from hyperbench_pointmass.family import GoalDrag

from hyperbench.generator import no_checkpoint
from hyperbench.measuring.dataset import dataset, load, prepare
from hyperbench.protocol import QUICK

ENTRIES = {entry.name: entry for entry in hyperbench_methods()}


def pytest_generate_tests(metafunc):
    """Repeat what takes a ``method`` for each that is registered."""
    if "method" in metafunc.fixturenames:
        metafunc.parametrize("method", ENTRIES)


@pytest.fixture(scope="session", autouse=True)
def device():
    """Where the fits are."""
    torch = pytest.importorskip("torch")
    device = os.environ.get("GPU_TESTS_DEVICE", "cuda")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} finds no CUDA GPU")
    # Read when cuBLAS is first used: without it torch promises no equal products.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield device
    torch.set_num_threads(before)


@pytest.fixture
def card(device):
    """torch.cuda, for what a rehearsal cannot ask."""
    if device == "cpu":
        pytest.skip("this asks the GPU itself, and the rehearsal has none")
    return importlib.import_module("torch").cuda


@pytest.fixture
def repeatable(device):
    """Let torch take only algorithms that it promises to be deterministic."""
    torch = importlib.import_module("torch")
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Demonstrations of the source, validation and target tasks of a split."""
    family = GoalDrag()
    found = dataset(family, QUICK.num_demonstrations, tmp_path_factory.mktemp("data"))
    prepare(family, found)
    split = QUICK.split(family, 0)
    parts = {"source": split.source, "validation": split.validation, "target": split.target}
    return SimpleNamespace(**{name: load(family, found, tasks) for name, tasks in parts.items()})


@pytest.fixture(scope="session")
def make():
    """Make a generator, to be fitted in a few steps."""

    def make(name, num_steps, **settings):
        module, kind = ENTRIES[name].target.split(":")
        method = getattr(importlib.import_module(module), kind)
        small = {"num_checks": 2, "samples_per_task": 128}
        return method(method.Config(num_steps=num_steps, **{**small, **settings}))

    return make


@pytest.fixture(scope="session")
def fitted(data, make):
    """Fit a method; gives its generator and its report."""

    def fit(name, device, num_steps, *, seed=0, checkpoint=no_checkpoint, **settings):
        generator = make(name, num_steps, **settings)
        report = generator.fit(
            data.source,
            validation=data.validation,
            seed=seed,
            device=device,
            checkpoint=checkpoint,
        )
        return generator, report

    return fit


@pytest.fixture(scope="session")
def generated(data):
    """Generate policies for the target tasks."""

    def generate(name, generator):
        support = data.target if ENTRIES[name].track == "few-shot" else None
        return generator.generate(data.target.specs, support)

    return generate


@pytest.fixture(scope="session")
def difference(data, generated):
    """How far two generators of a method are apart.

    Root mean square of what their policies do differently in the target tasks' demonstrations,
    beside an action range of [-1, 1].
    """

    def measure(name, one, other):
        episodes = data.target.episodes
        seen = np.stack([np.concatenate([e.observations[:-1] for e in row]) for row in episodes])
        acted = [generated(name, generator).act(seen) for generator in (one, other)]
        return float(np.sqrt(np.mean((acted[0] - acted[1]) ** 2)))

    return measure


@pytest.fixture
def command(tmp_path, device):
    """Give a ``hyperbench`` command in a folder of its own, ``{device}`` filled in."""

    def give(line, **environment):
        known = {"HYPERBENCH_DATA_DIR": str(tmp_path / "data"), **environment}
        done = subprocess.run(
            # Not from the folder that it is given in: what is installed is tested.
            [sys.executable, "-P", "-m", "hyperbench", *line.format(device=device).split()],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", **known},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return give
