"""Plugins that break or that use another's names: who asks for them is told, the rest goes on."""

import re
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from hyperbench import registry
from hyperbench.boards.leaderboard import make_boards
from hyperbench.cli import app
from hyperbench.errors import HyperbenchError, PluginError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.hookspecs import (
    FamilyEntry,
    MethodEntry,
    PolicyKindEntry,
    SuiteEntry,
    hookimpl,
)
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.protocol import PROTOCOLS, QUICK
from hyperbench.registry import PluginSource, Registry
from hyperbench.testing import LineFamily

PROTOCOL = QUICK.model_copy(update={"num_demonstrations": 2, "num_episodes": 2})
LINE = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
MODULE = "cases_of_plugins"


class Panic(BaseException):
    """What an extension module raises when it gives up."""


class Cloned(PolicyGenerator):
    """Plays the expert."""

    class Config(MethodConfig):
        """No settings."""

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        return FitReport(1, 1, 0.5, 1)

    def generate(self, specs, support=None):
        return LineFamily().expert(specs)

    def save(self, path):
        (path / "cloned.json").write_text("{}")

    def load(self, path):
        pass


class Unmade(LineFamily):
    """Its constructor raises."""

    def __init__(self):
        raise OSError("libphysics.so.1: cannot open\nshared object file")


class Taskless(LineFamily):
    """Its tasks cannot be listed."""

    @property
    def tasks(self):
        raise Panic("no grid")


def entry(name, **fields):
    return MethodEntry(name, f"{MODULE}:Cloned", name, **fields)


def source(distribution, **entries):
    door = SimpleNamespace(
        **{
            f"hyperbench_{kind}": hookimpl(lambda found=found: found)
            for kind, found in entries.items()
        }
    )
    return PluginSource(distribution, distribution, "1", lambda: door)


@pytest.fixture(autouse=True)
def module(monkeypatch):
    """What entries point into; each attribute that begins with ``raises`` raises when imported."""
    found = ModuleType(MODULE)
    found.Cloned, found.Unmade, found.Taskless = Cloned, Unmade, Taskless
    monkeypatch.setitem(sys.modules, MODULE, found)
    return found


@pytest.fixture
def raises(tmp_path, monkeypatch):
    """Make a module that raises while it is imported; gives its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(code):
        (tmp_path / "raises_at_import.py").write_text(code + "\n")
        monkeypatch.delitem(sys.modules, "raises_at_import", raising=False)
        return "raises_at_import"

    return make


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Call the command line where these plugins are installed: status, output, what is told."""

    def call(sources, *words):
        monkeypatch.setattr(registry, "installed_plugins", lambda: sources)
        registry.installed.cache_clear()
        monkeypatch.setenv("COLUMNS", "200")
        try:
            app(list(words), standalone_mode=True)
        except SystemExit as end:
            status = end.code
        except HyperbenchError as error:
            return 2, "", str(error)
        said = capsys.readouterr()
        return status, said.out, said.err

    yield call
    registry.installed.cache_clear()


AT_IMPORT = [
    ("raise OSError('libcudart.so.12: cannot open')", "OSError: libcudart.so.12: cannot open"),
    ("raise SystemExit('no licence')", "SystemExit: no licence"),
    ("raise BaseException('gone\\nwith more lines')", "BaseException: gone with more lines"),
    ("import no_such_simulator", "ModuleNotFoundError: No module named 'no_such_simulator'"),
    ("def broken(:", "SyntaxError: invalid syntax"),
]


@pytest.mark.parametrize(("code", "why"), AT_IMPORT)
def test_a_method_that_raises_at_import_is_left_out(raises, code, why):
    target = f"{raises(code)}:Method"
    broken = MethodEntry("broken", target, "broken", baseline=True)
    found = Registry([source("hb-a", families=[LINE], methods=[broken, entry("sound")])])
    told = []
    runs = plan(found, ["sound"], LINE.id, PROTOCOL, notify=told.append)
    assert {run.method for run in runs if not run.is_arm} == {"sound"}
    ((name, message),) = [(event.run, event.message) for event in told]
    assert name == "broken"
    assert message.startswith(
        f"Method 'broken' of hb-a 1 cannot be imported from '{target}': {why}"
    )
    assert "\n" not in message
    with pytest.raises(PluginError, match=f"^{re.escape(message)}"):
        plan(found, ["broken"], LINE.id, PROTOCOL)


def test_a_method_whose_config_cannot_be_made_is_left_out(module):
    class Config(MethodConfig):
        """Made in vain."""

        def model_post_init(self, context):
            raise RuntimeError("no GPU")

    module.Unset = type("Unset", (Cloned,), {"Config": Config})
    module.Bare = type("Bare", (), {})
    odd = [MethodEntry(name.lower(), f"{MODULE}:{name}", name) for name in ("Unset", "Bare")]
    found = Registry([source("hb-a", families=[LINE], methods=[*odd, entry("sound")])])
    told = []
    runs = plan(found, ["unset", "bare", "sound"], LINE.id, PROTOCOL, notify=told.append)
    assert {run.method for run in runs if not run.is_arm} == {"sound"}
    assert [event.run for event in told] == ["unset", "bare"]
    assert told[0].message == "RuntimeError: no GPU"
    assert "no attribute 'Config'" in told[1].message


