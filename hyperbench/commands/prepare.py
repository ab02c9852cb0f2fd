"""``hyperbench prepare``: the demonstrations of a suite's families."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from hyperbench.measuring.conductor import ensure_demonstrations
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry, installed
from hyperbench.threads import num_cores
from hyperbench.view.console import standard_output
from hyperbench.view.progress import progress_display

out = standard_output()
err = Console(stderr=True)


def prepare_command(suite: str, protocol: EvalProtocol, data_dir: Path, num_threads: int) -> None:
    """Make the demonstrations of a suite's families."""
    registry = installed()
    for entry in registry.select_families(suite):
        prepare_family(registry, entry.id, protocol, data_dir, num_threads or num_cores())


def prepare_family(
    registry: Registry,
    id_: str,
    protocol: EvalProtocol,
    data_dir: Path,
    num_threads: int,
    quiet: bool = False,
) -> None:
    """Make a family's demonstrations unless sound ones are there, and tell.

    Args:
        registry: resolves the family.
        id_: of the family.
        protocol: says how many episodes there are of each task.
        data_dir: root of all demonstrations.
        num_threads: physics threads.
        quiet: whether to tell only of what had to be made again.
    """
    family = registry.make_family(id_)
    with progress_display({id_: id_}, err) as notify:
        found, problem = ensure_demonstrations(
            family, protocol, data_dir, num_threads=num_threads, notify=notify
        )
        if problem is not None:
            notify(id_, "ok")
    if problem not in (None, "missing"):
        err.print(f"Demonstrations of {id_} were {problem}. They were made again.")
    if not quiet:
        size = sum(path.stat().st_size for path in (found.folder / "data").iterdir())
        state = "sound" if problem is None else "made"
        num_episodes = len(family.tasks) * int(found.identity["num_episodes"])
        out.print(
            f"{id_}: {num_episodes} episodes {state}, {size / 1e6:.0f} MB in {found.folder}",
            highlight=False,
            soft_wrap=True,
        )
