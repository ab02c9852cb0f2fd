"""Families made of Gymnasium environments: features, spaces, experts of any kind."""

import importlib.util

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from hyperbench import GymnasiumFamily
from hyperbench.adapters.spaces import FlatActions, FlatObservations
from hyperbench.errors import (
    DataError,
    HyperbenchError,
    PluginError,
    SpaceError,
    SpecError,
    UnknownNameError,
)
from hyperbench.measuring.dataset import dataset, load, prepare
from hyperbench.policy import MLPPolicies
from hyperbench.records.policies import write_policies
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.task import Feature
from hyperbench.testing import FAMILY_CHECKS, check_family

GRID = {"length": [0.25, 0.5, 1.0], "gravity": [5.0, 9.8, 15.0]}


def balance(observations, task):
    return observations @ [0.05, 0.2, 1.0, task["length"] ** 0.5] > 0


def cart_pole(env="CartPole-v1", features=GRID, **rest):
    return GymnasiumFamily(
        env, **{"id": "classic/cart-pole-v1", "features": features, "expert": balance, **rest}
    )


class Shelf(gymnasium.Env):
    """Two lights of three colours each are to be set as a picture shows, its border apart."""

    observation_space = spaces.Dict(
        {
            "wanted": spaces.MultiDiscrete([3, 3]),
            "seen": spaces.Tuple((spaces.Box(-1, 1, (2,), np.float64), spaces.Discrete(2))),
        }
    )
    action_space = spaces.MultiDiscrete([3, 3], start=[1, 5])

    def __init__(self, shift=0, loss=0.0):
        assert type(shift) is int
        self.shift, self.loss = shift, loss

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.look(), {}

    def look(self):
        self.wanted = self.np_random.integers(0, 3, 2)
        noise = self.np_random.uniform(-1, 1, 2)
        return {"wanted": self.wanted, "seen": (noise, int(noise[0] > 0))}

    def step(self, action):
        assert self.action_space.contains(action)
        reached = (np.asarray(action) - self.action_space.start + self.shift) % 3
        reward = (reached == self.wanted).sum() - self.loss * (action[0] == 1)
        return self.look(), reward, np.False_, False, {}


def set_lights(observations, task):
    wanted = np.stack(
        [observations[:, 3 + first :][:, :3].argmax(axis=1) for first in (1, 4)], axis=1
    )
    return (wanted - int(task["shift"])) % 3 + Shelf.action_space.start


def shelf(**rest):
    given = {"features": {"shift": [0, 1, 2], "loss": [0.0, 0.1]}, "expert": set_lights}
    return GymnasiumFamily(Shelf, id="toys/shelf-v1", horizon=8, **{**given, **rest})


@pytest.mark.parametrize("check", FAMILY_CHECKS, ids=lambda check: check.__name__)
def test_parts_and_choices_keep_the_contract(check):
    check(shelf())


def test_parts_are_flattened_in_gymnasiums_order():
    family = shelf()
    env = family.make(family.tasks[0])
    seen, _ = env.reset(seed=3)
    native = Shelf()
    parts, _ = native.reset(seed=3)
    assert family.observation_space.shape == seen.shape == (10,)
    np.testing.assert_allclose(seen[:2], parts["seen"][0], rtol=1e-6)
    assert seen[2 + parts["seen"][1]] == 1
    assert [row.argmax() for row in (seen[4:7], seen[7:])] == parts["wanted"].tolist()


