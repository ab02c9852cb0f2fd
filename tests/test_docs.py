"""What the documentation shows is run: commands exist, examples work, links lead somewhere."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from hyperbench import cli, hookspecs, registry
from hyperbench.commands.check import check_command
from hyperbench.commands.telling import listening
from hyperbench.executors.slurm import SlurmConfig
from hyperbench.measuring.bringing import bring
from hyperbench.measuring.dataset import load
from hyperbench.protocol import PROTOCOLS
from hyperbench.registry import PluginSource, Registry
from hyperbench.testing import FAMILY_CHECKS, check_family, check_method

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = set(typer.main.get_command(cli.app).commands)


SOURCES = [
    path
    for pattern in (
        "hyperbench/**/*.py",
        "plugins/*/hyperbench_*/**/*.py",
        "baselines/hyperbench_*/**/*.py",
    )
    for path in sorted(ROOT.glob(pattern))
]
LEANING = re.compile(
    r"(likewise|ditto|the (same|other|former|latter)|same|of|it|its|they|them|their|theirs|this"
    r"|that|these|those|he|she|both|such|so|and|or|nor|also|as above)\b",
    flags=re.IGNORECASE,
)
"""How a sentence begins that needs what stands before it."""


def docstrings(path: Path) -> Iterator[str]:
    """Of modules, classes, functions and fields."""
    for node in ast.walk(ast.parse(path.read_text())):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield text.strip()


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), flags=re.DOTALL)


def set_up_command(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)\n```", README, flags=re.DOTALL)
    assert found, f"the README's {name} command is gone"
    return found[1]


def packages_of_the_clone() -> dict[str, set[str]]:
    """By folder those folders that its package depends on; worlds, methods, worlds' libraries."""
    projects = {
        str(path.parent.relative_to(ROOT)): tomllib.loads(path.read_text())["project"]
        for pattern in ("*/pyproject.toml", "plugins/*/pyproject.toml")
        for path in ROOT.glob(pattern)
    }
    folders = {project["name"]: folder for folder, project in projects.items()}
    return {
        folder: {
            folders[name]
            for line in project["dependencies"]
            if (name := re.split(r"[^\w-]", line)[0]) in folders
        }
        for folder, project in projects.items()
    }


def not_installed(command: str, packages: Mapping[str, set[str]]) -> set[str]:
    """Packages that a command leaves out, or names before one that they depend on."""
    named = re.findall(r"-e (\S+)", command)
    return {
        package
        for package, needed in packages.items()
        if package not in named or not needed <= set(named[: named.index(package)])
    }


@pytest.mark.parametrize("name", ["run", "test"])
def test_each_set_up_command_is_one_line_in_a_fresh_environment(name: str) -> None:
    command = set_up_command(name)
    assert "\n" not in command
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert "-c constraints.txt" in command
    assert not not_installed(command, packages_of_the_clone())


def test_a_package_that_is_not_installed_is_found() -> None:
    """Whether it registers something or, like a worlds' library, nothing."""
    packages = {"plugins/library": set(), "plugins/world": {"plugins/library"}}
    library, world = "-e plugins/library", "-e plugins/world"
    assert not not_installed(f"pip install -e . {library} {world} -e baselines", packages)
    assert not_installed(f"pip install {library} -e plugins/worlds", packages) == {"plugins/world"}
    assert not_installed(f"pip install {world} {library}", packages) == {"plugins/world"}
    assert not_installed("pip install -e .", packages) == set(packages)
    assert packages_of_the_clone()["plugins/locomotion"] == {"plugins/mujoco"}


