"""Code that was edited makes another number: records say which code they are of."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hyperbench import hookimpl
from hyperbench.boards.committed import publish
from hyperbench.commands.executing import Place
from hyperbench.commands.run import run_command
from hyperbench.errors import HyperbenchError
from hyperbench.events import ignore
from hyperbench.executors import Here, Site
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.measuring.standing import standings
from hyperbench.protocol import QUICK, SeedPair
from hyperbench.records.store import StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.registry.code import Fingerprints, fingerprint
from hyperbench.registry.own import RESERVED
from hyperbench.verification.replay import verify_run

METHOD = '''
"""A method."""
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.testing import LineFamily
from {package}.helper import GAIN


class Ours(PolicyGenerator):
    """The expert, times a gain."""

    Config = MethodConfig

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        # A comment.
        return FitReport(1, 1, 0.5, 1)

    def generate(self, specs, support=None):
        return LineFamily().expert(specs)

    def save(self, path):
        (path / "gain.txt").write_text(str(GAIN))

    def load(self, path):
        pass
'''
WORLD = '''
"""A world."""
from hyperbench.testing import LineFamily


class Line(LineFamily):
    """A line."""
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of a method, what it imports, a family, and a module that nobody imports.

    Gives an editor: of a file's text, old for new.
    """
    name = f"edited_{tmp_path.name}"
    folder = tmp_path / "source" / name
    folder.mkdir(parents=True)
    texts = {
        "__init__.py": "",
        "method.py": METHOD.format(package=name),
        "helper.py": "def gain():\n    from . import lazy\n    return lazy.GAIN\nGAIN = 1\n",
        "lazy.py": "GAIN = 1\n",
        "world.py": WORLD,
        "unused.py": "GAIN = 1\n",
    }
    for file, text in texts.items():
        (folder / file).write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "source")

    def edit(file, old, new):
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
        # What another process would see.
        fingerprint.cache_clear()

    edit.package = name
    yield edit
    fingerprint.cache_clear()
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]


@pytest.fixture
def of_method(package):
    """The fingerprint of the method as it is now."""
    return partial(fingerprint, f"{package.package}.method:Ours", "edited")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("method.py", "A method.", "The method."),
        ("method.py", "# A comment.", "#"),
        ("method.py", "class Ours", "\n\nclass Ours"),
        ("method.py", "(1, 1, 0.5, 1)", "( 1, 1,\n 0.50, 1 )"),
        ("unused.py", "1", "2"),
        ("world.py", "class Line", "class Curve"),
    ],
)
def test_what_decides_nothing_is_not_in_a_fingerprint(package, of_method, file, old, new):
    before = of_method()
    package(file, old, new)
    assert of_method() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("method.py", "0.5", "0.25"),
        ("method.py", "0.5", "1 / 2"),
        ("method.py", '(path / "gain.txt").write_text(str(GAIN))', "pass"),
        ("helper.py", "GAIN = 1", "GAIN = 2"),
        ("lazy.py", "1", "True"),
        ("__init__.py", "", "import os\n"),
    ],
)
def test_whatever_the_class_is_built_on_is_in_its_fingerprint(package, of_method, file, old, new):
    before = of_method()
    package(file, old, new)
    assert of_method() not in (None, before)


def test_code_that_is_in_no_file_has_no_fingerprint_nor_has_the_core():
    assert fingerprint("hyperbench.testing:LineFamily", "hyperbench-rl") is None
    assert fingerprint("nowhere_at_all:Ours", "none") is None
    said = "from hyperbench.registry.code import fingerprint; print(fingerprint('__main__:X', 'x'))"
    typed = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert typed.stdout == "None\n"


