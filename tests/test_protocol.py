"""Protocols: frozen rules, and splits that are a pure function of tasks, rules and seed."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hyperbench.errors import ProtocolError
from hyperbench.protocol import PROTOCOLS, QUICK, STANDARD, EvalProtocol, SeedPair
from hyperbench.seeding import content_hash
from hyperbench.split import Split
from hyperbench.task import Feature, SpecSpace

# Two features of very different scale: what is near in metres and seconds is not near in specs.
SPACE = SpecSpace((Feature("x", 0.0, 1.0, "m", "goal"), Feature("y", 0.0, 1000.0, "s", "goal")))
SEEDS = (SeedPair(split=0, fit=0), SeedPair(split=1, fit=7))

fractions = st.floats(0.05, 0.6)


def task(x, y=0.0):
    return SPACE.task("toy/xy-v1", x=x, y=y)


def line(num):
    return [task(i / num) for i in range(num)]


def of(tasks, source_fraction=None):
    """A family, as far as a split looks at it."""
    return SimpleNamespace(
        tasks=tuple(tasks),
        info=SimpleNamespace(source_fraction=source_fraction, split_as=None),
    )


def keys(part):
    return {task.key for task in part}


def protocol(**fields):
    return EvalProtocol(**{"id": "test-v1", "summary": "", "seeds": SEEDS, **fields})


@given(st.data(), st.integers(3, 40), st.integers(0, 2**40), fractions, fractions)
def test_split_is_a_partition_whatever_the_order(data, num, seed, source, validation):
    tasks = line(num)
    rules = protocol(source_fraction=source, validation_fraction=validation)
    num_source, num_validation = max(1, round(source * num)), max(1, round(validation * num))
    if num_source + num_validation >= num:
        with pytest.raises(ProtocolError, match="leaves no target task"):
            rules.split(of(tasks), seed)
        return
    split = rules.split(of(tasks), seed)
    parts = (split.source, split.validation, split.target)
    assert all(parts)
    assert sum(len(part) for part in parts) == num
    assert keys(split.source) | keys(split.validation) | keys(split.target) == keys(tasks)
    assert (len(split.source), len(split.validation)) == (num_source, num_validation)

    shuffled = data.draw(st.permutations(tasks))
    again = rules.split(of(shuffled), seed)
    for part, other in zip(parts, (again.source, again.validation, again.target), strict=True):
        assert keys(part) == keys(other)
        assert list(other) == [task for task in shuffled if task.key in keys(other)]


def test_numbers_of_tasks_nest_where_the_order_is_shared():
    tasks = line(50)
    few, more = (
        protocol(id=f"few-{num}-v1", num_source=num, num_target=15, split_label="few").split(
            of(tasks, 0.3), 3
        )
        for num in (5, 30)
    )
    assert [len(part) for part in (few.source, few.validation, few.target)] == [5, 5, 15]
    assert [len(part) for part in (more.source, more.validation, more.target)] == [30, 5, 15]
    assert (few.validation, few.target) == (more.validation, more.target)
    assert keys(few.source) < keys(more.source)
    alone = protocol(num_source=5, num_target=15).split(of(tasks), 3)
    assert alone.target != few.target
    with pytest.raises(
        ProtocolError, match="31 source, 5 validation and 15 target tasks, found 50"
    ):
        protocol(num_source=31, num_target=15).split(of(tasks), 0)


@pytest.mark.parametrize(
    "fields",
    [{"num_source": 5}, {"num_target": 5}, {"num_source": 5, "num_target": 5, "split_rule": "gap"}],
)
def test_numbers_of_tasks_go_together(fields):
    with pytest.raises(ValidationError):
        protocol(**fields)


def test_fewer_targets_are_the_first_of_those_drawn():
    tasks = line(50)
    whole, capped = (
        protocol(id=id_, max_target=most, split_label="same").split(of(tasks), 3)
        for id_, most in (("whole-v1", None), ("capped-v1", 12))
    )
    assert (capped.source, capped.validation) == (whole.source, whole.validation)
    assert len(capped.target) == 12
    assert keys(capped.target) < keys(whole.target)
    least, more = (protocol(max_target=most).split(of(tasks), 3).target for most in (5, 20))
    assert keys(least) < keys(more)
    few = protocol(max_target=1000, split_label="same", id="whole-v1").split(of(tasks), 3)
    assert few == whole
    with pytest.raises(ValidationError, match="not max_target"):
        protocol(max_target=5, split_rule="gap")


def test_a_budget_is_for_methods_that_have_the_setting():
    assert protocol(num_steps=40).budget(["num_steps", "width"]) == {"num_steps": 40}
    assert protocol(num_steps=40).budget(["width"]) == {}
    assert protocol().budget(["num_steps"]) == {}


def test_a_family_may_have_a_source_fraction_of_its_own():
    split = protocol(source_fraction=0.2, validation_fraction=0.1).split(of(line(50), 0.3), 0)
    assert [len(part) for part in (split.source, split.validation, split.target)] == [15, 5, 30]


def test_splits_never_change(pointmass):
    """If this fails, every published split has moved: give the protocol a new version instead."""
    split = QUICK.split(pointmass, 0)
    parts = [[task.key for task in part] for part in (split.source, split.validation, split.target)]
    assert content_hash(parts) == "76d22c062c35f425"


def test_rules_never_change():
    """A changed field makes another protocol: add one with a higher version."""
    published = {
        "quick-v1": "fe081e0ecab6388b",
        "quick-v2": "37f22a486bc398fc",
        "standard-v1": "416cad53f8e81547",
        "paper-v1": "e15819a2e28ab664",
        "gap-v1": "da2994b2c75a4a3e",
        "few-shot-v1": "d84a13af0ef1c8bf",
    }
    assert published.keys() == PROTOCOLS.keys()
    for id_, rules_hash in published.items():
        assert PROTOCOLS[id_].id == id_
        assert PROTOCOLS[id_].rules_hash == rules_hash


def test_the_papers_seeds():
    seeds = [(pair.split, pair.fit) for pair in PROTOCOLS["paper-v1"].seeds]
    assert seeds == [(123, 123), (233, 233), (666, 666), (999, 999), (789, 789)]


def test_split_depends_on_seed_rules_and_tasks():
    tasks = line(30)
    source = keys(STANDARD.split(of(tasks), 0).source)
    assert source != keys(STANDARD.split(of(tasks), 1).source)
    assert source != keys(protocol().split(of(tasks), 0).source)
    every = [keys(STANDARD.split(of(tasks), seed).source) for seed in range(60)]
    assert set.union(*every) == keys(tasks), "some task is never learned from"


def test_without_validation_there_is_none():
    split = PROTOCOLS["paper-v1"].split(of(line(40)), 123)
    assert (len(split.source), len(split.validation), len(split.target)) == (8, 0, 32)


def test_too_few_or_equal_tasks():
    with pytest.raises(ProtocolError, match="at least 3 tasks, found 2"):
        QUICK.split(of(line(2)), 0)
    with pytest.raises(ProtocolError, match="1 tasks occur twice"):
        QUICK.split(of([*line(5), line(5)[2]]), 0)
    with pytest.raises(ProtocolError, match="test-v1 leaves no target task of 4 tasks"):
        protocol(source_fraction=0.7).split(of(line(4)), 0)


def test_a_task_in_two_parts_is_refused():
    a, b, c = line(3)
    with pytest.raises(ProtocolError, match="must be disjoint"):
        Split((a,), (b,), (c, a))
    with pytest.raises(ProtocolError, match="must be disjoint"):
        Split((a,), (a,), (c,))


def test_nearest_source_is_nearest_in_scaled_specs():
    near, far = task(0.5, 300.0), task(0.1, 0.0)
    split = Split((far, near), (), ())
    found, distance = split.nearest_source(task(0.5, 200.0))
    assert found == near
    assert distance == pytest.approx(0.2)  # 100 s of 1000 s, where the range is 2 long
    assert split.nearest_source(far) == (far, 0.0)


def test_region_of_known_points():
    corners = (task(0.2, 200), task(0.8, 200), task(0.8, 800), task(0.2, 800))
    split = Split(corners, (), ())
    for inside in (*corners, task(0.5, 500), task(0.2, 500), task(0.79, 201)):
        assert split.region(inside) == "interpolation"
    for outside in (task(0.1, 500), task(0.5, 900), task(0.19, 200)):
        assert split.region(outside) == "extrapolation"


def test_region_of_sources_that_span_no_area():
    diagonal = Split((task(0.2, 200), task(0.8, 800)), (), ())
    assert diagonal.region(task(0.5, 500)) == "interpolation"
    assert diagonal.region(task(0.5, 510)) == "extrapolation"
    assert diagonal.region(task(0.9, 900)) == "extrapolation"
    single = Split((task(0.5, 500),), (), ())
    assert single.region(task(0.5, 500)) == "interpolation"
    assert single.region(task(0.5, 501)) == "extrapolation"


points = st.lists(
    st.tuples(st.floats(0.1, 0.9), st.floats(100, 900)), min_size=1, max_size=6, unique=True
)


@given(points, st.data())
def test_mixtures_of_sources_are_interpolation(points, data):
    sources = {task(*point).key: task(*point) for point in points}
    split = Split(tuple(sources.values()), (), ())
    weights = np.array([data.draw(st.floats(0.01, 1)) for _ in points])
    x, y = weights / weights.sum() @ np.array(points)
    assert split.region(task(x, y)) == "interpolation"
    beyond = max(x for x, _ in points) + 0.01
    assert split.region(task(beyond, y)) == "extrapolation"


@pytest.mark.parametrize(
    "rules",
    [
        {"id": "other-v1"},
        {"source_fraction": 0.3},
        {"validation_fraction": 0.2},
        {"num_demonstrations": 3},
        {"num_episodes": 3},
        {"track": "few-shot", "num_support": 1},
        {"track": "few-shot", "num_support": 2},
        {"split_rule": "gap"},
        {"max_target": 3},
        {"num_steps": 3},
    ],
    ids=str,
)
def test_every_rule_is_in_the_hash(rules):
    others = [{}, {"track": "few-shot", "num_support": 3}]
    assert all(protocol(**rules).rules_hash != protocol(**other).rules_hash for other in others)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"num_support": 2}, "of the few-shot track"),
        ({"track": "few-shot"}, "at least 1 there"),
        ({"track": "few-shot", "num_support": 11}, "chosen from the demonstrations"),
    ],
)
def test_support_without_the_track_or_the_demonstrations_is_refused(rules, message):
    with pytest.raises(ValidationError, match=message):
        protocol(**rules)


def gap(num, **fields):
    return protocol(split_rule="gap", **fields).split(of(line(num)), 0)


@pytest.mark.parametrize(
    ("num", "expected"),
    [
        (4, [0, 3]),
        (5, [0, 2, 4]),
        (6, [0, 2, 3, 5]),
        (10, [0, 4, 5, 9]),
        (11, [0, 1, 4, 5, 6, 9, 10]),
        (40, [*range(4), *range(16, 24), *range(36, 40)]),
    ],
)
def test_gap_holds_out_the_middle_and_the_ends(num, expected):
    assert keys(gap(num).target) == {line(num)[i].key for i in expected}


def test_gap_holds_out_each_feature():
    tasks = [task(x / 9, 1000 * y / 3) for x in range(10) for y in range(4)]
    target = protocol(split_rule="gap").split(of(tasks), 0).target
    kept_x, kept_y = {1, 2, 3, 6, 7, 8}, {1, 2}
    expected = {(x, y) for x in range(10) for y in range(4) if x not in kept_x or y not in kept_y}
    assert {(round(9 * t["x"]), round(3 * t["y"] / 1000)) for t in target} == expected


def test_gap_leaves_a_feature_of_few_values_whole():
    tasks = [task(x / 9, y) for x in range(10) for y in (0, 500, 1000)]
    assert len(protocol(split_rule="gap").split(of(tasks), 0).target) == 4 * 3
    with pytest.raises(ProtocolError, match="4 values or more, toy/xy-v1 has at most 3"):
        gap(3)


def test_gap_holds_nothing_out_of_a_circle_or_of_categories():
    features = (
        Feature("angle", 0.0, 360.0, "degrees", "goal", "circle"),
        Feature.of_categories("colour", [f"c{i}" for i in range(5)], "object"),
    )
    values = {"angle": range(0, 360, 60), "colour": range(5)}
    tasks = SpecSpace((SPACE.features[0], *features)).grid(
        "toy/xy-v1", x=[0, 0.3, 0.6, 1], **values
    )
    target = protocol(split_rule="gap").split(of(tasks), 0).target
    assert {task.key for task in target} == {task.key for task in tasks if task["x"] in (0, 1)}
    with pytest.raises(ProtocolError, match=r"needs an interval with 4 .* toy/xy-v1 has none"):
        protocol(split_rule="gap").split(of(SpecSpace(features).grid("toy/xy-v1", **values)), 0)


@given(st.integers(5, 60), st.integers(0, 2**40), fractions, st.floats(0, 0.6))
def test_gap_draws_source_and_validation_from_what_is_kept(num, seed, source, validation):
    rules = protocol(split_rule="gap", source_fraction=source, validation_fraction=validation)
    tasks = line(num)
    try:
        split = rules.split(of(tasks), seed)
    except ProtocolError as error:
        assert "tasks to learn from" in str(error)  # noqa: PT017 -- only some draws raise it
        return
    num_kept = num - len(split.target)
    learned = len(split.source) + len(split.validation)
    wanted = max(1, round(source * num)) + (max(1, round(validation * num)) if validation else 0)
    assert split.source
    assert bool(split.validation) == (validation > 0)
    assert learned == min(num_kept, wanted)
    assert split.target == rules.split(of(tasks[::-1]), seed + 1).target[::-1]


def test_gap_draws_by_the_seed():
    rules = protocol(split_rule="gap")
    sources = {frozenset(keys(rules.split(of(line(40)), seed).source)) for seed in range(5)}
    assert len(sources) == 5


@given(st.data(), st.integers(2, 30))
def test_shuffled_specs_are_a_permutation_without_a_fixed_point(data, num):
    tasks = line(num)
    target = data.draw(st.permutations(tasks))
    shuffled = Split((), (), tuple(target)).shuffled_target()
    assert keys(shuffled) == keys(tasks)
    assert all(own != given for own, given in zip(target, shuffled, strict=True))
    # The same task gets the same spec in whatever order the tasks are listed.
    listed = Split((), (), tuple(tasks)).shuffled_target()
    given = {own.key: other for own, other in zip(target, shuffled, strict=True)}
    assert [given[task.key] for task in tasks] == list(listed)


def test_other_targets_are_shuffled_otherwise():
    """Not the next in the list: a neighbour's spec would be nearly the right one."""
    target = tuple(line(30))
    shuffled = Split((), (), target).shuffled_target()
    steps = {(target.index(given) - i) % 30 for i, given in enumerate(shuffled)}
    assert len(steps) > 10


