"""The report from hand-built records: numbers behind the charts, the page's text, the figures."""

import base64
import json
import re
from dataclasses import replace
from importlib import util
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from typer.testing import CliRunner

from hyperbench import cli
from hyperbench.boards.headline import SUCCESS
from hyperbench.errors import HyperbenchError
from hyperbench.policy import MLPPolicies
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.find import find_runs
from hyperbench.records.record import Cost, SplitEntry, TaskEntry
from hyperbench.records.store import write_record
from hyperbench.report import charts, series
from hyperbench.report import content as content_module
from hyperbench.report.board_charts import cost_charts
from hyperbench.report.clips import make_clips
from hyperbench.report.content import read_content
from hyperbench.report.figures import write_figures
from hyperbench.report.page import PLOTLY, render_page, sort_key
from hyperbench.report.palette import DARK, LIGHT, colours, styles
from hyperbench.report.sections import board_view
from hyperbench.report.sweep import sweeps
from hyperbench.rollout import rollout
from hyperbench.task import Feature, SpecSpace

ARMS = {"random": 0.0, "expert": 100.0}


def entry(task, **fields):
    features = dict(zip(task.space.names, task.values, strict=True))
    return TaskEntry(key=task.key, features=features, **fields)


@pytest.fixture
def write_family(write_run):
    """Write every method's runs on one family, from returns that are a function of the task."""

    def write(family, tasks, methods, *, splits=(0,), **fields):
        for seed in splits:
            source, target = tasks[seed::4], [t for i, t in enumerate(tasks) if i % 4 != seed % 4]
            split = SplitEntry(
                source=tuple(entry(task) for task in source),
                validation=(),
                target=tuple(
                    entry(task, region="interpolation", distance=i / 10)
                    for i, task in enumerate(target)
                ),
            )
            common = {"family": family, "tasks": target, "split": split, "split_seed": seed}
            for method, value in ARMS.items():
                write_run(method, [value] * len(target), is_arm=True, **common)
            for method, returns in methods.items():
                values = [returns(task) + seed for task in target]
                write_run(method, values, fit_seed=seed, **common, **fields)

    return write


@pytest.fixture
def one_feature(write_family, make_tasks):
    def write(methods, **fields):
        write_family("toy/size-v1", make_tasks(8), methods, **fields)

    return write


@pytest.fixture
def grid_tasks():
    features = [Feature("x", 0.0, 3.0, "m", "goal"), Feature("y", 0.0, 1.0, "s", "goal")]
    return SpecSpace(tuple(features)).grid("toy/grid-v1", x=[0, 1, 2, 3], y=[0, 1])


@pytest.fixture
def contents(tmp_path):
    return lambda: read_content(find_runs([tmp_path / "runs"]))


def test_curve_over_one_feature_is_the_mean_of_the_runs_that_judged_a_task(one_feature, contents):
    one_feature({"learned": lambda task: 10 * task["size"]}, splits=(0, 1))
    (content,) = contents()
    (family,) = content.families
    curve = series.feature_curve(family, "learned")
    sizes = np.arange(8) / 7
    np.testing.assert_allclose(curve.x, sizes)
    # Tasks 0 and 4 are sources of split 0, tasks 1 and 5 of split 1, whose returns are 1 higher.
    extra = np.array([1, 0, 0.5, 0.5, 1, 0, 0.5, 0.5])
    np.testing.assert_allclose(curve.y, 10 * sizes + extra)
    np.testing.assert_allclose(curve.high - curve.low, (extra == 0.5) * 1.0)
    assert curve.notes[:3] == ("", "", ", mean of 2 runs")
    fractions = series.source_fractions(family)
    assert len(fractions) == 4
    assert set(fractions.values()) == {0.5}


def test_grid_over_two_features_is_empty_where_nothing_was_judged(
    write_family, grid_tasks, contents
):
    write_family("toy/grid-v1", grid_tasks, {"learned": lambda task: task["x"] + 10 * task["y"]})
    (family,) = contents()[0].families
    columns, rows, grid = series.feature_grid(family, "learned")
    assert columns.tolist() == [0, 1, 2, 3]
    assert rows.tolist() == [0, 1]
    expected = columns + 10 * rows[:, None]
    for x, y in series.source_fractions(family):
        expected[int(y), int(x)] = np.nan
    assert np.isnan(grid).sum() == 2
    np.testing.assert_array_equal(grid, expected)


