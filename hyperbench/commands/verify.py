"""``hyperbench verify``: check runs, stamp each row of a board, say what is wrong."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.boards.worlds import method_labels
from hyperbench.events import Status, emit
from hyperbench.executors import Site
from hyperbench.measuring.bringing import brought_to
from hyperbench.records.bundled import open_run
from hyperbench.records.store import StoredRun
from hyperbench.registry import Registry, installed
from hyperbench.seeding import child_seed
from hyperbench.threads import num_cores
from hyperbench.verification.refit import Refit, refit_run
from hyperbench.verification.replay import Stamp, Verdict, verify_run
from hyperbench.view.console import standard_error, standard_output
from hyperbench.view.progress import progress_display

out = standard_output()
err = standard_error()

_SEED_BITS = 32
_STYLES: dict[Stamp, str] = {
    "verified": "green",
    "consistent": "green",
    "differs": "red",
    "unverifiable": "yellow",
}
_WORST_FIRST: tuple[Stamp, ...] = ("differs", "unverifiable", "verified", "consistent")
"""What a row is stamped by: one run that was played speaks for those that need not be."""


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
    verdicts = verified(
        find_chosen(folders, choice, with_arms=False), num_tasks, seed, tolerance, site
    )
    refits = _refitted(verdicts, num_refits, seed, registry, site)
    if as_json:
        said = {"seed": seed, "runs": [_jsonable(v) for v in verdicts]}
        if num_refits:
            said["refits"] = [_refit_json(refit) for refit in refits]
        print(json.dumps(said, indent=1))
    else:
        _show(verdicts, num_tasks, seed, refits)
    return all(v.is_sound for v in verdicts) and all(refit.is_sound for refit in refits)


def drawn_seed() -> int:
    """A seed that nobody can know before."""
    return secrets.randbits(_SEED_BITS)


def verified(
    runs: Sequence[Path], num_tasks: int | None, seed: int, tolerance: float | None, site: Site
) -> list[Verdict]:
    """Check some runs, and show how far that is.

    Args:
        runs: their folders, as ``find_runs`` lists them.
        num_tasks: as for ``verify_run``, as are seed and tolerance.
        seed: draws the tasks.
        tolerance: of returns.
        site: where demonstrations are, and how many physics threads there are.
    """
    registry = installed()
    verdicts = []
    with progress_display({str(run): str(run) for run in runs}, err) as notify:
        for run in runs:
            emit(notify, str(run), "playing again")
            verdict = verify_run(
                run,
                registry,
                num_tasks=num_tasks,
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
    by_row: dict[tuple[str, str], list[StoredRun]] = {}
    for verdict in verdicts:
        record = verdict.record
        if num_refits and record and not record.is_arm and record.status == "ok":
            row = record.protocol.id, record.row_label
            by_row.setdefault(row, []).append(open_run(verdict.folder))
    chosen = [
        run
        for row, runs in sorted(by_row.items())
        for run in sorted(runs, key=lambda run: child_seed(seed, "refit", *row, run.record.key))[
            :num_refits
        ]
    ]
    labels = {run.record.key: run.record.label for run in chosen}
    refits = []
    with progress_display(labels, err) as notify:
        for run in chosen:
            refits.append(refit_run(run, registry, site, notify))
    return refits


def _show(
    verdicts: Sequence[Verdict], num_tasks: int | None, seed: int, refits: Sequence[Refit]
) -> None:
    same = {refit.record.key for refit in refits if refit.outcome == "same"}
    labels = method_labels([verdict.record for verdict in verdicts if verdict.record])
    rows: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        record = verdict.record
        row = ("?", "?") if record is None else (record.protocol.id, labels[record.key])
        rows.setdefault(row, []).append(verdict)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("protocol", no_wrap=True)
    table.add_column("row", overflow="fold")
    table.add_column("stamp", no_wrap=True)
    found_any = {verdict.stamp for verdict in verdicts}
    shown = [stamp for stamp in _WORST_FIRST if stamp != "consistent" or stamp in found_any]
    for name in ("runs", *shown, "episodes played", "largest difference"):
        table.add_column(name, justify="right", no_wrap=name in shown)
    for (protocol, label), found in sorted(rows.items()):
        stamps = [verdict.stamp for verdict in found]
        stamp = next(stamp for stamp in _WORST_FIRST if stamp in stamps)
        table.add_row(
            protocol,
            escape(label),
            f"[{_STYLES[stamp]}]{_stamp(stamp, found, same)}[/]",
            str(len(found)),
            *(str(stamps.count(stamp)) for stamp in shown),
            f"{sum(v.num_played for v in found)} of {sum(v.num_judged for v in found)}",
            f"{max(v.largest_difference for v in found):.3g}",
        )
    out.print(table)
    for verdict in verdicts:
        for reason in verdict.reasons:
            out.print(
                f"[{_STYLES[verdict.stamp]}]{verdict.stamp}[/]  {escape(_name(verdict))}: "
                f"{escape(reason)}",
                highlight=False,
                soft_wrap=True,
            )
    _tell_refits(refits, verdicts)
    noted: dict[str, set[str]] = {}
    for verdict in verdicts:
        for note in verdict.notes:
            noted.setdefault(note, set()).add(_name(verdict))
    for note, names in sorted(noted.items()):
        num_runs = f"{len(names)} runs" if len(names) > 1 else "1 run"
        out.print(f"[yellow]note[/]  {num_runs}: {escape(note)}.", highlight=False, soft_wrap=True)
    played = "all target tasks" if num_tasks is None else f"{num_tasks} target tasks"
    out.print(
        f"Played again: {played} of each run, with all their episodes"
        + ("." if num_tasks is None else f"; the same ones with --seed {seed}."),
        style="dim",
        highlight=False,
    )


def _stamp(stamp: Stamp, found: Sequence[Verdict], same: Collection[str]) -> str:
    """A row's stamp, with how many of its policies are there to be played if it is not all."""
    kept, every = (sum(getattr(v, name) for v in found) for name in ("num_kept", "num_policies"))
    whole = stamp if kept == every else f"{stamp} ({kept} of {every} policies)"
    num_same = sum(v.record is not None and v.record.key in same for v in found)
    return f"{whole}, refitted ({num_same} of {len(found)} runs)" if num_same else whole