def test_among_installed_packages_a_distribution_ends_where_its_files_do(tmp_path, monkeypatch):
    libraries = tmp_path / "site-packages"
    (libraries / "two-1.dist-info").mkdir(parents=True)
    (libraries / "two-1.dist-info" / "METADATA").write_text("Name: two\nVersion: 1\n")
    (libraries / "two-1.dist-info" / "RECORD").write_text("first_of_two.py,,\nsecond_of_two.py,,\n")
    (libraries / "first_of_two.py").write_text("import second_of_two, not_of_two\n")
    monkeypatch.syspath_prepend(libraries)
    found = []
    for text in ("A = 1", "A = 2"):
        for name in ("second_of_two", "not_of_two"):
            (libraries / f"{name}.py").write_text(text)
            fingerprint.cache_clear()
            found.append(fingerprint("first_of_two:X", "two"))
    one, other_library, changed, _ = found
    assert one == other_library
    assert changed != one


PROTOCOL = QUICK.model_copy(update={"id": "code-v1", "num_demonstrations": 2, "num_episodes": 2})
TWICE = PROTOCOL.model_copy(
    update={"id": "mixed-v1", "seeds": tuple(SeedPair(split=i, fit=i) for i in range(2))}
)


@pytest.fixture
def registry(package):
    """Knows the method and the family of the package."""

    class Door:
        @staticmethod
        @hookimpl
        def hyperbench_families():
            target = f"{package.package}.world:Line"
            return [FamilyEntry("testing/line-v1", target, "a line")]

        @staticmethod
        @hookimpl
        def hyperbench_suites():
            return [SuiteEntry("testing", ["testing/line-v1"], "one")]

        @staticmethod
        @hookimpl
        def hyperbench_methods():
            return [MethodEntry("ours", f"{package.package}.method:Ours", "ours")]

        @staticmethod
        @hookimpl
        def hyperbench_protocols():
            return [PROTOCOL, TWICE]

    return Registry([PluginSource("cases", "edited", "1", lambda: Door)])


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "runs", tmp_path / "data")


@pytest.fixture
def prepared(registry, site):
    """Make the demonstrations unless they are there; gives why they had to be made."""

    def go(tasks=slice(None), *, keep=False, notify=ignore):
        family = registry.make_family("testing/line-v1")
        wanted = Wanted("testing/line-v1", PROTOCOL, family.tasks[tasks])
        there = replace(site, keep=keep)
        return ensure_demonstrations(wanted, there, notify, registry=registry)[1]

    return go


@pytest.fixture
def measured(registry, site, prepared):
    """Measure the method and the arms, whatever is there; gives the runs."""

    def go():
        prepared()
        runs = plan(registry, ["ours"], "testing", PROTOCOL, data_dir=site.data)
        list(Here().map(partial(execute, registry=registry), runs, site, ignore))
        return runs

    return go


def changed(runs, site, registry):
    return {one.run.method: one.changed for one in standings(runs, site.runs, registry)}


def test_a_run_of_edited_code_is_to_do_again(package, registry, site, measured):
    runs = measured()
    assert set(changed(runs, site, registry).values()) == {()}
    package("helper.py", "GAIN = 1", "GAIN = 2")
    found = changed(runs, site, registry)
    assert found.pop("ours") == ("ours",)
    assert set(found.values()) == {()}, "the arms are not of the method's code"
    package("world.py", "class Line", "SPEED = 1\n\n\nclass Line")
    found = changed(runs, site, registry)
    assert found.pop("ours") == ("ours", "testing/line-v1")
    assert set(found.values()) == {("testing/line-v1",)}
    measured()
    assert set(changed(runs, site, registry).values()) == {()}


def test_demonstrations_of_edited_experts_are_made_again(package, prepared):
    assert prepared() == "missing"
    assert prepared() is None
    package("world.py", "class Line", "SPEED = 1\n\n\nclass Line")
    assert prepared(keep=True) is None
    assert prepared() == "made by other code than that of testing/line-v1 as installed"
    assert prepared() is None


