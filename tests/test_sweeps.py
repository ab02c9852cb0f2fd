"""Grids of settings, and records made into commands."""

import json
from pathlib import Path

import pytest

from hyperbench.cli.like import check_rules, record_at
from hyperbench.errors import HyperbenchError
from hyperbench.measuring.plan import plan
from hyperbench.measuring.settings import grid_of
from hyperbench.provenance import provenance
from hyperbench.records.record import RunRecord
from hyperbench.records.store import RECORD, write_record
from hyperbench.registry import installed

ID = "pointmass/goal-drag-v1"
RULES = installed().protocol("quick-v2")
SMALL = ("run", "-s", "pointmass", "--no-baselines", "--dry-run", "--json")


@pytest.fixture
def planned(say, in_this_process):
    """The runs of methods that a command would carry out, and what it says on standard error."""

    def plan(*arguments):
        code, out, err = say(*arguments)
        runs = [] if code else json.loads(out)
        return [run for run in runs if not run["is_arm"]], err

    return plan


@pytest.mark.parametrize(
    ("settings", "grid"),
    [
        (["a=1,2", "b=3"], [["a=1", "b=3"], ["a=2", "b=3"]]),
        (
            ["a=1, 2", "m.b=x,y"],
            [["a=1", "m.b=x"], ["a=1", "m.b=y"], ["a=2", "m.b=x"], ["a=2", "m.b=y"]],
        ),
        (["hidden=[64, 32],[16]"], [["hidden=[64, 32]"], ["hidden=[16]"]]),
        (["a={b: 1, c: 2},null"], [["a={b: 1, c: 2}"], ["a=null"]]),
        (['a="x,y",z'], [['a="x,y"'], ["a=z"]]),
        (["a=1,2", "b=", "c"], [["a=1", "b=", "c"], ["a=2", "b=", "c"]]),
        (["a=1,2", "b=x] y"], [["a=1", "b=x] y"], ["a=2", "b=x] y"]]),
    ],
)
def test_commas_outside_of_brackets_and_quotes_part_values(settings, grid):
    assert grid_of(settings) == grid


@pytest.mark.parametrize("settings", [[], ["a=1"], ["a=[1, 2]", "b=3"]])
def test_a_sweep_over_nothing_is_refused(settings):
    with pytest.raises(HyperbenchError, match="no setting has several"):
        grid_of(settings)


def test_a_sweep_is_a_grid_whose_rows_are_named_by_what_differs(planned):
    sweep = (
        "--set",
        "num_steps=5",
        "--set",
        "policy_width=8,64",
        "--set",
        "film.embedding_width=16,32",
    )
    runs, _ = planned(*SMALL, "-m", "spec-blind", "-m", "film", *sweep, "--sweep")
    labels = [run["label"].partition(" on ")[0] for run in runs]
    width = "embedding_width"
    assert labels == [
        # What is the default names no row; of a method without the last setting each is once.
        "spec-blind [num_steps=5, policy_width=8]",
        "spec-blind [num_steps=5, policy_width=64]",
        f"film [{width}=16, num_steps=5, policy_width=8]",
        f"film [{width}=32, num_steps=5, policy_width=8]",
        f"film [{width}=16, num_steps=5, policy_width=64]",
        f"film [{width}=32, num_steps=5, policy_width=64]",
    ]
    assert len({run["key"] for run in runs}) == len(runs)


@pytest.fixture
def record_of(tmp_path):
    """Write the record of the one run of a method that is planned; gives its folder and itself."""

    def write(method, *settings, **options):
        registry = installed()
        protocol = RULES.with_crossed_seeds("3", "4")
        runs = plan(registry, [method], ID, protocol, settings=settings, baselines=False, **options)
        run = runs[-1]
        record = RunRecord(
            **dict(run),
            family_info=registry.make_family(ID).info,
            status="failed",
            error="it broke",
            provenance=provenance({}, "cpu"),
        )
        return str(write_record(tmp_path / "runs", record).folder), run

    return write


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_record_is_a_command(planned, record_of, shuffled):
    settings = ("policy_width=16", "spec_scale=0.30", "policy_activation=tanh")
    folder, run = record_of("film", *settings, shuffled_spec=shuffled)
    runs, _ = planned("run", "--dry-run", "--json", "--like", folder)
    assert run.key == runs[-1]["key"]
    assert len(runs) == 1 + shuffled


def test_what_is_given_goes_before_what_the_record_says(planned, record_of):
    folder, run = record_of("film", "policy_width=16", "spec_scale=3")
    like = ("run", "--dry-run", "--json", "--like", folder)
    runs, _ = planned(*like, "--set", "policy_width=8,16", "--sweep")
    assert [r["config"] for r in runs] == [run.config | {"policy_width": n} for n in (8, 16)]
    assert [r["key"] == run.key for r in runs] == [False, True]
    runs, _ = planned(*like, "--seeds", "2")
    assert [r["seeds"] for r in runs] == [{"split": n, "fit": n} for n in (0, 1)]
    [other], _ = planned(*like, "--fit-seeds", "9")
    assert other["seeds"] == {"split": 3, "fit": 9}
    # Another protocol has another budget, which was no setting of the run's.
    [other], _ = planned(*like, "-p", "standard-v1")
    assert other["overrides"] == run.overrides
    assert other["config"]["num_steps"] != run.config["num_steps"]
    # Another method has none of its settings.
    [other], _ = planned(*like, "-m", "spec-blind")
    assert (other["method"], other["overrides"]) == ("spec-blind", {})


def test_other_rules_under_a_name_are_refused(planned, record_of):
    folder, run = record_of("film")
    file = Path(folder) / RECORD
    said = json.loads(file.read_text())
    said["protocol"]["num_episodes"] += 1
    file.write_text(json.dumps(said))
    with pytest.raises(HyperbenchError, match=f"Run {run.key} follows other rules under the name"):
        check_rules(record_at(Path(folder)), run.protocol)
