"""Task specs: scaling, identity by content, and messages that name what is wrong."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperbench.errors import SpecError
from hyperbench.task import Feature, SpecSpace, TaskSpec, spec_matrix

LENGTH = Feature("length", 0.3, 0.7, "m", "dynamics")
SPEED = Feature("speed", -10.0, 10.0, "m/s", "reward")
SPACE = SpecSpace((SPEED, LENGTH))
FAMILY = "locomotion/cheetah-v1"


def only(feature, value):
    return SpecSpace((feature,)).task(FAMILY, **{feature.name: value})


bounds = st.tuples(
    st.floats(-1e4, 1e4, allow_nan=False), st.floats(1e-3, 1e4, allow_nan=False)
).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(bounds, st.floats(0, 1))
def test_scaling_maps_the_range_onto_minus_one_to_one(bounds, share):
    low, high = bounds
    feature = Feature("f", low, high, "", "goal")
    value = min(max(low + share * (high - low), low), high)
    # The value is kept to 9 decimals, the vector in single precision.
    assert only(feature, value).vector[0] == pytest.approx(2 * share - 1, abs=2e-6)
    assert only(feature, low).vector[0] == pytest.approx(-1, abs=2e-6)
    assert only(feature, high).vector[0] == pytest.approx(1, abs=2e-6)


def test_bounds_with_many_decimals_belong_to_the_range():
    """2/3 is kept as 0.666666667, which is more than 2/3."""
    feature = Feature("share", 1 / 3 + 1e-10, 2 / 3, "", "object")
    assert only(feature, 2 / 3).vector[0] == 1
    assert only(feature, 1 / 3 + 1e-10).vector[0] == -1


def test_vector_is_what_a_method_may_not_write_to():
    task = SPACE.task(FAMILY, speed=5, length=0.4)
    assert task.vector.dtype == np.float32
    np.testing.assert_allclose(task.vector, [0.5, -0.5], atol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        task.vector[0] = 0


@given(st.floats(-10, 10), st.floats(-4e-10, 4e-10))
def test_key_ignores_rounding_noise(speed, noise):
    task = SPACE.task(FAMILY, speed=round(speed, 6), length=0.4)
    shaken = min(max(round(speed, 6) + noise, -10), 10)
    assert SPACE.task(FAMILY, speed=shaken, length=0.4).key == task.key


@given(st.lists(st.integers(-100, 100).map(lambda n: n / 10), min_size=2, max_size=2, unique=True))
def test_key_tells_tasks_apart(speeds):
    one, other = (SPACE.task(FAMILY, speed=speed, length=0.4) for speed in speeds)
    assert one.key != other.key


def test_key_is_of_family_features_and_values_alone():
    task = SPACE.task(FAMILY, speed=0.3, length=0.4)
    assert task.key == "d89f0c835305b19f", "keys are in every record and must never change"
    assert task.key == SPACE.task(FAMILY, length=0.4, speed=0.1 + 0.2).key
    assert task.key != SPACE.task("locomotion/cheetah-v2", speed=0.3, length=0.4).key
    renamed = SpecSpace((Feature("velocity", -10.0, 10.0, "m/s", "reward"), LENGTH))
    assert task.key != renamed.task(FAMILY, velocity=0.3, length=0.4).key
    zero, minus_zero = (SPACE.task(FAMILY, speed=v, length=0.4) for v in (0.0, -0.0))
    assert zero.key == minus_zero.key


def test_values_are_found_by_name():
    task = SPACE.task(FAMILY, length=0.45, speed=3)
    assert (task["speed"], task["length"]) == (3.0, 0.45)
    assert task.label == "speed=3, length=0.45"


def test_grid_runs_through_the_last_feature_fastest():
    tasks = SPACE.grid(FAMILY, length=[0.3, 0.5], speed=[1, 2, 3])
    assert [task.values for task in tasks] == [
        (1, 0.3),
        (1, 0.5),
        (2, 0.3),
        (2, 0.5),
        (3, 0.3),
        (3, 0.5),
    ]


def test_spec_matrix_keeps_order():
    tasks = SPACE.grid(FAMILY, length=[0.3, 0.7], speed=[10, 0])
    np.testing.assert_allclose(spec_matrix(tasks), [[1, -1], [1, 1], [0, -1], [0, 1]], atol=1e-6)


def test_value_outside_its_range_is_named_with_its_unit():
    expected = (
        "Task locomotion/cheetah-length-v1 0.95: feature 'length' is 0.95 m, outside [0.3, 0.7]."
    )
    with pytest.raises(SpecError, match=f"^{re.escape(expected)}$"):
        SpecSpace((LENGTH,)).task("locomotion/cheetah-length-v1", length=0.95)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.3 - 1e-6])
def test_value_that_is_not_in_the_range(value):
    with pytest.raises(SpecError, match=r"outside \[0.3, 0.7\]"):
        SPACE.task(FAMILY, speed=0, length=value)


@pytest.mark.parametrize("values", [{"speed": 1}, {"speed": 1, "lenght": 0.5}, {}])
def test_features_are_named_exactly(values):
    with pytest.raises(SpecError, match=r"\['length', 'speed'\]\. Name each exactly once"):
        SPACE.task(FAMILY, **values)
    with pytest.raises(SpecError, match="Name each exactly once"):
        SPACE.grid(FAMILY, **{name: [value] for name, value in values.items()})


def test_number_of_values():
    with pytest.raises(SpecError, match=r"1 values for 2 features \(speed, length\)"):
        TaskSpec(FAMILY, SPACE, (1.0,))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Feature("f", 1.0, 1.0, "", "goal"), "'f': low 1 is not below high 1"),
        (lambda: Feature("f", np.nan, 1.0, "", "goal"), "'f': low nan is not below"),
        (lambda: Feature("f", 0.0, 1.0, "", "color"), "'f': kind 'color' is not one of"),
        (lambda: SpecSpace(()), "at least one feature"),
        (lambda: SpecSpace((LENGTH, LENGTH)), "not unique: length, length"),
    ],
)
def test_declarations_that_make_no_sense(make, message):
    with pytest.raises(SpecError, match=message):
        make()
