"""Where and with what a run was made: which versions are recorded follows from metadata."""

from importlib import metadata

import pytest

from hyperbench.provenance import provenance


def declare(folder, name, requires=()):
    info = folder / f"{name.replace('-', '_')}-3.1.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 3.1"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")


def test_the_cores_dependencies_are_recorded():
    versions = provenance().versions
    for name in ("hyperbench-rl", "numpy", "scipy", "gymnasium", "safetensors", "minari"):
        assert versions[name] == metadata.version(name)
    assert "python" in versions
    assert "pytest" not in versions, "what an extra asks for decides no result"


def test_distributions_of_method_and_family_bring_their_own(tmp_path, monkeypatch):
    declare(tmp_path, "hb-knn", ["hyperbench-rl>=0.1", "hb-index", "plainlib; extra == 'fast'"])
    declare(tmp_path, "hb-index", ["hyperbench-rl", "plainlib>=1"])
    declare(tmp_path, "plainlib", ["deeplib"])
    declare(tmp_path, "deeplib")
    monkeypatch.syspath_prepend(tmp_path)
    found = provenance({"hb-knn": None, "not-installed": None}).versions
    assert {name: found.get(name) for name in ("hb-knn", "hb-index", "plainlib")} == {
        "hb-knn": "3.1",
        "hb-index": "3.1",
        "plainlib": "3.1",
    }
    assert "deeplib" not in found, "what a library of no hyperbench package needs is its own affair"
    assert "hb-knn" not in provenance().versions


def test_a_run_records_the_distributions_of_its_method_and_family():
    registry = pytest.importorskip("hyperbench.registry").installed()
    packages = registry.packages_of("pointmass/goal-drag-v1", "hypogen")
    assert {name: place.name for name, place in packages.items()} == {
        "hyperbench-pointmass": "hyperbench_pointmass",
        "hyperbench-baselines": "hyperbench_baselines",
    }
    assert set(registry.packages_of("pointmass/goal-drag-v1", "random")) == {"hyperbench-pointmass"}
