"""How a method may end, and what it may say or leave behind: one run's affair, never another's."""

import json
import os
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hyperbench import hookimpl
from hyperbench.errors import HyperbenchError
from hyperbench.events import ignore
from hyperbench.executors import Here, Site
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.protocol import QUICK
from hyperbench.records.store import RECORD, StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.testing import LineFamily

PROTOCOL = QUICK.model_copy(update={"num_demonstrations": 2, "num_episodes": 2})


class Panic(BaseException):
    """What an extension module raises when it gives up."""


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("not even this")


def leave(how):
    """End a fit in an odd way."""
    match how:
        case "exit":
            raise SystemExit(0)
        case "exit with a word":
            raise SystemExit("no licence")
        case "panic":
            raise Panic("index out of bounds")
        case "surrogate":
            raise OSError("cannot read " + b"caf\xe9.txt".decode("utf-8", "surrogateescape"))
        case "unspeakable":
            raise Unspeakable
        case "ansi":
            raise RuntimeError("\x1b[31mred\x1b[0m \x00 \x07 bell")
        case "huge":
            raise RuntimeError("tensor([" + ", ".join(f"{i}.5" for i in range(200_000)) + "])")


def change(what, place):
    """Leave something behind in the process."""
    match what:
        case "directory":
            os.chdir(place)
        case "environment":
            os.environ["HYPERBENCH_JOBS"] = "many"
        case "numpy":
            np.seterr(all="raise")
        case "warnings":
            warnings.simplefilter("always")
        case "dtype":
            torch = pytest.importorskip("torch")
            torch.set_default_dtype(torch.float64)
        case "gradients":
            pytest.importorskip("torch").set_grad_enabled(False)


class Odd(PolicyGenerator):
    """The expert, whose fit ends, changes or reports something odd."""

    class Config(MethodConfig):
        """Settings of it."""

        ends: str = ""
        """How the fit ends."""
        changes: str = ""
        """What it leaves behind."""
        loss: str = "0.5"
        """What it reports."""
        factor: float = 1.0
        """Means nothing."""
        place: str = "/"
        """Where it goes to."""

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        change(self.config.changes, self.config.place)
        leave(self.config.ends)
        progress(1, 1, 0.5)
        return FitReport(1, 1, float(self.config.loss), 1)

    def generate(self, specs, support=None):
        return LineFamily().expert(specs)

    def save(self, path):
        (path / "odd.json").write_text("{}")

    def load(self, path):
        pass


class Door:
    """The plugin of this file."""

    @staticmethod
    @hookimpl
    def hyperbench_families():
        return [FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")]

    @staticmethod
    @hookimpl
    def hyperbench_suites():
        return [SuiteEntry("testing", ["testing/line-v1"], "one")]

    @staticmethod
    @hookimpl
    def hyperbench_methods():
        return [MethodEntry(name, "cases_of_failures:Odd", name) for name in ("odd", "following")]


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Run ``odd`` with some settings, and after it ``following``; gives both records' runs."""
    import sys
    import types

    module = types.ModuleType("cases_of_failures")
    module.Odd = Odd
    monkeypatch.setitem(sys.modules, module.__name__, module)
    registry = Registry([PluginSource("cases", "cases", "1", lambda: Door)])
    site = Site(tmp_path / "runs", tmp_path / "data")
    ensure_demonstrations(Wanted("testing/line-v1", PROTOCOL), site, ignore, registry=registry)

    def run(*settings):
        runs = plan(
            registry,
            ["odd", "following"],
            "testing",
            PROTOCOL,
            settings=[f"odd.{setting}" for setting in settings],
            data_dir=site.data,
        )
        learned = [run for run in runs if not run.is_arm]
        done = list(Here().map(partial(execute, registry=registry), learned, site, ignore))
        return [StoredRun.read(site.runs / outcome.item.key) for outcome in done]

    return run


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("exit", "SystemExit: 0"),
        ("exit with a word", "SystemExit: no licence"),
        ("panic", "Panic: index out of bounds"),
        ("surrogate", r"OSError: cannot read caf\udce9.txt"),
        ("unspeakable", "Unspeakable: (it cannot be said)"),
        ("ansi", r"RuntimeError: \x1b[31mred\x1b[0m \x00 \x07 bell"),
    ],
)
def test_however_a_fit_ends_it_is_a_failed_run_and_others_go_on(go, ends, said):
    odd, following = go(f"ends={ends}")
    assert (odd.record.status, odd.record.error) == ("failed", said)
    assert following.record.status == "ok"
    assert json.loads((odd.folder / RECORD).read_text())["error"] == said


def test_an_error_of_megabytes_is_cut(go):
    odd, _ = go("ends=huge")
    assert odd.record.error.startswith("RuntimeError: tensor([0.5, 1.5,")
    assert odd.record.error.endswith("characters more)")
    assert (odd.folder / RECORD).stat().st_size < 300_000


@pytest.mark.parametrize(
    "changes", ["directory", "environment", "numpy", "warnings", "dtype", "gradients"]
)
def test_what_a_fit_changes_in_its_process_is_put_back(go, changes, tmp_path):
    def state():
        import sys

        torch = sys.modules.get("torch")
        return (
            Path.cwd(),
            dict(os.environ),
            np.geterr(),
            warnings.filters[:],
            torch and (torch.get_default_dtype(), torch.is_grad_enabled()),
        )

    if changes in ("dtype", "gradients"):
        pytest.importorskip("torch")
    before = state()
    odd, following = go(f"changes={changes}", f"place={tmp_path}")
    assert odd.record.status == following.record.status == "ok"
    assert state() == before


@pytest.mark.parametrize("loss", ["nan", "inf"])
def test_a_loss_that_is_not_finite_is_no_result(go, loss):
    odd, following = go(f"loss={loss}")
    assert odd.record.status == "failed"
    said = f"odd on testing/line-v1 reports that its final_loss is {loss}."
    assert odd.record.error == f"FloatingPointError: {said}"
    assert following.record.status == "ok"


@pytest.mark.parametrize("factor", ["inf", "-inf", "nan"])
def test_a_setting_that_no_key_can_hold_is_refused(go, factor):
    with pytest.raises(HyperbenchError, match=rf"'factor' of odd: '{factor}' does not fit.*finite"):
        go(f"factor={factor}")
