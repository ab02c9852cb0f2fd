"""``hyperbench compare``: pairs by hand, what is missing, and the sentence."""

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from hyperbench.boards.comparison import compare
from hyperbench.cli import app
from hyperbench.errors import DataError, UnknownNameError
from hyperbench.protocol import STANDARD
from hyperbench.records.find import find_runs

SEEDS = range(5)
EFFECTS = np.random.default_rng(0).normal(0.5, 0.2, (5, 8))


@pytest.fixture
def write(write_run):
    """Write runs whose scores are their returns: five seeds, moved alike for all methods.

    A gain is larger with one seed than with another.
    """

    def write_seeds(method, gain, seeds=SEEDS, **fields):
        for seed in seeds:
            found = {"split_seed": seed, "fit_seed": seed, **fields}
            write_run(method, EFFECTS[seed] + gain * (0.8 + seed / 10), **found)
            for arm, level in (("random", 0.0), ("expert", 1.0)):
                write_run(arm, np.full(8, level), is_arm=True, **found)

    return write_seeds


@pytest.fixture
def compared(tmp_path):
    def run(one="good", other="bad"):
        (found,) = compare(find_runs([tmp_path / "runs"]), one, other)
        return found

    return run


GAIN = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -0.1])


def test_paired_difference_and_probability(write, compared):
    write("good", GAIN)
    write("bad", 0)
    found = compared()
    (line,) = found.comparisons
    assert (line.family, line.num_pairs) == ("toy/size-v1", 5)
    assert line.probability == 7 / 8
    assert line.probability_interval[0] < 7 / 8 < line.probability_interval[1]
    assert line.difference == pytest.approx(line.one_score - line.other_score)
    assert 0.05 < line.difference_interval[0] < line.difference < line.difference_interval[1] < 0.15
    assert re.fullmatch(
        r"good beats bad with probability 0\.88 \[0\.\d\d, 0\.\d\d\]; its score less the other's "
        r"is \+0\.\d{3} \[0\.\d{3}, 0\.\d{3}\] \(test-v1, toy/size-v1\)\. "
        r"Told apart with 5 pairs of runs: good scores higher\.",
        found.sentence,
    )
    assert not found.missing


def test_the_other_way_round_is_the_same(write, compared):
    write("good", GAIN)
    write("bad", 0)
    (one,), (other,) = compared().comparisons, compared("bad", "good").comparisons
    assert other.probability == 1 - one.probability
    assert other.difference == -one.difference
    assert other.difference_interval == pytest.approx(
        (-one.difference_interval[1], -one.difference_interval[0]), abs=0.003
    )
    sentence = compared("bad", "good").sentence
    assert "its score less the other's is -0." in sentence
    assert "good scores higher" in sentence


def test_what_is_not_told_apart_says_how_many_runs_would(write_run, compared):
    """Scores of 0.5 on average whose difference between runs is large beside its mean."""
    rng = np.random.default_rng(3)
    for seed in SEEDS:
        found = {"split_seed": seed, "fit_seed": seed}
        for method, gain in (("good", 0.02 + 0.1 * (-1) ** seed), ("bad", 0.0)):
            returns = 0.5 + gain + rng.normal(0, 0.05, (8, 4))
            write_run(method, returns, **found)
        for arm, level in (("random", 0.0), ("expert", 1.0)):
            write_run(arm, np.full((8, 4), level), is_arm=True, **found)
    found = compared()
    assert found.planned > 5
    said = r"Not told apart with 5 pairs of runs; for a difference of 0\.0\d\d `plan` says (\d+)\."
    assert re.search(said, found.sentence)[1] == str(found.planned)


def test_families_apart_and_together(write, compared, make_tasks):
    write("good", GAIN)
    write("bad", 0)
    other = {"family": "toy/other-v1", "tasks": make_tasks(8, family="toy/other-v1")}
    write("good", -GAIN, **other)
    write("bad", 0, **other)
    lines = compared().comparisons
    assert [line.family for line in lines] == ["toy/other-v1", "toy/size-v1", "all families"]
    assert [line.probability for line in lines] == [1 / 8, 7 / 8, 1 / 2]
    assert lines[-1].num_pairs == 10


def test_runs_of_one_alone_are_told(write, compared, write_run):
    write("good", GAIN)
    write("bad", 0, seeds=(0, 1, 2, 3))
    write_run("bad", split_seed=4, fit_seed=4)
    found = compared()
    assert found.comparisons[0].num_pairs == 4
    assert found.missing == ("toy/size-v1 (split 4, fit 4): no finished run of bad",)


def test_few_pairs_have_no_interval(write, compared):
    write("good", GAIN, seeds=(0, 1))
    write("bad", 0)
    (line,) = compared().comparisons
    assert (line.num_pairs, line.probability) == (2, 7 / 8)
    assert line.difference_interval is line.probability_interval is None
    assert "with probability 0.88; its score less the other's is +0." in compared().sentence
    assert "cannot be told from 2 pairs of runs" in compared().sentence


def test_no_common_run_is_nothing_to_tell(write, compared):
    write("good", GAIN, seeds=(0, 1))
    write("bad", 0, seeds=(2, 3))
    found = compared()
    assert found.comparisons[0].num_pairs == 0
    assert len(found.missing) == 4
    assert "no scores to compare" in found.sentence


def test_an_arm_meets_every_fit_of_its_split(write, write_run, compared):
    write("good", 0.0)
    write_run("good", EFFECTS[0], split_seed=0, fit_seed=9)
    found = compared("expert", "good")
    assert found.comparisons[0].num_pairs == 6
    assert found.comparisons[0].probability > 0.9
    assert not found.missing


def test_protocols_are_compared_apart(tmp_path, write):
    for protocol, gain in (({}, GAIN), ({"protocol": STANDARD}, -GAIN)):
        write("good", gain, **protocol)
        write("bad", 0, **protocol)
    found = compare(find_runs([tmp_path / "runs"]), "good", "bad")
    probabilities = {each.protocol: each.comparisons[0].probability for each in found}
    assert probabilities == {"standard-v1": 1 / 8, "test-v1": 7 / 8}


def test_rows_of_different_protocols_are_refused(tmp_path, write):
    write("good", GAIN)
    write("bad", 0, protocol=STANDARD)
    with pytest.raises(DataError, match="'good' under test-v1, 'bad' under standard-v1"):
        compare(find_runs([tmp_path / "runs"]), "good", "bad")


def test_an_unknown_row_is_answered(write, compared):
    write("good", GAIN)
    with pytest.raises(UnknownNameError, match=r"Unknown row 'goood'\. Did you mean 'good'"):
        compared("goood", "good")


def test_the_command_prints_a_table_or_json(write, write_run, tmp_path):
    write("good", GAIN, overrides={"width": 8})
    write("bad", 0)
    write_run("bad", EFFECTS[0], split_seed=7)

    def say(*options):
        asked = ["compare", "good [width=8]", "bad", str(tmp_path / "runs"), *options]
        return CliRunner().invoke(app, asked).output

    (found,) = json.loads(say("--json"), parse_constant=pytest.fail)
    assert found["sentence"].startswith("good [width=8] beats bad with probability 0.88")
    assert found["comparisons"][0]["num_pairs"] == 5
    assert found["missing"] == ["toy/size-v1 (split 7, fit 0): no finished run of good [width=8]"]
    shown = say()
    assert "P(good [width=8] better)" in shown
    assert found["missing"][0] in shown
    assert found["sentence"] in shown
    assert "Each interval is of one comparison: nothing is corrected" in shown