def _tell_refits(refits: Sequence[Refit], verdicts: Sequence[Verdict]) -> None:
    """Say of each refit that is not the same what it earned, and how far fits are apart."""
    for refit in refits:
        name = escape(refit.record.label)
        if refit.outcome == "impossible":
            line = f"[yellow]not refitted[/]  {name}: {escape(refit.why)}"
        elif refit.outcome == "other":
            style = "yellow" if refit.why else "red"
            why = f" ({escape(refit.why)})" if refit.why else ", with the same code and versions"
            line = (
                f"[{style}]other policies[/]  {name}{why}: mean return {refit.recorded:.6g} "
                f"recorded, {refit.refitted:.6g} refitted; {_spread(refit, verdicts)}"
            )
        else:
            continue
        out.print(line, highlight=False, soft_wrap=True)


def _spread(refit: Refit, verdicts: Sequence[Verdict]) -> str:
    """How far the row's runs on this family are apart from each other."""
    record = refit.record
    means = [
        float(np.mean(open_run(v.folder).task_returns()))
        for v in verdicts
        if v.record
        and v.record.status == "ok"
        and (v.record.row_label, v.record.family) == (record.row_label, record.family)
    ]
    if len(means) < 2:
        return "there is no other run to compare with"
    return f"standard deviation of the row's {len(means)} runs {np.std(means, ddof=1):.3g}"


def _refit_json(refit: Refit) -> dict[str, object]:
    said: dict[str, object] = json.loads(refit.model_dump_json(exclude={"record"}))
    return {"key": refit.record.key, "method": refit.record.method} | said


def _name(verdict: Verdict) -> str:
    record = verdict.record
    if record is None:
        return str(verdict.folder)
    return f"{record.label} in {verdict.folder}"


def _jsonable(verdict: Verdict) -> dict[str, object]:
    # By way of text, in which a NaN is a word.
    said: dict[str, object] = json.loads(verdict.model_dump_json(exclude={"record"}))
    record = verdict.record
    if record is not None:
        fields = {"key", "method", "overrides", "family", "seeds"}
        said |= record.model_dump(mode="json", include=fields)
    return said