@pytest.mark.parametrize(
    ("space", "action", "answer"),
    [
        (spaces.Discrete(3), 2, [0, 0, 1]),
        (spaces.Discrete(2, start=-1), -1, [1, 0]),
        (spaces.MultiDiscrete([2, 3], start=[4, 0]), [5, 1], [0, 1, 0, 1, 0]),
        (spaces.MultiDiscrete([[2, 2]]), [[1, 0]], [0, 1, 1, 0]),
        (spaces.MultiBinary(2), [1, 0], [0, 1, 1, 0]),
        (spaces.Box(-2, 1, (2, 1), np.float64), [[0.5], [-2]], [0.5, -2]),
    ],
    ids=str,
)
def test_actions_are_numbers_and_come_back_as_they_were(space, action, answer):
    actions = FlatActions(space, "x")
    flat = actions.flat(np.stack([action, action]), 2)
    assert (flat.dtype, flat.tolist()) == (np.float32, [answer, answer])
    assert np.array_equal(actions.taken(flat[0]), action)
    assert space.contains(actions.taken(flat[0]))
    if not isinstance(space, spaces.Box):
        # The largest is taken, whatever it is.
        assert np.array_equal(actions.taken(0.3 + 0.2 * flat[0]), action)


@pytest.mark.parametrize("actions", [[3], [0.5], [-1]])
def test_what_is_no_alternative_is_refused(actions):
    with pytest.raises(ValueError, match=r"must be of Discrete\(3\), found \[\[" + str(actions[0])):
        FlatActions(spaces.Discrete(3), "x").flat(actions, 1)


def test_actions_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"2 actions of Discrete\(3\), found shape \(1,\)"):
        FlatActions(spaces.Discrete(3), "x").flat([1], 2)


@pytest.mark.parametrize(
    ("make", "space", "said"),
    [
        (FlatObservations, spaces.Box(0, 255, (8, 8, 3), np.uint8), "observed by images"),
        (
            FlatObservations,
            spaces.Dict({"camera": spaces.Box(0, 255, (8, 8), np.uint8)}),
            "observed by images",
        ),
        (FlatObservations, spaces.Sequence(spaces.Discrete(2)), "no fixed length"),
        (FlatActions, spaces.Box(-np.inf, 1, (2,)), "unbounded"),
        (FlatActions, spaces.Tuple((spaces.Discrete(2),)), "Wrap the environment"),
        (FlatActions, spaces.Box(0, 3, (2,), np.int64), "Wrap the environment"),
    ],
    ids=str,
)
def test_other_spaces_are_refused_in_words(make, space, said):
    with pytest.raises(SpaceError, match=said):
        make(space, "x")


def test_demonstrations_are_one_hot_and_all_that_is_derived_follows(tmp_path):
    def follow(env, task):
        env.polemass_length = env.masspole * task["length"]

    family = cart_pole(set=follow, max_reward=1.0)
    task = family.task(length=1.0, gravity=9.8)
    env = family.make(task).unwrapped
    assert (env.length, env.gravity, env.polemass_length) == (1.0, 9.8, 0.1)
    assert (family.info.horizon, family.info.max_reward) == (500, 1.0)
    found = dataset(family, 1, tmp_path)
    prepare(family, found, tasks=[task])
    (episode,) = load(family, found, [task]).episodes[0]
    assert episode.actions.shape == (500, 2)
    assert np.array_equal(np.unique(episode.actions), [0.0, 1.0])
    assert (episode.actions.sum(axis=1) == 1).all()


def test_features_are_arguments_before_they_are_attributes():
    made = []

    class Pole(gymnasium.envs.classic_control.CartPoleEnv):
        def __init__(self, length=0.1, render_mode=None):
            super().__init__(render_mode=render_mode)
            made.append(length)

    family = cart_pole(Pole, horizon=20)
    assert made == [0.25]
    env = family.make(family.task(length=0.5, gravity=5.0))
    # What an argument does is the constructor's affair.
    assert (made[-1], env.unwrapped.length, env.unwrapped.gravity) == (0.5, 0.5, 5.0)
    assert family.info.horizon == 20


def test_ranges_units_and_categories_are_told_by_features():
    gravity = Feature("gravity", 0.0, 20.0, "m/s^2", "dynamics")
    features = {gravity: [5, 15], "kinematics_integrator": ["euler", "semi-implicit"]}
    family = cart_pole(features=features)
    assert family.spec_space.features[0] is gravity
    assert family.spec_space.shown_dim == 3
    env = family.make(family.tasks[-1]).unwrapped
    assert (env.gravity, env.kinematics_integrator) == (15.0, "semi-implicit")


