"""Families that break their contract in one point each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv

from hyperbench.errors import SpecError
from hyperbench.task import Feature, SpecSpace, TaskSpec
from hyperbench.testing import family_declared, family_ends, family_episodes, family_features
from hyperbench.testing.line import HORIZON, LineEnv, LineFamily


def family_of(env_class, **attributes):
    """A LineFamily that plays ``env_class`` and has some attributes replaced."""

    class Broken(LineFamily):
        def make(self, task, render_mode=None):
            return env_class(task)

    for name, value in attributes.items():
        setattr(Broken, name, value)
    return Broken


def vec_of(env_class):
    """A LineFamily that plays ``env_class``, but only in ``make_vec``."""

    class Broken(LineFamily):
        def make_vec(self, tasks, num_threads=1):
            return SyncVectorEnv([partial(env_class, task) for task in tasks])

    return Broken


def with_info(**changes):
    return family_of(LineEnv, info=replace(LineFamily.info, **changes))


def tasks_of_other_family():
    return tuple(TaskSpec("testing/other-v1", t.space, t.values) for t in LineFamily.tasks)


class Float64Env(LineEnv):
    def observe(self):
        return super().observe().astype(np.float64)


class NarrowEnv(LineEnv):
    observation_space = spaces.Box(-0.1, 0.1, (2,), np.float32)


class NoisyRewardEnv(LineEnv):
    def step(self, action):
        observation, _, *rest = super().step(action)
        return observation, float("nan"), *rest


class CountedEndEnv(LineEnv):
    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, 0, truncated, info


class UnseededEnv(LineEnv):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=None)


class LeftoverEnv(LineEnv):
    velocity = 0.0

    def reset(self, *, seed=None, options=None):
        velocity = self.velocity
        super().reset(seed=seed)
        self.velocity = velocity
        return self.observe(), {}


class SameStartEnv(LineEnv):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=0)


class EndlessEnv(LineEnv):
    def step(self, action):
        observation, reward, _, _, info = super().step(action)
        return observation, reward, False, False, info


class SilentEnv(LineEnv):
    def step(self, action):
        *shown, _ = super().step(action)
        return *shown, {}


class SharedStateEnv(LineEnv):
    shared = {"position": 0.0}  # noqa: RUF012 -- the fault

    @property
    def position(self):
        return self.shared["position"]

    @position.setter
    def position(self, value):
        self.shared["position"] = value


class SharedModelEnv(LineEnv):
    def __init__(self, task):
        super().__init__(task)
        del self.gain
        type(self).gain = task["gain"]


class NoGainEnv(LineEnv):
    def __init__(self, task):
        super().__init__(task)
        self.gain = 1.0


class NoGoalEnv(LineEnv):
    def __init__(self, task):
        super().__init__(task)
        self.goal = 0.0


class KeptEnvs(LineFamily):
    """A task asked for again gets the environment it had."""

    def __init__(self):
        self.kept = {}

    def make(self, task, render_mode=None):
        return self.kept.setdefault(task, LineEnv(task))


class KeptVecEnvs(LineFamily):
    def __init__(self):
        self.kept = {}

    def make_vec(self, tasks, num_threads=1):
        envs = [self.kept.setdefault(task, LineEnv(task)) for task in tasks]
        return SyncVectorEnv([lambda env=env: env for env in envs])


class OneEnvPerTaskVec(LineFamily):
    """Episodes of one task share an environment, but only within a batch."""

    def make_vec(self, tasks, num_threads=1):
        envs = {task: LineEnv(task) for task in tasks}
        return SyncVectorEnv([lambda task=task: envs[task] for task in tasks])


class HeavierVec(LineFamily):
    """make_vec plays every task with a little more gain than make."""

    def make_vec(self, tasks, num_threads=1):
        return SyncVectorEnv([lambda task=task: _with_gain(task, 1.01) for task in tasks])


class NeighbourlyVec(LineFamily):
    """A task's gain depends on how many tasks are played."""

    def make_vec(self, tasks, num_threads=1):
        factor = 1.0 + 1e-6 * len(tasks)
        return SyncVectorEnv([lambda task=task: _with_gain(task, factor) for task in tasks])


