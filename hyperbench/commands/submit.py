"""``hyperbench submit``: rows are checked as a reviewer would, published, and introduced."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.boards.committed import publish, refuse_unpublishable
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.row import Row
from hyperbench.boards.worlds import method_labels, suite_of
from hyperbench.commands.verify import drawn_seed, verified
from hyperbench.disk import writing
from hyperbench.errors import DataError, HyperbenchError
from hyperbench.executors import Site
from hyperbench.policy import MLPPolicies
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.records.gather import gather
from hyperbench.records.record import RunRecord
from hyperbench.records.store import StoredRun
from hyperbench.registry import Registry, installed
from hyperbench.table import bracket, fixed
from hyperbench.threads import num_cores
from hyperbench.verification.replay import Verdict
from hyperbench.view.console import print_line, standard_error, standard_output

_LARGER = 1.1
"""A method with more than so many times a baseline's parameters is larger than it."""

out = standard_output()
err = standard_error()


def submit_command(
    folders: Sequence[Path],
    boards_dir: Path,
    choice: Choice = EVERYTHING,
    *,
    text: Path,
    tuned: str,
    num_tasks: int | None,
    num_threads: int,
    data_dir: Path,
) -> bool:
    """Check rows as a reviewer would, put them on their boards, and write the pull request's text.

    Everything that is wrong is told at once; nothing is written then.

    Args:
        folders: with runs in or below them.
        boards_dir: of all committed boards.
        choice: which of these runs.
        text: file for the pull request's text.
        tuned: what the method was tuned on, and for how long; empty leaves a gap to fill in.
        num_tasks: target tasks of each run that are played again; None for all.
        num_threads: physics threads; 0 takes the cores.
        data_dir: root of all demonstrations, for those that nobody plays.

    Returns:
        Whether the rows were published.

    Raises:
        DataError: a folder holds no run of a method.
    """
    registry = installed()
    places = find_chosen(folders, choice)
    seed = drawn_seed()
    site = Site(Path(), data_dir.absolute(), num_threads or num_cores())
    verdicts = verified(places, num_tasks, seed, None, site)
    problems = [f"{v.folder}: {reason}" for v in verdicts if not v.is_sound for reason in v.reasons]
    runs = gather(places, damaged=problems).runs
    rows = [run.record for run in runs if not run.record.is_arm]
    if not (rows or problems):
        raise DataError(f"Of {len(places)} runs none is a method's, so there is no row to submit.")
    boards = sorted({boards_dir / suite_of(row) / row.protocol.id for row in rows})
    published = [run.record for run in gather(_runs_of(boards)).runs]
    labels = method_labels([*published, *rows])
    problems += _of_provenance(rows)
    sound = {v.record.key for v in verdicts if v.record is not None and v.is_sound}
    problems += _of_size([run for run in runs if run.record.key in sound], published, registry)
    try:
        refuse_unpublishable(folders, boards_dir, registry, choice)
    except HyperbenchError as error:
        problems.append(str(error))
    if problems:
        for problem in dict.fromkeys(problems):
            print_line(f"refused: {problem}", err)
        return False
    publish(folders, boards_dir, registry, choice)
    ours = sorted({labels[row.key] for row in rows})
    said = _text(rows, boards, ours, verdicts, seed, num_tasks, tuned)
    with writing(text, "Choose another file with --text."):
        text.write_text(said, encoding="utf-8")
    for board in boards:
        print_line(f"{board}: {', '.join(ours)}", out)
    print_line(f"Commit these boards, and make a pull request with the text in {text}.", out)
    return True


def _runs_of(boards: Sequence[Path]) -> list[Path]:
    return [place for board in boards if board.is_dir() for place in find_runs([board / RECORDS])]


def _of_provenance(rows: Sequence[RunRecord]) -> Iterator[str]:
    """Whose code nobody could get to see."""
    for row in rows:
        for name in row.provenance.changed:
            yield (
                f"{row.row_label}: the files of {name} had uncommitted changes. Commit them and "
                "measure again, with --again."
            )
        for name, why in row.provenance.unknown.items():
            yield f"{row.row_label}: of which commit {name} was, nobody knows ({why})."
        if row.is_fitted and row.status == "ok" and row.fingerprints.method is None:
            yield f"{row.row_label}: its code was typed, and lies in no file."


