"""What crosses the border is this episode's and sound, or is refused with its place."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hyperbench_baselines.common.normalizer import Normalizer

from hyperbench.commands.info import _values
from hyperbench.commands.render import find_task
from hyperbench.demonstration import Demonstrations
from hyperbench.errors import ContractError
from hyperbench.feature import Feature
from hyperbench.measuring.dataset import dataset, load, prepare
from hyperbench.report.charts import positions
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.statistics import earns_more
from hyperbench.task import SpecSpace, told_apart
from hyperbench.testing import LineFamily, check_family, line_demonstrations
from hyperbench.testing.line import TIMESTEP, LineEnv


def play(family, policies=None, num_episodes=2, **options):
    tasks = family.tasks[:3]
    seeds = episode_seeds(0, "case", tasks, num_episodes)
    return rollout(family, tasks, policies or family.expert(tasks), seeds, **options)


class ToldAtReset(LineEnv):
    """Ends by itself after 7 or 20 steps, and tells at a reset that nothing is reached yet."""

    def reset(self, **arguments):
        observation, _ = super().reset(**arguments)
        return observation, {"success": False}

    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, self.num_steps >= self.most, truncated, info


class Ending(LineFamily):
    mode: AutoresetMode

    def make(self, task, render_mode=None):
        env = ToldAtReset(task)
        env.most = 7 if task == self.tasks[1] else 100
        return env

    def make_vec(self, tasks, num_threads=1):
        return SyncVectorEnv(
            [lambda task=task: self.make(task) for task in tasks], autoreset_mode=self.mode
        )


def ending(mode, **info):
    family = Ending()
    family.mode, family.info = mode, replace(family.info, **info)
    return family


def tables_equal(one, other):
    for name, column in one.columns().items():
        np.testing.assert_array_equal(column, other.columns()[name])


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_an_episode_is_the_same_however_its_environment_starts_anew(mode):
    expected = play(ending(AutoresetMode.NEXT_STEP))
    assert expected.successes.any()
    np.testing.assert_array_equal(expected.lengths, [[20, 20], [7, 7], [20, 20]])
    tables_equal(play(ending(mode)), expected)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_the_last_observation_of_a_demonstration_is_of_its_episode(mode, tmp_path):
    family = ending(mode)
    found = dataset(family, 2, tmp_path)
    prepare(family, found)
    for task, row in zip(family.tasks, load(family, found, family.tasks).episodes, strict=True):
        for episode in row:
            env = family.make(task)
            seen = [env.reset(seed=episode.seed)[0]]
            seen += [env.step(action)[0] for action in episode.actions]
            np.testing.assert_array_equal(episode.observations, seen)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_lasting_is_read_of_no_later_episode(mode):
    """An environment that ends without success ends for good; others go on to the horizon."""

    class Later(Ending):
        """Succeeds in its second episode, and from then on."""

        def make(self, task, render_mode=None):
            env, num_resets = super().make(task), iter(range(1000))
            reset, step = env.reset, env.step

            def counted(**arguments):
                env.has_ended = next(num_resets) > 0
                return reset(**arguments)

            env.reset = counted
            env.step = lambda action: (*step(action)[:-1], {"success": env.has_ended})
            return env

    family = Later()
    family.mode, family.info = mode, replace(family.info, ends_at_success=True)
    table = play(family)
    np.testing.assert_array_equal(table.lengths, [[20, 20], [7, 7], [20, 20]])
    assert not table.successes.any()
    assert not table.lasting.any()


class ReachEnv(LineEnv):
    """A plain environment that is over at success."""

    key, always = "success", True

    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        done = bool(info["success"])
        told = {self.key: done} if self.always or done else {}
        return observation, reward, done, truncated, told


def family_of(env_class, **info):
    family = type("Family", (LineFamily,), {"make": lambda self, task, mode=None: env_class(task)})
    family.info = replace(LineFamily.info, **info)
    return family()


def test_an_environment_that_ends_at_success_cannot_show_whether_it_lasts():
    family = family_of(ReachEnv, ends_at_success=True)
    words = r"goal=-1, gain=0.5, step \d+: with info.ends_at_success an environment must go on"
    with pytest.raises(ContractError, match=words):
        play(family)
    with pytest.raises(ContractError, match="must go on"):
        check_family(family)
    table = play(family_of(ReachEnv), num_episodes=1)
    assert table.successes.all()
    assert (table.lengths < 20).all()


def test_success_that_is_not_told_is_named_with_its_place():
    silent = type("Silent", (ReachEnv,), {"key": "is_success", "always": False})
    words = r"goal=-1, gain=0.5, step 1: infos must have 'success' at each step"
    with pytest.raises(ContractError, match=words):
        play(family_of(silent))


@pytest.mark.parametrize("value", [0.5, np.nan, 2, "yes", None])
def test_success_is_a_boolean_or_exactly_0_or_1(value):
    class Env(LineEnv):
        def step(self, action):
            *shown, _ = super().step(action)
            return *shown, {"success": value if self.num_steps == 3 else False}

    with pytest.raises(ContractError, match=r"step \d: in.*success"):
        play(family_of(Env))


@pytest.mark.parametrize("true", [True, 1, 1.0, np.True_, np.int64(1)])
def test_all_that_means_a_boolean_is_one(true):
    class Env(LineEnv):
        def step(self, action):
            *shown, info = super().step(action)
            return *shown, {"success": true if info["success"] else type(true)(0)}

    tables_equal(play(family_of(Env)), play(LineFamily()))


def test_a_buffer_that_is_used_again_does_not_reach_demonstrations():
    class OneBuffer(LineFamily):
        def make_vec(self, tasks, num_threads=1):
            return SyncVectorEnv([lambda t=t: LineEnv(t) for t in tasks], copy=False)

    def steps(family):
        seen = []
        play(family, watch=lambda *step: seen.append([part.copy() for part in step]))
        return seen

    for one, other in zip(steps(OneBuffer()), steps(LineFamily()), strict=True):
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda o, r, e, c, i: (o.astype(np.float64), r, e, c, i), "observations must be float32"),
        (lambda o, r, e, c, i: (o[:, :1], r, e, c, i), r"float32 of shape \(6, 1\)"),
        (lambda o, r, e, c, i: (o, r[:, None], e, c, i), "rewards must be numbers of shape"),
        (lambda o, r, e, c, i: (o, r * np.inf, e, c, i), "reward must be finite"),
        (lambda o, r, e, c, i: (o, r, e.astype(int), c, i), "terminated must be booleans"),
        (lambda o, r, e, c, i: (o, r, e, c, {"success": i["success"][:1]}), "'success'"),
    ],
)
def test_what_a_step_shows_is_as_declared(change, words):
    class Family(LineFamily):
        def make_vec(self, tasks, num_threads=1):
            env = super().make_vec(tasks)
            step = env.step
            env.step = lambda actions: change(*step(actions))
            return env

    with pytest.raises(ContractError, match=f"Family testing/line-v1.*, step 1: (.|\n)*{words}"):
        play(Family())


def test_seeds_that_are_too_large_for_an_environment_are_named():
    class Env(LineEnv):
        def reset(self, *, seed=None, options=None):
            if seed is not None:
                np.random.RandomState(seed)
            return super().reset(seed=seed)

    with pytest.raises(ContractError, match=r"seeds of 48 bits(.|\n)*seed % 2\*\*32"):
        play(family_of(Env))


class OpenEnv(LineEnv):
    """Leaves the bounds to whoever acts."""

    def step(self, action):
        self.velocity += TIMESTEP * self.gain * float(action[0])
        self.position += TIMESTEP * self.velocity
        self.num_steps += 1
        distance = abs(self.goal - self.position)
        return self.observe(), -distance, False, self.num_steps >= 20, {"success": distance < 0.1}


class Scaled:
    """Policies that ask for a multiple of what others do."""

    def __init__(self, policies, factor):
        self.policies, self.factor, self.num_tasks = policies, factor, policies.num_tasks

    def act(self, observations):
        return np.float32(self.factor) * self.policies.act(observations)

    def reset(self):
        self.policies.reset()


def test_actions_are_within_their_bounds_whatever_an_environment_does_with_others():
    family = family_of(OpenEnv)
    experts = family.expert(family.tasks[:3])
    executed = []
    loud = play(family, Scaled(experts, 100), watch=lambda _, a, *rest: executed.append(a))
    space = family.action_space
    assert (space.low <= executed).all()
    assert (executed <= space.high).all()
    assert loud.num_clipped > 50
    quiet = play(family)
    assert quiet.num_clipped == 0
    # Within the bounds nothing is changed, to the last bit.
    tables_equal(play(family, Scaled(experts, 1)), quiet)


def test_a_board_says_that_actions_were_clipped(write_run, board_of):
    write_run("random", np.zeros(8), is_arm=True)
    write_run("expert", np.ones(8), is_arm=True)
    write_run("loud", np.full(8, 0.5), num_clipped=1234)
    write_run("quiet", np.full(8, 0.5))
    board, _ = board_of()
    (note,) = board.notes
    assert note.startswith("loud asked for actions outside of their bounds in 1,234 steps")


def test_an_expert_that_is_better_by_noise_alone_defines_no_score(write_run, board_of):
    random = np.array([[0.0, 4], [0, 4], [0, 4], [0, 4]])
    # Beyond noise, within it, by rounding alone, and not at all.
    expert = random + np.array([[1, 1.5], [2, -1], [0, 1e-15], [0, 0]])
    np.testing.assert_array_equal(earns_more(expert, random), [True, False, False, False])
    np.testing.assert_array_equal(earns_more(expert[:, :1], random[:, :1]), [1, 1, 0, 0])
    write_run("random", random, is_arm=True)
    write_run("expert", expert, is_arm=True)
    write_run("learned", random + 100)
    board, rows = board_of()
    assert rows["learned"]["score"].value is None
    (note,) = board.notes
    assert "but for the noise of their episodes" in note


LOW, HIGH = 52.520000, 52.520018


class Street(LineFamily):
    """Goals two decimetres apart, in degrees of latitude."""

    info = replace(LineFamily.info, id="street/latitude-v1")
    spec_space = SpecSpace((Feature("latitude", LOW, HIGH, "deg", "goal"),))
    tasks = spec_space.grid(info.id, latitude=np.linspace(LOW, HIGH, 19).tolist())


def test_labels_tell_a_familys_tasks_apart():
    street = Street()
    labels = [task.label for task in told_apart(street.tasks)]
    assert labels[:2] == ["latitude=52.52", "latitude=52.520001"]
    assert len(set(labels)) == 19
    assert told_apart(street.tasks) == street.tasks, "they are the same tasks"
    for task in told_apart(street.tasks):
        assert find_task(street, task.label) == task
        assert find_task(street, task.label).label == task.label
    assert find_task(street, "latitude=52.5200095").label == "latitude=52.5200095"
    [feature] = street.spec_space.features
    values = [task.values[0] for task in street.tasks]
    assert _values(feature, values) == "19 values from 52.52 to 52.520018 deg"
    assert positions(values) == values


def test_labels_that_tell_tasks_apart_stay_as_they_are(pointmass):
    assert told_apart(pointmass.tasks) == pointmass.tasks
    assert not any(task.num_digits for task in told_apart(pointmass.tasks))
    assert "goal_x=-0.333333" in pointmass.tasks[12].label


def test_observations_in_small_units_are_not_taken_for_standing_still():
    line = line_demonstrations()

    def in_units(factor):
        rows = tuple(
            tuple(replace(e, observations=e.observations * np.float32(factor)) for e in row)
            for row in line.episodes
        )
        small = Demonstrations(line.specs, rows, line.action_low, line.action_high)
        return Normalizer.of(small).observations(small.episodes[0][0].observations)

    np.testing.assert_allclose(in_units(2.0**-17), in_units(1.0), rtol=1e-4, atol=1e-5)
    assert np.isfinite(in_units(0.0)).all()


def test_what_is_of_order_one_is_normalised_as_ever(pointmass, tmp_path):
    """To the last bit, or finished runs would not be those of this code."""
    found = dataset(pointmass, 1, tmp_path)
    prepare(pointmass, found)
    demonstrations = load(pointmass, found, pointmass.tasks)
    seen = np.concatenate([demonstrations.observations(t) for t in range(len(pointmass.tasks))])
    assert np.abs(seen).max() > 1
    std = np.maximum(seen.astype(np.float64).std(axis=0), 1e-3).astype(np.float32)
    np.testing.assert_array_equal(Normalizer.of(demonstrations).observation_std, std)
