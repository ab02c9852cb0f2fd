"""The clone: what lies in it and is not installed, and how errors say to install it."""

import re
from pathlib import Path

import pytest

from hyperbench.errors import PluginError, UnknownNameError
from hyperbench.registry import Registry, installed
from hyperbench.registry import clone as clone_module
from hyperbench.registry.clone import Clone, how_to_add, source_tree

ROOT = Path(__file__).parents[1]
ENTRY_POINT = """
import simulator_that_is_not_there
from hyperbench.hookspecs import SuiteEntry, hookimpl
_SUITES = {"reach": "to reach", "grasp": "to grasp"}
_BODIES = ["arm", "hand"]
@hookimpl
def hyperbench_families(): return [FamilyEntry(f"{suite}/{body}-v1") for body in _BODIES]
@hookimpl
def hyperbench_suites():
    return [SuiteEntry("dance", ["dance/arm-v1"], "to dance")] + [
        SuiteEntry(name, [f"{name}/{body}-v1"], summary) for name, summary in _SUITES.items()
    ]
"""


def add_package(root, folder, needs=(), entry_point=None):
    """Write a package ``absent_NAME`` that nobody has installed; gives its distribution's name."""
    name = folder.rpartition("/")[2]
    package = root / folder / f"absent_{name}"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    lines = ["[project]", f'name = "absent-{name}"', f"dependencies = {list(needs)}"]
    if entry_point is not None:
        (package / "plugin.py").write_text(entry_point)
        lines += ["[project.entry-points.hyperbench]", f'{name} = "absent_{name}.plugin"']
    (root / folder / "pyproject.toml").write_text("\n".join(lines))
    return f"absent-{name}"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone in the current folder: a world, what it shares with others, and a broken package."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "hyperbench-rl"\n')
    shared = add_package(tmp_path, "plugins/shared", ["hyperbench-rl==0.1.0"])
    needs = ["numpy>=2", f"{shared}==0.1.0", "hyperbench-rl==0.1.0"]
    add_package(tmp_path, "plugins/robot", needs, ENTRY_POINT)
    add_package(tmp_path, "methods")
    (tmp_path / "plugins" / "broken").mkdir()
    (tmp_path / "plugins" / "broken" / "pyproject.toml").write_text("[project\n")
    add_package(tmp_path, "plugins/unreadable", entry_point="def (")
    monkeypatch.chdir(tmp_path)
    return Clone(tmp_path)


def command(*folders):
    return "pip install -c constraints.txt " + " ".join(f"-e {folder}" for folder in folders)


def test_what_lies_in_a_clone(clone):
    folders = [package.folder for package in clone.packages]
    plugins = [f"plugins/{name}" for name in ("robot", "shared", "unreadable")]
    assert folders == [".", "methods", *plugins]
    assert clone.of_distribution("absent-methods").folder == "methods"
    assert clone.of_distribution("absent-broken") is None
    assert clone.of_import("absent_shared.threads").folder == "plugins/shared"
    assert clone.of_import("numpy") is None
    assert clone.of_distribution("hyperbench-rl").is_installed
    assert not clone.of_distribution("absent-robot").is_installed


def test_a_suite_is_found_by_what_its_package_registers(clone):
    """Not by the names of folders and bodies; and nothing of the package is run."""
    for suite in ("reach", "grasp", "dance"):
        assert clone.of_suite(suite).folder == "plugins/robot"
    for name in ("robot", "absent_robot", "arm", "shared", "methods", "unreadable", ""):
        assert clone.of_suite(name) is None


def test_a_suite_of_the_clone_is_said_to_be_there(clone):
    how = command("plugins/shared", "plugins/robot")
    message = f"Suite 'reach' is not installed. It is in this clone: {how}"
    registry = Registry([], clone)
    for ask in (registry.select_families, registry.make_family):
        for asked in ("reach", "reach/arm-v1"):
            with pytest.raises(PluginError, match=f"^{re.escape(message)}$"):
                ask(asked)
    with pytest.raises(UnknownNameError, match="Unknown suite 'robot'"):
        registry.select_families("robot")


def test_what_is_installed_is_not_installed_again(clone, monkeypatch):
    package = clone.of_distribution("absent-robot")
    versions = {"absent-shared": "0.1.0", "hyperbench-rl": "0.1.0"}
    monkeypatch.setattr(clone_module.metadata, "version", versions.get)
    assert clone.how_to_install(package) == f"is in this clone: {command('plugins/robot')}"
    versions.clear()
    everything = command(".", "plugins/shared", "plugins/robot")
    assert clone.how_to_install(package) == f"is in this clone: {everything}"
    versions["absent-robot"] = "0.1.0"
    with pytest.raises(UnknownNameError, match="Unknown suite 'reach'"):
        Registry([], clone).select_families("reach")


def test_the_clone_is_named_where_the_command_would_not_work(clone, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    said = clone.how_to_install(clone.of_distribution("absent-shared"))
    assert said == f"is in the clone {tmp_path}: {command('plugins/shared')}"


def test_what_an_extra_needs_is_named_as_it_can_be_had(clone, tmp_path, monkeypatch):
    """By the clone's own extra, else by the package itself: hyperbench's is on no index."""
    monkeypatch.setattr(clone_module, "source_tree", lambda: clone)
    said = "Install it, in this clone, with: pip install -c constraints.txt -e '.[tune]'"
    assert how_to_add("optuna", "tune") == said
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert how_to_add("optuna", "tune").startswith(f"Install it, in the clone {tmp_path}, with: ")
    monkeypatch.setattr(clone_module, "source_tree", lambda: None)
    assert how_to_add("optuna", "tune") == "Install it with: pip install optuna"


def test_this_is_a_clone():
    assert source_tree() == Clone(ROOT)


@pytest.mark.parametrize("beside", [None, "[project]\nname = 'somebody-elses'\n", "[project\n"])
def test_an_installed_copy_is_no_clone(tmp_path, monkeypatch, beside):
    (tmp_path / "hyperbench").mkdir()
    if beside is not None:
        (tmp_path / "pyproject.toml").write_text(beside)
    monkeypatch.setattr(clone_module, "__file__", str(tmp_path / "hyperbench" / "clone.py"))
    assert source_tree() is None


def test_every_suite_of_ours_is_found_in_this_clone():
    """However a package comes to its suites' names, its source must show them."""
    registry, here = installed(), Clone(ROOT)
    found = {suite: here.of_suite(suite) for suite in registry.suites}
    for plugin in registry.plugins:
        package = here.of_distribution(plugin.distribution)
        for suite in plugin.suites if package else ():
            assert found[suite.name] == package
    assert {"locomotion", "tracking", "manipulation", "pointmass"} <= set(found)
    assert here.of_suite("mujoco") is None
