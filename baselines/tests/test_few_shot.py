"""Batches in two parts, and what few-shot methods do with support."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.few_shot import EpisodeData
from hyperbench_baselines.common.normalizer import Normalizer

from hyperbench.demonstration import Demonstrations, Episode

CPU = torch.device("cpu")


@pytest.fixture
def numbered(source):
    """Four episodes a task, of which observations tell task, episode and step."""

    def make(lengths):
        episodes = tuple(
            tuple(
                Episode(
                    np.stack(
                        [
                            np.full(length + 1, task),
                            np.full(length + 1, number),
                            np.arange(length + 1),
                        ],
                        axis=1,
                    ).astype(np.float32),
                    np.zeros((length, 2), np.float32),
                    np.full(length, 10 * task + number, np.float32),
                    False,
                    number,
                )
                for number, length in enumerate(lengths)
            )
            for task in range(source.num_tasks)
        )
        demonstrations = Demonstrations(
            source.specs, episodes, source.action_low, source.action_high
        )
        as_is = Normalizer(
            np.zeros(3, np.float32),
            np.ones(3, np.float32),
            source.action_low,
            source.action_high,
        )
        return EpisodeData(demonstrations, as_is, CPU)

    return make


def steps(batch, task):
    """The (task, episode, step) triples that a batch's row holds."""
    return {tuple(row) for row in batch.observations[task].int().tolist()}


def test_parts_share_no_episode_and_every_episode_is_in_both_roles(numbered, rng):
    data = numbered([6, 6, 6, 6])
    support_of, query_of = set(), set()
    for _ in range(20):
        parts = data.draw(3, 64, rng)
        assert parts.support.observations.shape == parts.query.observations.shape == (3, 32, 3)
        for row in range(3):
            support, query = steps(parts.support, row), steps(parts.query, row)
            tasks = {task for task, _, _ in support | query}
            assert len(tasks) == 1
            spec = parts.query.specs[row]
            assert torch.equal(spec, parts.support.specs[row])
            assert spec.item() == pytest.approx(tasks.pop() / 2 - 1)  # tilts -2, -1, 0, 1, 2
            of_support, of_query = (
                {episode for _, episode, _ in part} for part in (support, query)
            )
            assert len(of_support) == len(of_query) == 2
            assert not of_support & of_query
            support_of |= of_support
            query_of |= of_query
    assert support_of == query_of == {0, 1, 2, 3}


@pytest.mark.parametrize("lengths", [[5, 9, 2], [7], [1, 1]])
def test_parts_share_no_step_whatever_the_lengths(numbered, rng, lengths):
    data = numbered(lengths)
    seen = set()
    for _ in range(30):
        parts = data.draw(5, 64, rng)
        for row in range(5):
            support, query = steps(parts.support, row), steps(parts.query, row)
            boundary = support & query
            assert len(boundary) <= (sum(lengths) % 2)  # of an odd number one is cut in half
            seen |= {step[1:] for step in support | query}
    assert seen == {(e, s) for e, length in enumerate(lengths) for s in range(length)}


def test_spread_is_the_same_each_time_and_halves_each_task(numbered):
    data = numbered([4, 4])
    once, again = data.spread(8), data.spread(1000)
    for task in range(5):
        assert steps(once.support, task) == {(task, 0, step) for step in range(4)}
        assert steps(once.query, task) == {(task, 1, step) for step in range(4)}
    assert torch.equal(once.query.observations, again.query.observations)


def test_all_is_each_step_once_with_what_followed(numbered):
    batch = numbered([3, 5]).all()
    assert batch.observations.shape == (5, 8, 3)
    assert torch.equal(batch.observations[4, :, 2], torch.tensor([0.0, 1, 2, 0, 1, 2, 3, 4]))
    following = batch.transitions.next_observations
    assert torch.equal(following[..., 2], batch.observations[..., 2] + 1)
    assert batch.transitions.rewards[2].tolist() == [20.0] * 3 + [21.0] * 5


def test_batches_depend_on_the_generator(numbered):
    data = numbered([6, 6])

    def drawn(seed):
        return data.draw(2, 16, torch.Generator().manual_seed(seed)).query.observations

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_one_sample_makes_both_parts(numbered, rng):
    parts = numbered([6, 6]).draw(2, 1, rng)
    assert parts.support.actions.shape == parts.query.actions.shape == (2, 1, 2)


def test_a_batch_of_all_leaves_out_no_task(numbered, rng):
    assert {spec.item() for spec in numbered([2, 2]).draw(50, 4, rng).query.specs} == {
        -1.0,
        -0.5,
        0.0,
        0.5,
        1.0,
    }