def test_units_are_those_of_the_installed_family(pointmass, write_family, make_tasks, contents):
    write_family(pointmass.info.id, pointmass.tasks, {"learned": lambda task: task["drag"]})
    write_family("toy/size-v1", make_tasks(8), {"learned": lambda task: task["size"]})
    units = {f.label: f.units for content in contents() for f in content.families}
    assert units == {"pointmass/goal-drag-v1": ("m", "m", "1/s"), "toy/size-v1": ("",)}


COLOUR = Feature.of_categories("colour", ("red", "green", "blue", "grey"), "object")


@pytest.fixture
def installed_space(monkeypatch):
    """Let the report find a family of this spec space installed, whatever it is called."""

    def install(space):
        found = SimpleNamespace(make_family=lambda _: SimpleNamespace(spec_space=space))
        monkeypatch.setattr(content_module, "installed", lambda: found)

    return install


def _views(contents):
    drawn = {}
    looks = styles([content.board for content in contents])
    (view,) = [board_view(content, "b", looks, drawn) for content in contents]
    return view["families"][0], drawn


def test_an_axis_of_categories_names_them(tmp_path, write_family, contents, installed_space):
    space = SpecSpace((Feature("x", 0.0, 1.0, "m", "goal"), COLOUR))
    tasks = space.grid("toy/mixed-v1", x=[0, 0.5, 1], colour=COLOUR.categories)
    write_family("toy/mixed-v1", tasks, {"learned": lambda task: task["x"] + task["colour"]})
    view, drawn = _views(contents())  # the family is not installed
    assert view["tasks"][0]["label"] == "x=0, colour=1"
    assert "ticktext" not in json.dumps(drawn)

    installed_space(space)
    view, drawn = _views(contents())
    assert view["kind"] == "grid"
    assert [task["label"] for task in view["tasks"][:2]] == [
        "x=0 m, colour=green",
        "x=0 m, colour=blue",
    ]
    axes = drawn[view["panels"][0]["chart"]]["layout"]
    assert axes["yaxis"]["ticktext"] == ["red", "green", "blue", "grey"]
    assert axes["yaxis"]["tickvals"] == [0, 1, 2, 3]
    assert "ticktext" not in axes["xaxis"]
    assert write_figures(contents(), tmp_path / "pdf")


def test_one_feature_of_categories_is_drawn(tmp_path, write_family, contents, installed_space):
    space = SpecSpace((COLOUR,))
    tasks = space.grid("toy/colour-v1", colour=COLOUR.categories)
    write_family("toy/colour-v1", tasks, {"learned": lambda task: task["colour"]})
    installed_space(space)
    view, drawn = _views(contents())
    assert view["kind"] == "curve"
    assert drawn[view["chart"]]["layout"]["xaxis"]["ticktext"] == ["red", "green", "blue", "grey"]
    assert write_figures(contents(), tmp_path / "pdf")


def test_profile_and_distance_of_a_board(one_feature, contents):
    one_feature({"half": lambda _: 50.0})
    (content,) = contents()
    runs = content.table[content.table["method"] == "half"]
    shares = series.profile(runs)
    assert set(shares.y[shares.x < 0.5]) == {1}
    assert set(shares.y[shares.x >= 0.5]) == {0}
    assert not shares.has_band
    distance = series.distance_curve(runs)
    assert (np.diff(distance.x) > 0).all()
    np.testing.assert_allclose(distance.y, 0.5)


def test_a_profile_has_a_band_where_tasks_differ_and_no_narrow_one_elsewhere(one_feature, contents):
    one_feature({"mixed": lambda task: 100 * task.values[0]}, splits=(0, 1, 2))
    (content,) = contents()
    curve = series.profile(content.table[content.table["method"] == "mixed"])
    differ = (curve.y > 0) & (curve.y < 1)
    assert differ.any()
    assert not differ.all()
    assert (np.isfinite(curve.low) == differ).all()
    assert (curve.low[differ] < curve.high[differ]).all()


