"""``hyperbench prepare``: the demonstrations of a suite's families."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyperbench.commands.executing import watched
from hyperbench.errors import HyperbenchError
from hyperbench.executors import Executor, Site
from hyperbench.executors.local import Processes
from hyperbench.measuring.bringing import bring
from hyperbench.measuring.plan import families_of
from hyperbench.measuring.preparing import Prepared, Wanted, prepare_all
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import installed
from hyperbench.threads import num_cores
from hyperbench.view.console import LeftOut, print_line, standard_error, standard_output
from hyperbench.view.event_log import EventLog

out = standard_output()
err = standard_error()


def prepare_command(
    suite: str, protocol: EvalProtocol, data_dir: Path, num_threads: int, debug: bool
) -> int:
    """Make the demonstrations of a suite's families.

    Of families that nobody demonstrates it says what was brought.

    Returns:
        How many families have none.
    """
    site = Site(Path(), data_dir.absolute(), num_threads or num_cores())
    left_out = LeftOut()
    families = families_of(installed(), suite, left_out)
    wanted = [Wanted(family.info.id, protocol) for family in families]
    with Processes(1) as executor:
        done = prepare_families(wanted, executor, site, debug)
    for prepared in done:
        if prepared.found is None:
            continue
        size = sum(path.stat().st_size for path in (prepared.found.folder / "data").iterdir())
        state = "sound" if prepared.problem is None else "made"
        num_tasks = len(installed().make_family(prepared.family).tasks)
        num_episodes = num_tasks * prepared.found.num_episodes
        out.print(
            f"{prepared.family}: {num_episodes} episodes {state}, {size / 1e6:.0f} MB in "
            f"{prepared.found.folder}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    return left_out.number + sum(prepared.found is None for prepared in done)


def bring_command(suite: str, asked: str, protocol: EvalProtocol, data_dir: Path) -> None:
    """Make a Minari dataset the demonstrations of one family.

    Raises:
        HyperbenchError: the suite has several families.
        DataError: as ``bring``.
    """
    ids = installed().select_families(suite)
    if len(ids) > 1:
        raise HyperbenchError(
            f"--from is of one family, and suite {suite!r} has {len(ids)}. Name one: "
            f"{', '.join(ids)}."
        )
    family = installed().make_family(ids[0])
    found = bring(family, asked, protocol.num_demonstrations, data_dir.absolute())
    num_episodes = len(family.tasks) * found.num_episodes
    print_line(
        f"{family.info.id}: {num_episodes} episodes brought from {asked}, {found.num_episodes} of "
        f"each of {len(family.tasks)} tasks, to {found.folder}",
        out,
    )


def prepare_families(
    wanted: Sequence[Wanted],
    executor: Executor,
    site: Site,
    debug: bool = False,
    log: EventLog | None = None,
) -> list[Prepared]:
    """Make demonstrations unless sound ones are there, and tell where that fails.

    Args:
        wanted: of which families.
        executor: lets the experts play.
        site: where demonstrations belong.
        debug: whether to show the traceback of an expert that fails.
        log: of events, for programs.
    """
    with watched({each.family: each.family for each in wanted}, log) as notify:
        done = list(prepare_all(wanted, executor, site, notify))
    for prepared in done:
        if prepared.failure is not None:
            said = f"{prepared.family} has no demonstrations: {prepared.failure}"
            if debug and prepared.traceback:
                said += f"\n{prepared.traceback}"
            print_line(said, err)
    return done


def refuse_without(done: Sequence[Prepared]) -> None:
    """Refuse to go on where a family has no demonstrations.

    Raises:
        HyperbenchError: one has none.
    """
    without = [prepared.family for prepared in done if prepared.found is None]
    if without:
        raise HyperbenchError(f"There are no demonstrations of {', '.join(without)}.")
