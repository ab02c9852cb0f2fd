"""``hyperbench plan --mde``: how many runs and episodes show a difference of a given size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from hyperbench.boards.leaderboard import board_tables
from hyperbench.boards.power import (
    LEVEL,
    POWER,
    hours_of,
    power_sentence,
    power_table,
    spreads,
)
from hyperbench.boards.worlds import method_labels
from hyperbench.errors import DataError, HyperbenchError, UnknownNameError
from hyperbench.records.find import find_runs
from hyperbench.statistics import MIN_RUNS_FOR_INTERVAL
from hyperbench.view.console import print_table, standard_output


def plan_command(
    difference: float, method: str, against: str | None, folders: Sequence[Path]
) -> None:
    """Show how many runs and episodes are needed, for each board with enough runs.

    Raises:
        HyperbenchError: a difference that is not positive, an unknown row, or too few runs.
    """
    if difference <= 0:
        raise HyperbenchError(f"--mde {difference:g} must be above 0: a difference of scores.")
    boards = board_tables(find_runs(folders))
    rows = {str(name) for part in boards for name in part.table["method"]}
    names = [method] if against is None else [method, against]
    for name in names:
        if name not in rows:
            raise UnknownNameError("row", name, rows)
    out = standard_output()
    other = against or "a method that varies as much, independently"
    shown = False
    for part in boards:
        found = []
        if set(names) <= set(part.table["method"]):
            found = spreads(part.runs, part.table, method, against)
        if found:
            shown = True
            heading = f"Pairs of runs a family to tell {method} from {other}, {part.title}"
            print_table(power_table(heading, found, difference), out)
            labels = method_labels([run.record for run in part.runs])
            sentence = power_sentence(found, difference, hours_of(part.runs, labels, method))
            out.print(escape(sentence), highlight=False, soft_wrap=True)
    if not shown:
        raise DataError(
            f"{' and '.join(map(repr, names))}: fewer than {MIN_RUNS_FOR_INTERVAL} finished runs "
            "on every family. The spread between runs has to be seen first: run with "
            f"--seeds {MIN_RUNS_FOR_INTERVAL} or more."
        )
    out.print(
        f"Paired t-test over pairs of seeds, power {POWER}, two-sided {LEVEL:.0%}. Deviations are "
        "of the difference of two methods' scores, each a run's mean over its target tasks.",
        style="dim",
        highlight=False,
    )
