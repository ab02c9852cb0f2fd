"""Specs with faults: what controls are shown of target tasks, and whose fit they share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperbench.errors import DataError
from hyperbench.executors import Site
from hyperbench.family import TaskFamily
from hyperbench.records.store import StoredRun
from hyperbench.registry.code import Fingerprints
from hyperbench.run import Run
from hyperbench.seeding import child_seed
from hyperbench.split import Split
from hyperbench.task import TaskSpec


def shown_specs(run: Run, split: Split) -> tuple[TaskSpec, ...]:
    """For each target task the spec that a policy is generated for: its own, unless faulty."""
    if run.shuffled_spec:
        return split.shuffled_target()
    if run.hidden_feature is not None:
        return tuple(_without(task, run.hidden_feature) for task in split.target)
    if run.spec_noise:
        return tuple(_noisy(task, run) for task in split.target)
    return split.target


def _without(task: TaskSpec, name: str) -> TaskSpec:
    features = zip(task.space.features, task.values, strict=True)
    return replace(task, values=tuple(f.middle if f.name == name else v for f, v in features))


def _noisy(task: TaskSpec, run: Run) -> TaskSpec:
    """The spec that is nearest to what is shown of a task and Gaussian noise.

    The noise follows from task and seeds alone: every method is shown the same, and more of it is
    the same in larger.
    """
    seed = child_seed(run.seeds.split, "spec noise", run.seeds.fit, task.key)
    noise = np.random.default_rng(seed).standard_normal(task.space.shown_dim)
    left = (task.space.present(task.values) + run.spec_noise * noise).tolist()
    values = []
    for feature in task.space.features:
        width = len(feature.shown_names)
        values.append(feature.nearest(left[:width]))
        left = left[width:]
    return replace(task, values=tuple(values))


def fit_beside(
    run: Run, family: TaskFamily, site: Site, fingerprints: Fingerprints
) -> StoredRun | None:
    """The run of sound specs whose fit is this one's, too, if it is finished and of this code.

    The fit does not see target tasks: repeated, it is the same, to the last bit on the CPU.
    """
    # Without a fingerprint nobody knows whether the code is the same.
    if not run.is_faulty or fingerprints.method is None:
        return None
    try:
        found = StoredRun.read(site.runs / run.sound.key_for(family.info, family.tasks))
    except DataError:
        return None
    usable = found.is_finished and found.keeps_generator
    return found if usable and found.record.fingerprints == fingerprints else None
