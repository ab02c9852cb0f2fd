"""``hyperbench new``: a package of one's own that is complete, to be changed from there."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

from hyperbench.errors import HyperbenchError, UnknownNameError
from hyperbench.files import write_file
from hyperbench.registry.code import is_importable
from hyperbench.view.console import print_line, standard_output

_TEMPLATES = resources.files("hyperbench.commands") / "templates"
_CODE = {"method": "method.py", "suite": "world.py"}
"""By kind of package the file that its owner is here for."""
_DEPENDENCIES = {
    "method": '"hyperbench-rl>=0.1", "numpy"',
    "suite": '"gymnasium>=1.1", "hyperbench-rl>=0.1", "numpy"',
}

out = standard_output()


def new_command(kind: str, name: str, output_dir: Path) -> None:
    """Write a package with a method or a suite that works, its test, README and CI.

    Args:
        kind: ``"method"`` or ``"suite"``.
        name: of it, and of the package's folder.
        output_dir: for that folder.

    Raises:
        UnknownNameError: there is no such kind.
        HyperbenchError: the name is none, a package of that name is installed, or the folder is
            there.
    """
    if kind not in _CODE:
        raise UnknownNameError("kind of package", kind, _CODE)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise HyperbenchError(
            f"{name!r} is no name for a {kind}: small letters and digits, words joined by hyphens, "
            "such as nearest-state."
        )
    module = name.replace("-", "_")
    if is_importable(module):
        raise HyperbenchError(
            f"A package {module!r} can be imported here already. Choose another name."
        )
    folder = output_dir / name
    if folder.exists():
        raise HyperbenchError(
            f"{folder} is there already, and nothing was written. Choose another name, or another "
            "place with --output-dir."
        )
    values = {
        "kind": kind,
        "name": name,
        "module": module,
        "Class": "".join(word.capitalize() for word in name.split("-")),
        "dependencies": _DEPENDENCIES[kind],
    }
    for place, template in _places(kind, module).items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        source = _TEMPLATES.joinpath(*f"{template}.txt".split("/")).read_text(encoding="utf-8")
        write_file(path, Template(source).substitute(values))
        print_line(str(path), out)
    print_line(f'\nNext: pip install -e "{folder}[dev]" && hyperbench check {name}', out)


def _places(kind: str, module: str) -> dict[str, str]:
    """Files of the package, and which template each is made of."""
    return {
        "pyproject.toml": "pyproject.toml",
        "README.md": f"{kind}/README.md",
        ".github/workflows/test.yml": "test.yml",
        **{
            f"{module}/{file}": f"{kind}/{file}"
            for file in ("__init__.py", "plugin.py", _CODE[kind])
        },
        f"tests/test_{module}.py": f"{kind}/test_contract.py",
    }
