"""``hyperbench info``: a suite, family, method or protocol described."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from rich.markup import escape

from hyperbench.arms import RandomPolicies
from hyperbench.errors import HyperbenchError, ProtocolError
from hyperbench.events import emit
from hyperbench.family import TaskFamily
from hyperbench.feature import digits_apart
from hyperbench.generator import MethodConfig
from hyperbench.hookspecs import MethodEntry
from hyperbench.measuring.plan import families_of
from hyperbench.policy import PolicyBatch
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import installed
from hyperbench.registry.own import DEMONSTRATOR, EXPERT
from hyperbench.rollout import EpisodeTable, episode_seeds, rollout
from hyperbench.run import spelled
from hyperbench.task import LABEL_DIGITS, Feature, TaskSpec
from hyperbench.threads import num_cores, single_threaded
from hyperbench.view import chart
from hyperbench.view.console import (
    LeftOut,
    print_line,
    print_listing,
    standard_error,
    standard_output,
)
from hyperbench.view.progress import progress_display

_NEITHER = "·"
out = standard_output()
err = standard_error()


def info_command(
    name: str,
    *,
    protocol: EvalProtocol | None = None,
    split_seed: int | None = None,
    num_episodes: int | None = None,
    as_json: bool = False,
) -> int:
    """Describe whatever is called ``name``.

    Args:
        name: of a suite, family, method or protocol.
        protocol: of which a family's split is shown.
        split_seed: of that split; None takes the protocol's first.
        num_episodes: to play on each of a family's tasks, by its expert and at random. None: one,
            but none where a split is asked for, a suite has several families, or as JSON.
        as_json: whether to print JSON.

    Returns:
        How many families of a suite cannot be made.

    Raises:
        HyperbenchError: the name is unknown, or the other arguments do not go with it.
    """
    registry, left_out = installed(), LeftOut()
    rules_id, method = registry.protocols.asked(name), registry.methods.asked(name)
    if (rules_id or method) and (protocol is not None or num_episodes):
        raise HyperbenchError(f"{name!r} is no family: there is nothing to split or to play.")
    if rules_id:
        rules = registry.protocol(rules_id)
        if as_json:
            print(json.dumps(rules.model_dump(mode="json"), indent=1))
            return 0
        fields = type(rules).model_fields
        rows = [
            (field, str(getattr(rules, field)), fields[field].description or "")
            for field in fields
            if field != "seeds"
        ]
        seeds = ", ".join(f"({pair.split}, {pair.fit})" for pair in rules.seeds)
        print_listing(
            f"Protocol {rules_id}", [*rows, ("seeds", seeds, "Split and fit seeds.")], out
        )
    elif method:
        entry = registry.methods[method]
        config = registry.method_class(method).Config
        if as_json:
            print(json.dumps(_method_json(method, entry, config), indent=1))
            return 0
        about = escape(f"version {entry.version}, {entry.track}: {entry.summary}")
        out.print(f"\n[bold]Method {escape(method)}[/], {about}")
        out.print(entry.paper, highlight=False, markup=False)
        fields = config.model_fields
        rows = [(name, _default(field), _described(field)) for name, field in fields.items()]
        if rows:
            print_listing("Settings, for --set", rows, out)
        if config.SEARCH:
            space = [(setting, str(where)) for setting, where in config.SEARCH.items()]
            print_listing("Where tune searches", space, out)
    else:
        families = families_of(registry, name, left_out)
        if as_json:
            said = [_family_json(f, protocol, split_seed, num_episodes or 0) for f in families]
            print(json.dumps(said, indent=1))
            return left_out.number
        if num_episodes is None:
            num_episodes = int(len(families) == 1 and protocol is None)
        for family in families:
            _describe(family)
            if protocol is not None:
                _show_split(family, protocol, split_seed)
            if num_episodes:
                _show_returns(family, num_episodes)
    return left_out.number


def _method_json(name: str, entry: MethodEntry, config: type[MethodConfig]) -> dict[str, Any]:
    said = ("version", "track", "baseline", "summary", "paper")
    return {
        "name": name,
        **{field: getattr(entry, field) for field in said},
        "settings": {
            setting: {"default": _default(field), "description": _described(field)}
            for setting, field in config.model_fields.items()
        },
        "search": {setting: str(where) for setting, where in config.SEARCH.items()},
    }


def _family_json(
    family: TaskFamily, protocol: EvalProtocol | None, split_seed: int | None, num_episodes: int
) -> dict[str, Any]:
    """What a family is; its split and what its tasks return, where these are asked for."""
    space = family.spec_space
    said = asdict(family.info) | {
        "observation_dim": family.observation_space.shape[0],
        "action_dim": family.action_space.shape[0],
        "features": [asdict(feature) for feature in space.features],
        "shown": list(space.shown_names),
        "tasks": {
            task.key: dict(zip(space.names, task.values, strict=True)) for task in family.tasks
        },
    }
    if protocol is not None:
        split = protocol.split(family, _seed_of(protocol, split_seed))
        said["split"] = {part: [task.key for task in tasks] for part, tasks in vars(split).items()}
    if num_episodes:
        said["returns"] = {
            name: dict(zip(said["tasks"], table.returns.mean(axis=1).tolist(), strict=True))
            for name, table in _played(family, num_episodes).items()
        }
    return said


def _seed_of(protocol: EvalProtocol, split_seed: int | None) -> int:
    return protocol.seeds[0].split if split_seed is None else split_seed


def _described(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _describe(family: TaskFamily) -> None:
    info, space = family.info, family.spec_space
    print_listing(
        f"Family {info.id}: {info.summary}",
        [
            ("tasks", str(len(family.tasks))),
            ("horizon", f"{info.horizon} control steps"),
            ("observation", f"{family.observation_space.shape[0]} numbers"),
            ("action", f"{family.action_space.shape[0]} numbers"),
            ("spec", f"{space.shown_dim} numbers: {', '.join(space.shown_names)}"),
            ("headline", "success rate" if info.ends_at_success else "score"),
            ("physics", info.physics),
            ("experts" if info.has_expert else "demonstrators", info.expert_version),
            ("licence", info.licence),
            ("cite", info.citation),
            *([("remark", info.remark)] if info.remark else []),
        ],
        out,
    )
    rows = [
        (feature.name, _values(feature, values), f"changes the {feature.kind}")
        for feature, *values in zip(
            space.features, *(task.values for task in family.tasks), strict=True
        )
    ]
    print_listing("Features", rows, out)
    sizes = [_sizes(family, protocol) for protocol in installed().protocols.values()]
    print_listing("Tasks under each protocol", sizes, out)


def _values(feature: Feature, values: Sequence[float]) -> str:
    if feature.domain == "categories":
        return f"{len(feature.categories)} categories: {', '.join(feature.categories)}"
    grid = sorted(set(values))
    digits = digits_apart(grid, LABEL_DIGITS)
    ends = " to ".join(feature.text(end, digits) for end in (grid[0], grid[-1]))
    text = f"{len(grid)} values from {ends} {feature.unit}".strip()
    if feature.domain == "circle":
        text += f", on a circle of {feature.high - feature.low:g} {feature.unit}".rstrip()
    return text


def _default(field: FieldInfo) -> str:
    """A setting's default as it would be written after ``--set``."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return spelled(to_jsonable_python(default, fallback=str))


