"""``hyperbench prepare``: the demonstrations of a suite's families."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from hyperbench.measuring.conductor import Wanted, ensure_demonstrations
from hyperbench.measuring.executors import Here, Site
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import installed
from hyperbench.threads import num_cores
from hyperbench.view.console import standard_output
from hyperbench.view.progress import progress_display

out = standard_output()
err = Console(stderr=True)


def prepare_command(suite: str, protocol: EvalProtocol, data_dir: Path, num_threads: int) -> None:
    """Make the demonstrations of a suite's families."""
    site = Site(Path(), data_dir.absolute(), num_threads or num_cores())
    for entry in installed().select_families(suite):
        prepare_family(Wanted(entry.id, protocol), site)


def prepare_family(wanted: Wanted, site: Site, quiet: bool = False) -> None:
    """Make a family's demonstrations unless sound ones are there, and tell.

    Args:
        wanted: which.
        site: where they belong.
        quiet: whether to tell only of what had to be made again.
    """
    id_ = wanted.family
    with progress_display({id_: id_}, err) as notify:
        [outcome] = Here().map(ensure_demonstrations, [wanted], site, notify)
    assert outcome.result is not None  # noqa: S101 -- what runs here is not lost
    found, problem = outcome.result
    if problem not in (None, "missing"):
        line = f"Demonstrations of {id_} were {problem}. They were made again."
        err.print(line, highlight=False, markup=False, soft_wrap=True)
    if not quiet:
        size = sum(path.stat().st_size for path in (found.folder / "data").iterdir())
        state = "sound" if problem is None else "made"
        num_tasks = len(installed().make_family(id_).tasks)
        num_episodes = num_tasks * int(found.identity["num_episodes"])
        out.print(
            f"{id_}: {num_episodes} episodes {state}, {size / 1e6:.0f} MB in {found.folder}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
