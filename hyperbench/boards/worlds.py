"""What a board's rows and columns are called, and which runs may stand on one board."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hyperbench.run import Run
from hyperbench.seeding import content_hash

if TYPE_CHECKING:  # they bring NumPy, which completing the names of rows does not need
    from hyperbench.records.record import RunRecord
    from hyperbench.records.store import StoredRun

_Run = TypeVar("_Run", bound=Run)


class BoardKey(NamedTuple):
    """Which board a run belongs to."""

    suite: str
    protocol: str
    rules: str
    """Hash of the rules, since two sets of them may have one name."""


def by_board(runs: Sequence[StoredRun]) -> dict[BoardKey, list[StoredRun]]:
    """Divide runs by the suite of their family and their protocol.

    In the order of the names, whose numbers are told by their value: ``scarce-5-v1`` is before
    ``scarce-10-v1``.
    """
    found: dict[BoardKey, list[StoredRun]] = {}
    for run in runs:
        found.setdefault(board_key(run.record), []).append(run)
    return {key: found[key] for key in sorted(found, key=_natural_order)}


def board_key(record: RunRecord) -> BoardKey:
    """The board that a run belongs to."""
    return BoardKey(suite_of(record), record.protocol.id, record.protocol.rules_hash)


def _natural_order(key: BoardKey) -> tuple[list[tuple[int, str]], ...]:
    return tuple(
        [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
        for name in key
    )


def board_titles(keys: Collection[BoardKey]) -> dict[BoardKey, str]:
    """What each of some boards is called: as short as tells them apart."""
    several_suites = len({key.suite for key in keys}) > 1
    several_rules = len({key[:2] for key in keys}) < len(keys)
    return {
        key: (f"{key.suite}, " if several_suites else "")
        + key.protocol
        + (f" ({key.rules[:6]})" if several_rules else "")
        for key in keys
    }


def suite_of(record: Run) -> str:
    """The suite that a run's family is named after."""
    return record.family.partition("/")[0]


def by_world(runs: Sequence[StoredRun]) -> list[list[StoredRun]]:
    """Divide runs so that in each part a family has one version, one set of experts, one physics.

    The first part has of every family the world that was measured most, the next one the second.
    """
    num_runs: dict[str, Counter[tuple[str, str, str]]] = {}
    for run in runs:
        counted = num_runs.setdefault(unversioned(run.record.family), Counter())
        counted[world_of(run.record)] += 1
    rank = {
        world: place
        for counted in num_runs.values()
        for place, world in enumerate(sorted(counted, key=lambda world: (-counted[world], world)))
    }
    parts: dict[int, list[StoredRun]] = {}
    for run in runs:
        parts.setdefault(rank[world_of(run.record)], []).append(run)
    return [parts[place] for place in sorted(parts)]


def family_labels(records: Sequence[RunRecord]) -> dict[str, str]:
    """Per run the name of its column: results of different worlds never share one."""

    def world(record: RunRecord) -> str:
        _, physics, experts = world_of(record)
        return f"experts {experts}, {physics}"

    return _labels(records, lambda record: record.family, world)


def world_of(record: RunRecord) -> tuple[str, str, str]:
    """What results must share to be compared: family, physics and experts.

    Where nobody demonstrates, scores are read against the demonstrations that were brought.
    """
    info = record.family_info
    experts = info.expert_version
    if not info.has_demonstrators:
        experts += f" {str(record.demonstrations)[:8]}"
    return info.id, info.physics, experts


def unversioned(family: str) -> str:
    """A family's id without its version."""
    return family.rpartition("-v")[0] or family


def names_of(family: str) -> tuple[str, str, str]:
    """All that a family is asked for by: its suite, and its id without and with its version."""
    return family.partition("/")[0], unversioned(family), family


def method_labels(records: Sequence[Run]) -> dict[str, str]:
    """Per run the name of its row: different versions, settings or devices never share one.

    Equal settings do, however they were typed: of the names that their records give them, the one
    with the fewest.
    """
    settings = {record.key: content_hash(record.config, 6) for record in records}
    names: dict[tuple[object, ...], tuple[int, str]] = {}

    def alike(record: Run) -> tuple[object, ...]:
        fault = record.shuffled_spec, record.spec_noise, record.hidden_feature
        seen = record.track, record.protocol.track
        return record.method, settings[record.key], *fault, *seen

    for record in records:
        said = len(record.overrides), record.row_label
        names[alike(record)] = min(said, names.get(alike(record), said))

    def variant(record: Run) -> str:
        if record.policies is not None:
            return f"handed in {record.policies[:6]}"
        return f"version {record.method_version}, {record.device}, settings {settings[record.key]}"

    return _labels(records, lambda record: names[alike(record)][1], variant)


def _labels(
    records: Sequence[_Run],
    name: Callable[[_Run], str],
    variant: Callable[[_Run], str],
) -> dict[str, str]:
    """Per run its name, with the variant where one name stands for several."""
    variants: dict[str, set[str]] = {}
    for record in records:
        variants.setdefault(name(record), set()).add(variant(record))
    return {
        record.key: name(record)
        if len(variants[name(record)]) == 1
        else f"{name(record)} ({variant(record)})"
        for record in records
    }