def test_one_target_cannot_be_shuffled():
    with pytest.raises(ProtocolError, match="at least two target tasks"):
        Split((), (), (task(0.5),)).shuffled_target()


def test_seeds_and_summary_are_no_rules():
    assert protocol(summary="other", seeds=SEEDS[:1]).rules_hash == protocol().rules_hash


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("1", [(0, 0)]),
        ("4", [(0, 0), (1, 7), (2, 2), (3, 3)]),
        ("7,0", [(7, 7), (0, 0)]),
    ],
)
def test_with_seeds(asked, expected):
    found = protocol().with_seeds(asked)
    assert [(pair.split, pair.fit) for pair in found.seeds] == expected
    assert found.rules_hash == protocol().rules_hash


@pytest.mark.parametrize("asked", ["0", "-1", "1,1", "1,-2", "three", "1,", "", "1.5"])
def test_seeds_that_make_no_sense(asked):
    with pytest.raises(ProtocolError, match=f"--seeds '{asked}'"):
        protocol().with_seeds(asked)


def test_crossed_seeds():
    def pairs(rules):
        return [(pair.split, pair.fit) for pair in rules.seeds]

    crossed = protocol().with_crossed_seeds("3,4", "0,9")
    assert pairs(crossed) == [(3, 0), (3, 9), (4, 0), (4, 9)]
    assert crossed.rules_hash == protocol().rules_hash
    first = PROTOCOLS["paper-v1"]
    assert pairs(first.with_crossed_seeds("7", None)) == [(7, 123)]
    assert pairs(first.with_crossed_seeds(None, "7,8")) == [(123, 7), (123, 8)]
    for wrong in ("", "1,1", "-1", "1.5", "0,"):
        with pytest.raises(ProtocolError, match="--split-seeds"):
            first.with_crossed_seeds(wrong, None)
        with pytest.raises(ProtocolError, match="--fit-seeds"):
            first.with_crossed_seeds("0", wrong)
