"""Boards from hand-built records, whose scores can be worked out on paper."""

import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.scores import task_table
from hyperbench.errors import DataError
from hyperbench.records.find import find_runs
from hyperbench.records.record import Cost
from hyperbench.records.store import EPISODES, StoredRun

# Per task another zero and another one: a score against the wrong task's arms is far off.
RANDOM = np.array([0, 10, 20, 30, -40, 50, 60, 70.0])
EXPERT = np.array([1, 20, 120, 40, 60, 150, 61, 170.0])
SCORES = np.array([0.1, 0.2, 0.3, 0.5, 1.5, 0.0, -1.0, 0.6])
RETURNS = RANDOM + SCORES * (EXPERT - RANDOM)


@pytest.fixture
def write_arms(write_run):
    def write(scale=1.0, **fields):
        write_run("random", scale * RANDOM, is_arm=True, **fields)
        write_run("expert", scale * EXPERT, is_arm=True, **fields)

    return write


def test_scores_of_one_run(write_run, write_arms, board_of):
    write_arms()
    # Episodes of a task are averaged before anything else; successes are counted.
    write_run(
        "learned",
        np.stack([RETURNS - 5, RETURNS + 5], axis=1),
        successes=[[True, False]] * 4 + [[False, False]] * 4,
        cost=Cost(num_parameters=7, policy_parameters=3, fit_seconds=2.0, generate_seconds=0.5),
    )
    board, rows = board_of()
    learned = rows["learned"]
    # Of -1, 0, 0.1, 0.2, 0.3, 0.5, 0.6 and 1.5; the last four are extrapolation.
    assert learned["score"].value == pytest.approx((0.1 + 0.2 + 0.3 + 0.5 + 0.6 + 1) / 8)
    assert learned["above_half"].value == 2 / 8
    assert learned["iqm"].value == pytest.approx((0.1 + 0.2 + 0.3 + 0.5) / 4)
    assert learned["interpolation"].value == pytest.approx((0.1 + 0.2 + 0.3 + 0.5) / 4)
    assert learned["extrapolation"].value == pytest.approx((0.6 + 1) / 4)
    assert learned.by_family["score"] == {"toy/size-v1": learned["score"].value}
    assert learned["mean_return"].value == pytest.approx(RETURNS.mean())
    assert learned["success_rate"].value == 0.25
    assert (learned["num_runs"].value, learned["num_failed"].value, learned.is_control) == (
        1,
        0,
        False,
    )
    assert (learned["num_parameters"].value, learned["policy_parameters"].value) == (7, 3)
    assert (learned["fit_seconds"].value, learned["generate_seconds"].value) == (2.0, 0.5)
    assert learned["score"].interval is None, "one run tells nothing about the spread between runs"
    assert (rows["random"]["score"].value, rows["expert"]["score"].value) == (0, 1)
    assert rows["random"].is_control
    assert rows["random"]["success_rate"].value is None
    assert [row.method for row in board.rows] == ["expert", "learned", "random"]
    assert (board.title, board.families) == ("test-v1", ("toy/size-v1",))
    assert not board.failures
    assert not board.notes


def test_each_split_is_scored_against_its_own_arms(write_run, write_arms, board_of):
    """And both fits on one split against the same arms."""
    write_arms(split_seed=0)
    write_arms(split_seed=1, scale=2)
    for fit_seed in (0, 5):
        write_run("learned", RETURNS, split_seed=0, fit_seed=fit_seed)
    write_run("learned", 2 * RETURNS, split_seed=1)
    board, rows = board_of()
    assert not board.notes
    assert rows["learned"]["num_runs"].value == 3
    assert rows["learned"]["score"].value == pytest.approx(SCORES.clip(0, 1).mean())
    assert (rows["random"]["score"].value, rows["expert"]["score"].value) == (0, 1)


def test_interval_of_several_runs(write_run, write_arms, board_of):
    for seed in range(4):
        write_arms(split_seed=seed)
        write_run("learned", RANDOM + (seed + 1) / 5 * (EXPERT - RANDOM), split_seed=seed)
        write_run("able", RANDOM + (0.96 + seed / 100) * (EXPERT - RANDOM), split_seed=seed)
    _, rows = board_of()
    low, high = rows["learned"]["score"].interval
    assert rows["learned"]["score"].value == pytest.approx(0.5)
    assert 0.1 < low < 0.2 < 0.8 < high < 0.9, "about as wide as what few runs happened on"
    assert (low + high) / 2 == pytest.approx(0.5)
    least, most = rows["learned"]["iqm"].interval
    assert least < 0 < 1 < most, "the IQM knows no bounds"
    low, high = rows["able"]["score"].interval
    assert rows["able"]["score"].value == pytest.approx(0.975)
    assert low < 0.975 < high < 1
    assert rows["expert"]["score"].interval == (1, 1)


