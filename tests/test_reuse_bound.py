"""The reuse bound stops what cannot win, and its rows are those of the full search all the same."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperbench.arms import due_rollouts, play_reuse_bound
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.split import Split
from hyperbench.task import Feature, SpecSpace
from hyperbench.vector import StreamedVectorEnv

NUM_TASKS, NUM_CODES, HORIZON = 9, 4, 6
UNBOUNDED = spaces.Box(-np.inf, np.inf, (1,), np.float32)


class LotteryEnv(StreamedVectorEnv):
    """Earns what was drawn for its seed, the step and the code that acts; knows few amounts."""

    def __init__(self, family, tasks):
        super().__init__(len(tasks), UNBOUNDED, family.action_space)
        self.family, self.rows = family, [None] * len(tasks)
        self.elapsed = np.zeros(len(tasks), int)

    def reset(self, *, seed=None, options=None):
        for i, rng in self.streams.reset(seed, options).items():
            worse = rng.integers(0, self.family.num_amounts, (NUM_CODES, HORIZON))
            # Some codes are much worse than others, for there must be something to stop.
            worse *= rng.integers(0, 3, (NUM_CODES, 1))
            lengths = rng.integers(1, 2 * HORIZON, NUM_CODES)
            self.rows[i] = self.family.most - self.family.unit * worse, lengths
            self.elapsed[i] = 0
        return self.elapsed.astype(np.float32)[:, None], {}

    def step(self, actions):
        # What those that have left show must not matter.
        rewards = np.full(self.num_envs, np.nan)
        ended = np.zeros(self.num_envs, bool)
        for i in self.going:
            drawn, lengths = self.rows[i]
            code = round(float(actions[i, 0]) * NUM_CODES)
            rewards[i] = drawn[code, min(self.elapsed[i], HORIZON - 1)]
            self.elapsed[i] += 1
            ended[i] = self.elapsed[i] >= lengths[code]
        self.family.num_steps += len(self.going)
        return self.elapsed.astype(np.float32)[:, None], rewards, ended, self.elapsed >= HORIZON, {}


class Unstoppable(VectorEnv):
    """The same without ``leave``: whose episodes are stopped is stepped on."""

    def __init__(self, env):
        self.env, self.metadata = env, env.metadata
        self.num_envs = env.num_envs
        self.single_observation_space = env.single_observation_space

    def reset(self, **given):
        return self.env.reset(**given)

    def step(self, actions):
        return self.env.step(actions)


class Opaque:
    """Policies of which nothing can be read and none taken."""

    def __init__(self, policies):
        self._policies, self.num_tasks = policies, policies.num_tasks

    def act(self, observations):
        return self._policies.act(observations)

    def reset(self):
        pass


class Lottery(TaskFamily):
    """Tasks on a line; who demonstrates one has one of few codes, so some are the same policy."""

    spec_space = SpecSpace((Feature("place", 0, NUM_TASKS - 1, "", "goal"),))
    tasks = spec_space.grid("toy/lottery-v1", place=list(range(NUM_TASKS)))
    observation_space = UNBOUNDED
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    num_steps = 0

    def __init__(self, max_reward, unit=0.25, num_amounts=3, *, stoppable=True, readable=True):
        self.info = FamilyInfo(
            "toy/lottery-v1", "", HORIZON, False, "", "", "none", "none", max_reward=max_reward
        )
        self.most, self.unit, self.num_amounts = max_reward, unit, num_amounts
        self.stoppable, self.readable = stoppable, readable

    def make(self, task, render_mode=None):
        raise NotImplementedError

    def make_vec(self, tasks, num_threads=1):
        env = LotteryEnv(self, tasks)
        return env if self.stoppable else Unstoppable(env)

    def expert(self, tasks):
        codes = np.array([[task["place"] % NUM_CODES / NUM_CODES] for task in tasks], np.float32)
        bound = np.ones(1, np.float32)
        policies = MLPPolicies(
            (np.zeros((len(tasks), 1, 1), np.float32),),
            (codes,),
            np.zeros(1, np.float32),
            bound,
            -bound,
            bound,
            squash="clip",
        )
        return policies if self.readable else Opaque(policies)


def full_search(family, split, seeds):
    """Every source's demonstrator to the end on every target; the first of the best."""
    best = None
    for source in split.source:
        policies = family.demonstrators([source] * len(split.target))
        table = rollout(family, split.target, policies, seeds)
        if best is None:
            best = table
            continue
        better = np.flatnonzero(table.returns.mean(axis=1) > best.returns.mean(axis=1))
        best = best.replaced(better, table.take(better))
    return best


