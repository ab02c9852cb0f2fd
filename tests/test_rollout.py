"""The one loop that plays policies: what counts, until when, and from which start."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from hyperbench.errors import ContractError
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.task import Feature, SpecSpace

HORIZON = 6


class Counter(gymnasium.Env):
    """Counts steps and says that it ends, or is truncated, after ``length`` of them.

    It goes on counting past that for whoever lets it. Success is an even count; the reward is the
    family's for that count, plus the action.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, family, length):
        self.family, self.length = family, length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.num_steps, self.start = 0, self.np_random.uniform()
        return self.observe(), {}

    def step(self, action):
        self.family.num_stepped += 1
        self.num_steps += 1
        reward = self.family.reward(self.num_steps) + float(action[0])
        ended, truncates = self.num_steps >= self.length, self.family.truncates
        info = {"success": self.num_steps % 2 == 0} if self.family.info.has_success else {}
        return self.observe(), reward, ended and not truncates, ended and truncates, info

    def observe(self):
        return np.array([self.num_steps, self.start], np.float32)

    def close(self):
        self.family.num_closed += 1


class CounterFamily(TaskFamily):
    """Tasks that differ in ``length``; uses the default ``make_vec``."""

    info = FamilyInfo("toy/counter-v1", "", HORIZON, True, "", "", "none", "none")
    spec_space = SpecSpace((Feature("length", 1, 200, "", "goal"),))
    tasks = spec_space.grid(info.id, length=[1, 200])
    observation_space = Counter.observation_space
    action_space = Counter.action_space

    def __init__(self, reward=lambda step: 1.0, truncates=False, **info):
        self.reward, self.truncates = reward, truncates
        self.num_closed = self.num_stepped = 0
        self.info = replace(self.info, **info)

    def make(self, task, render_mode=None):
        return Counter(self, task["length"])

    def expert(self, tasks):
        return Constant(len(tasks))


class Constant:
    """The action 0, or what ``action(observations)`` says; counts resets."""

    def __init__(self, num_tasks, action=None):
        self.num_tasks, self.action, self.num_resets = num_tasks, action, 0

    def act(self, observations):
        self.seen = observations
        if self.action is not None:
            return self.action(observations)
        return np.zeros((*observations.shape[:2], 1), np.float32)

    def reset(self):
        self.num_resets += 1


def of_lengths(*lengths):
    return [CounterFamily().task(length=length) for length in lengths]


def play(family, tasks, action=None, num_episodes=2, **options):
    seeds = episode_seeds(0, "test", tasks, num_episodes)
    return rollout(family, tasks, Constant(len(tasks), action), seeds, **options)


@pytest.mark.parametrize("truncates", [False, True])
def test_an_ended_episode_earns_nothing_more(truncates):
    table = play(CounterFamily(truncates=truncates), of_lengths(1, 3, 200))
    np.testing.assert_array_equal(table.lengths, [[1, 1], [3, 3], [HORIZON, HORIZON]])
    np.testing.assert_array_equal(table.returns, table.lengths)
    ended_by_task = [not truncates, not truncates, False]
    np.testing.assert_array_equal(table.terminated, np.column_stack([ended_by_task] * 2))


def test_success_is_that_of_the_last_step():
    """Lengths 3 and 5 succeed on their way; what follows their end does not count either."""
    table = play(CounterFamily(), of_lengths(2, 3, 4, 5, 200))
    np.testing.assert_array_equal(table.successes[:, 0], [True, False, True, False, True])


@pytest.mark.parametrize(("horizon", "lasting"), [(6, True), (5, False)])
def test_an_episode_may_end_at_success_while_its_simulation_goes_on(horizon, lasting):
    """Success comes at the second step, and goes and comes again until the horizon."""
    family = CounterFamily(ends_at_success=True, horizon=horizon)
    table = play(family, of_lengths(200), num_episodes=1)
    assert table.lengths == table.returns == 2
    assert table.successes.all()
    assert table.terminated.all()
    assert table.lasting == lasting
    assert family.num_stepped == horizon


