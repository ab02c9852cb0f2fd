"""Bundles: a board's runs in few files say what they said in folders, and damage is found."""

import json
import lzma
import shutil
import types
from pathlib import Path

import numpy as np
import pytest

from hyperbench import hookimpl
from hyperbench.boards.committed import publish
from hyperbench.commands.verify import verify_command
from hyperbench.errors import DataError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.protocol import QUICK, SeedPair
from hyperbench.records.bundled import BundledRun, open_run
from hyperbench.records.bundling import MOST_NUMBERS, due_policies, write_bundles
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.records.gather import gather, merge
from hyperbench.records.lines import LINES
from hyperbench.records.store import POLICIES, StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.verification.refit import refit_run
from hyperbench.verification.replay import verify_run

from .fakes_random_features import RandomFeatures

PROTOCOL = QUICK.model_copy(
    update={
        "id": "test-v1",
        "num_demonstrations": 2,
        "num_episodes": 2,
        "seeds": tuple(SeedPair(split=i, fit=i) for i in range(2)),
    }
)
METHOD = "random-features"


@pytest.fixture(scope="module")
def registry():
    with pytest.MonkeyPatch.context() as patch:
        door = types.ModuleType("door_of_bundle_tests")
        door.RandomFeatures = RandomFeatures
        line = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
        entry = MethodEntry(METHOD, f"{door.__name__}:RandomFeatures", "a fake")
        door.hyperbench_families = hookimpl(lambda: [line])
        door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", [line.id], "one")])
        door.hyperbench_methods = hookimpl(lambda: [entry])
        door.hyperbench_protocols = hookimpl(lambda: [PROTOCOL])
        for name in ("families", "suites", "methods", "protocols"):
            hook = getattr(door, f"hyperbench_{name}")
            hook.__name__ = f"hyperbench_{name}"
        patch.setitem(__import__("sys").modules, door.__name__, door)
        yield Registry([PluginSource("testing", "testing", "1", lambda: door)])


@pytest.fixture(scope="module")
def measured(registry, tmp_path_factory):
    """A folder with a run a folder."""
    return measure(registry, PROTOCOL, tmp_path_factory.mktemp("runs"))


def measure(registry, protocol, folder):
    """Runs of the method and the arms, each in a folder."""
    places = Site(folder, folder.with_name(f"{folder.name}-data"))
    ensure_demonstrations(Wanted("testing/line-v1", protocol), places, ignore, registry=registry)
    for run in plan(registry, [METHOD], "testing", protocol, data_dir=places.data):
        execute(run, places, ignore, registry=registry)
    return places.runs


@pytest.fixture(scope="module")
def published(registry, measured, tmp_path_factory):
    (board,) = publish([measured], tmp_path_factory.mktemp("boards"), registry)
    return board


@pytest.fixture
def board(published, tmp_path):
    """A copy that may be altered."""
    return Path(shutil.copytree(published, tmp_path / "testing" / "test-v1"))


def learned(board: Path) -> list[BundledRun]:
    return [run for run in map(open_run, find_runs([board])) if not run.record.is_arm]


def verdicts(board: Path, registry: Registry) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in find_runs([board]):
        verdict = verify_run(place, registry, num_tasks=None, seed=0)
        found.setdefault(verdict.record.method if verdict.record else "?", []).append(verdict.stamp)
    return {method: sorted(stamps) for method, stamps in found.items()}


def test_a_bundle_says_what_the_folders_said(measured, published):
    whole = {run.record.key: run for run in gather(find_runs([measured])).runs}
    found = gather(find_runs([published])).runs
    assert whole.keys() == {run.record.key for run in found}
    for run in found:
        original = whole[run.record.key]
        assert isinstance(run, BundledRun)
        assert run.record == original.record
        assert run.content() == original.content()
        columns, said = run.episodes(), original.episodes()
        assert columns.keys() == said.keys()
        for name, values in said.items():
            np.testing.assert_array_equal(columns[name], values)
            assert columns[name].dtype.kind == values.dtype.kind
        means, due = run.task_means(), original.task_means()
        for name, values in due.items():
            np.testing.assert_array_equal(means[name], values)
        np.testing.assert_array_equal(run.task_returns(), original.task_returns())