class ThreadedVec(LineFamily):
    def make_vec(self, tasks, num_threads=1):
        factor = 1.0 + 1e-6 * num_threads
        return SyncVectorEnv([lambda task=task: _with_gain(task, factor) for task in tasks])


def _with_gain(task, factor):
    env = LineEnv(task)
    env.gain *= factor
    return env


_SPACE = SpecSpace(
    (Feature("goal", -1.0, 1.0, "m", "goal"), Feature("gain", 0.5, 1.5, "", "object"))
)
_UNBOUNDED = spaces.Box(-np.inf, np.inf, (1,), np.float32)
_GRID = LineFamily.spec_space.grid


class NothingButItsTasks(LineFamily):
    """Plays the listed tasks alone."""

    tasks = LineFamily.spec_space.grid(LineFamily.info.id, goal=[-0.9, 0.1, 0.9], gain=[0.6, 1.4])

    def make(self, task, render_mode=None):
        if task not in self.tasks:
            raise SpecError(f"{task.label} is not listed")
        return super().make(task)


class HalfOfTheRange(LineFamily):
    """Good: refuses gains that cannot be played."""

    tasks = LineFamily.spec_space.grid(LineFamily.info.id, goal=[-1.0, 0.6, 1.0], gain=[0.5, 0.9])

    def make(self, task, render_mode=None):
        if task["gain"] > 1.0:
            raise SpecError(f"{task.label} cannot be played")
        return super().make(task)


class Turned(LineFamily):
    """Good: the goal is at the cosine of an angle, the cart light or heavy."""

    spec_space = SpecSpace(
        (
            Feature("angle", 0.0, 360.0, "degrees", "goal", "circle"),
            Feature.of_categories("load", ("light", "heavy"), "dynamics"),
        )
    )
    tasks = spec_space.grid(LineFamily.info.id, angle=range(0, 360, 60), load=("light", "heavy"))
    gains = (1.5, 0.5)

    def goal(self, angle):
        return float(np.cos(np.radians(angle)))

    def on_the_line(self, task):
        gain = self.gains[int(task["load"])]
        return LineFamily().task(goal=self.goal(task["angle"]), gain=gain)

    def make(self, task, render_mode=None):
        return super().make(self.on_the_line(task))

    def expert(self, tasks):
        return super().expert([self.on_the_line(task) for task in tasks])


class AngleIgnored(Turned):
    def goal(self, angle):
        return 1.0


class LoadIgnored(Turned):
    gains = (1.5, 1.5)


class ShortSpace(SpecSpace):
    """What it presents is shorter than it says."""

    def present(self, values):
        return super().present(values)[:-1]


class Shown64(SpecSpace):
    def present(self, values):
        return super().present(values).astype(np.float64)


def shown_by(space_class):
    space = space_class(LineFamily.spec_space.features)
    tasks = space.grid(LineFamily.info.id, goal=[-1, 0, 1], gain=[0.5, 1])
    return family_of(LineEnv, spec_space=space, tasks=tasks)


