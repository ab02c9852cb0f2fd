"""Runs of several folders: each once, whichever machine it comes from, and none contradicted."""

import shutil

import numpy as np
import pytest

from hyperbench.errors import DataError
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.records.gather import PROTOCOL, board_folder, gather, merge
from hyperbench.records.store import EPISODES, RECORD, StoredRun

RETURNS = np.arange(8.0)


@pytest.fixture
def machines(tmp_path):
    return [tmp_path / "one", tmp_path / "two"]


def keys_below(folder):
    return {run.name for run in find_runs([folder])}


def test_merging_collects_each_run_once(machines, write_run, tmp_path):
    one, two = machines
    shared = write_run("random", RETURNS, is_arm=True, runs=one)
    shutil.copytree(shared, two / shared.name)
    own = [write_run("a", RETURNS, runs=one), write_run("b", RETURNS, runs=two)]
    (own[0] / "generator").mkdir()
    (own[0] / "generator" / "weights").write_text("kept")
    output = tmp_path / "all"
    assert len(merge(machines, output)) == 3
    assert keys_below(output) == {shared.name, *(run.name for run in own)}
    for run in (shared, *own):
        for file in run.rglob("*"):
            copy = output / run.name / file.relative_to(run)
            assert file.is_dir() or copy.read_bytes() == file.read_bytes()
    assert merge([*machines, output], output) == (), "a second time there is nothing left to do"


def test_a_finished_run_takes_the_place_of_a_failed_attempt(machines, write_run, tmp_path):
    one, two = machines
    failed = write_run("a", runs=one)
    write_run("a", RETURNS, runs=two)
    for order in (machines, machines[::-1]):
        output = tmp_path / f"all-{order[0].name}"
        merge(order, output)
        assert StoredRun.read(output / failed.name).record.status == "ok"
    merge([two], one)
    assert StoredRun.read(failed).record.status == "ok"
    assert len(keys_below(one)) == 1


@pytest.mark.parametrize("damage", ["contradiction", "altered", "missing"])
def test_what_cannot_be_merged_is_named_and_nothing_is_copied(
    machines, write_run, tmp_path, damage
):
    one, two = machines
    write_run("fine", RETURNS, runs=one)
    bad = write_run("bad", RETURNS, runs=two)
    message = f"{bad}/{EPISODES}"
    if damage == "contradiction":
        other = write_run("bad", RETURNS + 1e-9, runs=one)
        message = f"Two different records of one run: {other} and {bad}"
    elif damage == "altered":
        (bad / EPISODES).write_bytes(b"")
    else:
        (bad / EPISODES).unlink()
    output = tmp_path / "all"
    with pytest.raises(DataError) as caught:
        merge(machines, output)
    assert message in str(caught.value)
    assert not output.exists()


def test_merging_into_what_is_there_must_agree_with_it(machines, write_run):
    one, two = machines
    kept = write_run("a", RETURNS, runs=one)
    before = (kept / EPISODES).read_bytes()
    write_run("a", RETURNS + 1, runs=two)
    with pytest.raises(DataError, match="Two different records of one run"):
        merge([two], one)
    assert (kept / EPISODES).read_bytes() == before


def test_the_order_of_folders_does_not_decide(machines, write_run, tmp_path):
    """Nor does where they lie: the record that was made first counts."""
    first = write_run("a", RETURNS, runs=machines[1])
    again = StoredRun.read(first).record
    later = again.provenance.model_copy(update={"created": "2026-02-01T00:00:00+00:00"})
    second = write_run("a", RETURNS, runs=machines[0], provenance=later)
    for order in ([first, second], [second, first]):
        assert gather(order).runs == (StoredRun(again, first),)


@pytest.fixture
def commit(tmp_path):
    """Put a run on a committed board; gives its place there."""

    def move(run):
        board = tmp_path / "boards" / "toy" / "test-v1"
        place = board / RECORDS / "some-method" / run.name
        place.parent.mkdir(parents=True, exist_ok=True)
        run.rename(place)
        (board / PROTOCOL).write_text("{}")
        return place

    return move


def test_a_committed_boards_run_counts_before_ones_own(write_run, commit, machines):
    published = commit(write_run("a", RETURNS))
    assert board_folder(published) == published.parents[2]
    again = write_run("a", RETURNS + 1, runs=machines[0])
    assert board_folder(again) is None
    for order in ([published, again], [again, published]):
        found = gather(order)
        assert [run.folder for run in found.runs] == [published]
        assert [record.sha256 for record in found.remeasured] == [
            StoredRun.read(again).record.sha256
        ]
    same = write_run("a", RETURNS, runs=machines[1])
    assert gather([same, published]).remeasured == ()
    with pytest.raises(DataError, match="another result on a committed board"):
        merge([published.parents[2], machines[0]], machines[1] / "all")


def test_two_committed_boards_must_agree(write_run, commit, tmp_path):
    published = commit(write_run("a", RETURNS))
    board = published.parents[2]
    shutil.copytree(board, board.with_name("other-v1"))
    other = write_run("a", RETURNS + 1)
    shutil.copytree(
        other,
        board.with_name("other-v1") / RECORDS / "some-method" / other.name,
        dirs_exist_ok=True,
    )
    with pytest.raises(DataError, match="Two different records of one run"):
        gather(find_runs([tmp_path / "boards"]))


def test_a_run_folder_by_another_name_is_found(write_run, tmp_path):
    run = write_run("a", RETURNS)
    moved = run.rename(run.with_name("renamed"))
    assert (moved / RECORD).is_file()
    merge([tmp_path / "runs"], tmp_path / "all")
    assert keys_below(tmp_path / "all") == {run.name}
