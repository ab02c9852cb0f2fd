"""The dependency rule: worlds and methods never meet, the core stays light, doors import late."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "hyperbench").rglob("*.py"))
WORLDS = sorted(ROOT.glob("plugins/*/hyperbench_*/**/*.py"))
METHODS = sorted(ROOT.glob("baselines/hyperbench_baselines/**/*.py"))
SOURCES = [*CORE, *WORLDS, *METHODS]
PACKAGES = [
    ROOT / "hyperbench",
    ROOT / "baselines" / "hyperbench_baselines",
    *sorted(ROOT.glob("plugins/*/hyperbench_*")),
]
TRACKERS = {"tensorboard", "mlflow", "wandb"}
LIBRARIES = {"hyperbench_mujoco"}
"""What worlds share: packages beside theirs which register nothing and know no world."""

# Which folders of the core a folder may import from; arrows are transitive, every folder may import
# the modules at the top level, and those import none of the folders.
ARROWS: dict[str, set[str]] = {
    "records": set(),
    "adapters": {"records"},
    "statistics": set(),
    "boards": {"records", "statistics"},
    "view": {"boards"},
    "report": {"view"},
    "site": {"report"},
    "measuring": {"adapters", "records"},
    "tuning": {"measuring", "statistics"},
    "verification": {"measuring", "statistics"},
    "commands": {"testing", "tuning", "verification", "view"},
    "testing": {"measuring", "statistics", "verification"},
    "cli": {"commands", "report", "site"},
    "api": {"commands", "report"},
}
DOOR = {"executors", "policy", "registry", "rollout"}
"""Folders that count as the top level: a noun there that needs several files."""
MOST_AT_THE_TOP = 24
_TOP = "the top level"


def reachable_folders(folder: str) -> set[str]:
    """All folders that arrows lead to."""
    return ARROWS[folder].union(*(reachable_folders(other) for other in ARROWS[folder]))


def folder_of(module: str) -> str:
    """The folder of the core that a module lies in, such as ``hyperbench.boards.row``."""
    name = module.split(".")[1] if "." in module else ""
    return name if name in ARROWS else _TOP


def against_the_arrows(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Which of the core's modules import from a folder they must not know."""
    return [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if folder_of(other) not in (_TOP, folder_of(module))
        and folder_of(other)
        not in (set() if folder_of(module) == _TOP else reachable_folders(folder_of(module)))
        and module != "hyperbench.__main__"
    ]


def is_shared(module: str) -> bool:
    """Whether a module of the baselines is what all methods share, in ``common``."""
    return module.split(".")[1:2] == ["common"]