def test_every_chart_is_one_that_plotly_knows(
    pointmass, write_family, one_feature, grid_tasks, contents
):
    """One, two and three features; a name that Plotly does not know would be ignored unseen."""
    from plotly import graph_objects

    learned = {"learned": lambda task: sum(task.values), "other": lambda task: -task.values[0]}
    one_feature(learned, splits=(0, 1, 2))
    write_family("toy/grid-v1", grid_tasks, learned)
    write_family(pointmass.info.id, pointmass.tasks, learned)
    found = contents()
    drawn = {}
    looks = styles([content.board for content in found])
    views = [board_view(content, f"b{i}", looks, drawn) for i, content in enumerate(found)]
    kinds = {family["kind"] for view in views for family in view["families"]}
    assert kinds == {"curve", "grid", "strip"}
    palette = colours(dark=False) | {"ink": "#000"}
    for chart in drawn.values():
        tokens = set(re.findall(r'"@(\w+)', json.dumps(chart)))
        assert tokens <= set(palette)
        filled = re.sub(r'"@(\w+)(/[\d.]+)?"', r'"#123456"', json.dumps(chart, allow_nan=False))
        graph_objects.Figure(json.loads(filled))


def test_styles_tell_many_methods_apart_and_controls_from_them(one_feature, contents):
    names = [f"method{i:02}" for i in range(2 * len(LIGHT) + 1)]
    one_feature({name: lambda _: 1.0 for name in names})
    looks = styles([content.board for content in contents()])
    learned = [looks[name] for name in names]
    assert len({(style.token, style.dash) for style in learned}) == len(names)
    assert len({(style.token, style.marker) for style in learned}) == len(learned) > len(LIGHT)
    assert all(style.shown and not style.is_control for style in learned)
    assert {looks[arm].token[0] for arm in ARMS} == {"g"}
    assert len(LIGHT) == len(DARK)


def test_the_page_needs_no_network_and_escapes_what_it_shows(one_feature, write_run, contents):
    one_feature({"learned": lambda _: 50.0}, overrides={"mode": "</script><b>"})
    write_run("learned", error="ValueError: <i>it broke</i>", split_seed=7)
    page = render_page(contents(), {})
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page.replace(_plotly(), ""))
    assert "</script><b>" not in page
    assert "<i>it broke" not in page
    assert "&lt;i&gt;it broke" in page
    assert "1 failed" in page
    assert len(page.replace(_plotly(), "")) < 200_000


def _plotly():
    return PLOTLY.read_text(encoding="utf-8")


def test_the_page_is_the_same_whatever_the_order_of_the_runs(tmp_path, one_feature):
    one_feature({"a": lambda _: 50.0, "b": lambda task: task["size"]}, splits=(0, 1, 2))
    folders = find_runs([tmp_path / "runs"])
    pages = {render_page(read_content(order), {}) for order in (folders, folders[::-1])}
    assert len(pages) == 1


def test_the_page_says_what_a_score_is_and_who_is_ahead_over_families(
    write_family, make_tasks, contents
):
    methods = {
        "good": lambda task: 90 + task["size"],
        "over": lambda _: 150.0,
        "bad": lambda _: -9.0,
    }
    for name in ("toy/size-v1", "toy/other-v1"):
        write_family(name, make_tasks(8, family=name), methods, splits=(0, 1, 2))
    (content,) = contents()
    page = render_page([content], {})
    assert content.board.headline.legend in page
    assert "Holm&#39;s correction" in page
    ranks = re.search(r"<tfoot><tr><th scope=\"row\">mean rank</th>(.*?)</tr></tfoot>", page)[1]
    assert re.findall(r"<td>([\d.]+|–)", ranks) == ["–", "1.00", "2.00", "3.00", "–"]
    summaries = page[page.index("summarised otherwise") :]
    assert "IQM" in summaries[:2000]
    curve = series.distance_curve(content.table[content.table["method"] == "over"])
    np.testing.assert_allclose(curve.y, 1.0)  # of 1.5 and more on every task


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0.973", "0.973"),
        ("-0.2", "-0.2"),
        ("31,000,000", "31000000"),
        ("[-0.100, 0.500]", "-0.100"),
        ("8 / 4 / 28", "8"),
        ("0.1–0.3", "0.1"),
        ("–", ""),
    ],
)
def test_cells_are_sorted_by_their_first_number(text, key):
    assert sort_key(text) == key


def test_tasks_are_labelled_with_units(pointmass, write_family, contents):
    write_family(pointmass.info.id, pointmass.tasks, {"learned": lambda _: 1.0})
    (family,) = contents()[0].families
    task = next(task for task in pointmass.tasks if task.key in family.targets)
    label = charts.task_label(family, task.key)
    assert label == f"goal_x={task['goal_x']:g} m, goal_y={task['goal_y']:g} m, " + (
        f"drag={task['drag']:g} 1/s"
    )


