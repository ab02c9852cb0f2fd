"""``hyperbench verify``: check runs, stamp each row of a board, say what is wrong."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.commands.verdicts import jsonable, refit_json, show
from hyperbench.errors import DataError
from hyperbench.events import Status, emit
from hyperbench.executors import Site
from hyperbench.measuring.bringing import brought_to
from hyperbench.records.bundled import open_run
from hyperbench.records.store import StoredRun
from hyperbench.registry import Registry, installed
from hyperbench.seeding import child_seed
from hyperbench.threads import num_cores
from hyperbench.verification.refit import Refit, refit_run
from hyperbench.verification.replay import Verdict, verify_run
from hyperbench.view.console import standard_error
from hyperbench.view.progress import progress_display

err = standard_error()

_SEED_BITS = 32


def verify_command(
    folders: Sequence[Path],
    *,
    num_tasks: int | None,
    seed: int | None,
    tolerance: float | None,
    num_threads: int,
    data_dir: Path,
    as_json: bool,
    num_refits: int = 0,
    num_runs: int | None = None,
    choice: Choice = EVERYTHING,
) -> bool:
    """Check every run in some folders and show what was found.

    Args:
        folders: of runs, or boards that hold runs.
        num_tasks: target tasks of each run to play again; None for all.
        seed: draws them; if None, nobody can know which before.
        tolerance: see ``verify_run``.
        num_threads: physics threads; 0 takes the cores.
        data_dir: root of all demonstrations, for those that nobody plays.
        as_json: print every run as JSON instead of the table.
        num_refits: runs of each method's row that are fitted anew.
        num_runs: runs of each row that are played; None for all.
        choice: which of these runs; arms only where they, or no methods, are named.

    Returns:
        Whether all is verified, but for runs that failed and claim nothing, and no refit speaks
        against its record.

    Raises:
        DataError: a folder does not exist or holds no run.
    """
    registry = installed()
    seed = drawn_seed() if seed is None else seed
    site = Site(Path(), data_dir.absolute(), num_threads or num_cores())
    places = find_chosen(folders, choice, with_arms=False)
    played = None if num_runs is None else _played(places, num_runs, seed)
    verdicts = verified(places, num_tasks, seed, tolerance, site, played)
    refits = _refitted(verdicts, num_refits, seed, registry, site)
    if as_json:
        said = {"seed": seed, "runs": [jsonable(v) for v in verdicts]}
        if num_refits:
            said["refits"] = [refit_json(refit) for refit in refits]
        print(json.dumps(said, indent=1))
    else:
        show(verdicts, num_tasks, num_runs, seed, refits)
    return all(v.is_sound for v in verdicts) and all(refit.is_sound for refit in refits)


def drawn_seed() -> int:
    """A seed that nobody can know before."""
    return secrets.randbits(_SEED_BITS)


def _played(places: Sequence[Path], number: int, seed: int) -> set[Path]:
    """Draw some runs of each row, of those that can be played."""
    runs = []
    for place in places:
        with suppress(DataError):  # whoever checks it says what is wrong
            run = open_run(place)
            if run.record.is_arm or run.kept_tasks:
                runs.append(run)
    return {run.folder for run in _drawn(runs, number, seed, "play")}


def _drawn(runs: Iterable[StoredRun], number: int, seed: int, purpose: str) -> list[StoredRun]:
    """Draw as many runs of each row as are wanted."""
    rows: dict[tuple[str, str], list[StoredRun]] = {}
    for run in runs:
        rows.setdefault((run.record.protocol.id, run.record.row_label), []).append(run)
    return [
        run
        for row, found in sorted(rows.items())
        for run in sorted(found, key=lambda run: child_seed(seed, purpose, *row, run.record.key))[
            :number
        ]
    ]


def verified(
    runs: Sequence[Path],
    num_tasks: int | None,
    seed: int,
    tolerance: float | None,
    site: Site,
    played: Collection[Path] | None = None,
) -> list[Verdict]:
    """Check some runs, and show how far that is.

    Args:
        runs: their folders, as ``find_runs`` lists them.
        num_tasks: as for ``verify_run``, as are seed and tolerance.
        seed: draws the tasks.
        tolerance: of returns.
        site: where demonstrations are, and how many physics threads there are.
        played: which of them are played; None for all. Of the others all else is checked.
    """
    registry = installed()
    verdicts = []
    with progress_display({str(run): str(run) for run in runs}, err) as notify:
        for run in runs:
            emit(notify, str(run), "playing again")
            verdict = verify_run(
                run,
                registry,
                num_tasks=num_tasks if played is None or run in played else 0,
                seed=seed,
                num_threads=site.num_threads,
                tolerance=tolerance,
                brought=partial(brought_to, data_dir=site.data),
            )
            verdicts.append(verdict)
            status: Status = "ok" if verdict.is_sound else "failed"
            emit(notify, str(run), "playing again", status=status)
    return verdicts


def _refitted(
    verdicts: Sequence[Verdict], num_refits: int, seed: int, registry: Registry, site: Site
) -> list[Refit]:
    """Fit some runs of each method's row anew: those that the seed draws."""
    fitted = (
        open_run(verdict.folder)
        for verdict in verdicts
        if num_refits and (record := verdict.record) and not record.is_arm and record.status == "ok"
    )
    chosen = _drawn(fitted, num_refits, seed, "refit")
    labels = {run.record.key: run.record.label for run in chosen}
    refits = []
    with progress_display(labels, err) as notify:
        for run in chosen:
            refits.append(refit_run(run, registry, site, notify))
    return refits
