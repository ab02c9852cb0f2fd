"""A fit that is interrupted goes on where it was; what cannot be trusted is not gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from dataclasses import replace
from typing import ClassVar

import pytest

from hyperbench import hookimpl
from hyperbench.errors import DataError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring import checkpoint as checkpoint_module
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.protocol import QUICK
from hyperbench.records.find import find_runs
from hyperbench.registry import PluginSource, Registry
from hyperbench.registry.code import Fingerprints

from ..fakes_resumable import Stepwise
from .test_files import ROOT

PROTOCOL = QUICK.model_copy(update={"num_demonstrations": 2, "num_episodes": 2})


class Watched(Stepwise):
    """Notes its steps, and stops after one as ``raises`` says."""

    steps: ClassVar[list[int]] = []
    raises: ClassVar[dict[int, BaseException]] = {}

    def descend(self):
        loss = super().descend()
        Watched.steps.append(self.step)
        if self.step in Watched.raises:
            raise Watched.raises[self.step]
        return loss


@pytest.fixture
def registry(monkeypatch):
    """With one resumable method, whose code is as ``registry.code`` says."""
    door = types.ModuleType("door_of_resumed_tests")
    door.Watched = Watched
    family = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
    door.hyperbench_families = hookimpl(lambda: [family])
    door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", ["testing/line-v1"], "one")])
    method = MethodEntry("watched", f"{door.__name__}:Watched", "in steps")
    door.hyperbench_methods = hookimpl(lambda: [method])
    for name in ("families", "suites", "methods"):
        getattr(door, f"hyperbench_{name}").__name__ = f"hyperbench_{name}"
    monkeypatch.setitem(sys.modules, door.__name__, door)
    registry = Registry([PluginSource("testing", "testing", "1", lambda: door)])
    registry.code = Fingerprints(method="of the method", family="of the family")
    monkeypatch.setattr(registry, "fingerprints", lambda *_: registry.code)
    return registry


@pytest.fixture
def site(tmp_path, demonstrations_dir, registry):
    site = Site(tmp_path / "runs", demonstrations_dir, checkpoint_seconds=0)
    ensure_demonstrations(Wanted("testing/line-v1", PROTOCOL), site, ignore, registry=registry)
    return site


@pytest.fixture
def fit(registry, site):
    """Carry out the method's run; gives its record and the steps that were made for it."""
    planned = plan(registry, ["watched"], "testing", PROTOCOL, data_dir=site.data)
    (run,) = (run for run in planned if run.method == "watched")

    def go(raises=None, **changes):
        Watched.steps, Watched.raises = [], raises or {}
        record = execute(run, replace(site, **changes), ignore, registry=registry)
        return record, Watched.steps

    return go


@pytest.fixture
def undisturbed(fit, tmp_path):
    """The record of a fit that keeps nothing."""
    record, steps = fit(runs=tmp_path / "undisturbed", checkpoint_seconds=float("inf"))
    assert steps == list(range(1, 13))
    return record


@pytest.fixture
def interrupted(undisturbed, fit, site):
    """The folder that a fit leaves which was interrupted in its eighth step."""
    with pytest.raises(KeyboardInterrupt):
        fit({8: KeyboardInterrupt()})
    (folder,) = site.runs.glob(".checkpoint-*")
    assert sorted(path.name for path in folder.iterdir()) == [
        "arrays.safetensors",
        "manifest.json",
        "state.json",
    ]
    return folder


def test_a_run_goes_on_where_it_was(interrupted, undisturbed, fit, site):
    manifest = json.loads((interrupted / "manifest.json").read_text())
    manifest["seconds"] += 1000
    (interrupted / "manifest.json").write_text(json.dumps(manifest))
    record, steps = fit()
    assert steps == list(range(8, 13))
    assert (record.fit, record.results) == (undisturbed.fit, undisturbed.results)
    assert 1000 < record.cost.fit_seconds < 1100
    assert [path.name for path in site.runs.iterdir()] == [record.key]


def edit_code(folder, registry):
    registry.code = Fingerprints(method="edited", family="of the family")


def forget_code(folder, registry):
    registry.code = Fingerprints()


def cut(folder, registry):
    content = (folder / "arrays.safetensors").read_bytes()
    (folder / "arrays.safetensors").write_bytes(content[:-8])