def test_one_policy_of_a_row_is_kept_and_nobody_chooses_which(measured, published, registry):
    runs = learned(published)
    kept = {run.record.key: run.kept_tasks for run in runs if run.kept_tasks}
    assert sum(len(tasks) for tasks in kept.values()) == 1
    assert kept == due_policies([StoredRun.read(measured / run.record.key) for run in runs])
    ((key, tasks),) = kept.items()
    original = StoredRun.read(measured / key).policies(registry).take(tasks).to_arrays()
    (run,) = [run for run in runs if run.record.key == key]
    again = run.policies(registry).to_arrays()
    assert again[1] == original[1]
    for name, array in original[0].items():
        np.testing.assert_array_equal(again[0][name], array)
    # Any other content of any run, and another one may be due.
    others = set()
    for i in range(20):
        moved = [
            StoredRun(
                run.record.model_copy(update={"content_sha256": f"{i}{run.record.content_sha256}"}),
                run.folder,
            )
            for run in runs
        ]
        ((key, tasks),) = due_policies(moved).items()
        others.add((key, *tasks))
    assert len(others) > 5


def test_large_policies_are_kept_of_some_families_whatever_the_others_are(published):
    original = learned(published)[0]
    numbers = {"policy_parameters": MOST_NUMBERS // 4}
    cost = original.record.cost.model_copy(update=numbers)

    def kept(names):
        runs = [
            StoredRun(
                original.record.model_copy(
                    update={"family": name, "key": name, "content_sha256": name, "cost": cost}
                ),
                original.folder,
            )
            for name in names
        ]
        return set(due_policies(runs))

    few, many = [f"family {i}" for i in range(4)], [f"family {i}" for i in range(400)]
    assert kept(few) == set(few)
    assert kept(many).intersection(many[:200]) < kept(many[:200])
    assert 0 < len(kept(many)) < 12


def test_a_row_is_verified_by_the_policy_that_is_kept(published, registry, monkeypatch, capsys):
    assert verdicts(published, registry)[METHOD] == ["consistent", "verified"]
    assert set(verdicts(published, registry)["reuse-bound"]) == {"verified"}
    monkeypatch.setattr("hyperbench.commands.verify.installed", lambda: registry)
    options = {"num_tasks": 1, "seed": 0, "tolerance": None, "num_threads": 1, "data_dir": Path()}
    options |= {"as_json": False, "num_refits": 0}
    assert verify_command([published], **options)
    num_policies = sum(len(run.record.targets) for run in learned(published))
    assert f"verified (1 of {num_policies} policies)" in capsys.readouterr().out
    options |= {"as_json": True, "num_runs": 1}
    assert verify_command([published], **options)
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert len(runs) == len(find_runs([published]))
    played = [run["method"] for run in runs if run["num_played"]]
    assert sorted(played) == sorted({run["method"] for run in runs})
    assert {run["stamp"] for run in runs} == {"verified", "consistent"}


def test_all_policies_may_be_kept_and_go_on_to_be(measured, tmp_path, registry):
    (board,) = publish([measured], tmp_path, registry, all_policies=True)
    assert verdicts(board, registry)[METHOD] == ["verified"] * 2
    publish([board], tmp_path, registry)
    assert all(run.keeps_policies for run in learned(board))


def test_a_board_published_from_itself_stays_as_it_is(board, tmp_path, registry):
    before = {path.name: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    publish([board], tmp_path, registry)
    after = {path.name: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    assert after == before


def alter_returns(board, method=METHOD):
    from pyarrow import parquet

    path = board / RECORDS / f"{method}.parquet"
    table = parquet.read_table(path)
    returns = table["return"].to_numpy().copy()
    returns[0] += 1.0
    place = table.column_names.index("return")
    parquet.write_table(table.set_column(place, "return", [returns]), path)


def lines_of(board):
    text = lzma.decompress((board / RECORDS / f"{METHOD}{LINES}").read_bytes())
    return [json.loads(line) for line in text.splitlines()]


def write_lines(board, lines):
    text = "\n".join(map(json.dumps, lines)).encode()
    (board / RECORDS / f"{METHOD}{LINES}").write_bytes(lzma.compress(text))


def alter_record(board):
    lines = lines_of(board)
    for line in lines:
        line["record"]["cost"]["fit_seconds"] = 0.0
    write_lines(board, lines)


def alter_weights(board):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    path = board / RECORDS / f"{METHOD}.safetensors"
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    name = next(name for name in arrays if "weight" in name)
    arrays[name] = arrays[name] + np.float32(0.1)
    save_file(arrays, path, metadata)


def lose_weights(board):
    (board / RECORDS / f"{METHOD}.safetensors").unlink()


@pytest.mark.parametrize(
    ("damage", "stamps"),
    [
        (alter_returns, []),
        (alter_record, ["differs", "differs"]),
        (alter_weights, ["consistent", "differs"]),
        (lose_weights, ["consistent", "differs"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_is_found_where_it_is(board, registry, damage, stamps):
    damage(board)
    found = verdicts(board, registry)[METHOD]
    if damage is alter_returns:  # of whichever run stands first
        assert found.count("differs") == 1
    else:
        assert found == stamps


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (f"{METHOD}{LINES}", b"{}", "is no bundle of runs"),
        (f"{METHOD}{LINES}", lzma.compress(b"{}")[:-8], "is no bundle of runs: .* cut off"),
        ("shared.json", b"{}", "lacks what .* refers to"),
        (f"{METHOD}.parquet", b"PAR1", "cannot be read"),
        (f"{METHOD}.safetensors", b"\0" * 20, "cannot be read"),
    ],
)
def test_a_file_that_is_damaged_is_named(board, name, content, message):
    path = board / RECORDS / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name}.*{message}"):
        [run.check() for run in learned(board)]


def test_bundles_from_before_lines_were_compressed_are_read(board, tmp_path, registry):
    before = [(run.content(), run.episodes(), run.kept_tasks) for run in learned(board)]
    lines = lines_of(board)
    for line, (content, *_) in zip(lines, before, strict=True):
        assert isinstance(line["record"]["provenance"]["versions"], str)
        line["record"]["provenance"] = content["provenance"]
    path = board / RECORDS / f"{METHOD}{LINES}"
    path.unlink()
    path.with_suffix("").write_text("\n".join(map(json.dumps, lines)))
    runs = learned(board)
    assert {run.folder.parent.name for run in runs} == {f"{METHOD}.jsonl"}
    after = [(run.content(), run.episodes(), run.kept_tasks) for run in runs]
    np.testing.assert_equal(after, before)
    publish([board], tmp_path, registry)
    assert {run.folder.parent.name for run in learned(board)} == {f"{METHOD}{LINES}"}


def test_what_a_bundle_has_not_is_refused_in_words(board, tmp_path):
    runs = learned(board)
    empty = next(run for run in runs if not run.kept_tasks)
    with pytest.raises(DataError, match=r"keeps no policy of .*, only its checksums"):
        empty.policies()
    with pytest.raises(DataError, match="has no run 0123"):
        open_run(empty.folder.with_name("0123"))
    with pytest.raises(DataError, match="committed boards keep none"):
        _ = empty.generator
    with pytest.raises(DataError, match="is a committed board, which keeps only some"):
        merge([board], tmp_path / "merged")


def test_a_policy_that_is_due_and_lies_nowhere_is_asked_for(measured, board, tmp_path, registry):
    lose_weights(board)
    runs = [open_run(place) for place in find_runs([board])]
    (tmp_path / "again").mkdir()
    with pytest.raises(DataError, match="Give the folders of all runs of its row"):
        write_bundles(tmp_path / "again", runs, registry)
    assert POLICIES in runs[0].record.sha256 or runs[0].record.is_arm


@pytest.fixture
def site(measured, tmp_path):
    return Site(tmp_path, measured.parent / "of-the-refit")


def test_a_run_is_fitted_again_to_the_same_bits(published, measured, registry, site):
    for run in (*learned(published), StoredRun.read(measured / learned(published)[0].record.key)):
        refit = refit_run(run, registry, site, ignore)
        assert (refit.outcome, refit.why, refit.is_sound) == ("same", "", True)
        assert refit.recorded == refit.refitted


def test_other_policies_speak_against_a_record_unless_rounding_explains_them(
    board, registry, site, monkeypatch
):
    lines = lines_of(board)
    for line in lines:
        line["policies"][0] = "0" * 32
    write_lines(board, lines)
    run = learned(board)[0]
    refit = refit_run(run, registry, site, ignore)
    assert (refit.outcome, refit.why, refit.is_sound) == ("other", "", False)
    record = run.record
    there = record.provenance.model_copy(update={"machine": "another"})
    run = BundledRun(record.model_copy(update={"provenance": there}), run.folder)
    refit = refit_run(run, registry, site, ignore)
    assert refit.is_sound
    assert refit.why.startswith("machine is another, here ")


def test_what_cannot_be_fitted_again_says_why(published, registry, site):
    run = learned(published)[0]
    later = run.record.model_copy(update={"method_version": 7})
    refit = refit_run(BundledRun(later, run.folder), registry, site, ignore)
    assert (refit.outcome, refit.is_sound) == ("impossible", True)
    assert refit.why == "it is of version 7, installed is 1"


def test_verify_stamps_a_row_with_its_refits(published, registry, site, monkeypatch, capsys):
    monkeypatch.setattr("hyperbench.commands.verify.installed", lambda: registry)
    options = {"num_tasks": 1, "seed": 0, "tolerance": None, "num_threads": 1}
    options |= {"data_dir": site.data, "as_json": False, "num_refits": 1}
    assert verify_command([published], **options)
    assert "policies), refitted (1 of 2 runs)" in capsys.readouterr().out
