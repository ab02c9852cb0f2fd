"""Nothing is lost: odd paths, full disks, links, and files that are somebody's own."""

import ast
import errno
import os
import re
import resource
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hyperbench import files
from hyperbench.boards.committed import publish
from hyperbench.disk import check_writable
from hyperbench.errors import StorageError
from hyperbench.events import ignore
from hyperbench.executors import Here, Site
from hyperbench.files import new_folder, write_file
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.dataset import dataset, load, prepare
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.measuring.sharing import Due, carry_out
from hyperbench.protocol import QUICK
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.records.gather import merge
from hyperbench.records.store import EPISODES, RECORD, StoredRun, write_record
from hyperbench.registry import installed
from hyperbench.testing import LineFamily
from hyperbench.tuning.study import STUDY, new_study, read_study, write_study

ROOT = Path(__file__).parents[2]


@contextmanager
def files_of_at_most(num_bytes):
    """A disk without room: whoever writes more to a file is refused by the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Paths


@pytest.mark.parametrize(
    "name", ["run-12:30:00", "s3:runs", "größe/日本", "out[lr=0.1]/a", "a%b#c?d", "caf\udce9"]
)
@pytest.mark.parametrize("relative", [True, False])
def test_runs_are_written_to_and_read_from_any_path(name, relative, stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = stored(Path(name) if relative else tmp_path / name)
    assert (tmp_path / name / run.record.key / RECORD).is_file()
    again = StoredRun.read(run.folder)
    assert len(again.episodes()["return"]) == 6
    assert again.policies().num_tasks == 3


def test_demonstrations_are_kept_in_a_relative_folder_of_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    family = LineFamily()
    for name in ("demos", "caf\udce9"):
        found = dataset(family, 2, Path(name).absolute())
        prepare(family, found)
        assert len(load(family, found, family.tasks[:2]).episodes) == 2


def test_runs_behind_links_are_found_once(stored, tmp_path):
    real = tmp_path / "scratch"
    runs = [stored(real, method) for method in ("one", "other")]
    shown = tmp_path / "all"
    shown.mkdir()
    (shown / "a").symlink_to(real)
    (shown / "up").symlink_to(shown)  # leads back
    assert find_runs([shown]) == sorted(shown / "a" / run.folder.name for run in runs)
    assert len(find_runs([shown, real])) == 2
    linked = tmp_path / "half"
    linked.mkdir()
    for run in runs:
        (linked / run.folder.name).symlink_to(run.folder)
    assert len(merge([linked], tmp_path / "merged")) == 2
    assert len(find_runs([tmp_path / "merged"])) == 2


def test_what_a_link_leads_to_is_replaced_not_the_link(stored, tmp_path):
    run = stored(tmp_path / "scratch")
    (tmp_path / "runs").mkdir()
    link = tmp_path / "runs" / run.folder.name
    link.symlink_to(run.folder)
    (link / EPISODES).write_bytes(b"")
    stored(tmp_path / "runs")
    assert link.is_symlink()
    assert StoredRun.read(run.folder).is_finished


# Full and odd disks


def test_what_a_full_disk_does_not_take_is_said_and_the_second_time_ends_it(
    tmp_path, demonstrations_dir
):
    """Safetensors has an error of its own; a failed record still has room."""
    site = Site(tmp_path / "runs", demonstrations_dir)
    settings = ["num_steps=1"]
    runs = plan(
        *(installed(), ["spec-blind"], "pointmass", QUICK.with_seeds("3")),
        baselines=False,
        settings=settings,
        data_dir=site.data,
    )
    run, *others = (run for run in runs if not run.is_arm)
    ensure_demonstrations(Wanted(run.family, QUICK), site, ignore)
    done = []
    with files_of_at_most(100_000), pytest.raises(StorageError, match="File too large"):
        done.extend(carry_out([*map(Due, [run, *others])], Here(), site, ignore))
    assert [record.status for record in done] == ["failed", "failed"]
    assert re.search(r"runs/.*File too large.*--output-dir", done[0].error)
    assert done[0].not_stored == done[0].error
    with files_of_at_most(100), pytest.raises(StorageError, match="File too large"):
        execute(run, site, ignore)
    assert StoredRun.read(site.runs / run.key).record == done[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # HDF5 repeats it
def test_a_full_disk_for_demonstrations_is_a_sentence(tmp_path):
    """HDF5 tells of it by a RuntimeError."""
    family = LineFamily()
    found = dataset(family, 20, tmp_path)
    with files_of_at_most(20_000), pytest.raises(StorageError, match=r"File too large.*--data-dir"):
        prepare(family, found)
    assert not list(tmp_path.rglob("*.hdf5"))


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("I/O error: No space left on device (os error 28)", "Make room there"),
        ("unable to lock file, errno = 37, error message = 'No locks available'", "HDF5_USE_FILE"),
    ],
)
def test_the_disks_words_are_known_in_any_librarys_error(tmp_path, said, advice):
    with pytest.raises(StorageError, match=advice), new_folder(tmp_path / "x", "Remedy."):
        raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="something else"), new_folder(tmp_path / "x", ""):
        raise RuntimeError("something else")


def test_a_method_that_cannot_save_is_not_taken_for_a_full_disk(
    tmp_path, make_record, make_table, pointmass
):
    class Lost:
        def save(self, path):
            (path / "no" / "such" / "folder").write_text("")

    tasks = list(pointmass.tasks[:2])
    table = make_table(tasks, np.ones((2, 1)))
    with pytest.raises(RuntimeError, match="generator cannot be saved: FileNotFoundError"):
        write_record(tmp_path, make_record(tasks=tasks), table, None, Lost())


def test_demonstrations_that_cannot_be_read_name_the_variable_that_mends_it(tmp_path, monkeypatch):
    family = LineFamily()
    found = dataset(family, 1, tmp_path)
    prepare(family, found)

    def locked(*_, **__):
        raise OSError(errno.ENOLCK, "Unable to open file (unable to lock file)")

    monkeypatch.setattr("h5py.File", locked)
    with pytest.raises(StorageError, match=r"cannot be read.*HDF5_USE_FILE_LOCKING=FALSE"):
        load(family, found, family.tasks)


def test_a_place_that_cannot_be_written_is_told_before_anybody_plays(tmp_path, monkeypatch):
    family = LineFamily()
    (tmp_path / "data").write_text("a file")
    monkeypatch.setattr("hyperbench.measuring.dataset.rollout", lambda *_, **__: 1 / 0)
    with pytest.raises(StorageError, match=r"data/.* cannot be written.*--data-dir"):
        prepare(family, dataset(family, 1, tmp_path / "data"))


def test_a_file_system_without_modes_is_good_enough(stored, tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chmod", "fchmod", "lchmod"):
        monkeypatch.setattr(os, name, refused, raising=False)
    monkeypatch.setattr(Path, "chmod", refused)
    run = stored(tmp_path / "runs")
    assert merge([tmp_path / "runs"], tmp_path / "merged")
    assert StoredRun.read(tmp_path / "merged" / run.record.key).is_finished
    family = LineFamily()
    prepare(family, dataset(family, 1, tmp_path))


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o002, 0o664, 0o775)]
)
def test_the_umask_decides_alike_for_all(stored, tmp_path, umask, file, folder):
    before = os.umask(umask)
    try:
        run = stored(tmp_path / "runs")
        family = LineFamily()
        found = dataset(family, 1, tmp_path / "data")
        prepare(family, found)
        write_file(tmp_path / "board.csv", "x")
    finally:
        os.umask(before)
    places = [tmp_path / "board.csv", *run.folder.rglob("*"), *found.folder.rglob("*")]
    for place in [run.folder, found.folder, *places]:
        expected = folder if place.is_dir() else file
        assert place.stat().st_mode & 0o777 == expected, place


# Files that are somebody's own


def own_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    return [folder / name for name in names]


def test_own_files_in_a_runs_folder_stay(stored, make_record, tmp_path):
    run = stored(tmp_path)
    own = own_files(run.folder, "NOTES.md", "plots/a/b.png")
    (run.folder / "link").symlink_to("NOTES.md")
    own.append(run.folder / "link")
    record = run.record.model_copy(update={"status": "failed", "error": "ValueError: no"})
    write_record(tmp_path, record)
    assert not (run.folder / EPISODES).exists()
    assert [path.read_text() for path in own] == ["mine"] * 3
    assert own[-1].is_symlink()


def test_own_files_beside_a_board_stay(write_run, tmp_path):
    protocol = installed().protocol("quick-v1")
    for method, level in (("random", 0.0), ("expert", 1.0), ("m", 0.5)):
        is_arm = method != "m"
        write_run(method, np.full(8, level), is_arm=is_arm, protocol=protocol)
    for arm in ("zero-action", "nearest-expert", "reuse-bound"):
        write_run(arm, np.full(8, 0.1), is_arm=True, protocol=protocol)
    (board,) = publish([tmp_path / "runs"], tmp_path / "boards", installed())
    own = own_files(board, "NOTES.md", "plots/table.md", f"{RECORDS}/NOTES.md")
    publish([tmp_path / "runs"], tmp_path / "boards", installed())
    assert [path.read_text() for path in own] == ["mine"] * 3


def test_own_files_beside_a_study_stay(make_record, tmp_path):
    pytest.importorskip("optuna")
    from hyperbench.search import Choice

    run = make_record("m").model_copy(update={"config": {"width": 64}})
    study = new_study([run], {"width": Choice((64, 128))}, seed=0)
    write_study(tmp_path / "study", study)
    (own,) = own_files(tmp_path / "study", "notes.md")
    write_study(tmp_path / "study", study)
    assert own.read_text() == "mine"
    assert read_study(tmp_path / "study") == study
    assert sorted(path.name for path in own.parent.iterdir()) == ["notes.md", STUDY]


def test_own_files_and_litter_beside_demonstrations_stay_and_harm_nothing(tmp_path):
    family = LineFamily()
    found = dataset(family, 1, tmp_path)
    prepare(family, found)
    litter = ["data/.DS_Store", "data/.nfs0000", "data/notes.txt"]
    own_files(found.folder, "data/._main_data.hdf5")  # a Mac's, of the file that is replaced
    own = own_files(found.folder, *litter, "README.md")
    assert load(family, found, family.tasks).specs == family.tasks
    prepare(family, found)
    assert [path.read_text() for path in own] == ["mine"] * 4


def test_merge_into_a_folder_that_is_not_empty(stored, tmp_path):
    stored(tmp_path / "base")
    own = own_files(tmp_path / "out", "README.md", ".draft-0123/x")
    assert len(merge([tmp_path / "base"], tmp_path / "out")) == 1
    assert [path.read_text() for path in own] == ["mine", "mine"]


# Killed or at the same time


@pytest.mark.parametrize("swap", [True, False])
def test_writers_and_readers_of_one_folder_do_not_harm_each_other(tmp_path, monkeypatch, swap):
    if not swap:  # as where the file system cannot exchange folders
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    place, faults, missing, stop = tmp_path / "x", [], [], threading.Event()
    monkeypatch.setattr(files, "_sync", lambda _: None)  # more writes in less time

    def write(name):
        while not stop.is_set():
            try:
                with new_folder(place, "remedy") as draft:
                    (draft / "a").write_text(name)
                    (draft / "b").write_text(name)
            except BaseException as error:
                faults.append(error)

    def read():
        while not stop.is_set():
            try:
                (place / "a").read_text()
            except FileNotFoundError as error:
                missing.append(error)

    with new_folder(place, "remedy") as draft:
        (draft / "a").write_text("first")
    threads = [threading.Thread(target=write, args=(name,)) for name in "12"]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert (place / "a").read_text() == (place / "b").read_text()
    if swap and files._exchange(place, place):
        assert missing == []
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_drafts_of_the_killed_are_removed_and_what_they_moved_is_put_back(tmp_path, monkeypatch):
    draft = tmp_path / ".draft-0123456789abcdef"
    own_files(draft, "half")
    own_files(tmp_path, ".draft-0123456789abcde0")  # of one file
    aside = own_files(tmp_path / ".draft-fedcba9876543210-aside-lost", "whole")[0]
    kept = own_files(tmp_path, ".draft-novel.txt")
    with new_folder(tmp_path / "new", "remedy"):
        pass
    assert draft.exists()  # somebody may be at it
    monkeypatch.setattr(files, "_ABANDONED_SECONDS", 0)
    with new_folder(tmp_path / "new", "remedy"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".draft-novel.txt", "lost", "new"]
    assert (tmp_path / "lost" / "whole").read_text() == "mine"
    assert not aside.exists()
    assert kept[0].read_text() == "mine"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "board.csv"
    path.write_text("before")
    (tmp_path / "link.csv").symlink_to(path)
    with files_of_at_most(100), pytest.raises(StorageError, match="File too large"):
        write_file(path, "x" * 1000)
    assert path.read_text() == "before"
    write_file(tmp_path / "link.csv", "after")
    assert path.read_text() == "after"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["board.csv", "link.csv"]
    write_file(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()


def test_what_is_in_place_was_synchronised_before(tmp_path, monkeypatch):
    """Else a file may be empty, under its final name, after the power failed."""
    events = []
    monkeypatch.setattr(files, "_sync", lambda path: events.append(("sync", path.name)))
    rename = Path.rename

    def renamed(path, target):
        events.append(("rename", target.name))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with new_folder(tmp_path / "x", "remedy") as draft:
        (draft / "a").write_text("a")
    assert events.index(("sync", "a")) < events.index(("rename", "x"))
    assert events[-1] == ("sync", tmp_path.name)


def test_checking_a_place_leaves_nothing_there(tmp_path):
    check_writable(tmp_path / "new", "remedy")
    assert list((tmp_path / "new").iterdir()) == []


def takes_the_locales_encoding(call):
    """Whether a call opens a file as text and leaves its encoding to the locale."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    modes = [word.value for word in call.args[:1] if isinstance(word, ast.Constant)]
    is_text = {
        "read_text": not call.args,  # the name of what is read is given to metadata alone
        "write_text": True,
        "open": modes and modes[0] in ("r", "w", "a", "x", "r+", "w+", "a+"),
    }
    has_encoding = any(word.arg == "encoding" for word in call.keywords)
    return bool(is_text.get(call.func.attr)) and not has_encoding


def test_text_is_read_and_written_in_utf_8_whatever_the_locale():
    folders = ("hyperbench", "baselines/hyperbench_baselines", "plugins/*/hyperbench_*")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in folders
        for path in sorted(ROOT.glob(f"{folder}/**/*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if takes_the_locales_encoding(node)
    ]
    assert found == []