@pytest.mark.parametrize("change", [edit_code, forget_code, cut])
def test_what_is_damaged_or_of_other_code_is_not_gone_on_with(
    change, interrupted, undisturbed, registry, fit
):
    change(interrupted, registry)
    record, steps = fit()
    assert steps == list(range(1, 13))
    assert record.results == undisturbed.results
    assert not interrupted.exists()


def test_another_machine_or_library_starts_again(interrupted, fit, monkeypatch):
    made = checkpoint_module.provenance

    def other(*given):
        found = made(*given)
        return found.model_copy(update={"versions": {**found.versions, "numpy": "0.1"}})

    monkeypatch.setattr(checkpoint_module, "provenance", other)
    assert fit()[1] == list(range(1, 13))


def test_a_run_that_fails_leaves_no_checkpoint(interrupted, fit):
    record, steps = fit({10: FloatingPointError("Training loss is nan at step 10.")})
    assert (record.status, steps) == ("failed", [8, 9, 10])
    assert not interrupted.exists()
    assert fit()[1] == list(range(1, 13))


def test_a_short_fit_keeps_nothing(undisturbed, fit, site):
    with pytest.raises(KeyboardInterrupt):
        fit({8: KeyboardInterrupt()}, checkpoint_seconds=60)
    assert list(site.runs.glob("*")) == []


def test_a_method_that_is_not_resumable_knows_no_checkpoint(fit, monkeypatch):
    def before(self, *args, checkpoint="none", **kwargs):
        assert checkpoint == "none"
        return Stepwise.fit(self, *args, **kwargs)

    monkeypatch.setattr(Watched, "resumable", False)
    monkeypatch.setattr(Watched, "fit", before)
    assert fit()[0].status == "ok"


def test_readers_pass_checkpoints_over(interrupted, fit, site):
    with pytest.raises(DataError, match="No run"):
        find_runs([site.runs])
    # Gone, or not to be read, while others look.
    (interrupted / "record.json").write_text("{}")
    with pytest.raises(DataError, match="No run"):
        find_runs([site.runs])


PLUGIN = '''
import os, time
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry, hookimpl
from tests.fakes_resumable import Stepwise

class Slow(Stepwise):
    """Writes a line at each step, and takes its time if it is told to."""

    def descend(self):
        with open(os.environ["LINES"], "a") as file:
            file.write("step\\n")
        time.sleep(float(os.environ["PAUSE"]))
        return super().descend()

@hookimpl
def hyperbench_methods():
    return [MethodEntry("slow", "slow_plugin:Slow", "a slow one")]

@hookimpl
def hyperbench_families():
    return [FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")]

@hookimpl
def hyperbench_suites():
    return [SuiteEntry("testing", ["testing/line-v1"], "a line")]
'''


@pytest.mark.thorough  # three commands, with a signal that cannot be caught
def test_a_killed_command_goes_on_to_the_same_numbers(tmp_path, demonstrations_dir):
    (tmp_path / "slow_plugin.py").write_text(PLUGIN)
    info = tmp_path / "hb_slow-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hb-slow\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[hyperbench]\nslow = slow_plugin\n")

    def start(name, pause):
        words = f"run -m slow -s testing --no-baselines -j 1 -o {name}"
        return subprocess.Popen(
            [sys.executable, "-m", "hyperbench", *words.split(), "--checkpoint-seconds", "0"],
            stdout=subprocess.DEVNULL,
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
                "HYPERBENCH_DATA_DIR": str(demonstrations_dir),
                "HYPERBENCH_LOAD_PLUGINS": "slow",
                "LINES": str(tmp_path / f"{name}.lines"),
                "PAUSE": str(pause),
            },
        )

    def num_steps(name):
        path = tmp_path / f"{name}.lines"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def record_of(name):
        texts = [path.read_text() for path in (tmp_path / name).glob("*/record.json")]
        (record,) = (found for found in map(json.loads, texts) if found["method"] == "slow")
        return record

    process = start("killed", 0.3)
    until = time.monotonic() + 120
    while num_steps("killed") < 6:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1)  # its worker ends with it
    before = num_steps("killed")
    assert start("killed", 0).wait(timeout=120) == 0
    assert num_steps("killed") - before in (12 - before, 12 - before + 1)  # the last was not kept
    assert start("undisturbed", 0).wait(timeout=120) == 0
    assert num_steps("undisturbed") == 12
    one, other = record_of("killed"), record_of("undisturbed")
    assert one["fit"] == other["fit"]
    assert one["sha256"] == other["sha256"]
    assert not list((tmp_path / "killed").glob(".checkpoint-*"))
