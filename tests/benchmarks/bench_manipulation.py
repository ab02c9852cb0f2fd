"""Steps per second of Meta-World's tasks, ours and Meta-World's own, task by task.

Run ``python tests/benchmarks/bench_manipulation.py``. All take turns in one run, because only
ratios carry over to other machines. Meta-World's ``step`` is one environment in one process; ours
are the environments of one make_vec, on one thread and on several. Experts act everywhere, since
what a step costs depends on contacts; their time is not counted.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from hyperbench_manipulation.sawyer.layouts import layout_values
from hyperbench_manipulation.sawyer.tasks import TASKS
from hyperbench_manipulation.sawyer.vector_env import HORIZON, SawyerVectorEnv
from hyperbench_manipulation.sawyer.world import World
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from threadpoolctl import threadpool_limits

NUM_ENVS = 100
NUM_STEPS = 60
"""Control steps of an episode that are timed: most experts need as many."""


def metaworlds(name: str) -> tuple[Callable[[], float], list[np.ndarray]]:
    """Plays one episode by ``step`` and gives its speed; and the actions that are played."""
    task = TASKS[name]
    env = ALL_V3_ENVIRONMENTS[task.metaworld]()
    env._set_task_called = env._freeze_rand_vec = True
    env._last_rand_vec = task.vector(layout_values(name)[0])
    policy = ENV_POLICY_MAP[task.metaworld]()
    observation, _ = env.reset()
    actions = []
    for _ in range(NUM_STEPS):
        observation[-3:] = env._target_pos
        actions.append(np.clip(policy.get_action(observation), -1, 1).astype(np.float32))
        observation = env.step(actions[-1])[0]

    def run() -> float:
        env.reset()
        start = time.perf_counter()
        for action in actions:
            env.step(action)
        return NUM_STEPS / (time.perf_counter() - start)

    return run, actions


def ours(name: str, actions: list[np.ndarray], num_threads: int) -> Callable[[], float]:
    """Plays one episode in each of ``NUM_ENVS`` environments and gives the speed of all."""
    layout = TASKS[name].vector(layout_values(name)[0])
    env = SawyerVectorEnv(
        World(TASKS[name]),
        [[layout]] * NUM_ENVS,
        np.zeros(NUM_ENVS),
        shows_object=False,
        num_threads=num_threads,
    )

    def run() -> float:
        env.reset(seed=0)
        start = time.perf_counter()
        for action in actions:
            env.step(np.tile(action, (NUM_ENVS, 1)))
        return NUM_ENVS * NUM_STEPS / (time.perf_counter() - start)

    return run


def main() -> None:
    """Print a table of speeds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, nargs="+", default=list(TASKS))
    parser.add_argument("--threads", type=int, default=2, help="physics threads")
    parser.add_argument("--seconds", type=float, default=10.0, help="per task")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    assert NUM_STEPS <= HORIZON
    columns = ("Meta-World", "1 thread", f"{arguments.threads} threads")
    print(f"{'steps/s':14}" + "".join(f"{column:>12}" for column in columns) + f"{'ratios':>14}")
    with threadpool_limits(1):
        for name in arguments.task:
            theirs, actions = metaworlds(name)
            runs = (theirs, ours(name, actions, 1), ours(name, actions, arguments.threads))
            speeds: list[list[float]] = []
            stop = time.perf_counter() + arguments.seconds
            while not speeds or time.perf_counter() < stop:
                speeds.append([run() for run in runs])
            table = np.array(speeds)
            ratios = np.median(table[:, 1:] / table[:, :1], axis=0)
            print(
                f"{name:14}"
                + "".join(f"{speed:12.0f}" for speed in np.median(table, axis=0))
                + "".join(f"{ratio:7.1f}" for ratio in ratios),
                flush=True,
            )


if __name__ == "__main__":
    main()
