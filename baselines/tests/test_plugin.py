from __future__ import annotations

import subprocess
import sys

from hyperbench_baselines.plugin import hyperbench_methods


def test_registered_methods():
    entries = {entry.name: entry for entry in hyperbench_methods()}
    assert set(entries) == {"hypogen", "hyperzero", "conditional", "spec-blind"}
    baselines = {name for name, entry in entries.items() if entry.baseline}
    assert baselines == {"hyperzero", "conditional", "spec-blind"}


def test_registering_imports_no_torch():
    code = (
        "import sys, hyperbench_baselines.plugin as plugin;"
        "plugin.hyperbench_methods();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
