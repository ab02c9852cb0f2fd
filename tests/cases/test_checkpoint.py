"""A checkpoint gives back what was kept, or nothing, and never stands in the way of a fit."""

import numpy as np
import pytest

from hyperbench.generator import FitState, no_checkpoint
from hyperbench.measuring import checkpoint as checkpoint_module
from hyperbench.measuring.checkpoint import StoredCheckpoint

from .test_files import files_of_at_most


def state(step=1):
    arrays = {"weights": np.arange(1000.0) + step, "scalar": np.array(step, np.float32)}
    return FitState(arrays, {"step": step, "best": float("inf"), "point": [1, 0.1, None]})


def test_a_state_comes_back_as_it_was(tmp_path):
    StoredCheckpoint(tmp_path / "kept", "one", 0).offer(state)
    found = StoredCheckpoint(tmp_path / "kept", "one", 0).restore()
    assert found.json == state().json
    assert found.arrays.keys() == state().arrays.keys()
    for name, array in state().arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert np.array_equal(found.arrays[name], array)
    assert StoredCheckpoint(tmp_path / "kept", "other", 0).restore() is None
    assert StoredCheckpoint(tmp_path / "nowhere", "one", 0).restore() is None


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("state.json", b'"step": 1', b'"step": 2'),
        ("arrays.safetensors", b"weights", b"Weights"),
        ("manifest.json", b'"identity"', b'"identities"'),
        ("manifest.json", b'"one",', b'"one"'),
        ("state.json", None, None),
    ],
)
def test_a_state_that_was_altered_is_none(file, old, new, tmp_path):
    kept = StoredCheckpoint(tmp_path, "one", 0)
    kept.offer(state)
    content = (tmp_path / file).read_bytes()
    if old is None:
        (tmp_path / file).unlink()
    else:
        assert content.count(old) == 1
        (tmp_path / file).write_bytes(content.replace(old, new))
    assert kept.restore() is None
    kept.offer(state)
    assert kept.restore() is not None


def test_a_state_is_made_only_when_one_is_due(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: now[0])
    made = []

    def make():
        made.append(now[0])
        now[0] += 5  # what keeping it takes, and the fit does not
        return state()

    kept = StoredCheckpoint(tmp_path / "kept", "one", 60)
    for _ in range(100):
        now[0] += 7
        kept.offer(make)
    assert len(made) == 100 * 7 // 63
    assert kept.seconds_elsewhere == -5 * len(made)
    again = StoredCheckpoint(tmp_path / "kept", "one", 60)
    again.restore()
    assert again.seconds_elsewhere == 63 * len(made)


def test_a_full_disk_ends_no_fit_and_leaves_the_last_state(tmp_path):
    kept = StoredCheckpoint(tmp_path / "kept", "one", 0)
    kept.offer(lambda: state(1))
    with files_of_at_most(1000):
        kept.offer(lambda: state(2))
    assert kept.restore().json["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    kept.offer(lambda: state(3))
    assert kept.restore().json["step"] == 3


def test_a_state_holds_arrays_of_numpy():
    with pytest.raises(TypeError, match=r"array 'weights' is a list, not an array of NumPy"):
        FitState({"weights": [1.0]}, {})
    assert no_checkpoint.restore() is None
