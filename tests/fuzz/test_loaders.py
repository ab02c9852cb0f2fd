"""Whatever a file from outside holds, it is taken for what it says or refused by its name.

Never a traceback, never a wait, never a file written. ``HYPERBENCH_FUZZ=N`` tries N inputs.
"""

import importlib.util
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.literature import PUBLISHED, find_literature
from hyperbench.cli.config import load_config
from hyperbench.errors import DataError, HyperbenchError
from hyperbench.files import sha256_file
from hyperbench.measuring.dataset import dataset, load, prepare
from hyperbench.measuring.manifest import MANIFEST
from hyperbench.records.find import find_runs
from hyperbench.records.gather import merge
from hyperbench.records.store import EPISODES, POLICIES, RECORD, StoredRun, write_record
from hyperbench.search import Choice
from hyperbench.testing import LineFamily
from hyperbench.tuning.study import STUDY, new_study, read_study, write_study
from hyperbench.verification.integrity import file_faults

_spec = importlib.util.spec_from_file_location(
    "mutations", Path(__file__).with_name("mutations.py")
)
mutations = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mutations)

MOST_SECONDS = 10.0
"""For one input, on a machine that is busy with other things."""
few, many = 30, int(os.environ.get("HYPERBENCH_FUZZ", "1500"))
sizes = pytest.mark.parametrize("num", [few, pytest.param(many, marks=pytest.mark.thorough)])


def listing(folder):
    return {path: path.stat().st_size for path in folder.rglob("*")}


@pytest.fixture
def try_all(tmp_path):
    """Put ``num`` damaged contents in a file's place and read it: told by name, or fine.

    ``check`` reads, and may raise a ``HyperbenchError`` that names ``names``, the file as a rule.
    """

    def run(path, strategy, check, num, names=None):
        content = path.read_bytes()
        seen = {"refused": 0, "taken": 0}

        @settings(max_examples=num)
        @given(strategy)
        def holds(damaged):
            path.write_bytes(damaged)
            before = listing(tmp_path)
            started = time.monotonic()
            try:
                check(damaged)
                seen["taken"] += 1
                said = str(names or path)
            except HyperbenchError as error:
                seen["refused"] += 1
                said = str(error)
            assert str(names or path) in said
            assert time.monotonic() - started < MOST_SECONDS
            assert listing(tmp_path) == before

        started = time.monotonic()
        holds()
        path.write_bytes(content)
        print(f"{path.name}: {seen} in {time.monotonic() - started:.1f} s")
        assert seen["refused"] > num / 10

    return run


@pytest.fixture
def run(pointmass, make_table, make_record, tmp_path):
    tasks = list(pointmass.tasks[:3])
    return write_record(
        tmp_path / "runs",
        make_record(tasks=tasks),
        make_table(tasks, np.ones((3, 2)), np.ones((3, 2))),
        pointmass.expert(tasks),
    )


@sizes
def test_a_record(run, try_all, num):
    path = run.folder / RECORD
    original = json.loads(path.read_bytes())

    def check(damaged):
        again = StoredRun.read(run.folder)
        again.check()
        altered = [fault for fault in file_faults(again) if RECORD in fault]
        # What is taken is what was written, or its own checksum betrays it.
        older = json.loads(damaged).get("content_sha256") is None
        assert again.record == run.record or altered or older

    assert not file_faults(run)
    assert original["content_sha256"]
    try_all(path, mutations.damaged(path.read_bytes()), check, num, names=run.folder)


@sizes
@pytest.mark.parametrize("name", [EPISODES, POLICIES])
def test_results_whose_checksum_was_forged(run, try_all, num, name):
    path = run.folder / name
    targets = [task.key for task in run.record.targets]

    def check(_):
        sums = {**run.record.sha256, name: sha256_file(path)}
        forged = StoredRun(run.record.model_copy(update={"sha256": sums}), run.folder)
        if name == POLICIES:
            policies = forged.policies()
            observations = np.zeros((len(targets), 1, len(policies.observation_mean)), np.float32)
            with np.errstate(all="ignore"):  # actions that are no numbers end an episode by name
                assert policies.act(observations).shape[:2] == (len(targets), 1)
        else:
            episodes = forged.episodes()
            assert {"task", "episode", "return", "seed"} <= set(episodes)
            forged.task_means()

    try_all(path, mutations.damaged_bytes(path.read_bytes()), check, num, names=run.folder)


@sizes
def test_the_header_of_policies(run, try_all, num):
    """Safetensors begin with the header's length and then JSON: names, types, places, metadata."""
    path = run.folder / POLICIES
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")

    def whole(header):
        return len(header).to_bytes(8, "little") + header + content[end:]

    def check(_):
        sums = {**run.record.sha256, POLICIES: sha256_file(path)}
        StoredRun(run.record.model_copy(update={"sha256": sums}), run.folder).policies()

    strategy = mutations.damaged_json(content[8:end]).map(whole)
    try_all(path, strategy, check, num, names=run.folder)


