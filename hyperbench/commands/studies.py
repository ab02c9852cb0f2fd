"""What a study says: its trials, the best of them by family, and how to run a board with them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hyperbench.run import spelled
from hyperbench.search import Choice, Setting
from hyperbench.tuning.halving import Round, Verdict, cases_of, difference, entrants, verdict
from hyperbench.tuning.study import Study, Trial
from hyperbench.view.console import print_line

_NUM_TRIALS_SHOWN = 10
_EDGE = 0.05
"""Nearer to an end of its range than this share of it, a setting may want to be beyond."""


def print_study(study: Study, rounds: Sequence[Round], out: Console) -> None:
    """Show a study's best trials, what failed, and how to run a board with the best settings.

    Args:
        study: all rounds of which are done.
        rounds: by which it was judged.
        out: where.
    """
    out.print(_trials(study, rounds))
    for trial in study.trials:
        if trial.error is not None:
            out.print(
                f"[red]failed[/]  trial {trial.number}: {escape(trial.error)}", highlight=False
            )
    found = verdict(study, rounds)
    if found is not None and len(cases_of(study, rounds[-1])) > 1:
        out.print(_by_family(study, rounds, found.chosen))
    out.print(
        "score: random = 0, expert = 1; mean over validation tasks of splits that no board uses.",
        style="dim",
        highlight=False,
    )
    if found is not None:
        _advise(study, found, out)


def _trials(study: Study, rounds: Sequence[Round]) -> Table:
    """Trials that came farthest first, of those the best."""
    shown = Table(
        title=f"{study.method}, {len(study.trials)} trials",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    halved = len(rounds) > 1
    for name in ("trial", *["families x splits"] * halved, "score", "seconds"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("changed")
    seen: set[int] = set()
    rows: list[tuple[Trial, Round]] = []
    for number in reversed(range(len(rounds))):
        here = cases_of(study, rounds[number])
        new = [study.trials[i] for i in entrants(study, rounds, number) if i not in seen]
        done = [trial for trial in new if trial.mean(here) is not None]
        rows += [(t, rounds[number]) for t in sorted(done, key=lambda t: -(t.mean(here) or 0.0))]
        seen |= {trial.number for trial in done}
    for trial, last in rows[:_NUM_TRIALS_SHOWN]:
        here = cases_of(study, last)
        changed = (
            f"{name}={_short(value)}"
            for name, value in trial.settings.items()
            if value != study.config[name]
        )
        judged = [f"{last.num_families} x {last.num_splits}"] * halved
        mean, seconds = f"{trial.mean(here):.3f}", f"{trial.seconds(here) / len(here):.0f}"
        shown.add_row(_name(trial), *judged, mean, seconds, " ".join(changed))
    return shown


def _by_family(study: Study, rounds: Sequence[Round], chosen: Trial) -> Table:
    """Each trial of the last round, family by family: mean, lowest and highest split.

    Beside them what the chosen one gains over the defaults, where it is another.
    """
    last = rounds[-1]
    here = cases_of(study, last)
    shown = Table(
        title="by family: mean (lowest to highest split)",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    finalists = [study.trials[i] for i in entrants(study, rounds, len(rounds) - 1)]
    finalists = [trial for trial in finalists if trial.mean(here) is not None]
    finalists = sorted(finalists, key=lambda t: -(t.mean(here) or 0.0))[:_NUM_TRIALS_SHOWN]
    shown.add_column("family")
    for trial in finalists:
        shown.add_column(f"trial {_name(trial)}", justify="right", no_wrap=True)
    default = study.trials[0]
    gains = chosen is not default and default.mean(here) is not None
    if gains:
        shown.add_column(f"{chosen.number} - default, 95 %", justify="right", no_wrap=True)

    def gain(cases: Sequence[int]) -> list[str]:
        return [_gain(chosen, default, cases)] if gains else []

    for family in study.families[: last.num_families]:
        cases = [i for i in here if study.cases[i][0] == family]
        spreads = (_spread(trial.scores(cases)) for trial in finalists)
        shown.add_row(family, *spreads, *gain(cases))
    splits = [pair.split for pair in study.protocol.seeds[: last.num_splits]]
    over = []
    for trial in finalists:
        means = [np.mean(trial.scores(i for i in here if study.cases[i][1] == s)) for s in splits]
        over.append(_spread([float(mean) for mean in means]))
    shown.add_section()
    shown.add_row("all", *over, *gain(here))
    return shown


def _advise(study: Study, found: Verdict, out: Console) -> None:
    """The settings to use, as a command that has every digit and what the user fixed."""
    print_line(f"Best: {_command(study, found.best)}", out)
    if found.chosen is not found.best:
        print_line(
            f"Trial {_name(found.chosen)} is cheaper and not told from it (95 %): "
            f"{_command(study, found.chosen)}",
            out,
        )
    for name, value in found.chosen.settings.items():
        where = study.search[name]
        if isinstance(where, Choice) or found.chosen.number == 0:
            continue
        low, high, at = (
            math.log(x) if where.log else float(x) for x in (where.low, where.high, float(value))
        )
        if min(at - low, high - at) < _EDGE * (high - low):
            print_line(f"{name}={_short(value)} lies at an end of its range, {where}.", out)


def _command(study: Study, trial: Trial) -> str:
    fixed = {name: study.config[name] for name in study.overrides}
    words = [
        *("hyperbench", "run", "-m", study.method, "-s", study.families[0]),
        *("-p", study.protocol.id),
    ]
    for name, value in (fixed | trial.settings).items():
        words += ["--set", f"{name}={spelled(value)}"]
    return shlex.join(words)


def _name(trial: Trial) -> str:
    return f"{trial.number} (default)" if trial.number == 0 else str(trial.number)


def _spread(scores: Sequence[float]) -> str:
    mean = f"{np.mean(scores):.3f}"
    return mean if len(scores) < 2 else f"{mean} ({min(scores):.2f} to {max(scores):.2f})"


def _gain(chosen: Trial, default: Trial, cases: Sequence[int]) -> str:
    found = difference(chosen, default, cases)
    if found is None:
        return f"{chosen.scores(cases)[0] - default.scores(cases)[0]:+.3f}"
    mean, low, high = found
    return escape(f"{mean:+.3f} [{low:+.2f}, {high:+.2f}]")


def _short(value: Setting) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
