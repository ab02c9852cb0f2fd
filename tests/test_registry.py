"""The registry: what is found, what is refused, and what one broken plugin does to the rest."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from gymnasium import spaces

from hyperbench.errors import PluginError, UnknownNameError
from hyperbench.executors.local import Processes
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry, hookimpl
from hyperbench.policy import MLPPolicies
from hyperbench.protocol import PROTOCOLS, QUICK
from hyperbench.registry import PluginSource, Registry, chosen_plugins
from hyperbench.registry.clone import Clone, source_tree

THIRD_PARTY = Path(__file__).parent / "third_party"
CLONE = Clone(Path(__file__).parents[1])
POINTMASS = FamilyEntry("pointmass/goal-drag-v1", "hyperbench_pointmass.family:GoalDrag", "")


def plugin(families=(), suites=(), methods=(), protocols=()):
    """What an entry point loads: a thing with hooks, usually a module."""
    return SimpleNamespace(
        hyperbench_families=hookimpl(lambda: families),
        hyperbench_suites=hookimpl(lambda: suites),
        hyperbench_methods=hookimpl(lambda: methods),
        hyperbench_protocols=hookimpl(lambda: protocols),
    )


def source(name, loaded=None, distribution=None, version="0.1.0"):
    """An entry point; ``loaded`` is a plugin, or an error to raise instead."""

    def load():
        if isinstance(loaded, BaseException):
            raise loaded
        return loaded or plugin()

    return PluginSource(name, distribution or f"hyperbench-{name}", version, load)


def method(name, target="hyperbench.generator:PolicyGenerator", **fields):
    return MethodEntry(name, target, "a method", **fields)


def suite(name, *families):
    return SuiteEntry(name, families, "a suite")


def protocol(id_):
    return QUICK.model_copy(update={"id": id_})


def exactly(message):
    return f"^{re.escape(message)}$"


def test_order_of_entry_points_does_not_matter():
    """Entry points come in the order of the file system; the list must not."""
    sources = [source(name, plugin(methods=[method(f"of-{name}")])) for name in "cab"]
    registries = [Registry(sources), Registry(reversed(sources))]
    for registry in registries:
        assert [found.name for found in registry.plugins] == ["a", "b", "c"]
        assert list(registry.methods) == ["of-a", "of-b", "of-c"]


def test_one_entry_point_of_two_distributions():
    """Nobody asks for an entry point: what each registers is there."""
    sources = [
        source("reach", plugin(methods=[method("one")]), "hyperbench-manipulation"),
        source("reach", plugin(methods=[method("two")]), "hyperbench-extra"),
    ]
    for order in (sources, sources[::-1]):
        registry = Registry(order)
        assert [p.distribution for p in registry.plugins] == [
            "hyperbench-extra",
            "hyperbench-manipulation",
        ]
        assert set(registry.methods) == {"one", "two"}


@pytest.mark.parametrize(
    ("kind", "name", "entries"),
    [
        ("Family", POINTMASS.id, {"families": [POINTMASS]}),
        ("Suite", "reach", {"suites": [suite("reach")]}),
        ("Method", "clone", {"methods": [method("clone")]}),
        ("Protocol", "many-v1", {"protocols": [protocol("many-v1")]}),
    ],
)
def test_one_name_of_two_plugins(kind, name, entries):
    """Tells whoever asks for it, and nobody else; tests/cases/test_plugins.py goes on with it."""
    message = (
        f"{kind} {name!r} is registered by both 'hyperbench-a' 0.1.0 and 'hyperbench-b' 0.1.0. "
        f"Say which: hyperbench-a:{name} or hyperbench-b:{name}."
    )
    registry = Registry([source("b", plugin(**entries)), source("a", plugin(**entries))])
    ask = {
        "Family": registry.make_family,
        "Suite": registry.select_families,
        "Method": registry.method_class,
        "Protocol": registry.protocol,
    }[kind]
    with pytest.raises(PluginError, match=exactly(message)):
        ask(name)
    assert registry.disputes == [message]


def test_protocols_of_plugins_stand_beside_our_own():
    registry = Registry([source("a", plugin(protocols=[protocol("many-v1")]))])
    assert list(registry.protocols) == [*PROTOCOLS, "many-v1"]
    assert registry.protocol("many-v1").num_episodes == QUICK.num_episodes
    assert registry.protocol("standard-v1") is PROTOCOLS["standard-v1"]
    with pytest.raises(UnknownNameError, match=r"protocol 'many'\. Did you mean 'many-v1'\?"):
        registry.protocol("many")


def broken_hook():
    raise RuntimeError("no simulator here")


@pytest.mark.parametrize(
    ("loaded", "failure"),
    [
        (ImportError("No module named 'simulator'"), "ImportError: No module named 'simulator'"),
        (RuntimeError("boom"), "RuntimeError: boom"),
        (
            SimpleNamespace(hyperbench_methods=hookimpl(broken_hook)),
            "RuntimeError: no simulator here",
        ),
        (
            SimpleNamespace(hyperbench_metods=hookimpl(lambda: [])),
            "PluginValidationError: unknown hook 'hyperbench_metods'",
        ),
        (plugin(methods=[POINTMASS]), "is registered where MethodEntry belongs"),
        (plugin(families=method("bare")), "TypeError"),
        (plugin(protocols=["many"]), "'many' is registered where EvalProtocol belongs"),
        (plugin(suites=["reach"]), "TypeError: 'reach' is registered where SuiteEntry belongs"),
    ],
)
def test_broken_plugin_is_listed_and_breaks_nothing_else(loaded, failure):
    good = plugin([POINTMASS], [suite("pointmass", POINTMASS.id)], [method("clone")])
    registry = Registry([source("zebra", good), source("broken", loaded)])
    broken, whole = registry.plugins
    assert failure in broken.failure
    assert (broken.families, broken.suites, broken.methods) == ((), (), ())
    assert whole.failure is None
    assert registry.make_family(POINTMASS.id).info.id == POINTMASS.id
    assert list(registry.methods) == ["clone"]
    assert list(registry.suites) == ["pointmass"]
    with pytest.raises(UnknownNameError, match="Not loaded: broken; see: hyperbench plugins"):
        registry.method_entry("of-the-broken")


@pytest.fixture(scope="module")
def registry():
    versions = (2, 10, 9, "ery-fast")
    families = [POINTMASS, *(FamilyEntry(f"walk/run-v{v}", "x:Y", "") for v in versions)]
    suites = [
        suite("pointmass", POINTMASS.id),
        suite("locomotion", "walk/run-v9", POINTMASS.id),
        suite("tracking"),
        suite("hollow", "walk/gone-v1"),
    ]
    methods = [method("hypogen"), method("hyperzero")]
    return Registry([source("all", plugin(families, suites, methods))])


def test_unknown_suite():
    registry = Registry(
        [source("all", plugin(suites=[suite(n) for n in ("tracking", "locomotion", "pointmass")]))]
    )
    message = (
        "Unknown suite 'locomtion'. Did you mean 'locomotion'?  "
        "Installed: locomotion, pointmass, tracking."
        " Suites come with packages; hyperbench's own lie in plugins/ of its source tree."
    )
    with pytest.raises(UnknownNameError, match=exactly(message)):
        registry.select_families("locomtion")


def test_unknown_names_are_helped(registry):
    with pytest.raises(UnknownNameError, match=r"method 'hypogn'\. Did you mean 'hypogen'\?"):
        registry.method_entry("hypogn")
    with pytest.raises(UnknownNameError, match=r"method 'zzz'\. +Installed: hyperzero, hypogen\."):
        registry.method_class("zzz")
    for asked in (registry.select_families, registry.make_family):
        with pytest.raises(UnknownNameError, match=r"family 'walk/rum-v9'\. Did you mean 'walk/"):
            asked("walk/rum-v9")
    with pytest.raises(UnknownNameError, match="Installed: none"):
        Registry([]).method_entry("hypogen")


def test_without_a_clone_no_name_to_install_is_guessed_at(registry):
    """Anybody may have taken it; tests/test_clone.py has what is said in a clone."""
    with pytest.raises(UnknownNameError) as caught:
        registry.select_families("manipulation")
    assert str(caught.value).startswith("Unknown suite 'manipulation'.  Installed: ")
    assert str(caught.value).endswith("hyperbench's own lie in plugins/ of its source tree.")
    assert "pip" not in str(caught.value)


def test_suite_of_ours_that_could_not_be_loaded():
    """It is installed: the way on is to see why it failed, not to install it again."""
    with pytest.raises(UnknownNameError, match="Not loaded: locomotion; see: hyperbench plugins"):
        Registry([source("locomotion", ImportError("mujoco"))], CLONE).select_families("tracking")


def test_selecting_families(registry):
    def ids(asked):
        return list(registry.select_families(asked))

    assert ids("locomotion") == ["walk/run-v9", POINTMASS.id], "a suite's own order"
    assert ids("walk/run-v2") == ["walk/run-v2"]
    assert ids("walk/run") == ["walk/run-v10"], "the newest, by number"
    with pytest.raises(PluginError, match="Suite 'hollow' lists the family 'walk/gone-v1', which"):
        registry.make_family(*ids("hollow"))


@pytest.mark.parametrize("package", ["metaworld_not_there", "metaworld_not_there.part"])
@pytest.mark.parametrize(
    ("distribution", "clone", "what_to_do"),
    [
        ("hyperbench-a", None, ": install that again, from where it came, with its dependencies."),
        ("hyperbench-a", CLONE, ": install that again, from where it came, with its dependencies."),
        (
            "hyperbench-baselines",
            CLONE,
            f", which is in the clone {CLONE.root}: pip install -c constraints.txt -e baselines",
        ),
    ],
)
def test_missing_package_is_named_with_what_to_do(
    package, distribution, clone, what_to_do, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    entry = FamilyEntry("reach/push-v1", "x:Y", "", requires=["json", package])
    loaded = plugin([entry], [], [method("clone", requires=[package])])
    registry = Registry([source("a", loaded, distribution)], clone)
    needs = (
        f" needs the package {package!r}, which is not installed. "
        f"It is a dependency of {distribution} 0.1.0{what_to_do}"
    )
    with pytest.raises(PluginError, match=exactly(f"Family 'reach/push-v1'{needs}")):
        registry.make_family("reach/push-v1")
    with pytest.raises(PluginError, match=exactly(f"Method 'clone'{needs}")):
        registry.method_class("clone")


def test_missing_package_of_the_clone_is_said_to_be_there(tmp_path, monkeypatch):
    package = tmp_path / "plugins" / "shared" / "shared_not_there"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "pyproject.toml").write_text('[project]\nname = "shared-not-there"\n')
    monkeypatch.chdir(tmp_path)
    loaded = plugin([FamilyEntry("reach/push-v1", "x:Y", "", requires=["shared_not_there"])])
    message = (
        "Family 'reach/push-v1' needs the package 'shared_not_there', which is not installed. "
        "It is in this clone: pip install -c constraints.txt -e plugins/shared"
    )
    with pytest.raises(PluginError, match=exactly(message)):
        Registry([source("robot", loaded)], Clone(tmp_path)).make_family("reach/push-v1")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("not_there_at_all:Clone", "No module named 'not_there_at_all'"),
        ("hyperbench.generator:Clone", "has no attribute 'Clone'"),
        ("hyperbench.generator", "no attribute"),
    ],
)
def test_target_that_cannot_be_imported(target, why):
    registry = Registry([source("extra", plugin(methods=[method("clone", target)]))])
    message = rf"Method 'clone' of hyperbench-extra 0\.1\.0 cannot .* '{target}': .*{why}"
    with pytest.raises(PluginError, match=message):
        registry.method_class("clone")


def test_families_get_their_arguments():
    info = SimpleNamespace(id="toy/made-v1")
    box = spaces.Box(-1, 1, (2,))
    arguments = {"info": info, "observation_space": box, "action_space": box}
    arguments |= {"tasks": (), "spec_space": None}
    entry = FamilyEntry("toy/made-v1", "types:SimpleNamespace", "", arguments=arguments)
    registry = Registry([source("toy", plugin([entry]))])
    assert registry.make_family("toy/made-v1").info is info


def test_family_that_calls_itself_otherwise():
    """Its records would be filed under a name nobody can ask for."""
    entry = FamilyEntry("toy/other-v1", POINTMASS.target, "")
    registry = Registry([source("toy", plugin([entry]))])
    with pytest.raises(PluginError, match=f"'toy/other-v1' calls itself '{POINTMASS.id}'"):
        registry.make_family("toy/other-v1")


def declare(folder, name, version, entry_points):
    """Install a distribution as pip does: metadata and entry points."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{point} = {target}" for point, target in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[hyperbench]", *lines, ""]))


