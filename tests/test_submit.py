"""Submitting rows: what a reviewer would refuse is refused, all at once, and nothing is written."""

import shutil
import types
from pathlib import Path

import pytest

from hyperbench import hookimpl
from hyperbench.boards.choice import Choice
from hyperbench.boards.committed import publish
from hyperbench.commands.submit import submit_command
from hyperbench.errors import DataError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.protocol import QUICK, SeedPair
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun
from hyperbench.registry import PluginSource, Registry

from .fakes_random_features import RandomFeatures
from .fakes_tampering import change_record, one_return, one_weight

PROTOCOL = QUICK.model_copy(
    update={
        "id": "test-v1",
        "num_demonstrations": 2,
        "num_episodes": 2,
        "seeds": tuple(SeedPair(split=i, fit=i) for i in range(2)),
    }
)
OTHER = PROTOCOL.model_copy(update={"id": "other-v1", "num_episodes": 3})
SMALL, LARGE = "same-size", "larger"


@pytest.fixture(scope="module")
def registry():
    door = types.ModuleType("door_of_submitting_tests")
    line = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
    target = f"{RandomFeatures.__module__}:RandomFeatures"
    methods = [
        MethodEntry("baseline", target, "what all are compared with", baseline=True),
        *(MethodEntry(name, target, "a fake") for name in (SMALL, LARGE)),
    ]
    door.hyperbench_families = hookimpl(lambda: [line])
    door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", [line.id], "one")])
    door.hyperbench_methods = hookimpl(lambda: methods)
    door.hyperbench_protocols = hookimpl(lambda: [PROTOCOL])  # the other one is a stranger's
    for name in ("families", "suites", "methods", "protocols"):
        getattr(door, f"hyperbench_{name}").__name__ = f"hyperbench_{name}"
    return Registry([PluginSource("testing", "testing", "1", lambda: door)])


@pytest.fixture(scope="module")
def measured(registry, tmp_path_factory):
    """Runs of the baseline, of a method of its size and of a larger one, of clean sources."""
    places = Site(tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("data"))
    ensure_demonstrations(Wanted("testing/line-v1", PROTOCOL), places, ignore, registry=registry)
    names, larger = ["baseline", SMALL, LARGE], [f"{LARGE}.num_hidden=64"]
    for run in plan(registry, names, "testing", PROTOCOL, settings=larger, data_dir=places.data):
        execute(run, places, ignore, registry=registry)
    for folder in places.runs.iterdir():
        change_record(folder, clean, forge=True)
    return places.runs


@pytest.fixture(scope="module")
def board(measured, registry, tmp_path_factory):
    """The board before: the baseline alone."""
    place = tmp_path_factory.mktemp("boards")
    publish([measured], place, registry, Choice(methods=["baseline"]))
    return place


@pytest.fixture
def submit(measured, board, registry, tmp_path, monkeypatch, capsys):
    """Submit some rows, after a change of the first of their runs."""
    for module in ("submit", "verify"):
        monkeypatch.setattr(f"hyperbench.commands.{module}.installed", lambda: registry)
    runs, boards = tmp_path / "runs", tmp_path / "boards"
    shutil.copytree(measured, runs)
    shutil.copytree(board, boards)

    def do(change=lambda _: None, method=SMALL, **options):
        change(next(f for f in find_runs([runs]) if StoredRun.read(f).record.method == method))
        known = {path: path.read_bytes() for path in boards.rglob("*") if path.is_file()}
        options = {"tuned": "", "num_tasks": 1, "num_threads": 1, "data_dir": Path()} | options
        text = tmp_path / "submission.md"
        done = submit_command([runs], boards, Choice(methods=[method]), text=text, **options)
        said = capsys.readouterr()
        if not done:
            assert {p: p.read_bytes() for p in boards.rglob("*") if p.is_file()} == known
            assert not text.exists()
            return said.err
        return text.read_text() + said.out

    return do


def clean(content: dict) -> None:
    # Which package `tests` a process has imported says whether the fake's code is found.
    content["fingerprints"] |= {"method": None if content["is_arm"] else "1" * 16}
    content["provenance"] |= {"dirty": False, "commit": "c0ffee"}
    for source in content["provenance"]["sources"].values():
        source |= {"dirty": False, "commit": "c0ffee", "unknown": None}


def record(**fields):
    """A change of the record by somebody who mends its checksums."""
    return lambda folder: change_record(folder, lambda content: content.update(fields), forge=True)


def of_provenance(**fields):
    def change(content):
        for source in content["provenance"]["sources"].values():
            source |= fields

    return lambda folder: change_record(folder, change, forge=True)


def typed(content: dict) -> None:
    content["fingerprints"]["method"] = None


def other_code(content: dict) -> None:
    content["fingerprints"]["method"] = "0" * 16


BROKEN = {
    "a missing run": (shutil.rmtree, "Missing: same-size on testing/line-v1"),
    "an altered return": (one_return, "episodes.parquet"),
    "an altered policy": (one_weight, "policies.safetensors"),
    "an altered record": (
        lambda folder: change_record(folder, lambda content: content.update(num_clipped=7)),
        "record.json",
    ),
    "another protocol": (
        record(protocol=OTHER.model_dump(mode="json")),
        "but method, config, family, protocol",
    ),
    "seeds that nobody asked for": (record(seeds={"split": 7, "fit": 7}), "split"),
    "uncommitted code": (of_provenance(dirty=True), "had uncommitted changes. Commit them"),
    "code of no known commit": (of_provenance(unknown="no git here"), "nobody knows (no git here)"),
    "code that was typed": (
        lambda folder: change_record(folder, typed, forge=True),
        "its code was typed, and lies in no file",
    ),
    "a run of other code": (
        lambda folder: change_record(folder, other_code, forge=True),
        "Runs of one row were made by different code",
    ),
}


SHOWN = ("a missing run", "uncommitted code")
"""By default; the others take a second each."""


@pytest.mark.parametrize(
    "what",
    [what if what in SHOWN else pytest.param(what, marks=pytest.mark.thorough) for what in BROKEN],
)
def test_a_broken_submission_is_refused_with_its_reason(what, submit):
    change, reason = BROKEN[what]
    said = submit(change)
    assert "refused: " in said
    assert reason in said


def test_a_larger_method_needs_a_control_of_its_size(submit):
    said = submit(method=LARGE)
    assert "parameters on testing/line-v1, the largest baseline" in said
    assert "numbers in a policy on testing/line-v1, the largest baseline" in said


def test_everything_that_is_wrong_is_told_at_once(submit):
    def two(folder):
        one_return(folder)
        runs = [f for f in find_runs([folder.parent]) if f != folder]
        of_provenance(dirty=True)(next(f for f in runs if StoredRun.read(f).record.method == SMALL))

    said = submit(two)
    assert "episodes.parquet" in said
    assert "had uncommitted changes" in said


def test_a_sound_row_is_published_and_introduced(submit, tmp_path, registry):
    said = submit(tuned="Nothing.")
    assert f"| {SMALL} | " in said, said
    assert "at c0ffee" in said
    assert "## Tuning\n\nNothing." in said
    board = tmp_path / "boards" / "testing" / "test-v1"
    assert f"hyperbench verify boards/testing/test-v1 -m {SMALL} --all" in said
    assert f"{board}: {SMALL}" in said
    assert (board / "records" / f"{SMALL}.jsonl.xz").is_file()


def test_arms_alone_are_no_submission(submit):
    with pytest.raises(DataError, match="none is a method's, so there is no row to submit"):
        submit(method="expert")
