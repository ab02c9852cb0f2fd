"""Rows of a board beyond their score: ranks, missing runs, intervals of success."""

from dataclasses import replace

import numpy as np
import pytest

from hyperbench.boards.headline import SUCCESS
from hyperbench.boards.statistic import BY_NAME
from hyperbench.boards.tables import score_table
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.store import write_record

SEEDS = range(5)
RUN_EFFECTS = np.random.default_rng(0).normal(0, 0.2, 5)
TASK_EFFECTS = np.random.default_rng(1).normal(0, 0.05, 8)
PROTOCOL = EvalProtocol(
    id="test-v1", summary="for tests", seeds=tuple(SeedPair(split=i, fit=i) for i in SEEDS)
)


@pytest.fixture
def write(write_run):
    """Write a run of all seeds: (num_tasks,) levels, moved by what the run does to all methods."""

    def write_seeds(method, level, seeds=SEEDS, **fields):
        fields.setdefault("protocol", PROTOCOL)
        for seed in seeds:
            returns = level + RUN_EFFECTS[seed] + TASK_EFFECTS
            write_run(method, returns, split_seed=seed, fit_seed=seed, **fields)

    return write_seeds


@pytest.fixture
def write_arms(write_run):
    for seed in SEEDS:
        for arm, level in (("random", 0.0), ("expert", 1.0)):
            write_run(arm, np.full(8, level), split_seed=seed, is_arm=True, protocol=PROTOCOL)


def noise(seed):
    return 0.02 * np.random.default_rng(seed).normal(size=8)


def test_ranks_are_shared_where_paired_runs_cannot_tell(write, write_arms, board_of):
    """Runs differ by 0.2, methods by less: their intervals overlap, their differences do not."""
    for seed in SEEDS:
        write("best", 0.6 + noise(seed), seeds=(seed,))
        write("tied", 0.6 + noise(10 + seed), seeds=(seed,))
        write("worse", 0.5 + noise(20 + seed), seeds=(seed,))
    board, rows = board_of()
    assert {name: rows[name]["rank"].value for name in ("best", "tied", "worse")} == {
        "best": 1,
        "tied": 1,
        "worse": 3,
    }
    (note,) = board.notes
    assert note.startswith("Ranks: 3 methods are compared in 3 pairs, with Holm's correction")
    assert rows["worse"]["score"].interval[1] > rows["best"]["score"].interval[0]
    assert rows["expert"]["rank"].value is rows["random"]["rank"].value is None


def test_a_quarter_of_the_tasks_that_fails_is_seen(write, write_arms, board_of):
    """Interquartile means are 1 and 0.9, and tell the opposite."""
    for seed in SEEDS:
        small = 0.01 * np.random.default_rng(seed).random(8)
        effects = RUN_EFFECTS[seed] + TASK_EFFECTS  # what `write` adds
        write("fails", np.array([1, 1, 1, 1, 1, 1, 0, -3.0]) - small - effects, seeds=(seed,))
        write("even", np.full(8, 0.9) - small - effects, seeds=(seed,))
    board, rows = board_of()
    assert [row.method for row in board.rows] == ["expert", "even", "fails", "random"]
    fails, even = rows["fails"], rows["even"]
    assert fails["score"].value == pytest.approx(0.75, abs=0.01)
    assert even["score"].value == pytest.approx(0.9, abs=0.01)
    assert (fails["above_half"].value, even["above_half"].value) == (0.75, 1.0)
    assert fails["iqm"].value == pytest.approx(1.0, abs=0.01)
    assert even["iqm"].value == pytest.approx(0.9, abs=0.01)
    assert (even["rank"].value, fails["rank"].value) == (1, 2)
    low, high = fails["above_half"].interval
    assert low < 0.75 < high
    assert BY_NAME["above_half"].heading in score_table(board).header
    assert fails["mean_rank"].value is None, "there is one family"
    assert board.notes == ("Ranks: one pair of methods is compared, so no correction is needed.",)


