"""Policies as data: what the stacked weights do, one task at a time and all at once."""

import itertools
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hyperbench.errors import DataError
from hyperbench.policy import MLPPolicies, PolicyBatch, StorablePolicies
from hyperbench.policy.stacked import StackedPolicies

NUM_TASKS, NUM_EPISODES = 3, 5
LOW, HIGH = np.array([-4.0, 0.0], np.float32), np.array([2.0, 0.3], np.float32)


def normal(seed, *shape):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def policies(activation="relu", squash="tanh"):
    sizes = [4, 8, 6, 2]
    pairs = list(itertools.pairwise(sizes))
    return MLPPolicies(
        weights=tuple(normal(0, NUM_TASKS, n, m) for n, m in pairs),
        biases=tuple(normal(1, NUM_TASKS, m) for _, m in pairs),
        observation_mean=normal(2, 4),
        observation_std=np.abs(normal(3, 4)) + 0.1,
        action_low=LOW,
        action_high=HIGH,
        activation=activation,
        squash=squash,
    )


OBSERVATIONS = normal(4, NUM_TASKS, NUM_EPISODES, 4)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("squash", ["tanh", "clip"])
def test_act_is_the_network_written_out(activation, squash):
    batch = policies(activation, squash)
    actions = batch.act(OBSERVATIONS)
    assert actions.dtype == np.float32
    hidden_of = {"relu": lambda x: max(x, 0.0), "tanh": np.tanh}[activation]
    squashed_of = {"tanh": np.tanh, "clip": lambda x: min(max(x, -1.0), 1.0)}[squash]
    for task in range(NUM_TASKS):
        for episode in range(NUM_EPISODES):
            x = OBSERVATIONS[task, episode].astype(float)
            x = (x - batch.observation_mean) / batch.observation_std
            for layer in range(3):
                x = batch.biases[layer][task] + sum(
                    x[i] * batch.weights[layer][task, i].astype(float) for i in range(len(x))
                )
                x = [hidden_of(v) for v in x] if layer < 2 else [squashed_of(v) for v in x]
            expected = LOW + (np.array(x) + 1) / 2 * (HIGH - LOW)
            np.testing.assert_allclose(actions[task, episode], expected, atol=2e-5)


def test_act_leaves_its_input_alone():
    before = OBSERVATIONS.copy()
    policies().act(OBSERVATIONS)
    np.testing.assert_array_equal(OBSERVATIONS, before)


def test_each_policy_ignores_the_others():
    batch, actions = policies(), policies().act(OBSERVATIONS)
    chosen = [2, 0, 0]
    taken = batch.take(chosen)
    assert taken.num_tasks == 3
    np.testing.assert_allclose(taken.act(OBSERVATIONS[chosen]), actions[chosen], atol=1e-5)
    other = OBSERVATIONS.copy()
    other[0] += 100
    np.testing.assert_allclose(batch.act(other)[1:], actions[1:], atol=1e-5)


@given(
    hnp.arrays(np.float32, 2, elements=st.floats(-5, 5, width=32)),
    hnp.arrays(np.float32, 2, elements=st.floats(2**-7, 5, width=32)),
    hnp.arrays(np.float32, (1, 2), elements=st.floats(-100, 100, width=32)),
    st.sampled_from(["tanh", "clip"]),
)
def test_actions_stay_within_their_bounds(low, extent, bias, squash):
    """To a rounding error: the bounds themselves are reached, and nothing beyond."""
    batch = MLPPolicies(
        weights=(np.zeros((1, 1, 2), np.float32),),
        biases=(bias,),
        observation_mean=np.zeros(1, np.float32),
        observation_std=np.ones(1, np.float32),
        action_low=low,
        action_high=low + extent,
        squash=squash,
    )
    action = batch.act(np.zeros((1, 1, 1), np.float32))[0, 0]
    slack = 1e-5
    assert (low - slack <= action).all()
    assert (action <= low + extent + slack).all()
    reached = np.where(bias[0] > 20, low + extent, np.where(bias[0] < -20, low, action))
    np.testing.assert_allclose(action, reached, atol=slack)


def test_num_parameters_counts_one_policy():
    assert policies().num_parameters == (4 * 8 + 8) + (8 * 6 + 6) + (6 * 2 + 2)


def test_is_a_policy_batch():
    assert isinstance(policies(), PolicyBatch)