def _of_size(
    runs: Sequence[StoredRun], published: Sequence[RunRecord], registry: Registry
) -> Iterator[str]:
    """What is larger than every baseline beside it: generators, and policies.

    Policies of kinds of their own, such as mixtures, have another measure.
    """
    baselines = {name for name, entry in registry.methods.items() if entry.baseline}
    controls = [
        record
        for record in (*published, *(run.record for run in runs))
        if record.method in baselines and not record.is_faulty
    ]
    for run in runs:
        row = run.record
        if row.method in baselines or not row.is_fitted or not run.keeps_policies:
            continue
        is_plain = run.policies(registry).kind == MLPPolicies.kind
        measures = ("num_parameters", "policy_parameters")[: 1 + is_plain]
        costs = [control.cost for control in controls if control.family == row.family]
        for measure in measures:
            size = getattr(row.cost, measure) or 0
            largest = max((getattr(cost, measure) or 0 for cost in costs), default=0)
            if size > _LARGER * largest:
                what = "parameters" if measure == "num_parameters" else "numbers in a policy"
                yield (
                    f"{row.row_label} has {size:,} {what} on {row.family}, the largest baseline "
                    f"{largest:,}: nobody could tell whether it is the method or its size. Measure "
                    "a baseline as large, with --set, and submit both."
                )


def _text(
    rows: Sequence[RunRecord],
    boards: Sequence[Path],
    ours: Sequence[str],
    verdicts: Sequence[Verdict],
    seed: int,
    num_tasks: int | None,
    tuned: str,
) -> str:
    """The pull request's text, as Markdown."""
    lines = [f"# {', '.join(ours)}", ""]
    for board in boards:
        for made in make_boards(find_runs([board / RECORDS])):
            lines += [
                f"**{board.parent.name}, {made.title}**",
                "",
                "| row | score | 95 % interval | runs |",
            ]
            lines += ["|---|---:|---:|---:|"]
            lines += [_row(row) for row in made.rows if row.method in ours] + [""]
    lines += ["## Code", ""]
    lines += sorted({f"- {line}" for row in rows for line in _code(row)})
    failed = [row for row in rows if row.status == "failed"]
    lines += [f"- failed and kept: {row.label} ({row.error})" for row in failed]
    lines += ["", "## Tuning", "", tuned or "(Say on what it was tuned, and for how long.)", ""]
    played, judged = (sum(getattr(v, n) for v in verdicts) for n in ("num_played", "num_judged"))
    which = "" if num_tasks is None else f", {num_tasks} target tasks of each run"
    lines += [
        "## Checked before",
        "",
        f"- {len(verdicts)} runs, {played} of {judged} episodes played again{which}, with "
        f"`--seed {seed}`: all as on record.",
        "- Complete, of clean sources, no larger than the largest baseline on the board.",
        "",
        "## What a reviewer runs",
        "",
        "```sh",
    ]
    methods = [word for name in sorted({row.method for row in rows}) for word in ("-m", name)]
    files = sorted({file.name for row in rows for file in row.plugins})
    plugins = [word for name in files for word in ("--plugin", name)]
    for board in boards:
        place = Path(*board.parts[-3:]).as_posix()
        lines += [
            shlex.join(["hyperbench", "verify", place, *plugins, *methods, *more])
            for more in (("--all",), ("--refit", "1"))
        ]
    return "\n".join([*lines, "```", ""])


def _row(row: Row) -> str:
    score, runs = row["score"], fixed(row["num_runs"].value, 0)
    return f"| {row.method} | {fixed(score.value, 3)} | {bracket(score.interval)} | {runs} |"


def _code(row: RunRecord) -> Iterator[str]:
    """Where the code of a row is."""
    for name, source in row.provenance.sources.items():
        version = row.provenance.versions.get(name, "")
        yield f"{name} {version} {f'at {source.commit}' if source.commit else ''}".strip()
    for file in row.plugins:
        yield f"{file.name} {file.version}, whose text is in the record"