def test_films_show_the_judged_episode_of_the_middle_task(
    tmp_path, pointmass, make_record, write_run, contents
):
    tasks = pointmass.tasks[:3]
    # Three policies that push in one direction, none of which is the right one.
    policies = MLPPolicies(
        weights=(np.zeros((3, 4, 2), np.float32),),
        biases=(np.array([[1, 0], [0, 1], [-1, -1]], np.float32),),
        observation_mean=np.zeros(4, np.float32),
        observation_std=np.ones(4, np.float32),
        action_low=np.full(2, -1, np.float32),
        action_high=np.full(2, 1, np.float32),
    )
    table = rollout(pointmass, tasks, policies, np.arange(6).reshape(3, 2))
    family = {"family": pointmass.info.id, "family_info": pointmass.info, "tasks": tasks}
    write_record(tmp_path / "runs", make_record("learned", **family), table, policies)
    for method, value in {"random": 0.0, "expert": 50.0}.items():
        write_run(method, [value] * 3, is_arm=True, **family)
    told = []
    (content,) = contents()
    expert, learned = make_clips(content, told.append)[pointmass.info.id]
    assert told == [f"{pointmass.info.id}: filming expert and learned ..."]
    assert (expert.title, learned.title) == ("expert", "learned")
    middle = int(np.argsort(table.returns.mean(axis=1))[1])
    assert learned.caption.startswith(f"{tasks[middle].label}, split 0")
    assert f"{table.returns[middle, 0]:.4g}" in learned.caption
    assert expert.uri != learned.uri
    films = base64.b64decode(learned.uri.removeprefix("data:video/mp4;base64,"))
    assert films[4:8] == b"ftyp"
    page = render_page([content], {(content.board.title, pointmass.info.id): [learned]})
    assert learned.uri in page


def test_a_family_that_cannot_be_filmed_is_told(one_feature, contents):
    one_feature({"learned": lambda _: 50.0})
    told = []
    assert make_clips(contents()[0], told.append) == {}
    assert told == ["toy/size-v1: no learned method with a score and stored policies to film."]


def test_episodes_that_were_not_judged_are_shown(one_feature, contents):
    one_feature({"fair": lambda _: 50.0}, num_target_rollouts=60)
    assert "not judged" not in render_page(contents(), {})
    one_feature({"peeps": lambda _: 50.0}, num_target_rollouts=65)
    assert "65, 5 not judged" in render_page(contents(), {})


def test_figures_are_the_same_to_the_byte_whatever_a_user_has_set(tmp_path, one_feature, contents):
    one_feature({"learned": lambda task: 50 * task["size"]}, splits=(0, 1, 2))
    once = write_figures(contents(), tmp_path / "once")
    users = {"text.usetex": True, "font.size": 30.0, "savefig.bbox": "tight", "lines.linewidth": 9}
    with matplotlib.rc_context(users):  # as by a matplotlibrc
        again = write_figures(contents(), tmp_path / "again")
        assert matplotlib.rcParams["text.usetex"], "what is the user's stays so"
    names = ("scores", "profiles", "distance", "return-size-v1")
    assert [path.name for path in once] == [f"toy-test-v1-{name}.pdf" for name in names]
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_figures_of_more_features_embed_their_fonts(
    tmp_path, pointmass, write_family, grid_tasks, contents
):
    write_family("toy/grid-v1", grid_tasks, {"learned": lambda task: task["x"]})
    write_family(pointmass.info.id, pointmass.tasks, {"learned": lambda task: task["drag"]})
    paths = {path.name: path for path in write_figures(contents(), tmp_path / "pdf")}
    strips = paths["pointmass-test-v1-return-goal-drag-v1.pdf"]
    grids = paths["toy-test-v1-return-grid-v1.pdf"]
    for path in (strips, grids):
        assert b"/CIDFontType2" in path.read_bytes()  # type 42; type 3 is what publishers refuse
        assert b"/Type3" not in path.read_bytes()


