"""Damage is found by whoever reads, told with what to do, and measured again; the rest is kept."""

import json
import shutil

import numpy as np
import pytest

from hyperbench.boards.committed import publish
from hyperbench.boards.leaderboard import make_boards
from hyperbench.errors import DataError, NewerRecordError
from hyperbench.measuring.standing import standings
from hyperbench.records.find import find_runs
from hyperbench.records.gather import merge
from hyperbench.records.store import EPISODES, POLICIES, RECORD, StoredRun, write_record
from hyperbench.registry import installed
from hyperbench.report.content import read_content


@pytest.mark.parametrize("name", [EPISODES, POLICIES])
def test_a_truncated_result_is_measured_again(stored, tmp_path, name):
    run = stored(tmp_path)
    assert StoredRun.read(run.folder).is_finished
    content = (run.folder / name).read_bytes()
    for damaged in (b"", content[: len(content) // 2]):
        (run.folder / name).write_bytes(damaged)
        assert not StoredRun.read(run.folder).is_finished
    stored(tmp_path)
    assert StoredRun.read(run.folder).is_finished


@pytest.mark.parametrize("name", [POLICIES, "generator/learned.json"])
def test_damage_is_found_by_whoever_reads_and_told_with_advice(
    pointmass, make_record, make_table, tmp_path, name
):
    class Learned:
        def save(self, path):
            (path / "learned.json").write_text("{}")

    tasks = list(pointmass.tasks[:2])
    run = write_record(
        *(tmp_path, make_record(tasks=tasks), make_table(tasks, np.ones((2, 1)))),
        pointmass.expert(tasks),
        Learned(),
    )
    (run.folder / name).write_bytes(b"")
    read = StoredRun.policies if name == POLICIES else lambda run: run.generator
    with pytest.raises(DataError, match=rf"{name} was altered.*hyperbench run"):
        read(run)


@pytest.fixture
def boards_of(write_run, tmp_path):
    """Three methods' runs, of which the one to damage is given, and whoever reads them all."""
    for method, level in (("random", 0.0), ("expert", 1.0)):
        write_run(method, np.full(8, level), is_arm=True)
    write_run("sound", np.full(8, 0.5))
    return write_run("damaged", np.full(8, 0.7))


def foreign(run):
    (run.parent / "other").mkdir()
    (run.parent / "other" / RECORD).write_text('{"video": "cat.mp4"}')
    shutil.rmtree(run)


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: (run / RECORD).write_bytes(b""),
        lambda run: (run / EPISODES).write_bytes(b""),
        foreign,
    ],
)
def test_one_broken_run_does_not_stop_a_board_a_report_or_a_merge(boards_of, tmp_path, damage):
    damage(boards_of)
    folders = find_runs([tmp_path / "runs"])
    (board,) = make_boards(folders)
    assert {row.method for row in board.rows} == {"random", "expert", "sound"}
    (note,) = (note for note in board.notes if note.startswith("Left out"))
    assert str(tmp_path / "runs") in note
    (content,) = read_content(folders)
    assert note in content.board.notes
    told = []
    assert len(merge([tmp_path / "runs"], tmp_path / "merged", told)) == 3
    assert note == f"Left out: {told[0]}"
    with pytest.raises(DataError, match=r"record\.json|episodes\.parquet"):
        publish([tmp_path / "runs"], tmp_path / "boards", installed())
    assert not (tmp_path / "boards").exists()


def test_where_every_run_is_broken_each_is_named(write_run, tmp_path):
    for method in ("one", "other"):
        (write_run(method, np.ones(8)) / RECORD).write_bytes(b"")
    with pytest.raises(DataError) as error:
        make_boards(find_runs([tmp_path / "runs"]))
    assert str(error.value).count("is not a run's record") == 2


@pytest.mark.parametrize("change", [{"commentary": "fine"}, {"schema_version": 3}])
def test_a_record_of_a_newer_version_is_never_taken_for_unfinished(stored, tmp_path, change):
    run = stored(tmp_path)
    path = run.folder / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(NewerRecordError, match="newer version of hyperbench: update this one"):
        standings([run.record], tmp_path, installed())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "../../outside"),
        ("key", "/outside"),
        ("key", ".."),
        ("sha256", {"../../outside": "0" * 64}),
        ("sha256", {"/etc/passwd": "0" * 64}),
        ("sha256", {"generator\\..\\x": "0" * 64}),
        ("family", "../toy"),
    ],
)
def test_a_record_cannot_lead_out_of_its_folder(stored, tmp_path, field, value):
    path = stored(tmp_path / "runs").folder / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(DataError, match=rf"record\.json .* {field}: .* leads out of its folder"):
        StoredRun.read(path.parent)


def test_a_file_far_too_large_is_not_read(tmp_path):
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / RECORD).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match="larger than 64 MiB"):
        StoredRun.read(tmp_path / "run")