def test_ranks_are_corrected_for_the_number_of_pairs(write, write_arms, board_of):
    """A gap that is below 5 % by itself, and above with the 28 pairs of eight methods."""
    gains = dict(zip(SEEDS, [0.02, 0.05, 0.08, 0.1, 0.03], strict=True))

    def write_both(others):
        for seed in SEEDS:
            level = 0.5 - RUN_EFFECTS[seed]
            write("better", level + gains[seed], seeds=(seed,))
            write("worse", level, seeds=(seed,))
            for i in range(others):
                write(f"other{i}", level - 0.1 * noise(10 * i + seed) - 0.3, seeds=(seed,))

    write_both(0)
    _, rows = board_of()
    assert (rows["better"]["rank"].value, rows["worse"]["rank"].value) == (1, 2)
    write_both(6)
    board, rows = board_of()
    assert (rows["better"]["rank"].value, rows["worse"]["rank"].value) == (1, 1)
    assert {rows[f"other{i}"]["rank"].value for i in range(6)} == {3}
    (note,) = board.notes
    assert note.startswith("Ranks: 8 methods are compared in 28 pairs, with Holm's correction")


def test_mean_rank_over_families_by_hand(write, write_arms, write_run, make_tasks, board_of):
    """On one family always first, on the other second, but for one split of five."""
    tasks = make_tasks(8, family="toy/other-v1")
    other = {"family": "toy/other-v1", "tasks": tasks}
    for seed in SEEDS:
        for arm, level in (("random", 0.0), ("expert", 1.0)):
            seeds = {"split_seed": seed, "is_arm": True, "protocol": PROTOCOL}
            write_run(arm, np.full(8, level), **seeds, **other)
        for method, level in (("one", 0.6), ("two", 0.5), ("three", 0.4)):
            write(method, level, seeds=(seed,))
            turned = 0.5 if method == "one" and seed else level
            write(method, {"two": 0.55}.get(method, turned), seeds=(seed,), **other)
    write("partial", 0.9, seeds=(0,))
    _, rows = board_of()
    one, two, three = (rows[name]["mean_rank"] for name in ("one", "two", "three"))
    assert one.value == pytest.approx((1 + (1 + 4 * 2) / 5) / 2)
    assert two.value == pytest.approx((2 + (2 + 4 * 1) / 5) / 2)
    assert three.value == 3
    # Of two families that count a half each, one varies: Student's with four degrees of freedom.
    half = 2.776 * np.std([1, 2, 2, 2, 2], ddof=1) / np.sqrt(5) / 2
    assert one.interval == pytest.approx((1.4 - half, 1.4 + half), abs=1e-3)
    assert 2 < three.interval[0] < 3 == three.interval[1], "ten parts that agree are not all"
    assert rows["partial"]["mean_rank"].value is rows["expert"]["mean_rank"].value is None


def test_too_few_runs_have_no_rank(write, write_arms, board_of):
    write("known", 0.5)
    write("hardly", 0.9, seeds=(0, 1))
    _, rows = board_of()
    assert (rows["hardly"]["rank"].value, rows["known"]["rank"].value) == (None, 1)


def test_missing_runs_are_counted_and_told(write, write_arms, write_run, board_of):
    write("whole", 0.5)
    write("partial", 0.6, seeds=(0, 1, 2))
    write_run("partial", split_seed=3, fit_seed=3, protocol=PROTOCOL)
    board, rows = board_of()
    partial = rows["partial"]
    assert (
        partial["num_runs"].value,
        partial["num_failed"].value,
        partial["num_missing"].value,
    ) == (3, 1, 1)
    assert rows["whole"]["num_missing"].value == rows["expert"]["num_missing"].value == 0
    (note,) = board.notes
    assert "partial (1 of 5)" in note
    assert "whole" not in note


def test_a_family_not_measured_is_missing(write, write_arms, board_of, write_run, make_tasks):
    write("narrow", 0.5)
    other = {"family": "toy/other-v1", "tasks": make_tasks(8, family="toy/other-v1")}
    write("wide", 0.5)
    write("wide", 0.5, **other)
    _, rows = board_of()
    assert rows["narrow"]["num_missing"].value == 5
    assert rows["wide"]["num_missing"].value == 0


def test_a_row_of_fewer_runs_has_no_rank(write, write_arms, board_of):
    """The one missed the two worst splits: on common ones the other is better."""
    worst = np.argsort(RUN_EFFECTS)[:2]
    write("lucky", 0.5, seeds=[seed for seed in SEEDS if seed not in worst])
    write("better", 0.52)
    _, rows = board_of()
    assert rows["lucky"]["score"].value > rows["better"]["score"].value
    assert (rows["lucky"]["rank"].value, rows["better"]["rank"].value) == (None, 1)


