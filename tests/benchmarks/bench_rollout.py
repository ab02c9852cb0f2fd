"""Steps per second of closed-loop rollouts and the memory of their environments, body by body.

Run ``python tests/benchmarks/bench_rollout.py``. Speeds are ratios to dm_control's loop and to open
loop, all from one run, because only ratios carry over to other machines. Open loop is measured
twice: with one call of ``mujoco.rollout`` per control step, as a closed loop must, and with many
steps per call, which saves call overhead and lets the constraint solver start from its last
solution. Memory is measured in a fresh process per body.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

# dm_control looks for OpenGL when it is imported; nothing is drawn here.
os.environ.setdefault("MUJOCO_GL", "disabled")

import mujoco
import mujoco.rollout
import numpy as np
import numpy.typing as npt
from hyperbench_locomotion.bodies import BODIES
from hyperbench_locomotion.families import LocomotionFamily
from threadpoolctl import threadpool_limits

from hyperbench.policy import MLPPolicies

NUM_TASKS, NUM_EPISODES, HIDDEN = 40, 10, 256
NUM_ENVS = NUM_TASKS * NUM_EPISODES
CHUNK = 50
"""Control steps per call of the timer."""
DM_CONTROL_TASKS = {"cheetah": "run", "walker": "run", "finger": "spin"}


def random_policies(family: LocomotionFamily) -> MLPPolicies:
    """Policies of the size that is generated: obs_dim-256-action_dim, relu, tanh."""
    rng = np.random.default_rng(0)
    sizes = [family.observation_space.shape[0], HIDDEN, family.action_space.shape[0]]
    layers = list(itertools.pairwise(sizes))
    return MLPPolicies(
        tuple(rng.normal(0, i**-0.5, (NUM_TASKS, i, o)).astype(np.float32) for i, o in layers),
        tuple(rng.normal(0, 0.1, (NUM_TASKS, o)).astype(np.float32) for _, o in layers),
        np.zeros(sizes[0], np.float32),
        np.ones(sizes[0], np.float32),
        family.action_space.low,
        family.action_space.high,
    )


def closed_loop(
    family: LocomotionFamily, num_threads: int, seconds: Counter[str]
) -> Callable[[], int]:
    """All tasks and episodes at once, acting by generated-size policies.

    Adds to ``seconds`` what goes into each part of the loop.
    """
    policies = random_policies(family)
    tasks = list(itertools.islice(itertools.cycle(family.tasks), NUM_TASKS))
    env = family.make_vec([task for task in tasks for _ in range(NUM_EPISODES)], num_threads)
    advance = env.physics.advance

    def timed_advance(control: npt.NDArray[np.float64], num_steps: int) -> None:
        start = time.perf_counter()
        advance(control, num_steps)
        seconds["physics"] += time.perf_counter() - start

    env.physics.advance = timed_advance  # type: ignore[method-assign]
    observations, _ = env.reset(seed=0)

    def run() -> int:
        nonlocal observations
        start = time.perf_counter()
        for _ in range(CHUNK):
            begin = time.perf_counter()
            actions = policies.act(observations.reshape(NUM_TASKS, NUM_EPISODES, -1))
            seconds["policy"] += time.perf_counter() - begin
            observations, *_ = env.step(actions.reshape(NUM_ENVS, -1))
        seconds["all"] += time.perf_counter() - start
        return CHUNK * NUM_ENVS

    return run


def open_loop(family: LocomotionFamily, num_threads: int, steps_per_call: int) -> Callable[[], int]:
    """``mujoco.rollout`` on the same models under random actions, without policy or environment."""
    model = family.body.model()
    num_substeps = family.body.num_substeps
    physics = mujoco.rollout.Rollout(nthread=num_threads if num_threads > 1 else 0)
    data = [mujoco.MjData(model) for _ in range(num_threads)]
    num_state = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS.value)
    env = family.make_vec(list(family.tasks[:1]) * NUM_ENVS)
    env.reset(seed=0)
    state = np.zeros((NUM_ENVS, num_state))
    state[:, 1:] = np.concatenate([env.physics.qpos, env.physics.qvel], axis=1)
    num_steps = steps_per_call * num_substeps
    actions = np.random.default_rng(0).uniform(-1, 1, (NUM_ENVS, steps_per_call, model.nu))
    control = np.repeat(actions, num_substeps, axis=1)
    states = np.empty((NUM_ENVS, num_steps, num_state))
    sensors = np.empty((NUM_ENVS, num_steps, model.nsensordata))
    models = [model] * NUM_ENVS

    def run() -> int:
        nonlocal state
        for _ in range(CHUNK // steps_per_call):
            physics.rollout(
                models,
                data,
                state,
                control,
                skip_checks=True,
                nstep=num_steps,
                state=states,
                sensordata=sensors,
            )
            state = np.ascontiguousarray(states[:, -1])
        return CHUNK * NUM_ENVS

    return run


def dm_control_loop(family: LocomotionFamily) -> Callable[[], int]:
    """One dm_control environment in a Python loop, acting by one policy of the same size."""
    # Here, because its memory must not count as ours, nor be in the way of it.
    from dm_control import suite

    policies = random_policies(family).take([0])
    name = family.body.name
    env = suite.load(name, DM_CONTROL_TASKS[name], task_kwargs={"random": 0})
    time_step = env.reset()

    def run() -> int:
        nonlocal time_step
        for _ in range(CHUNK * NUM_TASKS):
            observation = np.concatenate([np.ravel(v) for v in time_step.observation.values()])
            action = policies.act(observation.astype(np.float32)[None, None])[0, 0]
            time_step = env.step(action)
        return CHUNK * NUM_TASKS

    return run


def steps_per_second(
    runs: dict[str, Callable[[], int]], seconds: float
) -> dict[str, npt.NDArray[np.float64]]:
    """Speeds of each, turn by turn; taking turns, a busy machine slows all of them alike."""
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    stop = time.perf_counter() + seconds * len(runs)
    while time.perf_counter() < stop:
        for name, run in runs.items():
            start = time.perf_counter()
            speeds[name].append(run() / (time.perf_counter() - start))
    return {name: np.array(found) for name, found in speeds.items()}


def resident_mebibytes() -> float:
    """Memory of this process that is in use now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def print_memory(body: str, num_threads: int) -> None:
    """Print what the environments of a closed loop add to this process; it should be a new one."""
    before = resident_mebibytes()
    closed_loop(LocomotionFamily("locomotion", body, ("speed",)), num_threads, Counter())()
    grown = resident_mebibytes() - before
    print(f"memory of {NUM_ENVS} environments: {grown:.0f} MiB, beside {before:.0f} MiB of imports")