def test_the_command_writes_what_is_asked_for(tmp_path, monkeypatch, one_feature):
    one_feature({"learned": lambda _: 50.0})
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    found = runner.invoke(cli.app, ["report", "runs", "--figures", "pdf"])
    assert found.exit_code == 0, found.output
    assert list((tmp_path / "pdf").glob("*.pdf"))
    assert not (tmp_path / "report.html").exists()
    found = runner.invoke(cli.app, ["report", "runs"])
    assert found.exit_code == 0, found.output
    assert "report.html" in found.output
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("missing", "arguments"), [("jinja2", ["-o", "a.html"]), ("matplotlib", ["--figures", "pdf"])]
)
def test_a_missing_package_is_named_with_its_remedy(monkeypatch, missing, arguments):
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == missing else found(name))
    result = CliRunner().invoke(cli.app, ["report", "nowhere", *arguments])
    assert isinstance(result.exception, HyperbenchError)
    assert f"'{missing}'" in str(result.exception)
    assert "-e '.[report]'" in str(result.exception)


def test_rows_that_are_asked_for_are_shown_alone(tmp_path, one_feature, write_run, contents):
    one_feature({"good": lambda _: 90.0, "bad": lambda _: 10.0}, splits=(0, 1, 2))
    write_run("zero-action", [5.0] * 8, is_arm=True)
    (whole,) = contents()
    rows = ["bad", "zero-action"]
    (content,) = (found.narrowed(rows) for found in contents())
    assert {row.method for row in content.board.rows} == set(rows)
    kept = [row for row in whole.board.rows if row.method in rows]
    assert list(content.board.rows) == kept, "intervals and ranks are those of the whole board"
    assert 'data-method="good"' not in render_page([content], {})
    assert styles([content.board], rows)["zero-action"].shown
    assert not styles([content.board])["zero-action"].shown
    command = ["report", str(tmp_path / "runs"), "--figures", str(tmp_path / "pdf")]
    done = CliRunner().invoke(cli.app, [*command, "--rows", "bad"])
    assert done.exit_code == 0, done.output
    assert "toy-test-v1-scores.pdf" in done.output
    done = CliRunner().invoke(cli.app, [*command, "--rows", "baad"])
    assert "Did you mean 'bad'" in str(done.exception)


def test_boards_that_differ_in_source_tasks_alone_are_drawn_over_them(
    tmp_path, one_feature, make_record, contents
):
    info = replace(make_record().family_info, ends_at_success=True)
    for num_source in (2, 1):
        protocol = EvalProtocol(
            id=f"few-{num_source}-v1",
            summary="few",
            num_source=num_source,
            num_target=6,
            split_label="few-v1",
            seeds=(SeedPair(split=0, fit=0), SeedPair(split=1, fit=1)),
        )
        successes = np.arange(6)[:, None] < 2 * num_source
        # Records of one family may be older and younger than what it says of itself.
        said = replace(info, remark=f"said with {num_source}")
        cost = Cost(fit_seconds=2.0)
        fields = {"protocol": protocol, "successes": successes, "family_info": said, "cost": cost}
        one_feature({"learned": lambda _: 1.0}, splits=(0, 1), **fields)
    one_feature({"learned": lambda _: 90.0})  # under a protocol that sweeps nothing
    (sweep,) = sweeps(contents())
    assert (sweep.label, sweep.family) == ("few-v1", "toy/size-v1")
    assert sweep.headline == SUCCESS
    curve = sweep.curve("learned")
    few, more, _ = contents()  # the points are what the boards say
    for place, found in enumerate((few, more)):
        (row,) = (row for row in found.board.rows if row.method == "learned")
        assert curve.y[place] == row["success_rate"].value
        np.testing.assert_equal(curve.low[place], row["success_rate"].low or np.nan)
    assert curve.x.tolist() == [1, 2]
    np.testing.assert_allclose(curve.y, [1 / 3, 2 / 3])
    assert curve.notes == (", mean of 2 runs",) * 2
    page = render_page(contents(), {})
    assert "Success rate over source tasks in toy/size-v1" in page
    assert "<b>Success against time to fit</b>" in page
    few, *_ = contents()  # a single point, around which an axis would go far below no success
    (chart,) = cost_charts(few.board, styles([few.board])).values()
    assert chart["layout"]["yaxis"]["range"] == pytest.approx([-0.04, 1.04])
    names = [path.name for path in write_figures(contents(), tmp_path / "pdf")]
    assert names[-1] == "few-v1-toy-size-v1.pdf"
