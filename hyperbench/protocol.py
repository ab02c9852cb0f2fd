"""Protocols: the frozen rules of a measurement."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hyperbench.errors import ProtocolError
from hyperbench.seeding import child_seed, content_hash

if TYPE_CHECKING:  # they bring NumPy and Gymnasium, which listing protocols does not need
    from hyperbench.family import TaskFamily
    from hyperbench.split import Split
    from hyperbench.task import TaskSpec

Track = Literal["zero-shot", "few-shot"]
SplitRule = Literal["random", "gap"]

_MIN_TASKS = 3
"""One source, one validation, one target task."""
_HOW_MANY = "give at least one seed, each once, none negative."
_LATER_RULES = (
    *("num_support", "split_rule", "num_source", "num_target"),
    *("split_label", "max_target", "num_steps"),
)
"""Fields younger than the first protocols, whose hashes must stay what they were."""


class SeedPair(BaseModel):
    """The two independent seeds of a run; equal numbers do not mean equal random streams."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    split: int
    """Decides which tasks are source, validation and target."""
    fit: int
    """Decides initial weights and batches of the method."""


class EvalProtocol(BaseModel):
    """The frozen rules of a measurement. Changing a field makes another protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """Name and version, e.g. ``quick-v1``."""
    summary: str
    """One line for people."""
    source_fraction: float = Field(0.2, gt=0, lt=1)
    """Share of a family's tasks to learn from, unless the family has one of its own."""
    validation_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of a family's tasks that serve only to choose."""
    num_demonstrations: int = Field(10, ge=1)
    """Expert episodes per source and validation task, unless the family asks for more."""
    num_episodes: int = Field(10, ge=1)
    """Episodes judged per target task."""
    seeds: tuple[SeedPair, ...]
    """One run per method and family for each pair."""
    track: Track = "zero-shot"
    """What a method may see of a target task."""
    num_support: int = Field(0, ge=0)
    """Demonstrations of each target task that a method is handed; of the few-shot track only."""
    split_rule: SplitRule = "random"
    """Which tasks may be targets: any, or those in the middle and at the ends of a feature."""
    num_source: int | None = Field(None, ge=1)
    """How many tasks to learn from, whatever fractions say."""
    num_target: int | None = Field(None, ge=1)
    """With ``num_source``: how many tasks are judged. They and the validation tasks are taken from
    the other end than source tasks, and what is left between them is neither learned from nor
    judged."""
    split_label: str | None = None
    """Protocols with the same one draw tasks in the same order, so that the source tasks of one are
    among those of another; by default the id."""
    max_target: int | None = Field(None, ge=1)
    """At most so many tasks are judged: of the target tasks the first in the order drawn."""
    num_steps: int | None = Field(None, ge=1)
    """Gradient steps of a fit, for every method alike that has a setting ``num_steps``, unless it
    is set otherwise; None leaves each method its own."""

    @model_validator(mode="after")
    def _check_support(self) -> Self:
        if (self.track == "few-shot") != (self.num_support > 0):
            raise ValueError("num_support is of the few-shot track, and at least 1 there")
        if self.num_support > self.num_demonstrations:
            raise ValueError("support is chosen from the demonstrations, so num_support is no more")
        return self

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        if (self.num_source is None) != (self.num_target is None):
            raise ValueError("num_source and num_target go together")
        for name in ("num_source", "max_target"):
            if getattr(self, name) is not None and self.split_rule != "random":
                raise ValueError(f"the gap rule decides how many tasks are targets, not {name}")
        return self

    @property
    def rules_hash(self) -> str:
        """Identifies the rules by content, apart from which seeds are run."""
        rules = self.model_dump(mode="json", exclude={"seeds", "summary"})
        for name in _LATER_RULES:
            if rules[name] == type(self).model_fields[name].default:
                del rules[name]
        return content_hash(rules)

    def budget(self, settings: Container[str]) -> dict[str, int]:
        """What a method with these settings is given in place of its own defaults."""
        if self.num_steps is None or "num_steps" not in settings:
            return {}
        return {"num_steps": self.num_steps}

    def with_crossed_seeds(self, split: str | None, fit: str | None) -> EvalProtocol:
        """Cross seeds under these rules: every one of some split seeds with every fit seed.

        Separates what the split and what the fit contributes to the spread of results.

        Args:
            split: seeds, e.g. ``"0,1"``; None takes the protocol's first.
            fit: seeds; None takes the protocol's first.

        Raises:
            ProtocolError: they are no list of seeds.
        """
        splits = [self.seeds[0].split] if split is None else _seeds("--split-seeds", split)
        fits = [self.seeds[0].fit] if fit is None else _seeds("--fit-seeds", fit)
        pairs = tuple(SeedPair(split=one, fit=other) for one in splits for other in fits)
        return self.model_copy(update={"seeds": pairs})

    def with_seeds(self, asked: str) -> EvalProtocol:
        """Take other seed pairs under these rules.

        Args:
            asked: a number of pairs (``"3"``: the protocol's first three, counted on where it has
                fewer) or the seeds themselves (``"0,7,9"``, each for split and fit).

        Raises:
            ProtocolError: it is neither.
        """
        numbers = _seeds("--seeds", asked)
        if "," in asked:
            pairs = tuple(SeedPair(split=seed, fit=seed) for seed in numbers)
        else:
            more = (SeedPair(split=i, fit=i) for i in range(len(self.seeds), numbers[0]))
            pairs = (*self.seeds, *more)[: numbers[0]]
        if not pairs or len(set(pairs)) < len(pairs):
            raise ProtocolError(f"--seeds {asked!r}: {_HOW_MANY}")
        return self.model_copy(update={"seeds": pairs})

    def split(self, family: TaskFamily, split_seed: int) -> Split:
        """Divide a family's tasks: a pure function of the tasks, the rules and the seed.

        By the rule ``random`` every task is source, validation or target. By the rule ``gap`` the
        targets are the tasks that ``held_out_by_gap`` names, whatever the seed; source and
        validation are drawn from the others, some of which may be left over.

        Args:
            family: whose tasks; its ``FamilyInfo.source_fraction``, where it has one, goes before
                the protocol's, and ``FamilyInfo.split_as`` says as whose they are divided.
            split_seed: of the run.

        Raises:
            ProtocolError: too few tasks for one source, one validation and one target task.
        """
        import numpy as np

        from hyperbench.split import Split, held_out_by_gap

        tasks = family.tasks
        by_key = {task.key: task for task in tasks}
        if len(by_key) != len(tasks):
            raise ProtocolError(f"{len(tasks) - len(by_key)} tasks occur twice; they must differ.")
        if len(tasks) < _MIN_TASKS:
            raise ProtocolError(
                f"Protocol {self.id} needs at least {_MIN_TASKS} tasks, found {len(tasks)}."
            )
        drawn_as = {
            task.key: replace(task, family=family.info.split_as or task.family).key
            for task in tasks
        }
        # Sorted by key, the order in which a family lists its tasks does not matter.
        keys = sorted(by_key, key=drawn_as.__getitem__)
        held_out = held_out_by_gap(tasks) if self.split_rule == "gap" else frozenset[str]()
        drawn = [key for key in keys if key not in held_out]
        rng = np.random.default_rng(
            child_seed(split_seed, "split", self.split_label or self.id, *sorted(drawn_as.values()))
        )
        order = [drawn[i] for i in rng.permutation(len(drawn))]
        num_source, num_validation = self._sizes(
            len(keys), len(drawn), family.info.source_fraction or self.source_fraction
        )
        validation_at = num_source
        if self.num_target is not None:
            validation_at = len(order) - self.num_target - num_validation
            if validation_at < num_source:
                raise ProtocolError(
                    f"Protocol {self.id} needs {num_source} source, {num_validation} validation "
                    f"and {self.num_target} target tasks, found {len(order)}."
                )
        target_at = validation_at + num_validation

        def chosen(part: Sequence[str]) -> tuple[TaskSpec, ...]:
            return tuple(task for task in tasks if task.key in set(part))

        return Split(
            source=chosen(order[:num_source]),
            validation=chosen(order[validation_at:target_at]),
            target=chosen(sorted(held_out) or order[target_at:][: self.max_target]),
        )

    def _sizes(self, num_tasks: int, num_drawn: int, source_fraction: float) -> tuple[int, int]:
        """How many source and validation tasks there are, if ``num_drawn`` may be either."""
        num_source = self.num_source or max(1, round(source_fraction * num_tasks))
        num_validation = round(self.validation_fraction * num_tasks)
        if self.validation_fraction > 0:
            num_validation = max(1, num_validation)
        if num_drawn == num_tasks:
            if num_source + num_validation >= num_tasks:
                raise ProtocolError(
                    f"Protocol {self.id} leaves no target task of {num_tasks} tasks."
                )
        elif num_source + num_validation > num_drawn:
            # Where much is held out, source and validation share the rest in the same proportion.
            share = num_validation / (num_source + num_validation)
            num_validation = math.ceil(share * num_drawn)
            num_source = num_drawn - num_validation
            if num_source < 1:
                raise ProtocolError(
                    f"Protocol {self.id} leaves {num_drawn} of {num_tasks} tasks to learn from."
                )
        return num_source, num_validation