def test_a_feature_that_nothing_has_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"'lenght'. Did you mean 'length'.*set="):
        cart_pole(features={"lenght": [1, 2]})
    assert cart_pole(features={"lenght": [1, 2]}, set=lambda env, task: None).tasks


def test_a_horizon_that_nobody_has_said_is_asked_for():
    with pytest.raises(SpecError, match="horizon="):
        cart_pole(gymnasium.envs.classic_control.CartPoleEnv)


def test_tasks_of_other_spaces_are_refused():
    class Wide(Shelf):
        def __init__(self, shift=0, loss=0.0):
            super().__init__(shift, loss)
            self.action_space = spaces.MultiDiscrete([3 + shift, 3])

    family = GymnasiumFamily(Wide, id="toys/shelf-v1", horizon=8, features={"shift": [0, 1]})
    with pytest.raises(SpecError, match="share them"):
        family.make(family.tasks[-1])


def test_bounds_of_observations_may_differ():
    class Fast(gymnasium.envs.classic_control.PendulumEnv):
        def __init__(self, speed=8.0, render_mode=None):
            super().__init__(render_mode=render_mode)
            self.max_speed = speed
            high = np.array([1.0, 1.0, speed], np.float32)
            self.observation_space = spaces.Box(-high, high)

    family = GymnasiumFamily(Fast, id="toys/fast-v1", horizon=5, features={"speed": [4, 8]})
    for task in family.tasks:
        assert family.make(task).observation_space == family.observation_space


def test_tasks_need_not_be_a_grid():
    class Drawn(GymnasiumFamily):
        def __init__(self):
            super().__init__(
                "CartPole-v1", id="toys/drawn-v1", features=GRID, horizon=9, expert=balance
            )
            drawn = np.random.default_rng(0).uniform(0.25, 1.0, 5)
            self.tasks = tuple(self.task(length=x, gravity=5 + 10 * x) for x in drawn)

    check_family(Drawn(), except_for=FAMILY_CHECKS[-2:])


def test_wrappers_come_before_what_is_flattened():
    family = shelf(wrappers=[lambda env: gymnasium.wrappers.TransformReward(env, lambda r: -r)])
    seeds = episode_seeds(0, "test", family.tasks, 1)
    plain = rollout(shelf(), family.tasks, shelf().expert(family.tasks), seeds)
    turned = rollout(family, family.tasks, family.expert(family.tasks), seeds)
    assert np.array_equal(turned.returns, -plain.returns)


def test_what_a_family_is_follows_from_its_environment():
    info = cart_pole(licence="MIT").info
    assert info.physics == f"gymnasium {gymnasium.__version__}"
    assert (info.licence, info.expert_version, info.has_expert) == ("MIT", "balance", True)
    assert info.summary == "CartPole-v1 by length, gravity"


# Experts


def actions_of(family, observations=None):
    tasks = family.tasks[:2]
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(2, 3, *family.observation_space.shape)).astype(np.float32)
    return seen, family.expert(tasks).act(seen)


def test_an_expert_may_leave_the_task_out():
    seen, actions = actions_of(cart_pole(expert=lambda observations: observations[:, 2] > 0))
    assert np.array_equal(actions[:, :, 1], seen[:, :, 2] > 0)


class Model:
    """What a model of Stable-Baselines3 looks like from outside."""

    def __init__(self, num_seen):
        self.observation_space = spaces.Box(-1, 1, (num_seen,))
        self.shown = []

        class Weight:
            detach = cpu = lambda self: self

            def numpy(self):
                return np.arange(num_seen)

        class Policy:
            def state_dict(self):
                return {"weight": Weight()}

        self.policy = Policy()

    def predict(self, observation, deterministic=False):
        assert deterministic
        self.shown.append(observation)
        return np.ones(3, np.int64), None


