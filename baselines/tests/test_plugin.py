from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hyperbench_baselines.plugin import hyperbench_methods


def test_registered_methods():
    entries = {entry.name: entry for entry in hyperbench_methods()}
    assert set(entries) >= {"hypogen", "hyperzero", "conditional", "spec-blind"}
    assert set(entries) >= {"film", "bias-hyperinit", "interpolation"}
    few_shot = {name for name, entry in entries.items() if entry.track == "few-shot"}
    assert few_shot == {"maml", "pearl", "hypogen-finetuned", "conditional-finetuned"}
    baselines = {name for name, entry in entries.items() if entry.baseline}
    assert baselines == {"hyperzero", "conditional", "spec-blind"}


def test_every_method_is_in_the_index():
    index = (Path(__file__).parents[2] / "docs" / "methods" / "README.md").read_text()
    for entry in hyperbench_methods():
        assert f"| `{entry.name}` | {entry.track} |" in index


def test_registering_imports_no_torch():
    code = (
        "import sys, hyperbench_baselines.plugin as plugin;"
        "plugin.hyperbench_methods();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
