"""Judging from Python: policies from elsewhere, in memory or in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hyperbench.api.asked import Asked, protocol_of
from hyperbench.api.reading import data_root
from hyperbench.api.results import Results
from hyperbench.commands.executing import Place
from hyperbench.commands.judge import judged, read_handed_in
from hyperbench.errors import HyperbenchError
from hyperbench.executors import Here, Site
from hyperbench.policy import StorablePolicies
from hyperbench.protocol import EvalProtocol
from hyperbench.records.handed_in import HandedIn
from hyperbench.registry import installed
from hyperbench.task import TaskSpec
from hyperbench.threads import num_cores


def judge(
    policies: StorablePolicies | Mapping[str | TaskSpec, StorablePolicies] | str | Path,
    family: Any,
    protocol: str | EvalProtocol = "quick-v2",
    seeds: int | str | Sequence[int] | None = None,
    *,
    name: str = "handed-in",
    jobs: int = 0,
    output_dir: str | Path = "runs",
    data_dir: str | Path | None = None,
) -> Results:
    """Judge policies from elsewhere beside the control arms, as ``hyperbench judge`` does.

    They become a row of its own kind, without a rank: nothing was fitted here, and whether they
    know more of a target task than its spec nobody can tell.

    Args:
        policies: one for each target task, in the order of ``make_split(family, protocol).target``;
            or each by its task or the task's key; or a folder, or a file, of them.
        family: one; its id, class or the family itself.
        protocol: id, or itself.
        seeds: as of ``bench``; each split has target tasks of its own.
        name: of the row.
        jobs: control arms at a time; 0 for as many as there are cores.
        output_dir: for runs, as of ``bench``.
        data_dir: root of all demonstrations, as of ``bench``.

    Raises:
        HyperbenchError: there is no policy for a target task, or they cannot be played or kept.
    """
    asked = Asked([], [family], beside=_first(policies))
    rules = protocol_of(protocol, seeds)
    travelling = tuple(given for given in asked.given if given.packed is not None)
    with asked.known():
        [suite] = asked.families()
        site = Site(Path(output_dir).absolute(), data_root(data_dir), num_cores(), given=travelling)
        place = Here if asked.stays(suite) else partial(Place("local", jobs).make, installed())
        runs = judged(_handed_in(policies, suite, rules), name, suite, rules, site, place)
    return Results([site.runs / run.key for run in runs], asked.given, site.data)


def _handed_in(policies: Any, suite: str, protocol: EvalProtocol) -> HandedIn:
    if isinstance(policies, str | Path):
        return read_handed_in(Path(policies).expanduser(), suite, protocol)
    if isinstance(policies, Mapping):
        return HandedIn(
            {key.key if isinstance(key, TaskSpec) else key: p for key, p in policies.items()}
        )
    splits = {pair.split for pair in protocol.seeds}
    if len(splits) > 1:
        raise HyperbenchError(
            f"There are {len(splits)} splits, each with target tasks of its own. Give each policy "
            "by its task: {task: policies, ...}."
        )
    families = installed().select_families(suite)
    targets = protocol.split(installed().make_family(families[0]), splits.pop()).target
    return HandedIn.in_order(policies, targets)


def _first(policies: Any) -> Any:
    """One of the policies, beside whose class their kind is found."""
    return next(iter(policies.values()), None) if isinstance(policies, Mapping) else policies
