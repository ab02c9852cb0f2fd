"""Mixtures: a weighted mean of policies' actions, stored and taken apart like any policies."""

from dataclasses import replace

import numpy as np
import pytest

from hyperbench.errors import DataError
from hyperbench.mixture import MixturePolicies
from hyperbench.policy import MLPPolicies, StorablePolicies
from hyperbench.records.store import StoredRun, write_record


def random_policies(num_tasks, seed=0):
    rng = np.random.default_rng(seed)
    sizes = [(4, 8), (8, 2)]
    return MLPPolicies(
        tuple(rng.normal(size=(num_tasks, *size)).astype(np.float32) for size in sizes),
        tuple(rng.normal(size=(num_tasks, out)).astype(np.float32) for _, out in sizes),
        observation_mean=np.full(4, 0.5, np.float32),
        observation_std=np.full(4, 2.0, np.float32),
        action_low=np.array([-1, 0], np.float32),
        action_high=np.array([1, 4], np.float32),
    )


SHARES = np.array([[1, 0, 0], [0, 0.5, 0.5], [0.2, 0.3, 0.5], [0, 0, 1]], np.float32)
OBSERVATIONS = np.random.default_rng(1).normal(size=(4, 5, 4)).astype(np.float32)


@pytest.fixture
def mixture():
    return MixturePolicies(random_policies(3), SHARES)


def test_an_action_is_the_mean_of_the_members_actions(mixture):
    each = [mixture.members.act(np.stack([task] * 3)) for task in OBSERVATIONS]  # (3, 5, 2) each
    weighted = [share[:, None, None] * a for share, a in zip(SHARES, each, strict=True)]
    expected = np.stack(weighted).sum(axis=1)
    found = mixture.act(OBSERVATIONS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found[0], each[0][0], err_msg="one member alone")


def test_some_of_the_policies_act_as_before_to_the_last_bit(mixture):
    together = mixture.act(OBSERVATIONS)
    np.testing.assert_array_equal(mixture.take([2, 0]).act(OBSERVATIONS[[2, 0]]), together[[2, 0]])


def test_it_is_stored_and_read_again(mixture, tmp_path, make_record, make_tasks, make_table):
    assert isinstance(mixture, StorablePolicies)
    tasks = make_tasks(4)
    run = write_record(
        tmp_path, make_record(tasks=tasks), make_table(tasks, np.ones((4, 2))), mixture
    )
    again = StoredRun.read(run.folder).policies()
    assert isinstance(again, MixturePolicies)
    np.testing.assert_array_equal(again.act(OBSERVATIONS), mixture.act(OBSERVATIONS))
    assert again.num_parameters == 3 * (mixture.members.num_parameters + 1)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (np.ones((4, 2), np.float32) / 2, "for 3 members"),
        (np.array([[1.5, -0.5, 0]], np.float32), "must not be negative"),
        (np.array([[0.5, 0.4, 0]], np.float32), "must sum to 1"),
    ],
)
def test_shares_that_are_none_are_refused(shares, message):
    with pytest.raises(DataError, match=message):
        MixturePolicies(random_policies(3), shares)


def test_numbers_that_are_not_finite_are_refused_by_name(mixture, make_tasks):
    specs = make_tasks(4)
    mixture.refuse_non_finite(specs)
    shares = SHARES.copy()
    shares[2, 1] = np.nan
    with pytest.raises(FloatingPointError, match=specs[2].label):
        replace(mixture, shares=shares).refuse_non_finite(specs)
    mixture.members.weights[0][1, 0, 0] = np.inf
    with pytest.raises(FloatingPointError, match="member"):
        mixture.refuse_non_finite(specs)


def test_a_file_of_something_else_is_refused(mixture):
    arrays, metadata = mixture.members.to_arrays()
    with pytest.raises(DataError, match="'shares'"):
        MixturePolicies.from_arrays(arrays, metadata)