def test_demonstrations_of_two_codes_are_never_in_one_dataset(package, prepared, registry, site):
    some, more = slice(2), slice(1, 4)
    other = "made by other code than that of testing/line-v1 as installed"
    assert prepared(some) == "missing"
    assert prepared(more) == "missing"
    package("world.py", "class Line", "SPEED = 1\n\n\nclass Line")
    assert prepared(slice(4), keep=True) is None
    told = []
    # What of them is missing, the other code is not there to play.
    assert prepared(slice(5), keep=True, notify=told.append) == other
    assert f"Demonstrations of testing/line-v1 were {other}. They were made again." in {
        event.message for event in told
    }
    assert prepared(slice(5)) is None
    family = registry.make_family("testing/line-v1")
    manifest = json.loads(next(site.data.glob("*/testing/line-v1/manifest.json")).read_text())
    assert list(manifest["tasks"]) == [task.key for task in family.tasks[:5]]
    assert manifest["code"] == registry.fingerprints("testing/line-v1").family


def test_the_command_says_why_it_measures_again(
    package, registry, site, measured, monkeypatch, capsys
):
    measured()
    for module in ("run", "prepare"):
        monkeypatch.setattr(f"hyperbench.commands.{module}.installed", lambda: registry)

    def run(**choices):
        options = {"keep": False, "again": False, **choices}
        run_command(
            methods=["ours"],
            suite="testing",
            protocol=PROTOCOL,
            settings=[],
            baselines=True,
            sweep=False,
            shuffled_spec=False,
            spec_noises=[],
            hidden_features=[],
            device="cpu",
            place=Place("local", 1),
            shard=None,
            events=None,
            listeners=(),
            timeout=None,
            checkpoint_seconds=60,
            debug=False,
            output_dir=site.runs,
            data_dir=site.data,
            dry_run=True,
            as_json=False,
            **options,
        )
        return capsys.readouterr().out

    assert run().count("to do") == 0
    assert run(again=True).count("to do again") == 6
    package("method.py", "0.5", "0.25")
    assert run().count("to do again") == 1
    assert run(keep=True).count("to do") == 0
    with pytest.raises(HyperbenchError, match="exclude each other"):
        run(keep=True, again=True)


def test_verifying_notes_the_code_and_stamps_the_numbers(package, registry, site, measured):
    (run,) = [run for run in measured() if run.method == "ours"]
    package("method.py", "0.5", "0.25")
    verdict = verify_run(site.runs / run.key, registry, num_tasks=None, seed=0)
    assert verdict.stamp == "verified"
    assert verdict.notes == ("measured with other code of ours than is installed",)


def test_a_record_from_before_fingerprints_is_finished_and_unmarked(registry, site, measured):
    runs = measured()
    for run in runs:
        path = site.runs / run.key / "record.json"
        record = StoredRun.read(path.parent).record
        path.write_text(
            record.model_copy(update={"fingerprints": Fingerprints()}).model_dump_json()
        )
    found = standings(runs, site.runs, registry)
    assert all(one.is_finished and one.is_unmarked and not one.changed for one in found)


def test_a_row_of_different_code_is_noted_and_not_published(
    write_run, board_of, registry, tmp_path
):
    tasks = np.arange(8.0)
    for seed in range(2):
        marks = {"split_seed": seed, "protocol": TWICE}
        for arm in RESERVED:
            write_run(arm, tasks, is_arm=True, fingerprints=Fingerprints(family="w1"), **marks)
        mixed = Fingerprints(method=f"m{seed}", family="w1")
        write_run("mixed", tasks, fit_seed=seed, fingerprints=mixed, **marks)
        later = Fingerprints(method="m0", family="w2")
        write_run("later", tasks, fit_seed=seed, fingerprints=later, **marks)
        write_run("older", tasks, fit_seed=seed, **marks)
    board, _ = board_of()
    assert (
        "Runs of one row were made by different code, of what is named: mixed (mixed)."
        in board.notes
    )
    assert "Rows were made by different code of: toy/size-v1." in board.notes
    with pytest.raises(HyperbenchError, match=r"different code: mixed \(code of mixed\)"):
        publish([tmp_path / "runs"], tmp_path / "boards", registry)


def test_a_run_keeps_how_much_memory_it_took(site, measured):
    for run in measured():
        cost = StoredRun.read(site.runs / run.key).record.cost
        assert 50e6 < cost.peak_memory < 24e9
        assert cost.peak_gpu_memory is None
