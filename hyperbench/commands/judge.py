"""``hyperbench judge``: policies from elsewhere become a row beside the control arms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from hyperbench.boards.leaderboard import make_boards
from hyperbench.commands.executing import Place, err, tell_failures, watched
from hyperbench.commands.run import measured, show_boards
from hyperbench.disk import check_writable
from hyperbench.errors import DataError
from hyperbench.executors import Executor, Site
from hyperbench.measuring.judging import judge_run, plan_judging
from hyperbench.measuring.plan import families_of, plan
from hyperbench.measuring.standing import standings
from hyperbench.protocol import EvalProtocol
from hyperbench.records.handed_in import HandedIn
from hyperbench.records.policies import read_policies
from hyperbench.registry import installed
from hyperbench.run import Run
from hyperbench.view.console import LeftOut, print_line

_REMEDY = "Choose another folder with --output-dir."


def judge_command(
    weights: Path,
    name: str,
    suite: str,
    protocol: EvalProtocol,
    site: Site,
    place: Place,
    *,
    as_json: bool,
    debug: bool,
) -> int:
    """Judge policies and show the board.

    Args:
        weights: a folder with a file per task, or a file of policies in the order of the target
            tasks.
        name: of their row.
        suite: a suite or a family.
        protocol: the rules.
        site: where records go.
        place: where the control arms are played.
        as_json: whether to print JSON.
        debug: whether to show tracebacks.

    Returns:
        How many control arms failed.

    Raises:
        HyperbenchError: the policies cannot be read, played or kept.
    """
    policies = read_handed_in(weights, suite, protocol)
    runs = judged(policies, name, suite, protocol, site, partial(place.make, installed()), debug)
    boards = make_boards([site.runs / run.key for run in runs])
    show_boards(boards, site.runs, as_json)
    return sum(len(board.failures) for board in boards)


def judged(
    policies: HandedIn,
    name: str,
    suite: str,
    protocol: EvalProtocol,
    site: Site,
    make_executor: Callable[[], Executor],
    debug: bool = False,
) -> list[Run]:
    """Judge policies, and play the control arms beside them; what is finished is not repeated.

    Args:
        policies: of all target tasks.
        name: of their row.
        suite: a suite or a family.
        protocol: the rules.
        site: where records go.
        make_executor: where the control arms are played.
        debug: whether to show tracebacks.

    Raises:
        HyperbenchError: the policies cannot be played or kept; of them nothing is recorded.
    """
    registry = installed()
    families = families_of(registry, suite, LeftOut())
    own = plan_judging(registry, name, policies, families, protocol, site.data)
    arms = plan(registry, (), suite, protocol, baselines=False, data_dir=site.data)
    due = [
        one.run
        for one in standings(own, site.runs, registry)
        if one.is_due(keep=site.keep, again=False)
    ]
    if len(due) < len(own):
        said = f"{len(own) - len(due)} of {len(own)} runs of {name} are finished in {site.runs}"
        print_line(f"{said} and are not repeated.", err)
    check_writable(site.runs, _REMEDY)
    with watched({run.key: run.label for run in due}) as notify:
        for run in due:
            judge_run(run, policies, site, notify, registry)
    tell_failures(measured(arms, make_executor, site), site.runs, debug)
    return [*arms, *own]


def read_handed_in(weights: Path, suite: str, protocol: EvalProtocol) -> HandedIn:
    """Read policies from a folder, by the names of its files, or from one file, by their order.

    Raises:
        DataError: they cannot be read, or a file is given and there is more than one split.
    """
    registry = installed()
    if weights.is_dir():
        return HandedIn.read(weights, registry)
    policies = read_policies(weights, registry)
    families = families_of(registry, suite, LeftOut())
    splits = [
        protocol.split(f, seed) for f in families for seed in {p.split for p in protocol.seeds}
    ]
    if len(splits) > 1:
        raise DataError(
            f"{weights} is one file, and there are {len(splits)} splits, each with target tasks of "
            "its own. Give a folder with a file for each task, called TASK_KEY.safetensors."
        )
    return HandedIn.in_order(policies, splits[0].target)
