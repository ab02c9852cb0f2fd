"""Families whose environments show, at some step, what is not of this episode or not sound."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from hyperbench.testing import family_declared, family_ends, family_episodes, family_expert
from hyperbench.testing.line import HORIZON, LineEnv, LineFamily

from .fakes_families import family_of


def in_mode(mode, env_class=LineEnv, **info):
    """A LineFamily whose vector environment starts anew as ``mode`` says."""

    class Family(LineFamily):
        def make(self, task, render_mode=None):
            return env_class(task)

        def make_vec(self, tasks, num_threads=1):
            return SyncVectorEnv([partial(self.make, task) for task in tasks], autoreset_mode=mode)

    Family.info = replace(LineFamily.info, **info)
    return Family


def showing(change):
    """A LineFamily of which ``change(env, shown)`` is shown at each step, as ``step`` gives it."""

    class Env(LineEnv):
        def step(self, action):
            return change(self, super().step(action))

    return family_of(Env)


class Seed32Env(LineEnv):
    """As dm_control's suite, which seeds NumPy's old generator."""

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            np.random.RandomState(seed)
        return super().reset(seed=seed)


class ResetsUnseen(in_mode(AutoresetMode.SAME_STEP)):
    """Resets in the same step, and neither says so nor tells the last observation."""

    def make_vec(self, tasks, num_threads=1):
        env = super().make_vec(tasks)
        env.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
        return without_finals(env)


class FinalsLost(in_mode(AutoresetMode.SAME_STEP)):
    def make_vec(self, tasks, num_threads=1):
        return without_finals(super().make_vec(tasks))


def without_finals(env):
    step = env.step

    def silent(actions):
        *shown, infos = step(actions)
        return *shown, {key: value for key, value in infos.items() if "final" not in key}

    env.step = silent
    return env


class ModeUnsaid(LineFamily):
    def make_vec(self, tasks, num_threads=1):
        env = super().make_vec(tasks)
        env.metadata = {}
        return env


class MaskIgnored(in_mode(AutoresetMode.DISABLED)):
    """One environment ends early, and resetting it resets all."""

    def make(self, task, render_mode=None):
        env = LineEnv(task)
        env.num_steps_left = 5 if task == self.tasks[0] else HORIZON
        step = env.step

        def shorter(action):
            observation, reward, ended, _, info = step(action)
            return observation, reward, ended, env.num_steps >= env.num_steps_left, info

        env.step = shorter
        return env

    def make_vec(self, tasks, num_threads=1):
        env = super().make_vec(tasks)
        reset = env.reset
        env.reset = lambda *, seed=None, options=None: reset(seed=seed)
        return env


class OneBufferEnv(LineEnv):
    def observe(self):
        if not hasattr(self, "buffer"):
            self.buffer = np.zeros(2, np.float32)
        self.buffer[:] = super().observe()
        return self.buffer


class DropoutEnv(LineEnv):
    """The speedometer fails at step 12."""

    def observe(self):
        observation = super().observe()
        if self.num_steps == 12:
            observation[1] = np.nan
        return observation


class OneDropout(LineFamily):
    """The speedometer fails on one task of fifteen."""

    def make(self, task, render_mode=None):
        return (DropoutEnv if task == self.tasks[4] else LineEnv)(task)


class EndsAtSuccessEnv(LineEnv):
    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, bool(info["success"]), truncated, info


def at_time_limit_terminated(env, shown):
    observation, reward, _, truncated, info = shown
    return observation, reward, truncated, False, info


def told(value):
    """Success is said to be ``value(env)``; None: nothing is said."""

    def change(env, shown):
        *rest, _ = shown
        return *rest, {} if value(env) is None else {"success": value(env)}

    return change


BROKEN_BORDERS = {
    "seeds of 32 bits": (
        family_episodes.check_large_seeds,
        family_of(Seed32Env),
        r"of make must accept seeds of 48 bits.(\s|.)*seed % 2\*\*32",
    ),
    "resets unseen": (family_ends.check_last_step, ResetsUnseen, "must show what that of make"),
    "final observations lost": (
        family_ends.check_horizon,
        FinalsLost,
        "must be the episode's last",
    ),
    "mode unsaid": (family_ends.check_horizon, ModeUnsaid, "autoreset_mode"),
    "mask ignored": (family_ends.check_horizon, MaskIgnored, "reset the masked environments alone"),
    "time limit terminated": (
        family_ends.check_time_limit,
        showing(at_time_limit_terminated),
        "terminated at step 20, the horizon",
    ),
    "half a success": (
        family_declared.check_success,
        showing(told(lambda env: 0.5)),
        r"goal=-1, gain=0.5, step 1: info\['success'\] must be a boolean, or exactly 0 or 1",
    ),
    "success at first": (
        family_declared.check_success,
        showing(told(lambda env: False if env.num_steps < 7 else None)),
        "step 7: infos must have 'success' at each step",
    ),
    "ends after success": (
        family_declared.check_success,
        family_of(EndsAtSuccessEnv, info=replace(LineFamily.info, ends_at_success=True)),
        "must go on to the horizon after success",
    ),
    "one buffer": (family_declared.check_spaces, family_of(OneBufferEnv), "once it is handed out"),
    "dropout": (family_declared.check_spaces, family_of(DropoutEnv), "nan"),
    "dropout on one task": (
        family_expert.check_expert_beats_random,
        OneDropout,
        "Family testing/line-v1, goal=-0.6, gain=1, step 12: observation must be finite",
    ),
}
"""What is broken: (the check that must reject it, the family class, words of the message)."""