def shared_that_knows_a_method(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Which modules that all methods share import one that lies beside the methods."""
    return [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if is_shared(module) and not is_shared(other)
    ]


def circles(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Where modules lead back to themselves."""
    try:
        tuple(TopologicalSorter(imports).static_order())
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def imported_names(path: Path) -> set[str]:
    """What a file imports by its full name: modules, and what is taken from them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def offences(files: list[Path], banned: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported_names(path)
        if module.split(".")[0] in banned
    ]


def test_the_core_never_imports_a_simulator_torch_or_a_plugin() -> None:
    plugins = {path.parent.name for path in [*WORLDS, *METHODS]} | {"hyperbench_baselines"}
    assert CORE
    assert not offences(CORE, {"torch", "mujoco", "metaworld", "dm_control"} | TRACKERS | plugins)


def plugin_imports() -> dict[str, set[str]]:
    """Per package of ``plugins/`` the packages that any of its files imports."""
    imports: dict[str, set[str]] = {}
    for path in WORLDS:
        package = path.relative_to(ROOT / "plugins").parts[1]
        imports.setdefault(package, set()).update(
            name.split(".")[0] for name in imported_names(path)
        )
    return imports


def against_the_worlds(imports: Mapping[str, set[str]], libraries: set[str]) -> list[str]:
    """Which packages of ``plugins/`` import a method, or one of them that is no library."""
    refused = (set(imports) - libraries) | {"hyperbench_baselines"}
    return [
        f"{package} imports {other}"
        for package, others in imports.items()
        for other in sorted(others & (refused - {package}))
    ]


def test_worlds_and_methods_never_import_each_other() -> None:
    imports = plugin_imports()
    assert METHODS
    assert not offences(METHODS, {*imports, "mujoco", "gymnasium"})
    assert set(imports) > LIBRARIES
    assert not against_the_worlds(imports, LIBRARIES)


@pytest.mark.parametrize(
    ("package", "other", "allowed"),
    [
        ("world", "library", True),
        ("world", "another_world", False),
        ("world", "hyperbench_baselines", False),
        ("library", "world", False),
        ("library", "hyperbench_baselines", False),
    ],
)
def test_an_import_between_worlds_is_found(package: str, other: str, allowed: bool) -> None:
    imports = {"world": {"numpy", "world"}, "another_world": set(), "library": {"mujoco"}}
    imports[package].add(other)
    found = against_the_worlds(imports, {"library"})
    assert found == ([] if allowed else [f"{package} imports {other}"])


def test_a_library_registers_nothing_and_worlds_declare_that_they_need_it() -> None:
    """A world that shares what it is itself would be imported by others."""
    imports = plugin_imports()
    for path in ROOT.glob("plugins/*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        [package] = (folder.name for folder in path.parent.glob("hyperbench_*"))
        assert ("entry-points" in project) == (package not in LIBRARIES)
        for library in LIBRARIES & imports[package] - {package}:
            needed = library.replace("_", "-")
            assert any(line.startswith(f"{needed}==") for line in project["dependencies"])


def imports_within(package: Path) -> dict[str, set[str]]:
    """Per module of a package those of it that it imports, at any depth of its code."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        modules[".".join(part for part in parts if part != "__init__")] = path

    def known(name: str) -> str | None:
        # ``from hyperbench.run import Run`` is an import of ``hyperbench.run``.
        return name if name in modules else known(name.rpartition(".")[0]) if name else None

    def of(path: Path) -> set[str]:
        names = {known(name) for name in imported_names(path)}
        return {name for name in names if name is not None}

    return {module: of(path) - {module} for module, path in modules.items()}


def test_folders_import_along_the_arrows_only() -> None:
    folders = {path.parent.name for path in (ROOT / "hyperbench").glob("*/__init__.py")}
    assert folders - DOOR == set(ARROWS), "say in ARROWS where a new folder belongs"
    assert not against_the_arrows(imports_within(ROOT / "hyperbench"))


@pytest.mark.parametrize("folder", [*ARROWS, _TOP])
@pytest.mark.parametrize("other", ARROWS)
def test_an_import_against_an_arrow_is_found(folder: str, other: str) -> None:
    module = "hyperbench.fake" if folder == _TOP else f"hyperbench.{folder}.fake"
    allowed = folder == other or (folder != _TOP and other in reachable_folders(folder))
    found = against_the_arrows({module: [f"hyperbench.{other}.fake", "hyperbench.errors"]})
    assert found == ([] if allowed else [f"{module} imports hyperbench.{other}.fake"])


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_no_module_leads_back_to_itself(package: Path) -> None:
    assert not circles(imports_within(package))


def test_a_circle_is_found_where_it_is_for_types_alone(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(f"from {tmp_path.name} import other")
    other = tmp_path / "other.py"
    other.write_text("import typing\nif typing.TYPE_CHECKING:\n    pass")
    assert not circles(imports_within(tmp_path))
    other.write_text(other.read_text().replace("pass", f"from {tmp_path.name}.one import One"))
    assert len(circles(imports_within(tmp_path))) == 1


def test_a_circle_of_three_is_found() -> None:
    fake = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}
    assert len(circles(fake)) == 1
    assert not circles({**fake, "c": []})


def test_what_methods_share_knows_no_method() -> None:
    imports = imports_within(ROOT / "baselines" / "hyperbench_baselines")
    assert any(is_shared(module) for module in imports)
    assert not shared_that_knows_a_method(imports)


@pytest.mark.parametrize("other", ["hypogen", "common_sense", "common.layers"])
def test_a_shared_module_that_knows_a_method_is_found(other: str) -> None:
    other = f"hyperbench_baselines.{other}"
    fake = {"hyperbench_baselines.common.fake": [other], "hyperbench_baselines.fake": [other]}
    expected = [] if is_shared(other) else [f"hyperbench_baselines.common.fake imports {other}"]
    assert shared_that_knows_a_method(fake) == expected


def test_the_top_level_is_small() -> None:
    files = list((ROOT / "hyperbench").glob("*.py"))
    assert len(files) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["list"], ["plugins"], ["--version"]]
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from hyperbench import cli\n"
        f"sys.argv = ['hyperbench', *{arguments!r}]\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'mujoco', 'pandas', 'scipy', 'metaworld', 'dm_control'}\n"
        f"heavy = (heavy | {TRACKERS}) & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
