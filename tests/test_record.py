"""Records: whole or not at all, read back as written, and every alteration found and named."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from hyperbench.errors import DataError
from hyperbench.files import sha256_file
from hyperbench.generator import FitReport
from hyperbench.records.find import find_runs
from hyperbench.records.record import Cost, content_checksum
from hyperbench.records.store import EPISODES, POLICIES, RECORD, StoredRun, write_record


@pytest.fixture
def tasks(pointmass):
    return list(pointmass.tasks[:3])


@pytest.fixture
def table(make_table, tasks):
    made = make_table(tasks, [[0.1, 2], [3, 4], [5, 6]], [[True, False], [True, True], [False] * 2])
    seeds = 2**48 - 1 - np.arange(6).reshape(3, 2)
    return replace(made, seeds=seeds, lengths=np.arange(6).reshape(3, 2))


@pytest.fixture
def policies(pointmass, tasks):
    return pointmass.expert(tasks)


@pytest.fixture
def written(tmp_path, make_record, tasks, table, policies):
    """A run's record and folder."""
    record = make_record(
        tasks=tasks,
        cost=Cost(num_parameters=12, fit_seconds=0.1 + 0.2),
        config={"learning_rate": 1e-3, "hidden": [1, 2]},
        overrides={"learning_rate": "1e-3"},
        fit=FitReport(2, 1, 0.25, 12, curve=((1, 0.5, None), (2, 0.25, 0.75))),
    )
    record = write_record(tmp_path / "runs", record, table, policies).record
    return record, tmp_path / "runs" / record.key


def test_record_comes_back(written):
    record, folder = written
    assert StoredRun.read(folder).record == record
    assert set(record.sha256) == {EPISODES, POLICIES}
    assert sorted(path.name for path in folder.iterdir()) == sorted([RECORD, EPISODES, POLICIES])


def test_a_record_from_before_tracks_and_controls_can_be_read(written):
    record, folder = written
    content = json.loads((folder / RECORD).read_text())
    for name in ("track", "shuffled_spec", "spec_noise", "hidden_feature", "num_support"):
        del content[name]
    for name in ("num_support", "split_rule"):
        del content["protocol"][name]
    (folder / RECORD).write_text(json.dumps(content))
    assert StoredRun.read(folder).record == record


def test_a_loss_that_is_not_finite_can_be_written(tmp_path, make_record):
    fit = FitReport(1, 1, float("inf"), 1, curve=((1, float("nan"), None),))
    record = write_record(tmp_path, make_record(fit=fit)).record
    again = StoredRun.read(tmp_path / record.key).record.fit
    assert again.final_loss == float("inf")
    assert np.isnan(again.curve[0][1])


def test_episodes_come_back(written, table):
    episodes = StoredRun(written[0], written[1]).episodes()
    keys = [task.key for task in table.tasks]
    assert episodes["task"].tolist() == [keys[0], keys[0], keys[1], keys[1], keys[2], keys[2]]
    assert episodes["episode"].tolist() == [0, 1] * 3
    for column, expected in (
        ("seed", table.seeds),
        ("return", table.returns),
        ("length", table.lengths),
        ("terminated", table.terminated),
        ("success", table.successes),
    ):
        np.testing.assert_array_equal(episodes[column], expected.ravel(), strict=True)


def test_lasting_success_comes_back(tmp_path, make_record, make_table, tasks):
    lasting = np.array([[True, False], [False, False], [True, True]])
    table = replace(make_table(tasks, np.ones((3, 2)), np.ones((3, 2))), lasting=lasting)
    record = write_record(tmp_path, make_record(tasks=tasks), table).record
    episodes = StoredRun(record, tmp_path / record.key).episodes()
    np.testing.assert_array_equal(episodes["lasting"], lasting.ravel(), strict=True)


def test_family_without_success_has_no_such_column(tmp_path, make_record, make_table, tasks):
    record = write_record(
        tmp_path, make_record(tasks=tasks), make_table(tasks, np.ones((3, 2)))
    ).record
    assert "success" not in StoredRun(record, tmp_path / record.key).episodes()


def test_policies_come_back(written, policies):
    observations = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    again = StoredRun(written[0], written[1]).policies()
    np.testing.assert_array_equal(again.act(observations), policies.act(observations))


def test_the_same_run_has_the_same_checksums(tmp_path, written, table, policies):
    """Two records of a repeated run are compared by them; safetensors alone does not keep to it."""
    for _ in range(10):
        again = write_record(tmp_path / "again", written[0], table, policies).record
        assert again.sha256 == written[0].sha256


