"""``hyperbench plan --mde``: variances recovered, and a power that simulation confirms."""

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from hyperbench.boards.leaderboard import board_tables
from hyperbench.boards.power import (
    Spread,
    hours_of,
    num_runs_needed,
    power_of,
    power_sentence,
    spread_of,
    spreads,
)
from hyperbench.cli import app
from hyperbench.commands.plan import plan_command
from hyperbench.errors import DataError, HyperbenchError, UnknownNameError
from hyperbench.records.find import find_runs
from hyperbench.records.record import Cost

NUM_TASKS, NUM_EPISODES = 8, 4


def rng(seed=0):
    return np.random.default_rng(seed)


def test_power_is_that_of_the_t_test():
    """One family: the paired t-test; found in simulation."""
    draws = rng().normal(0.5, 1.0, (20_000, 12))
    found = (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean()
    assert power_of(12, [1.0], 0.5) == pytest.approx(found, abs=0.01)
    assert power_of(12, [1.0], 0.0) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("difference", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("variances", [[0.04], [0.04, 0.01, 0.0]])
def test_the_fewest_runs_with_power(variances, difference):
    num_runs = num_runs_needed(variances, difference)
    assert power_of(num_runs, variances, difference) >= 0.8
    assert num_runs == 3 or power_of(num_runs - 1, variances, difference) < 0.8


def test_more_families_and_bigger_differences_need_fewer_runs():
    assert num_runs_needed([0.04] * 9, 0.05) < num_runs_needed([0.04], 0.05)
    assert num_runs_needed([0.04], 0.1) < num_runs_needed([0.04], 0.05)
    assert num_runs_needed([0.0], 0.05) == 3


def test_variance_is_taken_apart():
    """Runs with sd 0.3, episodes with sd 2 of 8 tasks that count an eighth each."""
    draws = rng(1)
    runs = [
        (0.3 * draws.normal() + 2 * draws.normal(size=(NUM_TASKS, NUM_EPISODES))) / NUM_TASKS
        for _ in range(4000)
    ]
    found = spread_of("a", runs, num_methods=2)
    assert found.between == pytest.approx(0.3**2, rel=0.15)
    assert found.within == pytest.approx(2**2 / NUM_TASKS, rel=0.05)
    assert found.variance(4) == pytest.approx(0.09 + 0.5 / 4, rel=0.1)
    alone = spread_of("a", runs, num_methods=1)
    assert (alone.between, alone.within) == (2 * found.between, 2 * found.within)


def test_runs_that_differ_by_their_episodes_alone_differ_by_nothing_else():
    runs = [rng(seed).normal(size=(NUM_TASKS, NUM_EPISODES)) for seed in range(2)]
    assert spread_of("a", [runs[0], runs[0]], 2).between == 0


def test_the_sentence_says_how_sure_it_is():
    text = power_sentence([Spread("a", 5, 28, 10, between=0.02, within=0.01)], 0.1)
    num_runs = num_runs_needed([0.021], 0.1)
    assert f"A difference of 0.1 needs {num_runs} pairs of seeds with 10 episodes" in text
    assert f"{num_runs * 280:,} target episodes" in text
    low, high = (num_runs_needed([0.021 * 4 / stats.chi2.ppf(q, 4)], 0.1) for q in (0.975, 0.025))
    assert low < num_runs < high
    assert f"between {low} and {high} pairs" in text
    assert "hours" not in text


def test_the_sentence_says_hours_where_the_records_know_them(write_run, tmp_path):
    """Two runs of a family took 30 and 90 minutes, so a pair of seeds takes an hour."""
    for seed, seconds in enumerate((1800.0, 5400.0)):
        cost = Cost(fit_seconds=seconds - 60, generate_seconds=10, rollout_seconds=50)
        write_run("one", [0.5] * 8, split_seed=seed, cost=cost)
    (part,) = board_tables(find_runs([tmp_path / "runs"]))
    labels = {run.record.key: run.record.method for run in part.runs}
    assert hours_of(part.runs, labels, "one") == pytest.approx(1.0)
    spread = Spread("a", 5, 28, 10, between=0.02, within=0.01)
    num_runs = num_runs_needed([0.021], 0.1)
    said = power_sentence([spread], 0.1, 1.0)
    assert f"target episodes a method, about {num_runs}.0 hours on one worker" in said
    assert "about 10 min on one worker" in power_sentence([spread], 0.1, 1 / 6 / num_runs)


@pytest.fixture
def write(write_run):
    """Write runs of two methods with the same luck per run, on tasks of different scale."""

    def write_seeds(num_seeds, num_episodes=NUM_EPISODES):
        scale = np.linspace(1, 10, NUM_TASKS)
        for seed in range(num_seeds):
            luck = 0.2 * rng(seed).normal()
            for arm, level in (("random", 0.0), ("expert", 1.0)):
                write_run(arm, level * scale, is_arm=True, split_seed=seed)
            for i, method in enumerate(("one", "other")):
                noise = 0.1 * rng(5000 + 2 * seed + i).normal(size=(NUM_TASKS, num_episodes))
                scores = 0.5 + luck + noise
                write_run(method, scores * scale[:, None], split_seed=seed, fit_seed=seed)

    return write_seeds


def test_spread_from_records(write, tmp_path):
    write(15)
    (part,) = board_tables(find_runs([tmp_path / "runs"]))
    (alone,) = spreads(part.runs, part.table, "one")
    (paired,) = spreads(part.runs, part.table, "one", "other")
    assert (alone.num_runs, alone.num_tasks, alone.num_episodes) == (15, 8, 4)
    assert alone.between == pytest.approx(2 * 0.2**2, rel=0.5)
    assert alone.within == pytest.approx(2 * 0.1**2 / NUM_TASKS, rel=0.3)
    assert paired.between < 0.1 * alone.between, "luck that both share is no difference"


def test_episodes_of_a_task_above_the_expert_move_no_score(write_run, tmp_path):
    """Half of the tasks are far above 1, whatever their noise, and count as 1."""
    levels = np.repeat([0.5, 3.0], NUM_TASKS // 2)
    for seed in range(5):
        for arm, level in (("random", 0.0), ("expert", 1.0)):
            write_run(arm, np.full(NUM_TASKS, level), is_arm=True, split_seed=seed)
        noise = 0.1 * rng(seed).normal(size=(NUM_TASKS, 50))
        write_run("able", levels[:, None] + noise, split_seed=seed, fit_seed=seed)
    (part,) = board_tables(find_runs([tmp_path / "runs"]))
    (found,) = spreads(part.runs, part.table, "able")
    assert found.within == pytest.approx(2 * 0.1**2 / NUM_TASKS / 2, rel=0.1)
    assert found.between < 1e-4


def test_the_command_shows_a_table(write, tmp_path):
    write(5)
    asked = ["plan", "--mde", "0.05", "-m", "one", str(tmp_path / "runs")]
    shown = CliRunner().invoke(app, asked).output
    assert "Pairs of runs a family to tell one from" in shown
    assert "A difference of 0.05 needs" in shown


@pytest.mark.parametrize(
    ("difference", "method", "error", "message"),
    [
        (0.0, "one", HyperbenchError, "must be above 0"),
        (0.05, "onne", UnknownNameError, "Did you mean 'one'"),
        (0.05, "one", DataError, "fewer than 3 finished runs"),
    ],
)
def test_what_cannot_be_planned_is_answered(write, tmp_path, difference, method, error, message):
    write(2)
    with pytest.raises(error, match=message):
        plan_command(difference, method, None, [tmp_path / "runs"])


def test_single_episodes_cannot_be_told_from_runs(write, tmp_path):
    write(3, num_episodes=1)
    with pytest.raises(DataError, match="one episode per task"):
        plan_command(0.05, "one", None, [tmp_path / "runs"])