def test_make_installs_what_the_readme_does() -> None:
    found = re.search(r"^PACKAGES = (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert found
    assert f"-c constraints.txt {found[1]} &&" in set_up_command("test")


def test_the_main_job_is_the_first_command() -> None:
    assert set_up_command("run").endswith("hyperbench run --method hypogen --suite locomotion")


def test_ci_runs_the_readmes_test_command() -> None:
    assert "<!-- test -->" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_and_option_shown_exists(path: Path) -> None:
    for line in re.findall(r"hyperbench [a-z][^`\n#]*", " ".join(blocks(path, "sh"))):
        words = line.split()
        if words[0] != "hyperbench" or words[1] not in COMMANDS:
            pytest.fail(f"{path.name} shows an unknown command: {line}")
        options = typer.main.get_command(cli.app).commands[words[1]].params
        known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
        wrong = [word for word in words[2:] if word.startswith("-") and word not in known]
        assert not wrong, line


def test_the_first_sentence_of_a_docstring_stands_alone() -> None:
    """As a tooltip, a line of ``hyperbench info``, an entry of an API page."""
    found = {(path, text) for path in SOURCES for text in docstrings(path)}
    assert len(found) > 1000
    assert {(path, text) for path, text in found if LEANING.match(text)} == set()


@pytest.mark.parametrize("text", ["Likewise.", "The same, by task.", "Of the joint.", "It moves."])
def test_a_sentence_that_leans_on_another_is_found(tmp_path: Path, text: str) -> None:
    for code in (f'x = 1\n"""{text}"""', f'def f():\n    """{text}"""'):
        (tmp_path / "fake.py").write_text(code)
        assert [bool(LEANING.match(found)) for found in docstrings(tmp_path / "fake.py")] == [True]
    assert not LEANING.match("Often moves.")


def test_every_command_and_hook_is_documented() -> None:
    text = "\n".join(path.read_text() for path in DOCS)
    for command in COMMANDS:
        assert f"hyperbench {command}" in text
    hooks = [name for name in vars(hookspecs) if name.startswith("hyperbench_")]
    assert len(hooks) == 7
    for hook in hooks:
        assert hook in text
    for protocol in PROTOCOLS:
        assert protocol in (ROOT / "docs" / "protocol.md").read_text()


def test_every_suite_is_in_the_readme_with_its_families() -> None:
    for suite in registry.installed().suites.values():
        assert f"`{suite.name}`" in README
        for family in suite.families:
            assert f"`{family.partition('/')[2]}`" in README


def test_links_between_documents_lead_somewhere() -> None:
    for path in DOCS:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text()):
            assert (path.parent / target.replace("\n", " ")).exists(), f"{path.name}: {target}"