def hyperbench(*lines, path):
    """Run commands in one process that finds the packages in the folders ``path``.

    Gives each one's standard output, once all have succeeded.
    """
    code = (
        "import sys; from hyperbench.cli import app\n"
        "for line in sys.argv[1:]:\n"
        "    app(line.split(), standalone_mode=False)\n"
        "    print('\\0', flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "COLUMNS": "200"}
    command = [sys.executable, "-c", code, *lines]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\0")[:-1]


def test_strangers_package_is_discovered_and_a_broken_one_is_listed(tmp_path):
    """A real package, by its own declaration; beside it one whose import fails."""
    project = tomllib.loads((THIRD_PARTY / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["hyperbench"]
    declare(tmp_path / "site", project["name"], project["version"], points)
    declare(tmp_path / "site", "broken-plugin", "9.9", {"broken": "broken_plugin"})
    (tmp_path / "site" / "broken_plugin.py").write_text("raise OSError('no [/dev/robot] here')\n")
    # The same distribution once more, later on the path: Python never imports it.
    declare(tmp_path / "shadowed", project["name"], "0.0.1", points)
    path = [tmp_path / "site", THIRD_PARTY, tmp_path / "shadowed"]

    listed, plugins, info, rules = hyperbench(
        "list",
        "plugins",
        "info pointmass --protocol example-plenty-v1",
        "info example-plenty-v1",
        path=path,
    )
    for name in (
        "example/thermostat-v1",
        "example/compass-v1",
        "example-ridge",
        POINTMASS.id,
        "hypogen",
    ):
        assert name in listed
    assert re.search(r"example-plenty-v1 +half of the tasks are source", listed)
    assert "could not be loaded; see: hyperbench plugins" in listed
    assert re.search(r"broken +broken-plugin 9\.9 +OSError: no \[/dev/robot] here", plugins)
    assert re.search(rf"example +{project['name']} {project['version']} +5 entries", plugins)
    assert "Split 0 of example-plenty-v1" in info
    assert re.search(r"source_fraction +0\.5 ", rules)
    assert "(0, 0), (1, 1)" in rules


SOURCES = [PluginSource(name, f"hb-{name}", "1", plugin) for name in ("one", "two")]


@pytest.mark.parametrize(
    ("asked", "loaded"),
    [
        ("", ["one", "two"]),
        (" ", ["one", "two"]),
        ("none", []),
        ("two", ["two"]),
        ("hb-one", ["one"]),
        ("two, one", ["one", "two"]),
    ],
)
def test_only_the_plugins_that_are_named_are_loaded(asked, loaded):
    assert [source.name for source in chosen_plugins(SOURCES, asked)] == loaded


def test_a_plugin_to_load_that_is_not_there_is_named():
    with pytest.raises(UnknownNameError, match=r"'tow'\. Did you mean 'two'\?"):
        chosen_plugins(SOURCES, "one,tow")


def test_the_environment_says_which_plugins_are_loaded(monkeypatch):
    monkeypatch.setenv("HYPERBENCH_LOAD_PLUGINS", "none")
    [listed] = hyperbench("list", path=[])
    assert "pointmass" not in listed
    assert "quick-v1" in listed


def test_kinds_of_policies_are_found_by_name():
    registry = Registry([])
    assert registry.policy_kind("mlp") is MLPPolicies
    with pytest.raises(UnknownNameError, match=r"kind of policies 'mpl'\. Did you mean 'mlp'\?"):
        registry.policy_kind("mpl")


def test_executors_are_found_by_name_and_say_what_they_need(monkeypatch):
    registry = Registry([])
    assert list(registry.executors) == ["local", "dask", "slurm"]
    assert registry.executor_class("local") is Processes
    with pytest.raises(UnknownNameError, match=r"executor 'dusk'\. Did you mean 'dask'\?"):
        registry.executor_class("dusk")
    monkeypatch.setattr("hyperbench.registry.registry.is_importable", lambda _: False)
    with pytest.raises(PluginError, match=r"'distributed'.*-e '\.\[dask\]'"):
        Registry([], source_tree()).executor_class("dask")
