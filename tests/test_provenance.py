"""Where and with what a run was made: which versions are recorded follows from metadata."""

import subprocess
import sys
from importlib import metadata
from textwrap import dedent
from types import SimpleNamespace

import pytest

from hyperbench.measuring.memory import PeakMemory
from hyperbench.provenance import Source, _source, provenance


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


@pytest.fixture
def repository(tmp_path):
    """A committed plugin; gives its package's folder."""
    place = tmp_path / "repository" / "hb_knn"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    (place / "weights.npy").write_bytes(b"1")
    git(place, "init", "-q")
    git(place, "add", ".")
    git(place, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "all")
    _source.cache_clear()
    yield place
    _source.cache_clear()


def git(place, *arguments):
    subprocess.run(["git", "-C", str(place), *arguments], check=True, capture_output=True)


def test_a_plugins_own_repository_is_recorded(repository):
    source = provenance({"hb-knn": repository}).sources["hb-knn"]
    assert (len(source.commit), source.dirty) == (40, False)
    (repository / "__pycache__").mkdir()
    (repository / "__pycache__" / "a.pyc").write_text("")
    (repository.parent / "notes.txt").write_text("not of the package")
    _source.cache_clear()
    assert provenance({"hb-knn": repository}).changed == provenance().changed


@pytest.mark.parametrize("name", ["weights.npy", "new.py"])
def test_uncommitted_changes_of_a_plugin_are_recorded(repository, name):
    """Weights of an expert decide what it does as much as code."""
    (repository / name).write_text("2")
    assert "hb-knn" in provenance({"hb-knn": repository}).changed


def test_git_that_refuses_or_is_missing_is_no_clean_tree(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert provenance({"hb-knn": repository}).sources["hb-knn"].dirty is False
    _source.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    found = provenance({"hb-knn": repository})
    assert found.unknown["hb-knn"] == "git is not installed"
    assert found.sources["hb-knn"] == Source(unknown="git is not installed")


def test_an_installed_package_has_the_commit_that_the_installer_noted(tmp_path, monkeypatch):
    info = tmp_path / "site-packages" / "hb_vcs-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: hb-vcs\nVersion: 1\n")
    (info / "direct_url.json").write_text(
        dedent('{"url": "https://example.org/a.git", "vcs_info": {"commit_id": "abc"}}')
    )
    monkeypatch.syspath_prepend(info.parent)
    found = provenance({"hb-vcs": info.parent / "hb_vcs"})
    assert found.sources["hb-vcs"] == Source(commit="abc")
    assert found.versions["hb-vcs"] == "1"


@pytest.fixture
def card(monkeypatch, tmp_path):
    """A torch that finds a GPU, and a driver; gives what may be set in it."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 570.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    cuda = SimpleNamespace(
        is_available=lambda: True,
        get_device_name=lambda: "Card 1",
        reset_peak_memory_stats=lambda: None,
        max_memory_allocated=lambda: 2**30,
    )
    torch = SimpleNamespace(
        cuda=cuda,
        version=SimpleNamespace(cuda="12.8"),
        get_float32_matmul_precision=lambda: "highest",
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    return torch


def test_a_run_on_a_gpu_says_which_and_how_it_computed(card):
    assert provenance(device="cuda").gpu == "Card 1, driver 570.1, CUDA 12.8, TF32 off"
    card.get_float32_matmul_precision = lambda: "high"
    assert provenance(device="cuda").gpu == "Card 1, driver 570.1, CUDA 12.8, TF32 on"
    assert provenance(device="cpu").gpu is None


def test_the_memory_of_a_gpu_is_asked_for_by_runs_that_use_it(card):
    forgotten = []
    card.cuda.reset_peak_memory_stats = lambda: forgotten.append(True)
    assert PeakMemory("cpu").of_gpu() is None
    assert not forgotten
    assert PeakMemory("cuda").of_gpu() == 2**30
    assert forgotten