def test_an_episode_without_success_ends_as_ever():
    table = play(CounterFamily(ends_at_success=True, horizon=1), of_lengths(200))
    assert not table.successes.any()
    assert not table.terminated.any()
    assert not table.lasting.any()


def test_elsewhere_nobody_asks_whether_success_lasts():
    assert play(CounterFamily(), of_lengths(4)).lasting is None


class Onlooker(Constant):
    """An expert that is shown the entry ``secret`` of what environments report."""

    info_key = "secret"


class SecretiveEnv(Counter):
    def reset(self, *, seed=None, options=None):
        observation, _ = super().reset(seed=seed)
        return observation, {"secret": np.full(3, 100.0)}

    def step(self, action):
        *shown, info = super().step(action)
        return *shown, info | {"secret": np.full(3, 100.0 + self.num_steps)}


def test_experts_that_ask_are_shown_what_others_are_not():
    class Secretive(CounterFamily):
        def make(self, task, render_mode=None):
            return SecretiveEnv(self, task["length"])

    shown = []

    def action(seen):
        shown.append(seen)
        return np.zeros((2, 3, 1))

    tasks, seeds = of_lengths(200, 200), np.arange(6).reshape(2, 3)
    rollout(Secretive(), tasks, Onlooker(2, action), seeds)
    assert [seen.shape for seen in shown] == [(2, 3, 3)] * HORIZON
    assert [seen[1, 2, 0] for seen in shown] == [100 + step for step in range(HORIZON)]
    policies = Constant(2)
    rollout(Secretive(), tasks, policies, seeds)
    assert policies.seen.shape == (2, 3, 2)


def test_execution_noise_is_added_to_what_is_executed_alone():
    watched, clean = [], np.array([[[0.0], [-0.5], [0.9]]], np.float32)
    options = {"num_episodes": 3, "execution_noise": 0.4, "watch": lambda *s: watched.append(s)}
    family = CounterFamily(reward=lambda step: 0.0, horizon=150)
    first = play(family, of_lengths(200), lambda _: clean, **options)
    executed = np.array([rewards[0] for _, _, rewards, _ in watched])  # what is rewarded, here
    assert all((actions == clean).all() for _, actions, _, _ in watched)
    assert executed[:, 0].std() == pytest.approx(0.4, rel=0.15)
    assert abs(np.corrcoef(executed.T)[0, 1]) < 0.3, "episodes share their noise"
    assert executed.max() <= 1.0
    again = play(family, of_lengths(200, 100), lambda _: np.concatenate([clean] * 2), **options)
    np.testing.assert_array_equal(again.returns[0], first.returns[0])


def test_family_without_success_has_none():
    assert play(CounterFamily(has_success=False), of_lengths(2, 3)).successes is None


def test_stops_when_the_last_episode_has_ended():
    family = CounterFamily()
    play(family, of_lengths(2, 2), num_episodes=3)
    assert family.num_stepped == 2 * 6


def test_each_policy_plays_its_own_task():
    """Rows of actions, observations and results belong together, episode by episode."""

    def action(observations):
        rows = np.array([0.25, -0.5], np.float32)[:, None, None]
        columns = np.array([0.0, 0.125, 0.25], np.float32)[None, :, None]
        return rows + columns

    tasks = of_lengths(4, 2)
    table = play(CounterFamily(), tasks, action, num_episodes=3)
    assert table.tasks == tuple(tasks)
    expected = [[4 * 1.25, 4 * 1.375, 4 * 1.5], [2 * 0.5, 2 * 0.625, 2 * 0.75]]
    np.testing.assert_allclose(table.returns, expected)


