from __future__ import annotations

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.clones import ClonesConfig, nearest
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.kernel_clones import (
    KernelClones,
    KernelClonesConfig,
    KernelClonesNetwork,
)
from hyperbench_baselines.nearest_clone import NearestClone

from hyperbench.split import Split

SIZES = {"num_steps": 200, "samples_per_task": 32, "policy_width": 16}


def test_the_nearest_point_is_the_first_of_several():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    assert nearest(points, np.array([0.6, 0.2])).tolist() == [0, 1, 0]
    assert nearest(points, np.array([-0.5, 0.0])).tolist() == [1, 0, 0]


def test_every_target_is_played_by_the_clone_of_what_the_arm_would_play(
    source, validation, make_spec
):
    generator = NearestClone(ClonesConfig(**SIZES))
    generator.fit(source, validation=validation, seed=0)
    clones = generator.generate(source.specs)
    split = Split(source.specs, (), ())
    for tilt in np.linspace(-2, 2, 23):
        spec = make_spec(tilt)
        index = source.specs.index(split.nearest_source(spec)[0])
        played = generator.generate([spec])
        for array, clone in zip(played.weights, clones.weights, strict=True):
            assert np.array_equal(array[0], clone[index])


@pytest.fixture
def network(rng):
    specs = [[-1.0], [-0.5], [0.5], [1.0]]
    return KernelClonesNetwork(Dimensions(1, 3, 2, specs), KernelClonesConfig(policy_width=5), rng)


def test_shares_are_those_of_the_kernel(network):
    # The mean distance to the nearest other source spec is 0.5.
    found = network.shares(torch.tensor([[0.2]]), bandwidth=0.8).numpy()[0]
    expected = np.exp(-(np.array([1.2, 0.7, 0.3, 0.8]) ** 2) / (2 * 0.4**2))
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


def test_a_narrow_kernel_is_the_nearest_clone(network):
    found = network.shares(torch.tensor([[0.8]]), bandwidth=0.02).numpy()[0]
    np.testing.assert_allclose(found, [0, 0, 0, 1], atol=1e-9)


def test_a_single_source_task_plays_all(rng):
    alone = KernelClonesNetwork(Dimensions(1, 3, 2, [[0.3]]), KernelClonesConfig(), rng)
    assert alone.shares(torch.tensor([[0.9]]), bandwidth=0.1).tolist() == [[1.0]]


def test_the_bandwidth_is_the_best_on_validation_tasks_and_is_kept(source, validation, tmp_path):
    generator = KernelClones(KernelClonesConfig(**SIZES))
    report = generator.fit(source, validation=validation, seed=0)
    network = generator._network
    kept = float(network.bandwidth)

    def error(bandwidth):
        network.bandwidth.fill_(bandwidth)
        policies = generator.generate(validation.specs)
        errors = [
            (policies.take([task]).act(validation.observations(task)[None])[0] - actions)
            / np.array([1.0, 2.0])
            for task in range(validation.num_tasks)
            for actions in [validation.actions(task)]
        ]
        return np.mean([np.mean(one**2) for one in errors])

    errors = {bandwidth: error(bandwidth) for bandwidth in (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)}
    network.bandwidth.fill_(kept)
    # The fit measures on a spread of the samples.
    assert errors[min(errors, key=errors.get)] == pytest.approx(errors[round(kept, 3)], rel=0.2)
    assert report.chosen_step >= 160
    generator.save(tmp_path)
    loaded = KernelClones()
    loaded.load(tmp_path)
    assert np.array_equal(
        loaded.generate(validation.specs).shares, generator.generate(validation.specs).shares
    )


def test_without_validation_tasks_the_bandwidth_is_the_setting(source):
    generator = KernelClones(KernelClonesConfig(default_bandwidth=0.6, **SIZES))
    generator.fit(source, validation=None, seed=0)
    assert float(generator._network.bandwidth) == pytest.approx(0.6)
