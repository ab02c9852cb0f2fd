"""What the package registers, and what happens where Meta-World is not installed."""

import subprocess
import sys
from itertools import pairwise

import pytest
from hyperbench_manipulation.plugin import FAMILIES, hyperbench_protocols, hyperbench_suites

from hyperbench.errors import PluginError
from hyperbench.protocol import STANDARD
from hyperbench.registry import PluginSource, Registry


@pytest.fixture
def manipulation():
    """A registry of this package alone."""

    def load():
        from hyperbench_manipulation import plugin

        return plugin

    return Registry([PluginSource("manipulation", "hyperbench-manipulation", "0.1.0", load)])


def test_plugin_module_imports_no_simulator():
    code = (
        "import sys, hyperbench_manipulation.plugin; "
        "assert not {'mujoco', 'metaworld', 'torch', 'numpy'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_entries_and_families_agree(manipulation):
    assert len(FAMILIES) == 21
    for entry in FAMILIES:
        family = manipulation.make_family(entry.id)
        assert family.info.id == entry.id
        assert family.info.summary == entry.summary
        assert family.info.horizon <= 200
        assert family.info.has_success
        assert family.info.source_fraction == 0.3
    [suite] = hyperbench_suites()
    assert suite.families == tuple(entry.id for entry in FAMILIES)


@pytest.mark.parametrize("package", ["metaworld", "packaging"])
def test_without_metaworld_the_rest_works(manipulation, monkeypatch, package):
    monkeypatch.setattr("hyperbench.registry.registry.is_importable", lambda name: name != package)
    assert len(manipulation.select_families("manipulation")) == 21
    with pytest.raises(PluginError) as caught:
        manipulation.make_family("manipulation/goal-reach-v1")
    assert str(caught.value) == (
        f"Family 'manipulation/goal-reach-v1' needs the package '{package}', which is not "
        "installed. It is a dependency of hyperbench-manipulation 0.1.0: install that again, from "
        "where it came, with its dependencies."
    )
    assert manipulation.make_family("manipulation/lift-size-v1").tasks


def test_scarce_protocols_differ_in_the_source_alone_and_one_fit_is_a_part_of_standard(
    manipulation,
):
    [plugin] = manipulation.plugins
    assert plugin.failure is None
    family = manipulation.make_family("manipulation/goal-reach-v1")
    *scarce, one_fit = hyperbench_protocols()
    assert one_fit.split(family, 0) == STANDARD.split(family, 0)
    assert one_fit.seeds == STANDARD.seeds[:1]
    splits = [protocol.split(family, 0) for protocol in scarce]
    assert [len(split.source) for split in splits] == [5, 10, 15, 30]
    assert all(len(split.target) == 15 for split in splits)
    for fewer, more in pairwise(splits):
        assert {*fewer.source} < {*more.source}
        assert (fewer.validation, fewer.target) == (more.validation, more.target)
