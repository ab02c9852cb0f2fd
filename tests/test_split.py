"""Distance and region where features are circles and categories; of intervals: test_protocol.py."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import nnls

from hyperbench.split import Split
from hyperbench.task import Feature, SpecSpace

FAMILY = "toy/domains-v1"
X = Feature("x", 0.0, 1.0, "m", "goal")
ANGLE = Feature("angle", 0.0, 360.0, "degrees", "goal", domain="circle")
TILT = Feature("tilt", -180.0, 180.0, "degrees", "goal", domain="circle")
COLOUR = Feature.of_categories("colour", ("red", "green", "blue"), "object")
SHAPE = Feature.of_categories("shape", ("cube", "ball"), "object")

degrees = st.integers(0, 359)
arcs = st.lists(degrees, min_size=1, max_size=6, unique=True)


def split_of(space, *sources):
    return Split(tuple(task(space, source) for source in sources), (), ())


def task(space, values):
    return space.task(FAMILY, **dict(zip(space.names, values, strict=True)))


def is_inside(space, sources, target):
    region = split_of(space, *sources).region(task(space, target))
    return {"interpolation": True, "extrapolation": False}[region]


@given(arcs, degrees, st.integers(-400, 400))
def test_on_a_circle_it_is_inside_where_the_gap_is_less_than_half_a_turn(sources, target, turned):
    ahead = min((source - target) % 360 for source in sources)
    behind = min((target - source) % 360 for source in sources)
    expected = ahead == 0 or ahead + behind < 180
    circle = SpecSpace((ANGLE,))
    assert is_inside(circle, [[source] for source in sources], [target]) == expected
    # Where the circle is cut open says nothing about it.
    moved = [[source + turned] for source in sources]
    assert is_inside(SpecSpace((TILT,)), moved, [target + turned]) == expected


def test_opposite_angles_have_no_middle():
    circle = SpecSpace((ANGLE,))
    assert not is_inside(circle, [[0], [180]], [90])
    assert not is_inside(circle, [[0], [180]], [1])
    assert is_inside(circle, [[0], [180]], [180])
    assert is_inside(circle, [[0], [179]], [90])
    assert not is_inside(circle, [[0], [181]], [90])
    assert is_inside(circle, [[0], [181]], [270])


points = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 11), st.integers(0, 11)), min_size=1, max_size=6
)


@given(points, st.data())
def test_means_of_sources_are_inside(points, data):
    space = SpecSpace((X, ANGLE, TILT))
    sources = np.array([(x / 4, 30.0 * a, 30.0 * b) for x, a, b in points])
    weights = np.array([data.draw(st.floats(0.1, 1)) for _ in points])
    weights /= weights.sum()
    mean = weights @ np.exp(1j * np.radians(sources[:, 1:]))
    assume(np.abs(mean).min() > 0.01)
    x = min(1.0, weights @ sources[:, 0])
    target = (x, *np.degrees(np.angle(mean)))
    unique = np.unique(sources, axis=0).tolist()
    assert is_inside(space, unique, target)
    if max(sources[:, 0]) < 1:
        assert not is_inside(space, unique, (1.0, *target[1:]))


@given(points, st.integers(0, 8), degrees)
def test_with_one_circle_the_hull_is_a_cone(points, x, angle):
    """The same question asked otherwise: is what is shown a positive combination of sources?"""
    sources = np.array(sorted({(x / 4, 30.0 * a) for x, a, _ in points}))
    target = np.array([x / 8, angle])
    seen = np.radians(sources[:, 1])
    rows = np.stack([np.cos(seen), np.sin(seen), sources[:, 0] - target[0]])
    wanted = [np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0.0]
    weights, missed = nnls(rows, wanted)
    # Large weights: the sources cancel each other, and their mean has no direction.
    expected = missed < 1e-7 and weights.sum() < 1e4
    assert is_inside(SpecSpace((X, ANGLE)), sources.tolist(), target.tolist()) == expected


def test_the_arc_narrows_towards_where_less_is_known():
    """All directions are known at x = 0, one at x = 1: at 0.9 hardly another."""
    sources = [(0, 0), (0, 120), (0, 240), (1, 0)]
    space = SpecSpace((X, ANGLE))
    for x, angle, expected in [
        (0, 180, True),
        (0.3, 180, True),
        (0.4, 180, False),
        (0.9, 180, False),
        (0.9, 5, True),
        (0.9, 30, False),
        (1, 0, True),
        (1, 5, False),
    ]:
        assert is_inside(space, sources, (x, angle)) == expected


def test_a_hull_is_of_the_sources_that_share_all_categories():
    space = SpecSpace((X, COLOUR, SHAPE))
    sources = [(0.2, "red", "cube"), (0.8, "red", "cube"), (0.5, "green", "ball")]
    for target, expected in {
        (0.5, "red", "cube"): True,
        (0.9, "red", "cube"): False,
        (0.5, "green", "ball"): True,
        (0.6, "green", "ball"): False,
        (0.5, "green", "cube"): False,
        (0.5, "red", "ball"): False,
        (0.5, "blue", "cube"): False,
    }.items():
        assert is_inside(space, sources, target) == expected


def test_of_categories_alone_only_what_is_known_is_inside():
    space = SpecSpace((COLOUR, SHAPE))
    sources = [("red", "cube"), ("green", "ball")]
    assert is_inside(space, sources, ("red", "cube"))
    assert not is_inside(space, sources, ("red", "ball"))


@given(st.integers(0, 8), degrees, st.sampled_from(COLOUR.categories))
def test_distance_is_euclids_over_the_domains(x, angle, colour):
    space = SpecSpace((X, ANGLE, COLOUR))
    sources = [(0.5, 350, "red"), (0.25, 100, "green")]
    target = (x / 8, angle, colour)
    expected = []
    for source in sources:
        gap = abs(source[1] - angle)
        squares = (2 * (source[0] - x / 8)) ** 2, (min(gap, 360 - gap) / 90) ** 2
        expected.append(np.sqrt(sum(squares) + (source[2] != colour)))
    assume(abs(expected[0] - expected[1]) > 1e-6)
    nearest, distance = split_of(space, *sources).nearest_source(task(space, target))
    assert nearest == task(space, sources[int(np.argmin(expected))])
    assert distance == pytest.approx(min(expected), abs=1e-6)


def test_the_nearest_angle_is_found_across_the_cut():
    split = split_of(SpecSpace((ANGLE,)), [300], [10])
    nearest, distance = split.nearest_source(task(SpecSpace((ANGLE,)), [350]))
    assert nearest.values == (10.0,)
    assert distance == pytest.approx(20 / 90)
