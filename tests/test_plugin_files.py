"""One file is a plugin: what it registers, what a run keeps of it, what is said of a bad one."""

import json
import re
import sys

import pytest
from typer.testing import CliRunner

import hyperbench as hb
from hyperbench.cli import app
from hyperbench.errors import DataError, PluginError
from hyperbench.executors import Site
from hyperbench.executors.local import Processes
from hyperbench.executors.slurm import Slurm, SlurmConfig
from hyperbench.hookspecs import registered_in
from hyperbench.registry import installed, plugged_in
from hyperbench.registry.functions import FunctionMethod
from hyperbench.testing import LineFamily

KNN = '''
"""Nearest task."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import hyperbench as hb
from hyperbench.policy.stacked import StackedPolicies


@hb.register_policy_kind
@dataclass(frozen=True)
class Constant(StackedPolicies):
    kind: ClassVar[str] = "constant"
    action: np.ndarray  # (num_tasks, action_dim)

    def act(self, observations):
        return np.repeat(self.action[:, None], observations.shape[1], axis=1)


@hb.register_method("knn")
def knn(demonstrations, seed):
    """Mean action of the first task."""
    action = demonstrations.actions(0).mean(axis=0)
    return lambda specs: Constant(np.stack([action for _ in specs]))
'''
LINE = '''
import hyperbench as hb
from hyperbench.testing import LineFamily


@hb.register_family()
class Line(LineFamily):
    """A family of one's own."""
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "knn.py"
    path.write_text(KNN)
    return path


@pytest.fixture
def hyperbench(in_this_process, demonstrations_dir):
    """Call the command line: status, and all that it says."""

    def call(*words):
        environment = {"HYPERBENCH_DATA_DIR": str(demonstrations_dir), "COLUMNS": "200"}
        done = CliRunner().invoke(app, [str(word) for word in words], env=environment)
        if done.exception and not isinstance(done.exception, SystemExit):
            return 2, f"{done.output}{done.exception}"
        return done.exit_code, done.output

    return call


def test_a_file_registers_what_it_decorates(file, tmp_path):
    line = tmp_path / "line.py"
    line.write_text(LINE)
    with plugged_in([str(file), str(line)]):
        registry = installed()
        entry = registry.method_entry("knn")
        assert entry.summary == "Mean action of the first task"
        assert registry.policy_kind("constant").__name__ == "Constant"
        assert registry.make_family("testing/line-v1").info.summary == LineFamily.info.summary
        assert registry.select_families("testing") == ("testing/line-v1",)
        assert [f.name for f in registry.files_of("testing/line-v1", "knn")] == [
            "line.py",
            "knn.py",
        ]
        assert registry.files_of("testing/line-v1", "spec-blind")[0].text == LINE
    assert "knn" not in installed().methods


def test_what_is_imported_or_inherited_is_not_registered_again():
    class Heir(LineFamily):
        pass

    assert registered_in(LineFamily)
    assert not registered_in(Heir)
    assert not registered_in(sys.modules[__name__])  # which imports a decorated class


def test_one_class_may_be_several_families():
    @hb.register_family("testing/one-v1", arguments={"size": 1})
    @hb.register_family("testing/two-v1", arguments={"size": 2}, summary="of two")
    class Sized(LineFamily):
        pass

    two, one = registered_in(Sized)
    assert (one.id, one.arguments, one.summary) == (
        *("testing/one-v1", {"size": 1}, LineFamily.info.summary),
    )
    assert (two.id, two.arguments, two.summary) == ("testing/two-v1", {"size": 2}, "of two")


def test_code_is_told_apart_wherever_the_file_lies(file, tmp_path):
    def fingerprint(path):
        with plugged_in([str(path)]):
            return installed().fingerprints("pointmass/goal-drag-v1", "knn").method

    before = fingerprint(file)
    other = tmp_path / "elsewhere" / "knn.py"
    other.parent.mkdir()
    other.write_text(f"# Moved.\n{KNN}")
    assert fingerprint(other) == before is not None
    other.write_text(KNN.replace("actions(0)", "actions(1)"))
    assert fingerprint(other) != before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import hyperbench\n\nraise ValueError('no licence')\n",
            r"knn.py, line 3: ValueError: no",
        ),
        ("def broken(:\n", r"knn.py: SyntaxError: .*line 1"),
        ("import no_such_package\n", r"line 1: ModuleNotFoundError: No module named 'no_such"),
        ("class Knn:\n    pass\n", r"registers nothing. Write @hb.register_method"),
        (None, r"knn.py cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_plugin_is_an_error_that_says_where(tmp_path, hyperbench, code, said):
    path = tmp_path / "knn.py"
    if code is not None:
        path.write_text(code)
    status, told = hyperbench("list", "--plugin", path)
    assert status == 2
    assert re.search(said, told), told


def test_the_environment_names_files_beside_those_given(file, tmp_path, hyperbench, monkeypatch):
    line = tmp_path / "line.py"
    line.write_text(LINE)
    monkeypatch.setenv("HYPERBENCH_PLUGIN", f" {line} ,")
    installed.cache_clear()
    status, told = hyperbench("list", "--plugin", file)
    assert status == 0
    assert "testing/line-v1" in told
    assert "Mean action of the first task" in told
    assert "Mean action of the first task" not in hyperbench("list")[1]
    monkeypatch.undo()
    installed.cache_clear()


def test_a_class_of_a_module_is_plugged_in(file, monkeypatch):
    monkeypatch.syspath_prepend(file.parent)
    with plugged_in(["knn:knn"]):
        assert installed().method_class("knn") is sys.modules["knn"].knn
        assert installed().files_of("", "knn")[0].text == KNN
    for asked, said in (
        ("knn", "neither a Python file nor module:Class"),
        ("knn:Other", "has no attribute 'Other'"),
        ("knn:Constant", None),
    ):
        with plugged_in([asked]):
            if said is None:
                assert installed().policy_kind("constant")
                continue
            with pytest.raises(PluginError, match=said):
                installed()


def _describe(item, site, notify):
    return installed().method_class(item).__doc__


def test_workers_load_the_same_file(file, tmp_path):
    with plugged_in([str(file)]):
        site = Site(tmp_path, tmp_path)
        assert site.plugins == (str(file),)
        [outcome] = Processes(1).map(_describe, ["knn"], site, lambda _: None)
    assert outcome.result == "Mean action of the first task."


@pytest.mark.thorough  # starts a job; workers of this machine are shown above
def test_jobs_of_slurm_load_the_same_file(file, tmp_path):
    def describe(item, site, notify):  # no other process can import this test
        from hyperbench.registry import installed

        return installed().method_class(item).__doc__

    slurm = Slurm(1, SlurmConfig(cluster="local"))
    with plugged_in([str(file)]):
        [outcome] = slurm.map(describe, ["knn"], Site(tmp_path, tmp_path), lambda _: None)
    assert outcome.result == "Mean action of the first task."


def test_a_row_keeps_its_file_and_is_verified_with_it(file, tmp_path, hyperbench):
    config = tmp_path / "run.yaml"
    config.write_text(f"plugin: {file}\nmethod: knn\nsuite: pointmass\nbaselines: false\n")
    runs = tmp_path / "runs"
    status, told = hyperbench("run", "-c", config, "-p", "quick-v1", "-o", runs)
    assert status == 0, told
    assert re.search(r"Measured with the plugged-in file knn\.py [0-9a-f]{8}: knn\.", told)
    records = [json.loads(path.read_text()) for path in runs.glob("*/record.json")]
    [record] = (record for record in records if record["method"] == "knn")
    [kept] = record["plugins"]
    assert kept["text"] == KNN
    assert record["provenance"]["versions"].keys() >= {"numpy", "hyperbench-rl"}
    assert all(not other["plugins"] for other in records if other is not record)
    run = runs / record["key"]

    assert hyperbench("verify", run, "--plugin", file)[0] == 0
    status, told = hyperbench("verify", run)
    assert status == 1
    assert "The run was made with knn.py: give it with --plugin" in told
    publish = ("publish", runs, "-m", "knn", "-b", tmp_path / "boards")
    status, told = hyperbench(*publish)
    assert status == 2
    assert "The run was made with knn.py: give it with --plugin" in told
    assert hyperbench(*publish, "--plugin", file)[0] == 0
    assert hyperbench("verify", tmp_path / "boards", "-m", "knn", "--plugin", file)[0] == 0
    file.write_text(f"{KNN}\n# Edited.\n")
    status, told = hyperbench("verify", run, "--plugin", file)
    assert status == 0
    assert "knn.py that is plugged in is not the one on record" in told


def test_a_function_is_a_method_that_cannot_be_saved(file, tmp_path):
    with plugged_in([str(file)]):
        method = installed().method_class("knn")
    assert issubclass(method, FunctionMethod)
    method().save(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(DataError, match=r"knn is a function, of whose fit nothing is saved"):
        method().load(tmp_path)
    nothing = hb.register_method("nothing")(lambda demonstrations, seed: None)
    with pytest.raises(TypeError, match=r"must return a function of specs .* found NoneType"):
        nothing().fit(None, validation=None, seed=0)
    with pytest.raises(TypeError, match="neither a class nor a function"):
        hb.register_method("number")(3)
