"""What was found about runs, as a table of rows for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from hyperbench.boards.worlds import method_labels
from hyperbench.records.bundled import open_run
from hyperbench.verification.refit import Refit
from hyperbench.verification.replay import Stamp, Verdict
from hyperbench.view.console import standard_output

out = standard_output()

_STYLES: dict[Stamp, str] = {
    "verified": "green",
    "consistent": "green",
    "differs": "red",
    "unverifiable": "yellow",
}
_WORST_FIRST: tuple[Stamp, ...] = ("differs", "unverifiable", "verified", "consistent")
"""What a row is stamped by: one run that was played speaks for those that need not be."""


def show(
    verdicts: Sequence[Verdict],
    num_tasks: int | None,
    num_runs: int | None,
    seed: int,
    refits: Sequence[Refit],
) -> None:
    """Print a table of rows, then what is wrong, run by run.

    Args:
        verdicts: of all runs.
        num_tasks: target tasks of each run that were played; None for all.
        num_runs: runs of each row that were; None for all.
        seed: drew them.
        refits: of some runs.
    """
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
        out.print(
            f"[yellow]note[/]  {_counted(len(names), 'run')}: {escape(note)}.",
            highlight=False,
            soft_wrap=True,
        )
    played = "all target tasks" if num_tasks is None else _counted(num_tasks, "target task")
    of_which = "each run" if num_runs is None else f"{_counted(num_runs, 'run')} of each row"
    out.print(
        f"Played again: {played} of {of_which}, with all their episodes"
        + ("." if num_tasks is num_runs is None else f"; the same ones with --seed {seed}."),
        style="dim",
        highlight=False,
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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


def refit_json(refit: Refit) -> dict[str, object]:
    """What a program reads of a refit."""
    said: dict[str, object] = json.loads(refit.model_dump_json(exclude={"record"}))
    return {"key": refit.record.key, "method": refit.record.method} | said


def _name(verdict: Verdict) -> str:
    record = verdict.record
    if record is None:
        return str(verdict.folder)
    return f"{record.label} in {verdict.folder}"


def jsonable(verdict: Verdict) -> dict[str, object]:
    """What a program reads of a verdict."""
    # By way of text, in which a NaN is a word.
    said: dict[str, object] = json.loads(verdict.model_dump_json(exclude={"record"}))
    record = verdict.record
    if record is not None:
        fields = {"key", "method", "overrides", "family", "seeds"}
        said |= record.model_dump(mode="json", include=fields)
    return said