def test_without_arms_there_are_returns_and_a_note(write_run, board_of):
    write_run("learned", RETURNS)
    board, rows = board_of()
    assert rows["learned"]["score"].value is None
    assert rows["learned"]["interpolation"].value is None
    assert rows["learned"]["mean_return"].value == pytest.approx(RETURNS.mean())
    (note,) = board.notes
    assert "'random' and 'expert'" in note


@pytest.mark.parametrize("lost", ["random", "expert"])
def test_one_split_without_its_arm(write_run, write_arms, board_of, lost):
    """A fifth of all scores is missing: the rest must not pass for the whole."""
    for seed in range(5):
        write_run("learned", RETURNS, split_seed=seed)
        write_arms(split_seed=seed)
    run = write_run(lost, None, is_arm=True, split_seed=3)  # failed, in place of the good one
    board, rows = board_of()
    assert StoredRun.read(run).record.status == "failed"
    assert rows["learned"]["score"].value is None
    assert rows["learned"]["score"].interval is None
    assert rows["learned"]["num_runs"].value == 5
    assert len(board.notes) == 1


def test_task_on_which_the_arms_earn_the_same(write_run, write_arms, board_of):
    write_arms()
    write_run("expert", np.where(np.arange(8) == 2, RANDOM, EXPERT), is_arm=True)
    write_run("learned", RETURNS)
    board, rows = board_of()
    assert rows["learned"]["score"].value is None
    assert rows["learned"]["extrapolation"].value == pytest.approx((0.6 + 1) / 4)
    assert "earn the same" in board.notes[0]


def test_failed_runs_are_counted_and_told(write_run, write_arms, board_of):
    for seed in (0, 1):
        write_arms(split_seed=seed)
    write_run("learned", RETURNS, split_seed=0, cost=Cost(fit_seconds=3.0))
    write_run("learned", split_seed=1, fit_seed=4, error="FloatingPointError: loss is nan")
    write_run("hopeless", split_seed=1)
    board, rows = board_of()
    assert (rows["learned"]["num_runs"].value, rows["learned"]["num_failed"].value) == (1, 1)
    assert rows["learned"]["score"].value == pytest.approx(0.3375)
    assert rows["learned"]["fit_seconds"].value == 3.0
    assert (rows["hopeless"]["num_runs"].value, rows["hopeless"]["num_failed"].value) == (0, 1)
    assert rows["hopeless"]["score"].value is None
    assert board.rows[-1].method == "hopeless", "no score ranks last"
    assert sorted(board.failures) == [
        "hopeless on toy/size-v1 (split 1, fit 0): ValueError: it broke",
        "learned on toy/size-v1 (split 1, fit 4): FloatingPointError: loss is nan",
    ]


def test_nothing_but_failures_is_a_board(write_run, board_of):
    write_run("hopeless")
    board, rows = board_of()
    assert rows["hopeless"]["num_failed"].value == 1
    assert rows["hopeless"]["mean_return"].value is None
    assert len(board.failures) == 1


def test_place_and_order_of_records_change_nothing(tmp_path, write_run, write_arms, board_of):
    for seed in range(3):
        write_arms(split_seed=seed)
        write_run("learned", RETURNS + seed, split_seed=seed, cost=Cost(fit_seconds=0.1 * seed))
        write_run("other", RETURNS - seed, split_seed=seed)
    for seed in range(3):
        write_run("failing", fit_seed=seed)
    board, _ = board_of()
    folders = find_runs([tmp_path / "runs"])
    shuffler = random.Random(0)
    for attempt in range(2):
        shuffler.shuffle(folders)
        moved = [tmp_path / f"moved-{attempt}" / str(i) for i in range(len(folders))]
        for folder, place in zip(folders, moved, strict=True):
            shutil.copytree(folder, place)
        assert make_boards(moved) == [board]


def test_a_record_given_twice_counts_once(tmp_path, write_run, write_arms, board_of):
    write_arms()
    run = write_run("learned", RETURNS)
    board, _ = board_of()
    shutil.copytree(run, tmp_path / "runs" / "copy")
    assert board_of()[0] == board


def test_records_of_one_run_that_disagree_are_refused(tmp_path, write_run, board_of):
    one = write_run("learned", RETURNS)
    other = write_run("learned", RETURNS + 1, runs=tmp_path / "runs" / "again")
    with pytest.raises(DataError, match="Two different records of one run: ") as caught:
        board_of()
    assert str(one) in str(caught.value)
    assert str(other) in str(caught.value)


def test_altered_episodes_are_refused(write_run, board_of):
    run = write_run("learned", RETURNS)
    (run / EPISODES).write_bytes((run / EPISODES).read_bytes() + b"\n")
    with pytest.raises(DataError, match=rf"{run.name}/{EPISODES} was altered"):
        board_of()


def test_no_run_is_no_board():
    with pytest.raises(DataError, match="No runs"):
        make_boards([])


