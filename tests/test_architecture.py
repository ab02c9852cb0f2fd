"""The dependency rule: worlds and methods never meet, the core stays light, doors import late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "hyperbench").rglob("*.py"))
WORLDS = sorted(ROOT.glob("plugins/*/hyperbench_*/**/*.py"))
METHODS = sorted(ROOT.glob("baselines/hyperbench_baselines/**/*.py"))
SOURCES = [*CORE, *WORLDS, *METHODS]

# Each floor may import from itself and from lower floors, never from a higher one.
FLOORS = [
    {"errors", "seeding", "files", "provenance", "search", "vector"},
    {"task", "demonstration", "policy", "generator", "family", "protocol", "split"},
    {"rollout", "collect", "episodes", "record", "runs", "statistics", "board"},
    {"references", "hookspecs", "registry"},
    {"plan", "conductor", "executors", "film", "labels", "leaderboard", "published", "report"}
    | {"integrity", "pairing", "rows", "study", "tune", "verification"},
    {"chart", "commands", "compare", "console", "describe", "export", "inspection", "power"}
    | {"publish", "render", "verify"}
    | {"testing", "cli", "__main__"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}


def imported_modules(path: Path) -> set[str]:
    """Every module a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def offences(files: list[Path], banned: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported_modules(path)
        if module.split(".")[0] in banned
    ]


def test_the_core_never_imports_a_simulator_torch_or_a_plugin() -> None:
    plugins = {path.parent.name for path in [*WORLDS, *METHODS]} | {"hyperbench_baselines"}
    assert CORE
    assert not offences(CORE, {"torch", "mujoco", "metaworld", "dm_control"} | plugins)


def test_worlds_and_methods_never_import_each_other() -> None:
    assert WORLDS
    assert METHODS
    worlds = {path.relative_to(ROOT / "plugins").parts[1] for path in WORLDS}
    assert not offences(METHODS, worlds | {"mujoco", "gymnasium"})
    assert not offences(WORLDS, {"hyperbench_baselines"})
    for world in worlds:
        own = [path for path in WORLDS if world in path.parts]
        assert not offences(own, worlds - {world})


def test_the_core_imports_downwards_only() -> None:
    wrong = []
    for path in CORE:
        name = path.relative_to(ROOT / "hyperbench").parts[0].removesuffix(".py")
        if name == "__init__":
            continue
        assert name in LEVEL, f"give {name} a floor in FLOORS"
        for module in imported_modules(path):
            parts = module.split(".")
            if parts[0] == "hyperbench" and len(parts) > 1 and LEVEL.get(parts[1], 0) > LEVEL[name]:
                wrong.append(f"{name} imports {module}")
    assert not wrong


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
        "heavy = {'torch', 'mujoco', 'pandas', 'metaworld', 'dm_control'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_completion_imports_nothing_heavy() -> None:
    program = (
        "import os, sys; os.environ.update(_HYPERBENCH_COMPLETE='complete_bash', "
        "COMP_WORDS='hyperbench r', COMP_CWORD='1')\n"
        "sys.argv = ['hyperbench']\n"
        "from hyperbench import cli\n"
        "try: cli.app(prog_name='hyperbench')\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'mujoco', 'pandas', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