def families_of_which_most_are_broken(raises):
    broken = {
        "unmade": f"{MODULE}:Unmade",
        "taskless": f"{MODULE}:Taskless",
        "unimported": f"{raises(AT_IMPORT[0][0])}:Family",
    }
    return [LINE, *(FamilyEntry(f"testing/{n}-v1", target, n) for n, target in broken.items())]


WHY = {
    "testing/unmade-v1": "cannot be made: OSError: libphysics.so.1: cannot open shared object file",
    "testing/taskless-v1": "cannot be made: Panic: no grid",
    "testing/unimported-v1": "cannot be imported from 'raises_at_import:Family': OSError: libcuda",
    "testing/absent-v1": "Suite 'testing' lists the family 'testing/absent-v1', which no plugin",
}


@pytest.fixture
def mostly_broken(raises):
    families = families_of_which_most_are_broken(raises)
    ids = [family.id for family in families]
    suite = SuiteEntry("testing", [*ids, "testing/absent-v1"], "one is sound")
    return [source("hb-a", families=families, suites=[suite], methods=[entry("sound")])]


def test_a_family_that_cannot_be_made_does_not_end_the_suite(mostly_broken, run_command, tmp_path):
    options = ["-o", str(tmp_path / "runs"), "--data-dir", str(tmp_path / "data"), "-j", "1"]
    status, out, err = run_command(
        mostly_broken, "run", "-m", "sound", "-s", "testing", *options, "--dry-run"
    )
    assert status == 1
    assert "sound on testing/line-v1" in out
    lines = [line for line in err.splitlines() if " is left out: " in line]
    assert [line.partition(" ")[0] for line in lines] == list(WHY)
    for line, why in zip(lines, WHY.values(), strict=True):
        assert why in line
        assert why.startswith("Suite") or " of hb-a 1 " in line


@pytest.mark.parametrize("id_", list(WHY)[:-1])  # nobody registers the last one
def test_asked_for_alone_it_is_an_error(mostly_broken, id_):
    with pytest.raises(PluginError, match=re.escape(WHY[id_])):
        plan(Registry(mostly_broken), ["expert"], id_, PROTOCOL)


@pytest.mark.parametrize("command", [("info",), ("prepare", "-s")])
def test_other_commands_on_the_suite_go_on_too(
    mostly_broken, run_command, in_this_process, tmp_path, command
):
    more = ["--data-dir", str(tmp_path)] if command[0] == "prepare" else []
    status, out, err = run_command(mostly_broken, *command, "testing", *more)
    assert status == 1
    assert "testing/line-v1" in out
    assert [line.partition(" ")[0] for line in err.splitlines() if "left out" in line] == list(WHY)


@pytest.fixture
def contested(tmp_path):
    """Two plugins that use the same names throughout, and one that does not."""
    suite = SuiteEntry("testing", [LINE.id], "one")
    plenty = PROTOCOL.model_copy(update={"id": "plenty-v1"})
    kind = PolicyKindEntry("odd", "hyperbench.policy:MLPPolicies")
    both = {
        "families": [LINE],
        "suites": [suite],
        "methods": [entry("knn", baseline=True)],
        "protocols": [plenty, PROTOCOL],
        "policy_kinds": [kind],
    }
    own = FamilyEntry("other/line-v1", f"{MODULE}:Other", "a line")
    other = SuiteEntry("other", [own.id], "one")
    third = {"families": [own], "suites": [other], "methods": [entry("alone"), entry("random")]}
    return [source("hb-one", **both), source("hb-two", **both), source("hb-three", **third)]


@pytest.fixture
def _other(module):
    info = replace(LineFamily.info, id="other/line-v1")
    module.Other = type("Other", (LineFamily,), {"info": info})