@pytest.mark.parametrize(("activation", "squash"), [("relu", "clip"), ("tanh", "tanh")])
def test_arrays_bring_everything_back(activation, squash):
    batch = policies(activation, squash).take([1, 2])
    arrays, metadata = batch.to_arrays()
    assert all(array.flags.c_contiguous for array in arrays.values())  # as safetensors needs
    again = MLPPolicies.from_arrays(arrays, metadata)
    np.testing.assert_array_equal(again.act(OBSERVATIONS[:2]), batch.act(OBSERVATIONS[:2]))
    assert (again.activation, again.squash) == (activation, squash)


@pytest.mark.parametrize("lost", ["bias_1", "weight_1", "observation_std", "action_high"])
def test_arrays_with_a_gap_are_refused(lost):
    arrays, metadata = policies().to_arrays()
    del arrays[lost]
    with pytest.raises(DataError, match=r"weight|bias|observation_std|action_high"):
        MLPPolicies.from_arrays(arrays, metadata)


def test_arrays_without_activation_are_refused():
    with pytest.raises(DataError, match="'activation'"):
        MLPPolicies.from_arrays(policies().to_arrays()[0], {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": ()}, "0 weights and 3 biases"),
        ({"weights": (), "biases": ()}, "0 weights and 0 biases"),
        ({"observation_mean": normal(0, 5), "observation_std": normal(0, 5)}, "Layer shapes"),
        ({"observation_std": normal(0, 1)}, "observation_std differs"),
        ({"action_high": normal(0, 1)}, "action_high differs"),
        ({"action_low": normal(0, 3), "action_high": normal(0, 3)}, "2 outputs for 3 actions"),
        ({"activation": "gelu"}, "activation 'gelu'"),
        ({"squash": "none"}, "squash 'none'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        replace(policies(), **change)


def test_a_bias_of_another_number_of_tasks_is_refused():
    batch = policies()
    biases = (batch.biases[0][:1], *batch.biases[1:])
    with pytest.raises(DataError, match=r"bias \(1, 8\), expected \(3, 4, n\) and \(3, n\)"):
        replace(batch, biases=biases)


def test_a_number_that_is_not_finite_is_refused_and_its_task_named(make_tasks):
    tasks, batch = make_tasks(NUM_TASKS), policies()
    batch.refuse_non_finite(tasks)
    for name, layer in (("weights", 1), ("biases", 2)):
        arrays = list(getattr(batch, name))
        arrays[layer] = arrays[layer].copy()
        arrays[layer][1, ..., 0] = np.inf
        with pytest.raises(FloatingPointError, match=r"generated for size=0\.5 has weights that"):
            replace(batch, **{name: tuple(arrays)}).refuse_non_finite(tasks)
    broken = replace(batch, observation_mean=np.full(4, np.nan, np.float32))
    with pytest.raises(FloatingPointError, match="observation_mean of the generated"):
        broken.refuse_non_finite(tasks)


@dataclass(frozen=True)
class Constant(StackedPolicies):
    """The same action whatever is seen."""

    kind: ClassVar[str] = "constant"
    action: np.ndarray  # (num_tasks, action_dim)
    weight: np.ndarray  # (num_tasks,)

    def act(self, observations):
        return np.repeat((self.action * self.weight[:, None])[:, None], observations.shape[1], 1)


def test_stacked_policies_are_their_arrays(make_tasks):
    policies = Constant(np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, 3.0]))
    assert isinstance(policies, StorablePolicies)
    assert (policies.num_tasks, policies.num_parameters) == (3, 3)
    assert policies.act(np.zeros((3, 4, 5))).shape == (3, 4, 2)
    taken = policies.take([2, 0, 0])
    np.testing.assert_array_equal(taken.action, [[4, 5], [0, 1], [0, 1]])
    arrays, metadata = policies.to_arrays()
    assert metadata == {"kind": "constant"}
    again = Constant.from_arrays(arrays, metadata)
    np.testing.assert_array_equal(again.weight, policies.weight)
    policies.refuse_non_finite(make_tasks(3))
    broken = Constant(policies.action, np.array([1.0, np.nan, 3.0]))
    with pytest.raises(FloatingPointError, match=r"size=0\.5 has weight that are not finite"):
        broken.refuse_non_finite(make_tasks(3))


def test_stacked_policies_that_are_none_are_refused():
    with pytest.raises(DataError, match=r"one slice a task, found action \(3, 2\), weight \(2,\)"):
        Constant(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(DataError, match="one slice a task"):
        Constant(np.zeros((3, 2)), np.float32(1.0))
    with pytest.raises(DataError, match="not arrays of Constant"):
        Constant.from_arrays({"action": np.zeros((3, 2))}, {})

    class Undeclared(StackedPolicies):
        def act(self, observations):
            return observations

    with pytest.raises(TypeError, match=r"Undeclared needs @dataclass\(frozen=True\) above it"):
        _ = Undeclared().num_tasks
