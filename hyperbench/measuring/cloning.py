"""Cloning: how far a run's policies are from what was demonstrated, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import DataError
from hyperbench.generator import GeneratesInStages, PolicyGenerator
from hyperbench.measuring.dataset import dataset, load
from hyperbench.policy import PolicyBatch, action_unit
from hyperbench.records.record import TaskEntry
from hyperbench.records.store import StoredRun
from hyperbench.registry import Registry
from hyperbench.threads import single_threaded


@dataclass(frozen=True)
class Stage:
    """How far policies are from the experts they were cloned from.

    Args:
        name: of the stage of generation the policies come from.
        source: for each source task (its label) the mean squared error of the actions, whose
            bounds are scaled to [-1, 1].
        validation: the same for each validation task.
    """

    name: str
    source: dict[str, float]
    validation: dict[str, float]


def inspect_run(run: StoredRun, registry: Registry, data_dir: Path) -> list[Stage]:
    """Load a run's generator and measure its policies for source and validation tasks.

    Args:
        run: of a method, that succeeded.
        registry: resolves the record's names.
        data_dir: root of all demonstrations.

    Returns:
        One stage for each block of a method that generates in stages, and for any other one.

    Raises:
        DataError: the generator or the demonstrations are missing, altered or others than the
            run's.
    """
    record, saved = run.record, run.generator
    with record.naming_its_files():
        family = registry.make_family(record.family)
    found = dataset(family, record.protocol.num_demonstrations, data_dir)
    if found.key != record.demonstrations or record.split is None:
        raise DataError(
            f"The run in {run.folder} was fitted to other demonstrations of {record.family} than "
            "the installed experts and physics make. Run it again with: hyperbench run"
        )
    generator = registry.method_class(record.method)()
    generator.load(saved)
    tasks = {task.key: task for task in family.tasks}

    def measured(entries: Sequence[TaskEntry]) -> dict[str, dict[str, float]]:
        if not entries:
            return {}
        demonstrations = load(family, found, [tasks[entry.key] for entry in entries])
        labels = [spec.label for spec in demonstrations.specs]
        return {
            name: dict(zip(labels, cloning_losses(policies, demonstrations).tolist(), strict=True))
            for name, policies in _stages(generator, demonstrations, record.num_support).items()
        }

    with single_threaded():
        source, validation = measured(record.split.source), measured(record.split.validation)
    return [Stage(name, source[name], validation.get(name, {})) for name in source]


def cloning_losses(
    policies: PolicyBatch, demonstrations: Demonstrations
) -> npt.NDArray[np.float64]:
    """Let policies act in what was demonstrated, one step after the other as when they are judged.

    Args:
        policies: one per task.
        demonstrations: equally many episodes of each task; their lengths may differ.

    Returns:
        (num_tasks,): mean squared error of the actions, whose bounds are scaled to [-1, 1].
    """
    rows = demonstrations.episodes
    lengths = np.array([[len(episode) for episode in row] for row in rows])
    # Past its end an episode stands still, and what policies do there does not count.
    shape = (int(lengths.max()), *lengths.shape)
    observations = np.zeros((*shape, demonstrations.observation_dim), np.float32)
    actions = np.zeros((*shape, demonstrations.action_dim), np.float32)
    for t, row in enumerate(rows):
        for e, episode in enumerate(row):
            observations[: len(episode), t, e] = episode.observations[:-1]
            observations[len(episode) :, t, e] = episode.observations[-1]
            actions[: len(episode), t, e] = episode.actions
    scale = action_unit(demonstrations.action_low, demonstrations.action_high)
    sums = np.zeros(len(rows))
    policies.reset()
    for step in range(shape[0]):
        errors = (policies.act(observations[step]) - actions[step]) / scale
        squares = np.square(errors, dtype=np.float64).mean(axis=-1)  # (num_tasks, num_episodes)
        sums += np.where(step < lengths, squares, 0.0).sum(axis=1)
    means: npt.NDArray[np.float64] = sums / lengths.sum(axis=1)
    return means


def _stages(
    generator: PolicyGenerator, demonstrations: Demonstrations, num_support: int
) -> dict[str, PolicyBatch]:
    """Name the policies of each stage; what is generated in one stage is called that."""
    specs = demonstrations.specs
    stages: dict[str, PolicyBatch] = {}
    if isinstance(generator, GeneratesInStages):
        policies = generator.intermediate(specs)
        stages = {f"after block {k}": batch for k, batch in enumerate(policies, start=1)}
    if num_support:
        stages["adapted"] = generator.generate(specs, demonstrations.first(num_support))
    elif not stages:
        stages["generated"] = generator.generate(specs)
    return stages
