from __future__ import annotations

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.batches import TaskData
from hyperbench_baselines.common.clones import Clones, ClonesConfig
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.interpolation import Interpolation, interpolation
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import LinearNDInterpolator

COORDINATE = st.floats(-1.5, 1.5).map(lambda value: round(value, 3))


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(COORDINATE, min_size=1, max_size=8, unique=True), COORDINATE)
def test_with_one_feature_it_is_that_of_numpy(points, point):
    points = np.sort(points)
    found = interpolation(points[:, None], np.array([point]))
    expected = [np.interp(point, points, unit) for unit in np.eye(len(points))]
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shown_dim", [2, 3])
def test_inside_the_hull_it_is_delaunays(shown_dim):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (14, shown_dim))
    delaunay = LinearNDInterpolator(points, np.eye(14))
    inside = 0
    for point in rng.uniform(-0.7, 0.7, (40, shown_dim)):
        expected = delaunay(point[None])[0]
        if not np.isnan(expected).any():
            inside += 1
            assert np.allclose(interpolation(points, point), expected, atol=1e-6)
    assert inside > 10


@pytest.mark.parametrize("num_points", [1, 2, 3, 14])
def test_outside_the_hull_it_is_at_the_nearest_point(num_points):
    rng = np.random.default_rng(num_points)
    points = rng.uniform(-1, 1, (num_points, 3))
    within = rng.dirichlet(np.full(num_points, 0.1), 5000) @ points
    for point in rng.uniform(1, 2, (5, 3)):
        found = interpolation(points, point)
        assert found.min() >= 0
        assert found.sum() == pytest.approx(1)
        assert (found > 1e-9).sum() <= 4
        distance = np.linalg.norm(found @ points - point)
        assert distance <= np.linalg.norm(within - point, axis=1).min() + 1e-6


def test_an_angle_is_interpolated_between_its_neighbours():
    angles = np.radians([0.0, 90.0, 180.0])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = interpolation(points, np.array([np.cos(np.pi / 4), np.sin(np.pi / 4)]))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.0], atol=1e-6)


def clones(specs, rng) -> Clones:
    return Clones(
        Dimensions(len(specs[0]), 3, 2, specs), ClonesConfig(policy_width=5), rng, interpolation
    )


def test_clones_start_equal(rng):
    network = clones([[-1.0], [0.0], [1.0]], rng)
    for array in (*network.weight, *network.bias):
        assert torch.equal(array[0], array[1])
        assert torch.equal(array[0], array[2])


def test_the_policy_of_a_source_spec_is_its_clone_and_between_two_their_mean(rng):
    specs = [[-1.0], [0.1], [1.0]]
    network = clones(specs, rng)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += torch.randn(parameter.shape, generator=rng)
        for (weight, bias), own, own_bias in zip(
            network(torch.tensor(specs)), network.weight, network.bias, strict=True
        ):
            assert torch.equal(weight, own)
            assert torch.equal(bias, own_bias)
        own, found = network.own(torch.tensor(specs[1:])), network(torch.tensor(specs[1:]))
        assert all(
            torch.equal(one, other)
            for layers in zip(own, found, strict=True)
            for one, other in zip(*layers, strict=True)
        )
        weight, bias = network(torch.tensor([[0.55]]))[0]
        assert torch.allclose(weight[0], network.weight[0][1:].mean(0), atol=1e-5)
        assert torch.allclose(bias[0], network.bias[0][1:].mean(0), atol=1e-5)


def test_a_clone_learns_from_its_own_task_alone(source, rng):
    method = Interpolation(ClonesConfig(policy_width=5))
    network = clones([list(spec.vector) for spec in source.specs], rng)
    data = TaskData(source, Normalizer.of(source), torch.device("cpu"))
    batch = data.draw(2, 16, rng)
    method.loss(network, batch).backward()
    moved = [bool(gradient.any()) for gradient in network.weight[0].grad]
    drawn = batch.specs.flatten().tolist()
    assert moved == [float(spec.vector[0]) in drawn for spec in source.specs]
    assert sum(moved) == 2


def test_parameters_are_those_of_all_clones(source):
    config = ClonesConfig(num_steps=2, policy_width=5)
    report = Interpolation(config).fit(source, validation=None, seed=0)
    assert report.num_parameters == 5 * (3 * 5 + 5 + 5 * 2 + 2)
