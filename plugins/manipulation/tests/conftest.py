"""Meta-World's environments, loaded once: each takes a second."""

import warnings

import pytest
from hyperbench_manipulation.sawyer.tasks import TASKS


@pytest.fixture(scope="session")
def world():
    """The world of a task, by name."""
    from hyperbench_manipulation.sawyer.world import World

    worlds = {}

    def get(name):
        if name not in worlds:
            worlds[name] = World(TASKS[name])
        return worlds[name]

    return get


@pytest.fixture(scope="session")
def metaworld():
    """Meta-World's own environment of a task, ready for ``reset`` with the given layout."""
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS

    environments = {}

    def get(name, layout):
        if name not in environments:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                environments[name] = ALL_V3_ENVIRONMENTS[TASKS[name].metaworld]()
        env = environments[name]
        env._set_task_called = env._freeze_rand_vec = True
        env._last_rand_vec = layout
        return env

    return get