@pytest.mark.parametrize("num_seen", [4, 6])
def test_a_model_sees_observations_and_where_it_knows_it_the_spec(num_seen):
    model = Model(num_seen)
    family = cart_pole(expert=model)
    seen, actions = actions_of(family)
    assert np.array_equal(actions[0], [[0, 1]] * 3)
    for shown, row, task in zip(model.shown, seen, family.tasks, strict=False):
        assert np.array_equal(shown[:, :4], row)
        assert np.array_equal(shown[:, 4:], np.tile(task.vector[: num_seen - 4], (3, 1)))
    versions = {cart_pole(expert=Model(n)).info.expert_version for n in (4, 4, 6)}
    assert len(versions) == 2


def test_a_model_of_parts_sees_them_by_name():
    class Bare(Shelf):
        observation_space = spaces.Dict({"wanted": Shelf.observation_space["wanted"]})

        def look(self):
            return {"wanted": super().look()["wanted"]}

    model = Model(1)
    model.predict = lambda seen, deterministic: (seen["wanted"] + [1, 5], None)
    family = GymnasiumFamily(
        Bare, id="toys/shelf-v1", horizon=8, features={"shift": [0, 1, 2]}, expert=model
    )
    table = rollout(family, family.tasks, family.expert(family.tasks), np.array([[5], [6], [7]]))
    assert table.returns[:, 0].tolist() == [16.0, 0.0, 0.0]


@pytest.mark.thorough  # it imports torch and trains a model
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_model_of_stable_baselines_is_an_expert():
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, device="cpu").learn(32)
    family = cart_pole(expert=model)
    assert family.info.expert_version.startswith("PPO-")
    seen, actions = actions_of(family)
    assert np.array_equal(actions[0].argmax(axis=1), model.predict(seen[0], deterministic=True)[0])


def test_a_file_of_policies_is_an_expert(tmp_path):
    path = tmp_path / "experts.safetensors"
    num_tasks = len(cart_pole().tasks)
    policies = MLPPolicies(
        weights=(np.random.default_rng(0).normal(size=(num_tasks, 4, 2)).astype(np.float32),),
        biases=(np.zeros((num_tasks, 2), np.float32),),
        observation_mean=np.zeros(4, np.float32),
        observation_std=np.ones(4, np.float32),
        action_low=np.zeros(2, np.float32),
        action_high=np.ones(2, np.float32),
    )
    write_policies(path, policies)
    family = cart_pole(expert=path)
    assert family.info.expert_version.startswith("experts.safetensors-")
    seen = np.ones((1, 3, 4), np.float32)
    for i in (0, 5):
        assert np.array_equal(
            family.expert([family.tasks[i]]).act(seen), policies.take([i]).act(seen)
        )
    with pytest.raises(DataError, match="none of the family's tasks"):
        family.expert([family.task(length=0.3, gravity=5.0)])
    fewer = cart_pole(expert=path, features={"length": [0.25, 0.5]})
    with pytest.raises(DataError, match="has 9 policies"):
        fewer.expert(fewer.tasks)
    with pytest.raises(HyperbenchError, match="cannot be read"):
        cart_pole(expert=tmp_path / "none.safetensors")


def test_a_subclass_may_bring_the_expert_itself():
    class Mine(GymnasiumFamily):
        def expert(self, tasks):
            return cart_pole().expert(tasks)

    family = Mine("CartPole-v1", id="classic/cart-pole-v1", features=GRID)
    assert family.info.has_expert
    check_family(family, except_for=FAMILY_CHECKS[-2:])


def test_what_cannot_be_drawn_is_told():
    family = cart_pole()
    env = family.make(family.tasks[0], "rgb_array")
    env.reset(seed=0)
    if importlib.util.find_spec("pygame") is None:
        with pytest.raises(PluginError, match=r"cannot be drawn: pygame is not installed"):
            env.render()
    assert shelf().make(shelf().tasks[0], "rgb_array").render_mode is None