def test_later_attempt_replaces_an_earlier_one(tmp_path, written, make_record, tasks):
    record, folder = written
    failed = make_record(tasks=tasks, status="failed", error="ValueError: no", key=record.key)
    failed = write_record(tmp_path / "runs", failed).record
    assert StoredRun.read(folder).record == failed
    assert [path.name for path in folder.iterdir()] == [RECORD]
    with pytest.raises(DataError, match=r"has no episodes\.parquet: its status is 'failed'"):
        StoredRun(failed, folder).episodes()


def test_a_record_carries_its_own_checksum(written):
    record, folder = written
    content = json.loads((folder / RECORD).read_text())
    assert content["content_sha256"] == record.content_sha256 == content_checksum(content)
    backwards = dict(reversed(content.items()))
    assert content_checksum(backwards) == record.content_sha256
    content["cost"]["num_parameters"] += 1
    assert content_checksum(content) != record.content_sha256


@pytest.mark.parametrize(
    ("name", "read"), [(EPISODES, StoredRun.episodes), (POLICIES, StoredRun.policies)]
)
def test_a_file_that_cannot_be_read_is_named_though_its_checksum_fits(written, name, read):
    record, folder = written
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    record = record.model_copy(update={"sha256": {name: sha256_file(folder / name)}})
    with pytest.raises(DataError, match=rf"{record.key}/{name} cannot be read"):
        read(StoredRun(record, folder))


@pytest.mark.parametrize(
    ("name", "read"), [(EPISODES, StoredRun.episodes), (POLICIES, StoredRun.policies)]
)
def test_altered_or_missing_file_is_named(written, name, read):
    record, folder = written
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{record.key}/{name} was altered"):
        read(StoredRun(record, folder))
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{record.key}/{name} is missing\. Run it again"):
        read(StoredRun(record, folder))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schema_version": 1}, "schema_version"),
        ({"status": "fine"}, "status"),
        ({"surprise": 1}, "surprise"),
        ({"protocol": {"id": "x"}}, "protocol.summary"),
        ({"cost": {"fit_seconds": "soon"}}, "cost.fit_seconds"),
    ],
)
def test_altered_record_is_named_with_the_field(written, change, where):
    path = written[1] / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=rf"{RECORD} is not a run's record: {where}: "):
        StoredRun.read(written[1])


def test_damaged_record_is_named(written):
    path = written[1] / RECORD
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"\xff\xfe", b"[]"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{RECORD} is not a run's record"):
            StoredRun.read(written[1])
    path.unlink()
    with pytest.raises(DataError, match=rf"No record at .*{RECORD}: No such file"):
        StoredRun.read(written[1])


def test_place_that_cannot_be_written(tmp_path, make_record):
    """A file where the folder should be; root could write to any closed folder."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(DataError, match=r"runs/.* cannot be written: .*--output-dir"):
        write_record(tmp_path / "runs", make_record())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_closed_folder(tmp_path, make_record):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="Permission denied"):
            write_record(tmp_path, make_record())
    finally:
        tmp_path.chmod(0o700)


def test_interrupted_writing_leaves_what_was_there(tmp_path, written, table, monkeypatch):
    """Neither half a folder nor a draft, whatever interrupts."""
    record, folder = written

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hyperbench.records.store.write_episodes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_record(tmp_path / "runs", record, table)
    assert StoredRun.read(folder).record == record
    StoredRun(record, folder).episodes()
    assert list((tmp_path / "runs").iterdir()) == [folder]


def test_others_may_read_a_run(written):
    assert written[1].stat().st_mode & 0o055 == 0o055


def test_find_runs_looks_deep_and_once(tmp_path, write_run):
    one = write_run("one")
    other = write_run("other", runs=tmp_path / "runs" / "deep" / "er")
    expected = sorted([one, other])
    assert find_runs([tmp_path]) == expected
    assert find_runs([one, tmp_path / "runs", other]) == expected


def test_find_runs_ignores_drafts(tmp_path, write_run):
    """A draft is what a killed run leaves behind."""
    run = write_run("one")
    shutil.copytree(run, run.parent / ".draft-abc")
    assert find_runs([tmp_path]) == [run]
    shutil.rmtree(run)
    with pytest.raises(DataError, match="No run in"):
        find_runs([tmp_path])


def test_find_runs_names_the_folder_that_is_wrong(tmp_path, write_run):
    write_run("one")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=rf"No run in {tmp_path}/empty\. Give a folder"):
        find_runs([tmp_path / "runs", tmp_path / "empty"])
    with pytest.raises(DataError, match=rf"No folder {tmp_path}/absent\. Give a folder"):
        find_runs([tmp_path / "absent"])
