"""Pictures of tasks in characters: what they show is where the tasks are."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hyperbench.task import Feature, SpecSpace
from hyperbench.view import chart


def tasks_on(*grids):
    """Tasks of a family whose features ``a``, ``b``, ... take the given values, from 0 to 100."""
    names = "abc"[: len(grids)]
    space = SpecSpace(tuple(Feature(name, -100.0, 100.0, "m", "goal") for name in names))
    return space.grid("toy/chart-v1", **dict(zip(names, grids, strict=True)))


def test_bars_grow_with_their_values_in_the_order_of_the_feature() -> None:
    tasks = tasks_on([1, 2, 3])
    lines = chart.bars(tasks[::-1], [16.0, 8.0, 2.0], [4.0, 0.0, 0.0], chart.ASCII)
    assert lines == [
        "16               ######",
        "                 ######",
        "                 ######",
        "                 ######",
        " 8        ###### ######",
        "          ###### ######",
        "          ###### ::::::",
        " 0 ###### ###### ::::::",
        "   1      2      3",
    ]


def test_blocks_show_eighths() -> None:
    lines = chart.bars(tasks_on([1, 2]), [8.0, 7.5], [0.0, 0.0], chart.BLOCKS)
    assert lines[0] == "8 ██████ ▄▄▄▄▄▄"
    assert lines[1] == "  ██████ ██████"


def test_bars_of_negative_and_of_equal_returns_have_a_base() -> None:
    lines = chart.bars(tasks_on([1, 2]), [-2.0, 6.0], [-2.0, -2.0], chart.ASCII)
    assert lines[0] == " 6        ######"
    assert lines[-2].startswith("-2")
    assert len(chart.bars(tasks_on([1, 2]), [0.0, 0.0], [0.0, 0.0], chart.ASCII)) == 9


def test_a_grid_has_the_first_feature_to_the_right_and_the_second_upwards() -> None:
    tasks = tasks_on([-1, 1, 2], [0.25, 0.5])
    assert chart.grid(tasks, list("abcdef")) == [
        " 0.5 b      d      f",
        "0.25 a      c      e",
        "     -1     1      2",
    ]
    assert chart.grid(tasks, list("abcdef"), fill=True)[0] == " 0.5 bbbbbb dddddd ffffff"


def test_tasks_of_a_third_feature_share_a_cell_and_a_missing_task_leaves_it_empty() -> None:
    tasks = [task for task in tasks_on([1, 2], [3, 4], [5, 6]) if task.values[:2] != (1, 4)]
    assert chart.grid(tasks, list("abcdef")) == ["4        ef", "3 ab     cd", "  1      2"]


def test_one_feature_is_one_line() -> None:
    tasks = tasks_on(list(range(40)))
    assert chart.grid(tasks, list("SVTT" * 10)) == [
        " " + "SVTT" * 10,
        " 0  3  6  9  12 15 18 21 24 27 30 33 36 39",
    ]


def categories(*names):
    return Feature.of_categories("kind", names, "object")


def test_an_axis_of_categories_shows_their_names() -> None:
    kind, x = categories("plain", "mirrored"), Feature("x", 0.0, 9.0, "m", "goal")
    across = SpecSpace((kind, x)).grid("toy/chart-v1", kind=kind.categories, x=[1, 2])
    assert chart.grid(across, list("abcd")) == [
        "2 b        d",
        "1 a        c",
        "  plain    mirrored",
    ]
    upwards = SpecSpace((x, kind)).grid("toy/chart-v1", kind=kind.categories, x=[1, 2])
    assert chart.grid(upwards, list("abcd"), fill=True) == [
        "mirrored bbbbbb dddddd",
        "   plain aaaaaa cccccc",
        "         1      2",
    ]
    alone = SpecSpace((kind,)).grid("toy/chart-v1", kind=kind.categories)
    lines = chart.bars(alone[::-1], [1.0, 2.0], [0.0, 0.0], chart.ASCII)
    assert lines[-1] == "  plain    mirrored"
    assert lines[0] == "2 ########"


def test_long_names_of_many_categories_are_cut() -> None:
    kind = categories(*(f"{letter}-long-name" for letter in "abcdefgh"))
    tasks = SpecSpace((kind,)).grid("toy/chart-v1", kind=range(8))
    assert chart.grid(tasks, list("STVTTTTT"))[1].split() == [f"{x}-long-" for x in "abcdefgh"]


@pytest.mark.parametrize("grids", [[range(chart.MAX_COLUMNS + 1)], [[1], range(49)]])
def test_what_has_no_room_is_not_drawn(grids) -> None:
    tasks = tasks_on(*grids)
    numbers = [1.0] * len(tasks)
    assert chart.grid(tasks, "x" * len(tasks)) == []
    assert chart.bars(tasks, numbers, numbers, chart.ASCII) == []


VALUES = st.lists(st.integers(-100, 100), min_size=1, max_size=12, unique=True)


@given(grids=st.lists(VALUES, min_size=1, max_size=2), order=st.randoms(use_true_random=False))
def test_each_task_is_drawn_once_and_the_order_of_tasks_does_not_matter(grids, order) -> None:
    tasks = tasks_on(*grids)
    marks = {task.key: chr(0x4E00 + i) for i, task in enumerate(tasks)}
    lines = chart.grid(tasks, [marks[task.key] for task in tasks])
    drawn = [character for line in lines for character in line if ord(character) >= 0x4E00]
    assert sorted(drawn) == sorted(marks.values())
    shuffled = list(tasks)
    order.shuffle(shuffled)
    assert chart.grid(shuffled, [marks[task.key] for task in shuffled]) == lines


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_higher_value_is_never_lighter(values) -> None:
    shades, legend = chart.shades(values, chart.BLOCKS)
    levels = [chart.BLOCKS.shades.index(shade) for shade in shades]
    for value, level in zip(values, levels, strict=True):
        assert all(other <= level for v, other in zip(values, levels, strict=True) if v < value)
    assert all(shade in legend for shade in chart.BLOCKS.shades)


def test_shades_span_the_values() -> None:
    shades, legend = chart.shades([0.0, 3.0, 12.0], chart.ASCII)
    assert shades == [".", ":", "@"]
    assert legend == "from . 0  : 2  = 4  * 6  # 8  @ 10  to 12"


def test_axes_name_features_units_and_directions() -> None:
    features = tasks_on([1], [1], [1])[0].space.features
    assert chart.axes(features[:1]) == "a [m] to the right"
    assert chart.axes(features) == "a [m] to the right, b [m] upwards, c [m] within a cell"
    assert chart.axes([Feature("gain", 0, 1, "", "object")]) == "gain to the right"
