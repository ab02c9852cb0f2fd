"""``hyperbench verify``: check runs, stamp each row of a board, say what is wrong."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from hyperbench.boards.worlds import method_labels
from hyperbench.events import Status, emit
from hyperbench.measuring.bringing import brought_to
from hyperbench.records.find import find_runs
from hyperbench.registry import installed
from hyperbench.threads import num_cores
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

    Returns:
        Whether all is verified, but for runs that failed and claim nothing.

    Raises:
        DataError: a folder does not exist or holds no run.
    """
    registry = installed()
    runs = find_runs(folders)
    seed = secrets.randbits(_SEED_BITS) if seed is None else seed
    num_threads = num_threads or num_cores()
    verdicts = []
    with progress_display({str(run): str(run) for run in runs}, err) as notify:
        for run in runs:
            emit(notify, str(run), "playing again")
            verdict = verify_run(
                run,
                registry,
                num_tasks=num_tasks,
                seed=seed,
                num_threads=num_threads,
                tolerance=tolerance,
                brought=partial(brought_to, data_dir=data_dir.absolute()),
            )
            verdicts.append(verdict)
            status: Status = "ok" if verdict.is_sound else "failed"
            emit(notify, str(run), "playing again", status=status)
    if as_json:
        print(json.dumps({"seed": seed, "runs": [_jsonable(v) for v in verdicts]}, indent=1))
    else:
        _show(verdicts, num_tasks, seed)
    return all(verdict.is_sound for verdict in verdicts)


def _show(verdicts: Sequence[Verdict], num_tasks: int | None, seed: int) -> None:
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
            f"[{_STYLES[stamp]}]{_stamp(stamp, found)}[/]",
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


def _stamp(stamp: Stamp, found: Sequence[Verdict]) -> str:
    """A row's stamp, with how many of its policies are there to be played if it is not all."""
    kept, every = (sum(getattr(v, name) for v in found) for name in ("num_kept", "num_policies"))
    return stamp if kept == every else f"{stamp} ({kept} of {every} policies)"


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