def lottery_split(draw_seed):
    order = np.random.default_rng(draw_seed).permutation(NUM_TASKS)
    tasks = [Lottery.tasks[i] for i in order]
    return Split(tuple(tasks[:5]), (), tuple(tasks[5:]))


def assert_same(one, other):
    for name, values in one.columns().items():
        np.testing.assert_array_equal(values, other.columns()[name], err_msg=name)


@settings(max_examples=40)
@given(
    draw_seed=st.integers(0, 10_000),
    max_reward=st.sampled_from([1.0, 0.7, 0.0, -0.5]),
    unit=st.sampled_from([0.25, 0.1, 1.0]),
    num_amounts=st.integers(1, 4),
    num_episodes=st.integers(1, 4),
    stoppable=st.booleans(),
    readable=st.booleans(),
)
def test_its_rows_are_those_of_the_full_search(
    draw_seed, max_reward, unit, num_amounts, num_episodes, stoppable, readable
):
    family = Lottery(max_reward, unit, num_amounts, stoppable=stoppable, readable=readable)
    split = lottery_split(draw_seed)
    seeds = episode_seeds(draw_seed, "test", split.target, num_episodes)
    expected = full_search(family, split, seeds)
    num_full, family.num_steps = family.num_steps, 0
    found, num_played = play_reuse_bound(family, split, seeds)
    assert_same(expected, found)
    assert family.num_steps <= num_full
    codes = {task["place"] % NUM_CODES for task in split.source}
    assert num_played == seeds.size * (len(codes) if readable else len(split.source))
    assert num_played in due_rollouts("reuse-bound", split, seeds)
    assert seeds.size * len(split.source) in due_rollouts("reuse-bound", split, seeds)


@pytest.mark.parametrize("max_reward", [None, float("inf")])
def test_without_a_largest_reward_nothing_is_stopped(max_reward):
    split = lottery_split(0)
    seeds = episode_seeds(0, "test", split.target, 2)
    family = Lottery(1.0, readable=False)
    expected = full_search(family, split, seeds)
    num_full, family.num_steps = family.num_steps, 0
    family.info = replace(family.info, max_reward=max_reward)
    assert_same(expected, play_reuse_bound(family, split, seeds)[0])
    assert family.num_steps == num_full


def test_rounding_stops_nothing():
    """0.3 added six times is more than 0.9 and three times 0.3, and all earn 0.3 a step."""
    split = lottery_split(0)
    seeds = episode_seeds(0, "test", split.target, 1)
    family = Lottery(0.3, num_amounts=1, readable=False)
    play_reuse_bound(family, split, seeds)
    num_stopped, family.num_steps = family.num_steps, 0
    family.info = replace(family.info, max_reward=None)
    play_reuse_bound(family, split, seeds)
    assert num_stopped == family.num_steps


def test_what_cannot_win_is_stopped():
    split = lottery_split(0)
    seeds = episode_seeds(0, "test", split.target, 2)
    counts = {}
    for stoppable in (True, False):
        for readable in (True, False):
            family = Lottery(1.0, stoppable=stoppable, readable=readable)
            play_reuse_bound(family, split, seeds)
            counts[stoppable, readable] = family.num_steps
    assert counts[True, True] < counts[True, False] < counts[False, False]