def print_speeds(body: str, num_threads: int, seconds_per_row: float) -> None:
    """Print a table of steps per second and ratios, and where the closed loop's time goes."""
    family = LocomotionFamily("locomotion", body, ("speed",))
    seconds: Counter[str] = Counter()
    found = steps_per_second(
        {
            "closed loop": closed_loop(family, num_threads, seconds),
            "open loop, one control step a call": open_loop(family, num_threads, 1),
            f"open loop, {CHUNK} control steps a call": open_loop(family, num_threads, CHUNK),
            "dm_control loop (1 process)": dm_control_loop(family),
        },
        seconds_per_row,
    )
    closed = found["closed loop"]
    print(
        f"{family.info.id}: {NUM_TASKS} tasks x {NUM_EPISODES} episodes, "
        f"{num_threads} physics threads, 1 BLAS thread, policy of width {HIDDEN}"
    )
    print(f"{'':40}{'steps/s':>10}{'closed loop / this':>22}")
    for name, speed in found.items():
        print(f"{name:40}{np.median(speed):10.0f}{np.median(closed / speed):22.2f}")
    physics, policy = seconds["physics"] / seconds["all"], seconds["policy"] / seconds["all"]
    print(
        f"closed loop: physics {physics:.0%}, policy {policy:.0%}, "
        f"reward and observation {1 - physics - policy:.0%}"
    )


def main() -> None:
    """Print the figures of each body."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--body", choices=BODIES, nargs="+", default=list(BODIES))
    parser.add_argument("--threads", type=int, default=2, help="physics threads")
    parser.add_argument("--seconds", type=float, default=5.0, help="per row")
    parser.add_argument(
        "--memory", action="store_true", help="measure only memory, in this process"
    )
    arguments = parser.parse_args()
    threads = arguments.threads
    # BLAS threads fight with physics threads over the same cores.
    with threadpool_limits(1):
        for body in arguments.body:
            if arguments.memory:
                print_memory(body, threads)
                continue
            print_speeds(body, threads, arguments.seconds)
            # A new process: this one holds what the rows above have left.
            options = ["--body", body, "--threads", str(threads), "--memory"]
            subprocess.run([sys.executable, __file__, *options], check=True)
            print()


if __name__ == "__main__":
    main()