CONFIG = b"""\
suite: pointmass
method: [conditional, spec-blind]
seeds: 0,1
set: {num_steps: 20, learning_rate: 1.5e-3}
baselines: false
jobs: 2
"""


@sizes
def test_a_config(tmp_path, try_all, num):
    path = tmp_path / "config.yaml"
    path.write_bytes(CONFIG)
    kinds = mutations.damaged_bytes(CONFIG) | mutations.damaged_json(
        json.dumps(load_config(path)).encode()
    )

    def check(_):
        assert isinstance(load_config(path), dict)

    try_all(path, kinds, check, num)


@sizes
def test_a_manifest_of_demonstrations(tmp_path, try_all, num):
    family = LineFamily()
    found = dataset(family, 1, tmp_path)
    prepare(family, found)
    path = found.folder / MANIFEST
    whole = load(family, found, family.tasks[:1])

    def check(_):
        again = load(family, found, family.tasks[:1])
        np.testing.assert_array_equal(
            again.episodes[0][0].observations, whole.episodes[0][0].observations
        )

    try_all(path, mutations.damaged(path.read_bytes()), check, num, names=family.info.id)


@sizes
def test_what_minari_says_of_a_data_set(tmp_path, try_all, num):
    family = LineFamily()
    found = dataset(family, 1, tmp_path)
    prepare(family, found)
    path = found.folder / "data" / "metadata.json"
    manifest = found.folder / MANIFEST
    content = json.loads(manifest.read_bytes())

    def check(_):
        content["sha256"]["data/metadata.json"] = sha256_file(path)
        text = json.dumps(content, indent=2) + "\n"
        manifest.write_text(text, encoding="utf-8")
        load(family, found, family.tasks[:1])

    damaged = mutations.damaged(path.read_bytes())
    try_all(path, damaged, check, num, names=found.folder)


@sizes
def test_a_study(tmp_path, make_record, try_all, num):
    pytest.importorskip("optuna")
    given_run = make_record("m").model_copy(update={"config": {"width": 64}})
    study = new_study([given_run], {"width": Choice((64, 128))}, seed=0)
    write_study(tmp_path / "study", study)
    path = tmp_path / "study" / STUDY

    def check(_):
        read_study(tmp_path / "study")

    try_all(path, mutations.damaged(path.read_bytes()), check, num)


@sizes
def test_published_figures(tmp_path, try_all, num):
    source = Path(__file__).parents[2] / "leaderboards" / "published" / "hypogen-2025" / PUBLISHED
    path = tmp_path / PUBLISHED
    path.write_bytes(source.read_bytes())

    def check(_):
        for tables in find_literature([tmp_path]).values():
            for table in tables:
                assert table.markdown

    try_all(path, mutations.damaged(path.read_bytes()), check, num)


@sizes
def test_a_saved_generator(tmp_path, try_all, num):
    pytest.importorskip("torch")
    from hyperbench_baselines.conditional import Conditional

    from hyperbench.testing import line_demonstrations

    made = Conditional(Conditional.Config(num_steps=1))
    made.fit(line_demonstrations(), validation=None, seed=0)
    made.save(tmp_path)
    path = tmp_path / "generator.json"
    again = Conditional(Conditional.Config())
    damaged = mutations.damaged(path.read_bytes())
    try_all(path, damaged, lambda _: again.load(tmp_path), num, names=tmp_path)
    path = tmp_path / "generator.safetensors"
    damaged = mutations.damaged_bytes(path.read_bytes())
    try_all(path, damaged, lambda _: again.load(tmp_path), num // 3, names=tmp_path)


@pytest.mark.parametrize("num", [10, pytest.param(many // 10, marks=pytest.mark.thorough)])
def test_a_board_with_one_damaged_record(write_run, tmp_path, num):
    """What a record says is believed by boards: each number of it must be one they can bear."""
    for method, level in (("random", 0.0), ("expert", 1.0), ("sound", 0.5)):
        write_run(method, np.full(8, level), is_arm=method != "sound")
    path = write_run("odd", np.full(8, 0.7)) / RECORD
    content = path.read_bytes()
    outcomes = []

    @settings(max_examples=num)
    @given(mutations.damaged_json(content))
    def holds(damaged):
        path.write_bytes(damaged)
        folders = find_runs([tmp_path / "runs"])
        try:
            boards = make_boards(folders)
        except DataError:
            outcomes.append("refused")
        else:
            methods = {row.method for board in boards for row in board.rows}
            assert {"random", "expert", "sound"} <= methods
            outcomes.append("taken")
        before = listing(tmp_path / "runs")
        merge([tmp_path / "runs"], tmp_path / "out" / "merged", [])
        assert listing(tmp_path / "runs") == before
        assert {path.name for path in tmp_path.iterdir()} == {"runs", "out"}
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["merged"]

    holds()
    assert outcomes