BROKEN_FAMILIES = {
    "id without suite": (family_declared.check_info, with_info(id="line-v1"), "suite/name-vN"),
    "no horizon": (family_declared.check_info, with_info(horizon=0), "horizon"),
    "no licence": (family_declared.check_info, with_info(licence=""), "info.licence"),
    "task twice": (
        family_declared.check_tasks,
        family_of(LineEnv, tasks=(*LineFamily.tasks, LineFamily.tasks[0])),
        "occurs twice",
    ),
    "two tasks": (
        family_declared.check_tasks,
        family_of(LineEnv, tasks=LineFamily.tasks[:2]),
        "at least 3",
    ),
    "tasks of another family": (
        family_declared.check_tasks,
        family_of(LineEnv, tasks=tasks_of_other_family()),
        "testing/other-v1",
    ),
    "tasks of another space": (
        family_declared.check_tasks,
        family_of(LineEnv, spec_space=_SPACE),
        "its spec space",
    ),
    "idle feature": (
        family_declared.check_tasks,
        family_of(LineEnv, tasks=_GRID(LineFamily.info.id, goal=[-1, 0, 1], gain=[1])),
        "gain is 1 in all 3",
    ),
    "spec shown short": (family_declared.check_tasks, shown_by(ShortSpace), r"\(1,\) for goal=-1"),
    "spec of float64": (family_declared.check_tasks, shown_by(Shown64), "float64 of shape"),
    "idle category": (
        family_declared.check_tasks,
        type("OneLoad", (Turned,), {"tasks": Turned.tasks[1::2]}),
        "load is heavy in all 6",
    ),
    "angle ignored": (family_features.check_features_matter, AngleIgnored, "'angle'"),
    "category ignored": (family_features.check_features_matter, LoadIgnored, "'load'"),
    "float64 observations": (family_declared.check_spaces, family_of(Float64Env), "float64"),
    "another space": (
        family_declared.check_spaces,
        family_of(NarrowEnv),
        "spaces must equal the family's",
    ),
    "observations outside": (
        family_declared.check_spaces,
        family_of(NarrowEnv, observation_space=NarrowEnv.observation_space),
        "inside Box",
    ),
    "unbounded actions": (
        family_declared.check_spaces,
        family_of(LineEnv, action_space=_UNBOUNDED),
        "must be bounded",
    ),
    "discrete actions": (
        family_declared.check_spaces,
        family_of(LineEnv, action_space=spaces.Discrete(3)),
        "flat Box",
    ),
    "NaN reward": (family_declared.check_spaces, family_of(NoisyRewardEnv), "finite"),
    "largest reward": (
        family_declared.check_largest_reward,
        with_info(max_reward=0.9),
        "max_reward, 0.9",
    ),
    "counted end": (family_declared.check_spaces, family_of(CountedEndEnv), "booleans"),
    "unseeded make": (
        family_episodes.check_seed_repeats_the_episode,
        family_of(UnseededEnv),
        "of make must repeat",
    ),
    "unseeded make_vec": (
        family_episodes.check_seed_repeats_the_episode,
        vec_of(UnseededEnv),
        "of make_vec must repeat",
    ),
    "leftover velocity": (
        family_episodes.check_seed_repeats_the_episode,
        family_of(LeftoverEnv),
        "used before",
    ),
    "one start": (family_episodes.check_starts_differ, family_of(SameStartEnv), "seeds 1 and 2"),
    "one start in make_vec": (
        family_episodes.check_starts_differ,
        vec_of(SameStartEnv),
        "episodes in make_vec",
    ),
    "endless": (family_ends.check_horizon, family_of(EndlessEnv), "still running"),
    "horizon too short": (
        family_ends.check_horizon,
        with_info(horizon=HORIZON - 1),
        "within info.horizon, 19 steps",
    ),
    "no success": (family_declared.check_success, family_of(SilentEnv), "from make,"),
    "no success in make_vec": (family_declared.check_success, vec_of(SilentEnv), "from make_vec,"),
    "heavier make_vec": (family_episodes.check_make_equals_make_vec, HeavierVec, "same episode"),
    "shared state": (
        family_episodes.check_environments_share_nothing,
        family_of(SharedStateEnv),
        "of make must not notice",
    ),
    "shared model": (
        family_episodes.check_environments_share_nothing,
        family_of(SharedModelEnv),
        "of make must not notice",
    ),
    "kept environments": (
        family_episodes.check_environments_share_nothing,
        KeptEnvs,
        "of make must not notice",
    ),
    "kept environments in make_vec": (
        family_episodes.check_environments_share_nothing,
        KeptVecEnvs,
        "of make_vec must not notice",
    ),
    "one environment per task": (
        family_episodes.check_batch_does_not_matter,
        OneEnvPerTaskVec,
        "alone first",
    ),
    "neighbourly": (family_episodes.check_batch_does_not_matter, NeighbourlyVec, "alone first"),
    "threaded": (family_episodes.check_threads_do_not_matter, ThreadedVec, "num_threads"),
    "ends without success": (
        family_declared.check_info,
        with_info(has_success=False, ends_at_success=True),
        "needs info.has_success",
    ),
    "nothing but its tasks": (
        family_features.check_features_matter,
        NothingButItsTasks,
        "differ from goal=-0.9, gain=0.6 in 'goal' alone",
    ),
    "goal ignored": (family_features.check_features_matter, family_of(NoGoalEnv), "'goal'"),
    "gain ignored": (family_features.check_features_matter, family_of(NoGainEnv), "'gain'"),
}
"""What is broken: (the check that must reject it, the family class, words of the message)."""