def _seeds(option: str, asked: str) -> list[int]:
    try:
        numbers = [int(part) for part in asked.split(",")]
    except ValueError:
        raise ProtocolError(
            f"{option} {asked!r} is neither a number nor a list such as 0,1,2."
        ) from None
    if len(set(numbers)) < len(numbers) or min(numbers) < 0:
        raise ProtocolError(f"{option} {asked!r}: {_HOW_MANY}")
    return numbers


QUICK = EvalProtocol(
    id="quick-v1",
    summary="20 % source, 10 % validation, one seed pair, 4 episodes: minutes on a laptop",
    num_episodes=4,
    seeds=(SeedPair(split=0, fit=0),),
)
STANDARD = EvalProtocol(
    id="standard-v1",
    summary="20 % source, 10 % validation, five seed pairs, 10 episodes: for boards",
    seeds=tuple(SeedPair(split=i, fit=i) for i in range(5)),
)
QUICK_2 = EvalProtocol(
    id="quick-v2",
    summary="the first split of standard-v1, 12 targets, 4 episodes, 1000 gradient steps: a look",
    num_episodes=4,
    seeds=(SeedPair(split=0, fit=0),),
    split_label=STANDARD.id,
    max_target=12,
    num_steps=1000,
)
PAPER = EvalProtocol(
    id="paper-v1",
    summary="the published split: 20 % source, no validation, the published five seeds",
    validation_fraction=0.0,
    seeds=tuple(SeedPair(split=seed, fit=seed) for seed in (123, 233, 666, 999, 789)),
)
GAP = EvalProtocol(
    id="gap-v1",
    summary="middle and ends of each feature held out, five seed pairs: extrapolation on purpose",
    seeds=STANDARD.seeds,
    split_rule="gap",
)
FEW_SHOT = EvalProtocol(
    id="few-shot-v1",
    summary="as standard-v1, and 10 demonstrations of each target task for methods that use them",
    seeds=STANDARD.seeds,
    track="few-shot",
    num_support=10,
)
PROTOCOLS = {protocol.id: protocol for protocol in (QUICK_2, STANDARD, PAPER, GAP, FEW_SHOT, QUICK)}