def test_the_example_method_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Imported from a file, since the docstrings of its settings are read from the source.
    _, ridge, _, *others = blocks(ROOT / "docs" / "writing-a-method.md", "python")
    source = "\n\n".join([ridge, *others])
    (tmp_path / "example_of_the_documentation.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("example_of_the_documentation")
    assert len(module.hyperbench_methods()) == 1
    for check in module.CHECKS:
        check(module.CASE)
    check_method(module.BaggedRidge)


def suites_of_the_documentation(folder: Path) -> Iterator[Any]:
    """Imported from files, since each is a plugin, whole."""
    for i, source in enumerate(blocks(ROOT / "docs" / "writing-a-suite.md", "python")[:2]):
        assert len(source.splitlines()) <= 30
        name = f"suite_{i}_of_the_documentation"
        (folder / f"{name}.py").write_text(source)
        yield importlib.import_module(name)


def test_the_example_suites_of_gymnasium_are_short_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for module in suites_of_the_documentation(tmp_path):
        plugin = PluginSource("mine", "mine", "0.1", lambda module=module: module)
        known = Registry([plugin])
        (family,) = (known.make_family(id_) for id_ in known.families)
        # What its experts earn on all tasks takes longer.
        check_family(family, except_for=FAMILY_CHECKS[-2:])


@pytest.mark.thorough  # a second for each hundred thousand steps
def test_the_experts_of_the_example_suites_keep_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for module in suites_of_the_documentation(tmp_path):
        (entry,) = hookspecs.registered_in(module)
        family = getattr(module, entry.target.partition(":")[2])()
        for check in FAMILY_CHECKS[-2:]:
            check(family)


@pytest.mark.thorough  # what it shows test_brought shows in part; it plays 24 000 steps
@pytest.mark.filterwarnings("ignore::UserWarning")  # Minari recommends to say more
def test_the_example_of_brought_demonstrations_can_be_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_jax: None
) -> None:
    source = "\n\n".join(blocks(ROOT / "docs" / "bringing-data.md", "python"))
    (tmp_path / "brought_by_the_documentation.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    module = importlib.import_module("brought_by_the_documentation")
    family = module.cart_pole()
    module.collect("mine/cart-pole-v0")
    collected = load(family, bring(family, "mine/cart-pole-v0", 10, tmp_path), family.tasks)
    assert {len(row) for row in collected.episodes} == {10}
    episodes = [module.play(task, seed) for task in family.tasks for seed in range(2)]
    module.write("mine/written-v0", episodes)
    written = load(family, bring(family, "mine/written-v0", 2, tmp_path), family.tasks)
    for one, other in zip(written.episodes, collected.first(2).episodes, strict=True):
        assert np.array_equal(one[1].observations, other[1].observations)


ONE_FILE = [
    (path, text)
    for path in (ROOT / "docs" / "writing-a-method.md", ROOT / "docs" / "writing-a-suite.md")
    for text in blocks(path, "python")
    if "@hb.register_" in text
]


def test_a_method_of_the_documentation_is_at_most_forty_lines() -> None:
    files = [text for _, text in ONE_FILE if "@hb.register_method" in text]
    assert len(files) == 3
    for text in files:
        lines = [line for line in text.splitlines() if line]
        assert len(lines) <= 40, lines[0]


@pytest.mark.thorough  # tens of fits; what a single file is for is shown in test_plugin_files
@pytest.mark.parametrize(("path", "text"), ONE_FILE, ids=range(len(ONE_FILE)))
def test_a_file_of_the_documentation_passes_its_check(
    path: Path, text: str, tmp_path: Path
) -> None:
    file = tmp_path / "example.py"
    file.write_text(text)
    with registry.plugged_in([str(file)]):
        small = [] if "LearnedGenerator" not in text else ["num_steps=5", "policy_width=16"]
        assert check_command(str(file), small)


@pytest.mark.thorough  # runs and a fit; what it shows test_python shows of a smaller family
def test_the_page_of_python_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_this_process: None, demonstrations_dir: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(demonstrations_dir))
    page = ROOT / "docs" / "python.md"
    namespace: dict[str, Any] = {"__name__": "python_md"}
    for text in blocks(page, "python"):
        exec(compile(text, page.name, "exec"), namespace)
    (command,) = (text.split() for text in blocks(page, "sh"))
    done = CliRunner().invoke(cli.app, command[1:])
    assert done.exit_code == 0, done.output
    assert "mine" in done.output


def test_the_example_suite_registers() -> None:
    _, _, _, world, contract, register = blocks(ROOT / "docs" / "writing-a-suite.md", "python")
    # What is shown of the tutorial family is what its own tests play.
    shown = ROOT / "plugins" / "pointmass" / "hyperbench_pointmass" / "environment.py"
    assert f"\n\n\n{world}\n\n" in shown.read_text()
    exec(compile(contract, "writing-a-suite.md", "exec"), {})
    namespace: dict = {}
    exec(compile(register, "writing-a-suite.md", "exec"), namespace)
    assert namespace["hyperbench_suites"]()[0].families == [namespace["ID"]]


def test_the_example_listener_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], make_record
) -> None:
    (example,) = blocks(ROOT / "docs" / "running.md", "python")
    (tmp_path / "listener_of_the_documentation.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("listener_of_the_documentation")
    known = Registry([PluginSource("mine", "mine", "0.1", lambda: module)])
    with listening(["loud"], tmp_path, known) as telling:
        telling._tell(lambda listener: listener.run_finished(make_record(), {"score": 0.5}))
    assert capsys.readouterr().out == "some-method on toy/size-v1 (split 0, fit 0) ok 0.5 \n"


def test_the_example_of_a_slurm_file_is_one() -> None:
    (example,) = blocks(ROOT / "docs" / "reliability.md", "yaml")
    found = SlurmConfig.model_validate(yaml.safe_load(example))
    assert (found.partition, found.options) == ("gpu", {"qos": "long"})


def test_the_example_protocol_registers() -> None:
    (example,) = blocks(ROOT / "docs" / "protocol.md", "python")
    namespace: dict = {}
    exec(compile(example, "protocol.md", "exec"), namespace)
    (protocol,) = namespace["hyperbench_protocols"]()
    assert protocol.rules_hash not in {known.rules_hash for known in PROTOCOLS.values()}
