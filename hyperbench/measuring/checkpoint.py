"""Checkpoints on disk: how far a fit has come, so that one that is killed goes on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hyperbench.errors import StorageError
from hyperbench.executors import Site
from hyperbench.files import new_folder, read_file, sha256_file
from hyperbench.generator import FitState
from hyperbench.provenance import provenance
from hyperbench.records.find import CHECKPOINT
from hyperbench.registry.code import Fingerprints
from hyperbench.run import Run
from hyperbench.seeding import content_hash

_ARRAYS, _JSON, _MANIFEST = "arrays.safetensors", "state.json", "manifest.json"


class StoredCheckpoint:
    """The checkpoint of one fit, in a folder that appears whole or not at all.

    A method is handed this object, which therefore knows no more than a folder and hashes.

    Args:
        folder: where it lies, or will.
        identity: hash of all that must be as it was for the fit to go on; of another fit nothing
            is restored.
        seconds: at least so many between two states that are kept; 0 keeps every one offered.
    """

    def __init__(self, folder: Path, identity: str, seconds: float) -> None:
        self._folder = folder
        self._identity = identity
        self._seconds = seconds
        self._begun = self._last = time.monotonic()
        self._seconds_elsewhere = 0.0

    @property
    def seconds_elsewhere(self) -> float:
        """What the fit took before it was interrupted, less what keeping states has taken here.

        With the time that has passed here since the beginning it is the cost of the whole fit.
        """
        return self._seconds_elsewhere

    def restore(self) -> FitState | None:
        """Give what was kept last; None if that is nothing, damaged, or of another identity."""
        from safetensors.numpy import load_file

        # Whatever is wrong with it, the fit can start again.
        with suppress(Exception):
            manifest = _Manifest.model_validate_json(read_file(self._folder / _MANIFEST))
            if manifest.identity == self._identity and manifest.sha256 == _checksums(self._folder):
                content = (self._folder / _JSON).read_text(encoding="utf-8")
                state = FitState(load_file(self._folder / _ARRAYS), json.loads(content))
                self._seconds_elsewhere += manifest.seconds
                return state
        return None

    def offer(self, make_state: Callable[[], FitState]) -> None:
        """Keep the state if that is due.

        A state that cannot be written is left out, and the one before it stays: the fit is not
        lost, and a disk that is still full at its end is met, and told of, by its record.
        """
        now = time.monotonic()
        if now - self._last < self._seconds:
            return
        spent = now - self._begun + self._seconds_elsewhere
        state = make_state()
        with suppress(StorageError):
            self._write(state, spent)
        self._last = time.monotonic()
        self._seconds_elsewhere -= self._last - now

    def _write(self, state: FitState, spent: float) -> None:
        from safetensors.numpy import save_file

        with new_folder(self._folder, "") as draft:
            save_file(dict(state.arrays), draft / _ARRAYS)
            (draft / _JSON).write_text(json.dumps(state.json), encoding="utf-8")
            manifest = _Manifest(identity=self._identity, seconds=spent, sha256=_checksums(draft))
            (draft / _MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")


class _Manifest(BaseModel):
    """What ``manifest.json`` holds."""

    model_config = ConfigDict(extra="forbid")

    identity: str
    seconds: float
    sha256: dict[str, str]


def _checksums(folder: Path) -> dict[str, str]:
    return {name: sha256_file(folder / name) for name in (_ARRAYS, _JSON)}


def checkpoint_of(
    run: Run, site: Site, fingerprints: Fingerprints, packages: Mapping[str, Path | None]
) -> StoredCheckpoint | None:
    """Find the checkpoint of a run's fit, which may be there or not.

    Args:
        run: of a resumable method.
        site: where it lies, and how often it is written.
        fingerprints: of the code that fits.
        packages: distributions of the method and the family, as for ``provenance``.

    Returns:
        None where nobody could tell whether the method's code is still the same.
    """
    if fingerprints.method is None:
        return None
    made = provenance(packages, run.device)
    conditions = {
        "run": run.key,
        "fingerprints": fingerprints.model_dump(),
        # Another library or processor rounds differently, and no other fit would give the result.
        "versions": made.versions,
        "machine": made.machine,
        "gpu": made.gpu,
    }
    identity = content_hash(conditions)
    return StoredCheckpoint(_folder(site.runs, run), identity, site.checkpoint_seconds)


def discard_checkpoint(run: Run, site: Site) -> None:
    """Remove the checkpoint of a run that has a record, if there is one."""
    shutil.rmtree(_folder(site.runs, run), ignore_errors=True)


def _folder(runs: Path, run: Run) -> Path:
    return runs / f"{CHECKPOINT}{run.key}"
