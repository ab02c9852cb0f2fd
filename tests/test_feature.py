"""Features: what is shown of intervals, circles and categories, and how far values are apart."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperbench.errors import SpecError, UnknownNameError
from hyperbench.task import Feature, SpecSpace, TaskSpec

FAMILY = "toy/domains-v1"
SPEED = Feature("speed", -10.0, 10.0, "m/s", "reward")
ANGLE = Feature("angle", 0.0, 360.0, "degrees", "goal", domain="circle")
BEARING = Feature("bearing", -math.pi, math.pi, "rad", "goal", domain="circle")
COLOUR = Feature.of_categories("colour", ["red", "green", "blue"], "object")
SPACE = SpecSpace((SPEED, ANGLE, COLOUR))
CIRCLES = st.sampled_from([ANGLE, BEARING, Feature("hour", 1.0, 13.0, "h", "goal", "circle")])


def only(feature, value):
    return SpecSpace((feature,)).task(FAMILY, **{feature.name: value})


def turn(feature):
    return feature.high - feature.low


def test_each_domain_is_shown_as_it_is():
    task = SPACE.task(FAMILY, speed=5, angle=90, colour="blue")
    names = ("speed", "cos(angle)", "sin(angle)", "colour=red", "colour=green", "colour=blue")
    assert SPACE.shown_names == names
    assert SPACE.shown_dim == 6
    assert len(SPACE) == 3
    assert task.vector.dtype == np.float32
    np.testing.assert_allclose(task.vector, [0.5, 0, 1, 0, 0, 1], atol=1e-7)
    np.testing.assert_array_equal(task.vector, SPACE.present(task.values))
    assert task.values == (5.0, 90.0, 2.0)
    assert task.label == "speed=5, angle=90, colour=blue"
    assert SPEED.domain == "interval"


@given(CIRCLES, st.floats(-100, 100), st.integers(-3, 3))
def test_an_angle_after_whole_turns_is_the_same_task(circle, value, num_turns):
    once = only(circle, value)
    again = only(circle, value + num_turns * turn(circle))
    low, high = round(circle.low, 9), round(circle.high, 9)
    assert low <= once.values[0] < high
    apart = circle.distance(once.values[0], again.values[0])
    assert apart == pytest.approx(0, abs=1e-8)
    np.testing.assert_allclose(once.vector, again.vector, atol=1e-6)
    # What a record keeps makes the very same task.
    assert TaskSpec(FAMILY, once.space, once.values) == once
    assert only(circle, once.values[0]).key == once.key


@pytest.mark.parametrize("circle", [ANGLE, BEARING])
def test_a_circle_ends_where_it_begins(circle):
    first = only(circle, circle.low)
    rounded = round(circle.high, 9)
    for value in (circle.high, rounded, circle.high - 1e-11, circle.low - turn(circle)):
        assert only(circle, value).key == first.key
    assert only(circle, circle.high - 1e-3).key != first.key


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_angle_is_finite(value):
    with pytest.raises(
        SpecError, match=r"feature 'angle' is -?(nan|inf) degrees, outside \[0, 360"
    ):
        only(ANGLE, value)


@given(CIRCLES, st.floats(-50, 50), st.floats(-50, 50), st.floats(-50, 50))
def test_distance_on_a_circle_is_the_shorter_arc(circle, one, other, moved):
    distance = circle.distance(one, other)
    assert 0 <= distance <= 2
    assert distance == circle.distance(other, one)
    assert distance == pytest.approx(circle.distance(one + moved, other + moved), abs=1e-9)
    assert circle.distance(one, one + turn(circle) / 2) == pytest.approx(2)
    assert circle.distance(one, one + turn(circle) / 4) == pytest.approx(1)
    assert circle.distance(one, one - turn(circle)) == pytest.approx(0, abs=1e-9)
    # The straight line through what is shown says the same.
    chord = math.dist(circle.present(one), circle.present(other))
    assert chord == pytest.approx(2 * math.sin(distance * math.pi / 4), abs=1e-9)


@pytest.mark.parametrize("num", [2, 3, 50])
def test_categories_are_one_apart_however_many_there_are(num):
    feature = Feature.of_categories("f", [f"c{i}" for i in range(num)], "object")
    for i in range(num):
        assert sum(feature.present(i)) == feature.present(i)[i] == 1
        for j in range(num):
            assert feature.distance(i, j) == (i != j)


def test_an_interval_is_two_long():
    assert SPEED.distance(-10, 10) == 2
    assert SPEED.distance(3, 3) == 0
    assert SPEED.distance(1, -4) == SPEED.distance(-4, 1) == 0.5


def test_categories_go_by_name_or_position():
    task = SPACE.task(FAMILY, speed=1, angle=0, colour="green")
    assert SPACE.task(FAMILY, speed=1, angle=0, colour=1) == task
    assert SPACE.grid(FAMILY, speed=[1], angle=[0], colour=["red", "green"])[1] == task
    assert COLOUR.parse("blue") == 2
    assert COLOUR.text(2.0) == "blue"
    assert SPEED.text(10 / 3) == "3.33333"
    assert SPEED.text(10 / 3, 3) == "3.33"
    with pytest.raises(
        UnknownNameError, match=r"category of 'colour' 'gren'. Did you mean 'green'"
    ):
        SPACE.task(FAMILY, speed=1, angle=0, colour="gren")
    with pytest.raises(SpecError, match="speed is 'fast', which is no number"):
        SPACE.task(FAMILY, speed="fast", angle=0, colour="red")


@pytest.mark.parametrize("value", [-1, 3, 0.5, np.nan, np.inf])
def test_a_number_that_is_no_categorys(value):
    with pytest.raises(
        SpecError, match=r"'colour' is .*, no category's: red \(0\), green \(1\), blue \(2\)\."
    ):
        only(COLOUR, value)


def test_keys_are_of_names_and_values_alone():
    """If this fails, every published record has lost its tasks."""
    space = SpecSpace((SPEED, Feature("length", 0.3, 0.7, "m", "dynamics")))
    assert space.task("locomotion/cheetah-v1", speed=3, length=0.45).key == "d3cb5feaa6b1b561"
    narrow = SpecSpace((Feature("speed", 0.0, 5.0, "km/h", "goal"), space.features[1]))
    assert narrow.task("locomotion/cheetah-v1", speed=3, length=0.45).key == "d3cb5feaa6b1b561"
    assert only(COLOUR, "blue").key == "63e29d772efc3bd4"


def test_a_category_keeps_its_key_where_others_join_it():
    more = Feature.of_categories("colour", ["yellow", *COLOUR.categories], "object")
    assert only(more, "red").key == only(COLOUR, "red").key
    assert only(more, 0).key != only(COLOUR, 0).key


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Feature("f", 0, 1, "", "goal", "sphere"), "domain 'sphere' is not one of"),
        (lambda: Feature("f", 1, 1, "", "goal", "circle"), "low 1 is not below high 1"),
        (lambda: Feature("f", 0, 1, "", "goal", categories=("a", "b")), "'interval' has no categ"),
        (lambda: Feature("f", 0, 1, "", "goal", "circle", ("a", "b")), "'circle' has no categ"),
        (lambda: Feature.of_categories("f", ["a"], "goal"), "two names or more"),
        (lambda: Feature.of_categories("f", ["a", "a"], "goal"), "each once"),
        (lambda: Feature.of_categories("f", ["a", ""], "goal"), "two names or more"),
        (lambda: Feature.of_categories("f", ["a", "b c"], "goal"), "without blanks"),
        (lambda: Feature.of_categories("f", ["a", "b,c"], "goal"), "without blanks"),
        (lambda: Feature.of_categories("f", ["a", "b=c"], "goal"), "without blanks"),
        (lambda: Feature("f", 0, 2, "", "goal", "categories", ("a", "b")), "low 0 to high 1"),
        (lambda: Feature("f", 0, 1, "m", "goal", "categories", ("a", "b")), "have no unit"),
    ],
)
def test_declarations_that_make_no_sense(make, message):
    with pytest.raises(SpecError, match=message):
        make()