def test_watch_sees_every_step_in_order():
    steps = []
    play(CounterFamily(), of_lengths(200, 200), num_episodes=3, watch=lambda *s: steps.append(s))
    assert len(steps) == HORIZON
    for number, (observations, actions, rewards, following) in enumerate(steps):
        assert (observations.shape, following.shape) == ((2, 3, 2), (2, 3, 2))
        assert (actions.shape, rewards.shape) == ((2, 3, 1), (2, 3))
        assert (observations[..., 0] == number).all()
        assert (following[..., 0] == number + 1).all()
        np.testing.assert_array_equal(observations[..., 1], following[..., 1])


def test_policies_are_reset_and_environments_closed():
    family, tasks = CounterFamily(), of_lengths(3)
    policies = Constant(1)
    rollout(family, tasks, policies, np.array([[1, 2]]))
    assert policies.num_resets == 1
    assert policies.seen.dtype == np.float32
    assert family.num_closed == 2


def test_progress_reaches_the_horizon():
    family, told = CounterFamily(horizon=100), []
    play(family, of_lengths(200), progress=lambda *step: told.append(step))
    assert told == [(50, 100), (100, 100)]


def test_action_that_is_not_finite_ends_the_run():
    family = CounterFamily()
    with pytest.raises(FloatingPointError, match="action is not finite at step 2"):
        play(family, of_lengths(4, 4), lambda o: np.where(o[..., :1] == 2, np.nan, 0.0))
    assert family.num_closed == 4, "environments stay open after an error"


@pytest.mark.parametrize("reward", [np.nan, np.inf])
def test_reward_that_is_not_finite_ends_the_run(reward):
    family = CounterFamily(reward=lambda step: reward if step == 3 else 0.0)
    with pytest.raises(ContractError, match="length=4, step 3: reward must be finite"):
        play(family, of_lengths(2, 4))


def test_what_follows_the_end_may_be_anything():
    """An ended simulation that nobody resets may diverge; its episode is over."""
    seen = []

    def action(observations):
        seen.append(observations)
        ended = np.array([[False], [len(seen) > 2]])[..., None]
        return np.where(ended, np.nan, np.zeros((2, 1, 1)))

    table = play(CounterFamily(), of_lengths(6, 2), action, num_episodes=1)
    np.testing.assert_array_equal(table.returns, [[6], [2]])


@pytest.mark.parametrize("shape", [(2, 3, 2), (3, 2, 1), (6, 1), (2, 3)])
def test_actions_of_another_shape_are_refused(shape):
    """Reshaped silently, they would drive the wrong episodes."""
    with pytest.raises(ValueError, match=r"expected \(2, 3, 1\)"):
        play(CounterFamily(), of_lengths(4, 4), lambda _: np.zeros(shape), num_episodes=3)


def test_numbers_of_tasks_and_policies_must_agree():
    with pytest.raises(ValueError, match="2 tasks, 1 policies"):
        rollout(CounterFamily(), of_lengths(4, 4), Constant(1), np.zeros((2, 1), int))
    with pytest.raises(ValueError, match=r"1 tasks, 1 policies, seeds \(2, 1\)"):
        rollout(CounterFamily(), of_lengths(4), Constant(1), np.zeros((2, 1), int))


def test_an_episode_starts_as_its_seed_says():
    starts = []
    for seeds in ([[5, 6]], [[6, 5]]):
        policies = Constant(1)
        rollout(CounterFamily(), of_lengths(200), policies, np.array(seeds))
        starts.append(policies.seen[0, :, 1])
    assert starts[0][0] != starts[0][1]
    np.testing.assert_array_equal(starts[0], starts[1][::-1])


