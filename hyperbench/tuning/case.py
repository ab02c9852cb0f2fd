"""What settings are judged on: validation tasks, under splits that no board uses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hyperbench import statistics
from hyperbench.arms import RandomPolicies, demonstrated
from hyperbench.demonstration import Demonstrations
from hyperbench.errors import ProtocolError
from hyperbench.family import TaskFamily
from hyperbench.measuring.dataset import dataset, load
from hyperbench.policy import PolicyBatch
from hyperbench.protocol import PROTOCOLS, EvalProtocol, SeedPair
from hyperbench.registry import Registry
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.run import Run
from hyperbench.task import TaskSpec
from hyperbench.threads import single_threaded

_FIRST_SPLIT_SEED = 10_000
"""Far from the seeds of boards, which count from 0 where a protocol names none."""
_SEED_ROOT = 0
"""Every setting, and every method, plays the same episodes."""


def tuning_protocol(protocol: EvalProtocol, num_splits: int) -> EvalProtocol:
    """Take a protocol's rules for splits that no registered protocol's board uses.

    Raises:
        ProtocolError: the rules leave no validation tasks.
    """
    if protocol.validation_fraction == 0:
        raise ProtocolError(f"Protocol {protocol.id} has no validation tasks to tune on.")
    taken = {pair.split for known in (*PROTOCOLS.values(), protocol) for pair in known.seeds}
    free = (seed for seed in count(_FIRST_SPLIT_SEED) if seed not in taken)
    seeds = tuple(SeedPair(split=seed, fit=seed) for seed in islice(free, num_splits))
    return protocol.model_copy(update={"seeds": seeds})


@dataclass(frozen=True)
class Case:
    """What settings are judged on: one family under one split.

    Args:
        run: which.
        family: plays.
        tasks: the validation tasks.
        source: demonstrations of the source tasks.
        validation: demonstrations of the validation tasks.
        seeds: (num_tasks, num_episodes) of the episodes.
        random: (num_tasks,) mean returns of random actions.
        expert: (num_tasks,) mean returns of the experts, or whoever is score 1; NaN where they earn
            no more than random actions, beyond the noise.
    """

    run: Run
    family: TaskFamily
    tasks: tuple[TaskSpec, ...]
    source: Demonstrations
    validation: Demonstrations
    seeds: npt.NDArray[np.int64]
    random: npt.NDArray[np.float64]
    expert: npt.NDArray[np.float64]


def make_case(run: Run, registry: Registry, data_dir: Path, num_threads: int) -> Case:
    """Load a run's demonstrations and play the references that its scores are read against.

    Raises:
        DataError: there are no demonstrations.
        ProtocolError: on no validation task does the expert earn more than random actions.
    """
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    tasks = split.validation
    found = dataset(family, run.protocol.num_demonstrations, data_dir)
    seeds = episode_seeds(_SEED_ROOT, "tuning episode", tasks, run.protocol.num_episodes)
    validation = load(family, found, tasks)

    def earned(policies: PolicyBatch) -> npt.NDArray[np.float64]:
        return rollout(family, tasks, policies, seeds, num_threads=num_threads).returns

    with single_threaded():
        random = earned(RandomPolicies(family, tasks))
        if family.info.has_demonstrators:
            expert = earned(family.reference(tasks))
        else:
            expert = demonstrated(validation, seeds).returns
    zero, one = statistics.ends_of_scale(random, expert)
    if np.isnan(one).all():
        raise ProtocolError(f"Validation tasks of {run.family} cannot tell policies apart.")
    return Case(
        run=run,
        family=family,
        tasks=tasks,
        source=load(family, found, split.source),
        validation=validation,
        seeds=seeds,
        random=zero,
        expert=one,
    )
