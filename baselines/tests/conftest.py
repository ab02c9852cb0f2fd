from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.learned import Dimensions

from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.task import Feature, SpecSpace, TaskSpec

SPACE = SpecSpace((Feature("tilt", -2.0, 2.0, "", "goal"),))
OBSERVATION_DIM, ACTION_DIM = 3, 2
ACTION_LOW = np.array([-1.0, 0.0], np.float32)
ACTION_HIGH = np.array([1.0, 4.0], np.float32)


def tilted(tilt: float) -> TaskSpec:
    return SPACE.task("test/tilted-v1", tilt=tilt)


def expert(observations: np.ndarray, tilt: float) -> np.ndarray:
    """A linear expert whose gains depend on the task: its actions fill the action bounds."""
    gains = np.array([[1.0, tilt], [tilt, -1.0], [0.5, 0.5]])
    squashed = np.tanh(0.5 * observations @ gains)
    return ACTION_LOW + (squashed + 1) / 2 * (ACTION_HIGH - ACTION_LOW)


def demonstrate(tilts: list[float], lengths: list[int] | None = None) -> Demonstrations:
    """Two episodes a task, by default of 40 steps, in made-up observations."""
    rng = np.random.default_rng(0)
    lengths = lengths or [40] * len(tilts)
    episodes = []
    for tilt, length in zip(tilts, lengths, strict=True):
        row = []
        for seed in range(2):
            observations = rng.normal([5.0, 0.0, -1.0], [10.0, 1.0, 0.1], (length + 1, 3))
            centred = (observations - [5.0, 0.0, -1.0]) / [10.0, 1.0, 0.1]
            actions = expert(centred[:-1], tilt)
            rewards = np.ones(length, np.float32)
            row.append(
                Episode(
                    observations.astype(np.float32),
                    actions.astype(np.float32),
                    rewards,
                    False,
                    seed,
                )
            )
        episodes.append(tuple(row))
    specs = tuple(tilted(tilt) for tilt in tilts)
    return Demonstrations(specs, tuple(episodes), ACTION_LOW, ACTION_HIGH)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def source() -> Demonstrations:
    return demonstrate([-2.0, -1.0, 0.0, 1.0, 2.0])


@pytest.fixture
def validation() -> Demonstrations:
    return demonstrate([-1.5, 0.5])


@pytest.fixture
def make_demonstrations() -> Callable[..., Demonstrations]:
    return demonstrate


@pytest.fixture
def make_spec() -> Callable[[float], TaskSpec]:
    return tilted


@pytest.fixture
def dimensions() -> Dimensions:
    return Dimensions(shown_dim=1, observation_dim=OBSERVATION_DIM, action_dim=ACTION_DIM)


@pytest.fixture
def cheetah() -> Dimensions:
    """The dimensions that published sizes are given for."""
    return Dimensions(shown_dim=1, observation_dim=17, action_dim=6)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