@given(st.permutations(range(6)), st.integers(1, 4), st.integers(1, 4))
def test_episode_seeds_depend_on_content_alone(order, num_tasks, num_episodes):
    """Neither the other tasks, nor their order, nor the number of episodes moves a seed."""
    tasks = of_lengths(*range(1, 7))
    every = episode_seeds(3, "judged", tasks, 5)
    chosen = list(order)[:num_tasks]
    some = episode_seeds(3, "judged", [tasks[i] for i in chosen], num_episodes)
    assert some.dtype == np.int64
    np.testing.assert_array_equal(some, every[chosen, :num_episodes])
    assert len(np.unique(every)) == every.size
    for root, purpose in ((4, "judged"), (3, "demonstration")):
        assert not np.isin(episode_seeds(root, purpose, tasks, 5), every).any()


def test_results_do_not_depend_on_who_else_plays(pointmass):
    tasks = list(pointmass.tasks[::7])
    seeds = episode_seeds(0, "test", tasks, 3)
    together = rollout(pointmass, tasks, pointmass.expert(tasks), seeds)
    for i, task in enumerate(tasks):
        alone = rollout(pointmass, [task], pointmass.expert([task]), seeds[[i]])
        np.testing.assert_allclose(alone.returns[0], together.returns[i], rtol=1e-6)


class Remembering:
    """Policies that act by all they have seen since ``reset``."""

    def __init__(self, policies):
        self._policies, self.num_tasks = policies, policies.num_tasks

    def reset(self):
        self._seen = 0.0

    def act(self, observations):
        self._seen = 0.5 * self._seen + observations
        return self._policies.act(self._seen.astype(np.float32))


@pytest.mark.parametrize("wrap", [lambda policies: policies, Remembering])
@pytest.mark.parametrize("default", [False, True])
def test_tasks_that_leave_change_nothing_for_others(pointmass, wrap, default):
    family = type(pointmass)()
    if default:
        family.make_vec = lambda *given: TaskFamily.make_vec(family, *given)
    tasks = family.tasks[:5]
    seeds = episode_seeds(0, "test", tasks, 2)
    last = np.array([60, 7, 20, 60, 7])
    asked = []

    def keep(returns, left):
        asked.append((returns.copy(), left.copy()))
        return last > len(asked)

    def play(**given):
        return rollout(family, tasks, wrap(family.expert(tasks)), seeds, **given)

    rewards = []
    whole = play(watch=lambda *seen: rewards.append(seen[2]))
    found = play(keep=keep)
    np.testing.assert_array_equal(found.lengths, np.stack([last, last], axis=1))
    going = np.flatnonzero(last == 60)
    for name, values in whole.columns().items():
        np.testing.assert_array_equal(found.columns()[name][going], values[going])
    for task, length in enumerate(last):
        np.testing.assert_allclose(
            found.returns[task], np.sum(rewards[:length], axis=0)[task], rtol=1e-6
        )
    returns, left = asked[9]
    np.testing.assert_array_equal(left, [[50, 50], [0, 0], [50, 50], [50, 50], [0, 0]])
    np.testing.assert_array_equal(returns[1], found.returns[1])


def test_a_reward_above_the_largest_is_refused():
    family = CounterFamily(reward=float, max_reward=3.0)
    with pytest.raises(ContractError, match=r"length=200, step 4: [^\n]*max_reward, 3"):
        play(family, of_lengths(2, 200))
    play(family, of_lengths(2, 3))
    play(CounterFamily(reward=float, max_reward=float(HORIZON)), of_lengths(2, 200))


def test_default_make_vec_plays_the_same_episodes(pointmass):
    tasks = pointmass.tasks[::9]
    seeds = episode_seeds(0, "test", tasks, 2)
    fast = rollout(pointmass, tasks, pointmass.expert(tasks), seeds)

    class Slow(type(pointmass)):
        make_vec = TaskFamily.make_vec

    slow = rollout(Slow(), tasks, pointmass.expert(tasks), seeds)
    np.testing.assert_allclose(slow.returns, fast.returns, rtol=1e-6)
    np.testing.assert_array_equal(slow.successes, fast.successes)
    np.testing.assert_array_equal(slow.lengths, fast.lengths)
