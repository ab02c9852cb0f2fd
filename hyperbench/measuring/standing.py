"""What is there already of a plan: finished runs, and whether the code they are of is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperbench.errors import DataError, NewerRecordError
from hyperbench.records.store import StoredRun
from hyperbench.registry import Registry
from hyperbench.registry.code import Fingerprints
from hyperbench.run import Run


@dataclass(frozen=True)
class Standing:
    """What is there of one run.

    Args:
        run: as planned.
        is_finished: whether it succeeded, and all that it gave is there.
        changed: names of the method and the family whose code has changed since.
        is_unmarked: whether its record is of before there were fingerprints, so that nobody knows.
        checksum: of its record, whatever that says; None if there is none that can be read.
    """

    run: Run
    is_finished: bool
    changed: tuple[str, ...] = ()
    is_unmarked: bool = False
    checksum: str | None = None

    def is_due(self, *, keep: bool, again: bool) -> bool:
        """Whether the run is to be measured.

        Args:
            keep: whether what other code gave is accepted.
            again: whether what is finished is measured again, too.
        """
        return again or not self.is_finished or bool(self.changed and not keep)


def standings(runs: Sequence[Run], folder: Path, registry: Registry) -> list[Standing]:
    """Look what is there of each run of a plan.

    Args:
        runs: the plan.
        folder: of the runs.
        registry: knows the code that is installed.

    Raises:
        NewerRecordError: a run is of a newer version of hyperbench; measured again it
            would be lost.
    """
    return [_standing(run, folder / run.key, registry) for run in runs]


def _standing(run: Run, folder: Path, registry: Registry) -> Standing:
    try:
        stored = StoredRun.read(folder)
    except NewerRecordError:
        raise
    except DataError:
        return Standing(run, is_finished=False)
    checksum = stored.record.content_sha256
    if not stored.is_finished:
        return Standing(run, is_finished=False, checksum=checksum)
    recorded = stored.record.fingerprints
    installed = registry.fingerprints(run.family, run.method)
    changed = tuple(getattr(run, name) for name in installed.differing(recorded))
    return Standing(
        run,
        is_finished=True,
        changed=changed,
        is_unmarked=recorded == Fingerprints() != installed,
        checksum=checksum,
    )