def test_other_statistics_of_a_row(write_run, write_arms, board_of):
    write_run("learned", np.array([-1, 0.5, 0.5, 0.5, 0.6, 0.7, 0.9, 3.0]), protocol=PROTOCOL)
    _, rows = board_of()
    learned = rows["learned"]
    assert learned["mean"].value == pytest.approx(5.7 / 8)
    assert learned["median"].value == pytest.approx(0.55)
    assert learned["optimality_gap"].value == pytest.approx((2 + 0.5 * 3 + 0.4 + 0.3 + 0.1) / 8)
    assert learned["success_rate"].interval is None


def test_interval_of_success(write_run, write_arms, board_of):
    for seed in SEEDS:
        for method, num_good in (("perfect", 8), ("some", 2 + seed)):
            write_run(
                method,
                np.ones(8),
                successes=[[i < num_good] for i in range(8)],
                split_seed=seed,
                fit_seed=seed,
                protocol=PROTOCOL,
            )
    _, rows = board_of()
    assert rows["perfect"]["success_rate"].value == 1
    assert 0.3 < rows["perfect"]["success_rate"].interval[0] < 0.8
    assert rows["perfect"]["success_rate"].interval[1] == 1
    low, high = rows["some"]["success_rate"].interval
    assert low < rows["some"]["success_rate"].value == 0.5 < high


def test_fits_on_one_split_are_no_substitute_for_splits(write_run, board_of):
    """Three splits with two fits each: what differs is the split, so three runs' worth is known."""
    for split in range(3):
        for arm, level in (("random", 0.0), ("expert", 1.0)):
            write_run(arm, np.full(8, level), split_seed=split, is_arm=True)
        for fit in range(10):
            write_run("crossed", np.full(8, 0.3 * split), split_seed=split, fit_seed=fit)
        write_run("once", np.full(8, 0.3 * split), split_seed=split, fit_seed=0)
    _, rows = board_of()
    widths = [np.diff(rows[name]["score"].interval)[0] for name in ("crossed", "once")]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)


def test_where_episodes_end_at_success_it_orders_and_ranks(write_run, board_of, make_record):
    """The success rate, though scores say the same of these; IQMs are 1, a quarter is cut off."""
    info = replace(make_record().family_info, ends_at_success=True)

    def write_counted(method, num_successes, num_more=0, **fields):
        for seed in SEEDS:
            succeeds = (np.arange(8) + seed) % 8 < num_successes + (num_more if seed == 0 else 0)
            fields |= {"protocol": PROTOCOL, "split_seed": seed, "fit_seed": seed}
            fields |= {"successes": succeeds[:, None], "family_info": info}
            write_run(method, succeeds.astype(float), **fields)

    write_counted("random", 0, is_arm=True)
    write_counted("expert", 8, is_arm=True)
    write_counted("six", 6)
    write_counted("seven", 7, num_more=1)
    board, rows = board_of()
    assert board.headline == SUCCESS
    assert [rows[name]["score"].value for name in ("six", "seven")] == [0.75, 0.9]
    assert rows["six"]["iqm"].value == rows["seven"]["iqm"].value == 1.0
    assert [row.method for row in board.rows] == ["expert", "seven", "six", "random"]
    assert (rows["seven"]["rank"].value, rows["six"]["rank"].value) == (1, 2)
    headline = rows["six"][board.headline.name]
    assert (headline.value, headline.interval) == (0.75, rows["six"]["success_rate"].interval)
    assert [board.of_family(rows["six"], family) for family in board.families] == [0.75]
    header = score_table(board).header
    assert header[:4] == ("method", "rank", "success", "of success")


def test_boards_of_episodes_that_end_at_success_tell_their_length(
    board_of, make_tasks, make_table, make_record, tmp_path
):
    tasks = make_tasks(2)
    info = replace(make_record().family_info, ends_at_success=True)
    successes = np.array([[True, True], [False, True]])
    table = replace(
        make_table(tasks, successes.astype(float), successes),
        lengths=np.array([[3, 4], [7, 2]]),
        lasting=np.array([[True, False], [False, False]]),
    )
    write_record(tmp_path / "runs", make_record("some", tasks=tasks, family_info=info), table)
    board, rows = board_of()
    assert (rows["some"]["mean_length"].value, rows["some"]["lasting_rate"].value) == (4.0, 0.25)
    shown = score_table(board)
    cells = dict(zip(shown.header, shown.rows[0], strict=True))
    assert cells["success"] == "0.750"
    assert (cells["steps"], cells["lasting"], cells["return"]) == ("4.0", "0.250", "0.75")