def test_task_table_follows_tasks_not_rows(tmp_path, write_run, write_arms, make_tasks):
    """Episodes written in another order than the split's still belong to their tasks."""
    write_arms()
    run = write_run("learned", RETURNS)
    tasks = make_tasks(8)
    order = [3, 1, 0, 2, 7, 5, 6, 4]
    shuffled = write_run(
        "shuffled",
        RETURNS[order],
        tasks=[tasks[i] for i in order],
        split=StoredRun.read(run).record.split,
    )
    table = task_table([StoredRun.read(folder) for folder in find_runs([tmp_path / "runs"])])
    plain, other = (
        table[table["run"] == folder.name].reset_index(drop=True) for folder in (run, shuffled)
    )
    assert plain["task"].tolist() == [task.key for task in tasks]
    columns = ["task", "region", "distance", "mean_return", "score"]
    assert plain[columns].equals(other[columns])
    np.testing.assert_allclose(plain["score"], SCORES)


def test_a_finished_run_counts_before_a_failed_attempt_at_it(write_run, write_arms, tmp_path):
    write_arms()
    folder = write_run("learned", RETURNS)
    failed = tmp_path / "elsewhere" / folder.name
    failed.mkdir(parents=True)
    record = StoredRun.read(folder).record.model_copy(update={"status": "failed", "sha256": {}})
    (failed / "record.json").write_text(record.model_dump_json())
    for order in ([failed, folder], [folder, failed]):
        (board,) = make_boards([*order, *find_runs([tmp_path / "runs"])])
        assert {row.method: row["num_runs"].value for row in board.rows}["learned"] == 1


def test_more_episodes_on_target_tasks_than_judged_are_told(write_run, write_arms, board_of):
    write_arms(num_target_rollouts=500)
    judged = {"num_target_rollouts": 80}  # 8 tasks x 10 episodes of the protocol
    write_run("honest", RETURNS, **judged)
    write_run("curious", RETURNS, num_target_rollouts=100)
    write_run("curious", RETURNS, fit_seed=1, num_target_rollouts=83)
    write_run("curious", RETURNS, fit_seed=2, **judged)
    board, _ = board_of()
    assert board.notes == ("curious played 23 more episodes on target tasks than judged.",)


def test_uncommitted_changes_are_told(write_run, write_arms, board_of):
    write_arms()
    write_run("clean", RETURNS)
    changed = StoredRun.read(write_run("any", RETURNS)).record.provenance.model_copy(
        update={"dirty": True}
    )
    write_run("changed", RETURNS, provenance=changed)
    board, _ = board_of()
    assert board.notes == ("Measured with uncommitted changes to hyperbench-rl: changed.",)


def test_what_families_say_of_themselves_is_told_once_for_all(write_run, make_record, board_of):
    info = make_record().family_info
    for name, remark in (("b-v1", "Easy."), ("a-v1", "Easy."), ("c-v1", "Hard."), ("d-v1", "")):
        family = f"toy/{name}"
        said = replace(info, id=family, remark=remark)
        for seed in range(2):
            write_run("learned", RETURNS, split_seed=seed, family=family, family_info=said)
    board, _ = board_of()
    assert board.notes[1:] == ("toy/a-v1, toy/b-v1: Easy.", "toy/c-v1: Hard.")


def test_a_target_task_without_episodes_is_damage(write_run, make_tasks, board_of):
    other = StoredRun.read(write_run("learned", RETURNS[:7])).record.split
    folder = write_run("learned", RETURNS, tasks=make_tasks(8), split=other, key="another")
    with pytest.raises(DataError, match=rf"{folder.name} has no episode of its target task"):
        board_of()


def test_the_same_table_on_every_machine(tmp_path, write_run, write_arms):
    """Locale, time zone, hash seed and the order of the folders change no byte."""
    for seed in range(3):
        write_arms(split_seed=seed)
        write_run("learned", RETURNS + seed, split_seed=seed, overrides={"b": 1, "a": "ü"})
        write_run("other", RETURNS - seed, split_seed=seed)
    copies = tmp_path / "runs-of-another-machine"
    shutil.copytree(tmp_path / "runs", copies)
    surroundings = [
        {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "Pacific/Chatham", "LC_ALL": other_locale(), "PYTHONHASHSEED": "2"},
    ]
    program = (
        "import sys; from hyperbench.commands.leaderboard import leaderboard_command\n"
        "from pathlib import Path\n"
        "for format_ in ('csv', 'markdown'):\n"
        "    leaderboard_command([Path(folder) for folder in sys.argv[1:]], format_, None)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *folders],
            env={**os.environ, **surrounding},
            stdout=subprocess.PIPE,
        )
        for surrounding, folders in zip(
            surroundings, ([tmp_path / "runs", copies], [copies]), strict=True
        )
    ]
    one, other = (process.communicate(timeout=60)[0] for process in processes)
    assert b"learned [a=\xc3\xbc, b=1]" in one
    assert b"protocol," in one
    assert b"| --- |" in one
    assert one == other


def other_locale():
    """One that writes 1,5 for 1.5 if this machine has it."""
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.split()
    return next((name for name in known if name.startswith(("de_DE", "tr_TR"))), "C.utf8")