def _sizes(family: TaskFamily, protocol: EvalProtocol) -> tuple[str, str]:
    try:
        split = protocol.split(family, protocol.seeds[0].split)
    except ProtocolError as error:  # a family of few tasks; the other protocols may do
        return protocol.id, str(error)
    return protocol.id, ", ".join(f"{len(tasks)} {part}" for part, tasks in vars(split).items())


def _show_split(family: TaskFamily, protocol: EvalProtocol, split_seed: int | None) -> None:
    seed = _seed_of(protocol, split_seed)
    split = protocol.split(family, seed)
    parts: dict[str, tuple[TaskSpec, ...]] = vars(split)
    rows = [
        (part, " ".join(task.label.replace(" ", "") for task in tasks))
        for part, tasks in parts.items()
    ]
    print_listing(f"Split {seed} of {protocol.id}", rows, out)
    marks = {task.key: part[0].upper() for part, tasks in parts.items() for task in tasks}
    legend = ", ".join(f"{part[0].upper()} {part}" for part in parts)
    if len(marks) < len(family.tasks):
        legend += f", {_NEITHER} left out by the protocol"
    lines = chart.grid(family.tasks, [marks.get(task.key, _NEITHER) for task in family.tasks])
    _print_chart(f"{chart.axes(family.spec_space.features)}: {legend}", lines)


def _played(family: TaskFamily, num_episodes: int) -> dict[str, EpisodeTable]:
    """Episodes of a family's reference, where it has one, and at random."""
    players: dict[str, PolicyBatch] = {}
    if family.info.has_demonstrators:
        players[_reference(family)] = family.reference(family.tasks)
    players["random"] = RandomPolicies(family, family.tasks)
    seeds = episode_seeds(0, "info", family.tasks, num_episodes)
    tables = {}
    id_ = family.info.id
    with progress_display({id_: id_}, err) as notify, single_threaded():
        for name, policies in players.items():
            tables[name] = rollout(
                family,
                family.tasks,
                policies,
                seeds,
                num_threads=num_cores(),
                progress=partial(emit, notify, id_, name),
            )
        emit(notify, id_, "playing", status="ok")
    return tables


def _reference(family: TaskFamily) -> str:
    return EXPERT if family.info.has_expert else DEMONSTRATOR


def _show_returns(family: TaskFamily, num_episodes: int) -> None:
    started = time.perf_counter()
    tables, reference = _played(family, num_episodes), _reference(family)
    seconds = time.perf_counter() - started
    rows = [(name, *_summary(table)) for name, table in tables.items()]
    print_listing(f"Return (episodes per task: {num_episodes}; {seconds:.1f} s)", rows, out)
    if reference not in tables:
        return
    returns = {name: table.returns.mean(axis=1).tolist() for name, table in tables.items()}
    symbols = chart.BLOCKS if out.is_terminal and not out.options.ascii_only else chart.ASCII
    where = chart.axes(family.spec_space.features)
    if len(family.spec_space) == 1:
        lines = chart.bars(family.tasks, returns[reference], returns["random"], symbols)
        _print_chart(
            f"Return over {where}: {symbols.bar[-1]} {reference}, {symbols.floor} random", lines
        )
    else:
        shades, legend = chart.shades(returns[reference], symbols)
        lines = chart.grid(family.tasks, shades, fill=True)
        _print_chart(f"Return of the {reference}; {where}", [*lines, legend] if lines else [])


def _summary(table: EpisodeTable) -> tuple[str, ...]:
    means = table.returns.mean(axis=1)
    row = (f"{means.mean():.4g} on average", f"{means.min():.4g} to {means.max():.4g} by task")
    if table.successes is None:
        return row
    return (*row, f"success {100 * table.successes.mean():.3g} %")


def _print_chart(title: str, lines: Sequence[str]) -> None:
    text = "\n  ".join(["", title, *lines] if lines else ["", "Too many tasks for a picture."])
    print_line(text, out)
