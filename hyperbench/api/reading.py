"""Families, demonstrations and splits from Python, by the names that the command line takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hyperbench.api.asked import protocol_of
from hyperbench.demonstration import Demonstrations
from hyperbench.disk import data_dir_or_cache
from hyperbench.errors import HyperbenchError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.family import TaskFamily
from hyperbench.measuring.dataset import dataset
from hyperbench.measuring.preparing import demonstrations_of
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import installed
from hyperbench.split import Split
from hyperbench.task import TaskSpec
from hyperbench.threads import num_cores


def data_root(given: str | Path | None) -> Path:
    """Where demonstrations are: as given, as ``HYPERBENCH_DATA_DIR`` says, or the user's cache."""
    said = given or os.environ.get("HYPERBENCH_DATA_DIR")
    return data_dir_or_cache(None if said is None else Path(said).expanduser()).absolute()


def load_family(id_: str) -> TaskFamily:
    """Make the installed family of that id, with or without its version.

    Raises:
        HyperbenchError: there is none, it cannot be made, or a suite of several is named.
    """
    names = installed().select_families(id_)
    if len(names) > 1:
        raise HyperbenchError(f"{id_} is a suite. Name one of its families: {', '.join(names)}.")
    return installed().make_family(names[0])


def load_demonstrations(
    family: TaskFamily | str,
    tasks: Sequence[TaskSpec] | None = None,
    num_episodes: int = 10,
    data_dir: str | Path | None = None,
) -> Demonstrations:
    """Read demonstrations of some tasks; those that nobody needed yet are played first.

    Args:
        family: itself, or its id.
        tasks: of the family, such as ``make_split(family).source``; all of them if not given.
        num_episodes: of each task that the protocol asks for, under which they are kept.
        data_dir: root of all demonstrations, as of ``bench``.

    Raises:
        DataError: they are brought, and none were.
    """
    family = load_family(family) if isinstance(family, str) else family
    tasks = family.tasks if tasks is None else tasks
    site = Site(Path(), data_root(data_dir), num_cores())
    found = dataset(family, num_episodes, site.data)
    code = installed().fingerprints(family.info.id).family
    demonstrations, _ = demonstrations_of(family, tasks, found, code, site, ignore, family.info.id)
    return demonstrations


def make_split(
    family: TaskFamily | str, protocol: str | EvalProtocol = "quick-v2", seed: int | None = None
) -> Split:
    """Divide a family's tasks into source, validation and target tasks, as a run does.

    Args:
        family: itself, or its id.
        protocol: id, or itself.
        seed: split seed; the protocol's first if not given.

    Raises:
        ProtocolError: too few tasks.
    """
    family = load_family(family) if isinstance(family, str) else family
    rules = protocol_of(protocol, None)
    return rules.split(family, rules.seeds[0].split if seed is None else seed)
