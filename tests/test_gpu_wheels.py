"""What `make gpu` finds on a machine without network: the wheels that were laid beside it."""

import importlib.util
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

PLACE = Path(__file__).parent / "gpu" / "wheels.py"


@pytest.fixture
def wheels():
    spec = importlib.util.spec_from_file_location("gpu_wheels", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_that_is_needed_is_there_but_torch_and_what_the_machine_has(wheels):
    found = wheels.closure(wheels.OURS, ["torch", "SciPy"], "3.12")
    assert {"hyperbench-baselines", "numpy", "filelock", "pydantic-core"} <= found
    assert "h5py" in found, "an extra of one of them is needed as well"
    assert not {"torch", "sympy", "scipy", "pytest", "matplotlib"} & found
    pins = wheels.pinned(found - set(wheels.OURS))
    for pin in pins:
        name, _, version = pin.partition("==")
        assert metadata.version(name) == version, "constraints.txt is what is installed"
    assert {canonicalize_name(pin.partition("==")[0]) for pin in pins} == found - set(wheels.OURS)


def test_what_has_no_version_is_refused(wheels):
    with pytest.raises(SystemExit, match=r"No version in constraints.txt: left-pad"):
        wheels.pinned({"numpy", "left-pad"})