@pytest.mark.usefixtures("_other")
def test_names_that_two_plugins_use_stop_nobody_else(contested, run_command, tmp_path):
    status, out, _ = run_command(contested, "list")
    assert status == 0
    for name in ("hb-one:knn", "hb-two:knn", "hb-one:plenty-v1", "hb-two:testing/line-v1"):
        assert name in out
    status, out, _ = run_command(contested, "plugins")
    assert status == 0
    assert (
        "Method 'knn' is registered by both 'hb-one' 1 and 'hb-two' 1. "
        "Say which: hb-one:knn or hb-two:knn." in out
    )
    assert (
        "Protocol 'quick-v1' is hyperbench's own; it is also registered by both 'hb-one' 1 and "
        "'hb-two' 1. Say which: hb-one:quick-v1 or hb-two:quick-v1." in out
    )
    assert "Method 'random' is hyperbench's own; it is also registered by 'hb-three' 1." in out
    assert "Kind of policies 'odd' is registered by both 'hb-one' 1 and 'hb-two' 1." in out
    status, out, err = run_command(
        contested, "run", "-m", "alone", "-s", "other", "--dry-run", "--data-dir", str(tmp_path)
    )
    assert (status, err) == (0, "")
    # Both are baselines, and a board has all of those.
    for method in ("alone", "hb-one:knn", "hb-two:knn", "random"):
        assert f"{method} on other/line-v1" in out


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("Method", "run -m knn -s testing/line-v1"),
        ("Method", "info knn"),
        ("Suite", "run -m alone -s testing"),
        ("Family", "run -m alone -s testing/line"),
        ("Family", "info testing/line-v1"),
        ("Protocol", "run -m alone -s hb-one:testing -p plenty-v1"),
    ],
)
def test_whoever_asks_for_such_a_name_is_told_how_to_say_which(contested, run_command, kind, asked):
    status, _, err = run_command(contested, *asked.split())
    assert status == 2
    assert err.startswith(f"{kind} ")
    assert "is registered by both 'hb-one' 1 and 'hb-two' 1. Say which: hb-one:" in err


def test_policies_of_a_kind_that_two_register_are_not_stored(contested):
    contested = Registry(contested)
    with pytest.raises(
        PluginError, match="Uninstall one, or name those to load in HYPERBENCH_LOAD"
    ):
        contested.policy_kind("odd")
    assert contested.policy_kind("mlp").kind == "mlp"


def test_hyperbench_keeps_its_own_names(contested):
    contested = Registry(contested)
    assert contested.protocol("quick-v1") is PROTOCOLS["quick-v1"]
    assert contested.protocol("hb-one:quick-v1").num_demonstrations == PROTOCOL.num_demonstrations
    assert contested.protocol("hb-one:quick-v1").id == "hb-one:quick-v1"
    runs = plan(contested, ["random"], "hb-one:testing", PROTOCOL, baselines=False)
    assert all(run.is_arm for run in runs)
    runs = plan(contested, ["hb-three:random"], "hb-one:testing", PROTOCOL, baselines=False)
    assert "hb-three:random" in {run.method for run in runs if not run.is_arm}


def test_distribution_and_name_say_which_is_meant(contested, tmp_path):
    """Two families of one id: each has demonstrations, runs and a row of its own."""
    contested = Registry(contested)
    site = Site(tmp_path / "runs", tmp_path / "data")
    folders = []
    for owner in ("hb-one", "hb-two"):
        # A suite means the families of its own plugin; the version may be left out.
        for suite in (f"{owner}:testing", f"{owner}:testing/line", f"{owner}:testing/line-v1"):
            runs = plan(
                contested, ["hb-two:knn"], suite, PROTOCOL, baselines=False, data_dir=site.data
            )
            assert {run.family for run in runs} == {f"{owner}:testing/line-v1"}
        learned = [run for run in runs if run.method == "hb-two:knn"]
        wanted = Wanted(learned[0].family, PROTOCOL)
        found, _ = ensure_demonstrations(wanted, site, ignore, registry=contested)
        assert found.folder.parts[-2:] == (f"{owner}:testing", "line-v1")
        for run in learned:
            record = execute(run, site, ignore, registry=contested)
            assert (record.status, record.error) == ("ok", None)
            assert list(contested.packages_of(record.family, record.method))[-1] == "hb-two"
            folders.append(site.runs / run.key)
    assert len(set(folders)) == 2
    assert {board.families for board in make_boards(folders)} == {
        ("hb-one:testing/line-v1",),
        ("hb-two:testing/line-v1",),
    }


def test_a_whole_name_that_need_not_be_said_is_the_same_row():
    found = Registry([source("hb-a", families=[LINE], methods=[entry("sound")])])
    plain, whole = (
        plan(found, [method], family, PROTOCOL)
        for method, family in (("sound", LINE.id), ("hb-a:sound", f"hb-a:{LINE.id}"))
    )
    assert [run.key for run in whole] == [run.key for run in plain]
    assert {run.method for run in whole if not run.is_arm} == {"sound"}


def test_one_distribution_that_uses_a_name_twice_has_nothing_to_choose_by():
    found = Registry([source("hb-a", methods=[entry("knn"), entry("knn"), entry("sound")])])
    assert list(found.methods) == ["sound"]
    for asked in ("knn", "hb-a:knn"):
        with pytest.raises(HyperbenchError, match="knn'"):
            found.method_class(asked)
    assert found.disputes == [
        "Method 'knn' is registered by 'hb-a' 1 more than once. "
        "Uninstall one, or name those to load in HYPERBENCH_LOAD_PLUGINS."
    ]
