"""``hyperbench compare``: two rows against each other, and the result in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from hyperbench import statistics
from hyperbench.boards.comparison import compare, comparison_table
from hyperbench.records.find import find_runs
from hyperbench.view.console import print_table, standard_output


def compare_command(one: str, other: str, folders: Sequence[Path], as_json: bool) -> None:
    """Compare two rows and say it in words."""
    found = compare(find_runs(folders), one, other)
    if as_json:
        content = [{**asdict(each), "sentence": each.sentence} for each in found]
        print(json.dumps(content, indent=2, allow_nan=False))
        return
    out = standard_output()
    for each in found:
        print_table(comparison_table(each), out)
        for line in each.missing:
            out.print(f"[yellow]missing[/]  {escape(line)}", highlight=False)
        if each.comparisons[-1].probability_interval is None:
            out.print(
                f"[yellow]note[/]  Fewer than {statistics.MIN_RUNS_FOR_INTERVAL} pairs of a family "
                "tell nothing about the spread between runs: no interval.",
                highlight=False,
            )
        out.print(escape(each.sentence), highlight=False, soft_wrap=True)
    out.print(
        "Each interval is of one comparison: nothing is corrected for their number.",
        style="dim",
        highlight=False,
    )
