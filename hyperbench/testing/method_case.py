"""What a method is checked on: demonstrations in three parts, and observations to act in."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import ContractError
from hyperbench.generator import Checkpoint, FitReport, MethodConfig, PolicyGenerator
from hyperbench.measuring.surroundings import restored, surroundings
from hyperbench.policy import PolicyBatch
from hyperbench.task import FloatArray, TaskSpec
from hyperbench.testing.line import line_demonstrations

SEED = 1
"""Seed of the fit that all checks compare with."""
_MIN_TASKS = 6
_NUM_STEPS = 3
NUM_PROBES = 8


@dataclass(frozen=True)
class Fitted:
    """A generator after ``fit``, with what it was given and what it said.

    Args:
        generator: the fitted generator.
        report: what ``fit`` returned.
        actions: of its policies for the target specs, right after the fit; see ``MethodCase.act``.
        progress: (step, num_steps, loss) of each progress call.
        source: the very demonstrations that ``fit`` was given.
        validation: those too.
        changed: what ``fit`` and ``generate`` changed in their process, in words; it is put back.
    """

    generator: PolicyGenerator
    report: FitReport
    actions: FloatArray
    progress: list[tuple[int, int, float]]
    source: Demonstrations
    validation: Demonstrations | None
    changed: tuple[str, ...]


@dataclass(frozen=True)
class MethodCase:
    """A method and all that its checks need; keep one for all checks, it remembers its first fit.

    Args:
        method: the class.
        config: settings that make its fit fast, a second or less; its defaults when omitted.
        demonstrations: of at least six tasks, a third of which each become source, validation and
            target tasks; expert episodes of ``LineFamily`` when omitted.
        few_shot: whether ``generate`` is given the target tasks' demonstrations as support.
    """

    method: type[PolicyGenerator]
    config: MethodConfig | None = None
    demonstrations: Demonstrations = field(default_factory=line_demonstrations)
    few_shot: bool = False

    def __post_init__(self) -> None:
        if self.demonstrations.num_tasks < _MIN_TASKS:
            raise ContractError(
                f"{self.name}: checks need demonstrations of at least {_MIN_TASKS} tasks, "
                f"found {self.demonstrations.num_tasks}. Give more, or none to use the kit's own."
            )

    @property
    def name(self) -> str:
        """What error messages call the method."""
        return f"Method {self.method.__name__}"

    @property
    def source(self) -> Demonstrations:
        """What ``fit`` learns from."""
        return self.demonstrations.select(self._third(0))

    @property
    def validation(self) -> Demonstrations:
        """What ``fit`` may choose by."""
        return self.demonstrations.select(self._third(1))

    @property
    def specs(self) -> tuple[TaskSpec, ...]:
        """What ``generate`` is asked for."""
        return self._third(2)

    def _third(self, which: int) -> tuple[TaskSpec, ...]:
        # In random order: every third task of a grid may be a slice with one feature constant.
        order = np.random.default_rng(0).permutation(self.demonstrations.num_tasks)
        return tuple(self.demonstrations.specs[i] for i in order[which::3])

    @cached_property
    def reference(self) -> Fitted:
        """The fit with ``SEED`` that others are compared with."""
        return self.fit()

    def new(self) -> PolicyGenerator:
        """Make an unfitted generator."""
        return self.method(self.config)

    def fit(
        self,
        seed: int = SEED,
        *,
        with_validation: bool = True,
        checkpoint: Checkpoint | None = None,
    ) -> Fitted:
        """Fit a new generator and let its policies for the target specs act.

        Args:
            seed: of the fit.
            with_validation: whether it may choose by validation tasks.
            checkpoint: handed to a resumable method, where there is one.
        """
        # Copies, so that a method which writes into its input spoils no later fit.
        source = copy.deepcopy(self.source)
        validation = copy.deepcopy(self.validation) if with_validation else None
        progress: list[tuple[int, int, float]] = []
        generator = self.new()
        with restored():
            before = surroundings()
            report = generator.fit(
                source,
                validation=validation,
                seed=seed,
                device="cpu",
                progress=lambda step, num_steps, loss: progress.append((step, num_steps, loss)),
                **({} if checkpoint is None else {"checkpoint": checkpoint}),
            )
            actions = self.act(self.generate(generator, self.specs))
            after = surroundings()
        changed = tuple(name for name, state in after.items() if state != before[name])
        return Fitted(generator, report, actions, progress, source, validation, changed)

    def generate(self, generator: PolicyGenerator, specs: Sequence[TaskSpec]) -> PolicyBatch:
        """Call ``generate``, with support in the few-shot track."""
        return generator.generate(specs, self.support(specs) if self.few_shot else None)

    def support(self, specs: Sequence[TaskSpec]) -> Demonstrations:
        """Copy the demonstrations of some of the tasks."""
        return copy.deepcopy(self.demonstrations.select(specs))

    def act(self, policies: PolicyBatch, scale: float = 1.0) -> FloatArray:
        """Let policies act in the probe observations, one step after the other.

        Args:
            policies: for any number of tasks.
            scale: how far the probes spread, as a multiple of the demonstrations' spread.

        Returns:
            (num_steps, num_tasks, num_probes, action_dim).
        """
        policies.reset()
        num_tasks = policies.num_tasks
        steps = [np.repeat(step[None], num_tasks, axis=0) for step in scale * self._probes]
        return np.stack([policies.act(step) for step in steps])

    @cached_property
    def _probes(self) -> FloatArray:
        """(num_steps, num_probes, obs_dim), the same for every task so that policies compare."""
        seen = self.source.observations(0)
        rng = np.random.default_rng(0)
        shape = (_NUM_STEPS, NUM_PROBES, seen.shape[1])
        return rng.normal(seen.mean(axis=0), seen.std(axis=0) + 1e-3, shape).astype(np.float32)

    @property
    def rounding(self) -> FloatArray:
        """(action_dim,): how far actions may move with the size of a batch, by rounding alone."""
        return 1e-4 * (self.demonstrations.action_high - self.demonstrations.action_low)
