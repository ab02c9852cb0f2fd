"""Checks that an episode depends on its task, its seed and its actions, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import numpy as np

from hyperbench.errors import contract_error
from hyperbench.family import TaskFamily
from hyperbench.seeding import SEED_BITS
from hyperbench.task import FloatArray, TaskSpec
from hyperbench.testing.trace import Player, Trace, Vector, play, random_actions, single, some_tasks

_ROUNDING = 1e-5
"""How far two programs for one dynamics may drift apart in NUM_STEPS steps."""


def check_seed_repeats_the_episode(family: TaskFamily) -> None:
    """Check that ``reset(seed=)`` is honoured: the same seed and actions give the same episode.

    Also in an environment that has been used before, and by ``make`` and ``make_vec`` alike. All
    methods of a board play the same episodes because of this.
    """
    tasks = some_tasks(family)
    makers: dict[str, tuple[Callable[[], Vector], int]] = {
        "make": (lambda: single(family, tasks[0]), 1),
        "make_vec": (lambda: family.make_vec(tasks), len(tasks)),
    }
    for maker, (make, num_envs) in makers.items():
        seeds = [7 + i for i in range(num_envs)]
        actions = random_actions(family, num_envs)
        first = play(make(), seeds, actions)
        with closing(make()) as env:
            used = Player(env, [100 + seed for seed in seeds])
            for action in random_actions(family, num_envs, seed=1):
                used.step(action)
            again = Player(env, seeds)
            for action in actions:
                again.step(action)
        difference = first.difference(again.trace())
        if difference is not None:
            raise contract_error(
                f"Family {family.info.id}",
                f"reset(seed=...) of {maker} must repeat an episode exactly, used before or not.",
                f"{difference}.",
                "Draw everything random from the generator that reset(seed=...) makes, and reset "
                "everything that an episode changes.",
            )


def check_large_seeds(family: TaskFamily) -> None:
    """Check that ``reset(seed=)`` accepts seeds of 48 bits, in ``make`` and in ``make_vec``.

    Those that hyperbench draws from content are so large. NumPy's old ``RandomState`` takes 32
    bits, and libraries that seed it pass that on.
    """
    task, seed = family.tasks[0], 2**SEED_BITS - 1
    makers: dict[str, Callable[[], Vector]] = {
        "make": lambda: single(family, task),
        "make_vec": lambda: family.make_vec([task]),
    }
    for maker, make in makers.items():
        try:
            with closing(make()) as env:
                env.reset(seed=[seed])  # type: ignore[arg-type]  # see border.py
        except Exception as error:
            raise contract_error(
                f"Family {family.info.id}",
                f"reset(seed=...) of {maker} must accept seeds of {SEED_BITS} bits.",
                f"{type(error).__name__}: {error}, with seed {seed}.",
                "Where a generator takes less, as RandomState does, reduce it: seed % 2**32.",
            ) from error


def check_starts_differ(family: TaskFamily) -> None:
    """Check that different seeds start different episodes, in ``make`` and in ``make_vec``.

    Ten episodes of one start are one episode measured ten times. A family that is deterministic on
    purpose leaves this check out (``except_for=[check_starts_differ]``).
    """
    task = family.tasks[0]
    actions = random_actions(family, 1)
    one = play(single(family, task), [1], actions)
    other = play(single(family, task), [2], actions)
    both = play(family.make_vec([task, task]), [1, 2], np.repeat(actions, 2, axis=1))
    pairs = {"make": (one, other), "make_vec": (both.take([0]), both.take([1]))}
    for maker, (first, second) in pairs.items():
        if first.difference(second) is None:
            raise contract_error(
                f"Family {family.info.id}",
                f"different seeds must start different episodes in {maker}.",
                f"the same {len(first.rewards)} steps with seeds 1 and 2.",
                "Draw the start from the generator that reset(seed=...) makes.",
            )


def check_make_equals_make_vec(family: TaskFamily) -> None:
    """Check that ``make`` and ``make_vec`` play the same episode for the same seed and actions.

    People look at the one and boards are measured on the other. Rounding may differ: 1e-5, relative
    above magnitude 1.
    """
    tasks = some_tasks(family)
    actions = random_actions(family, len(tasks))
    batch = play(family.make_vec(tasks), range(len(tasks)), actions)
    for i, task in enumerate(tasks):
        alone = play(single(family, task), [i], actions[:, [i]])
        difference = alone.difference(batch.take([i]), _ROUNDING)
        if difference is not None:
            raise contract_error(
                f"Family {family.info.id}, task {task.label}",
                f"make and make_vec must play the same episode with seed {i}.",
                f"{difference} (make first).",
                "Let both use the same code, e.g. make as a make_vec of one.",
            )


def check_environments_share_nothing(family: TaskFamily) -> None:
    """Check that two environments share no state, neither of ``make`` nor of ``make_vec``.

    While one is being played, another one is made, reset and stepped, of another task and then of
    the same one; the first goes on as if it were alone.
    """
    here = family.tasks[0]
    makers: dict[str, Callable[[TaskSpec], Vector]] = {
        "make": lambda task: single(family, task),
        "make_vec": lambda task: family.make_vec([task]),
    }
    actions, disturbance = random_actions(family, 1), random_actions(family, 1, seed=1)
    for maker, make in makers.items():
        alone = play(make(here), [3], actions)
        for there in (family.tasks[-1], here):
            difference = alone.difference(_disturbed(make, here, there, actions, disturbance))
            if difference is not None:
                raise contract_error(
                    f"Family {family.info.id}",
                    f"an environment of {maker} must not notice that another one, "
                    f"of {there.label}, is made and stepped.",
                    f"{difference} (alone first, of {here.label}).",
                    "Look for class attributes, module globals, a cache or a model both change.",
                )


def _disturbed(
    make: Callable[[TaskSpec], Vector],
    here: TaskSpec,
    there: TaskSpec,
    actions: FloatArray,
    disturbance: FloatArray,
) -> Trace:
    """Trace ``here`` while, from its middle on, ``there`` is played in turns with it."""
    middle = len(actions) // 2
    with closing(make(here)) as env:
        player = Player(env, [3])
        for action in actions[:middle]:
            player.step(action)
        with closing(make(there)) as other_env:
            other = Player(other_env, [4])
            for action, other_action in zip(actions[middle:], disturbance, strict=False):
                other.step(other_action)
                player.step(action)
        return player.trace()


def check_batch_does_not_matter(family: TaskFamily) -> None:
    """Check that an episode does not depend on the others in the batch, to the last digit.

    Methods are compared task by task, so no task may feel its neighbours, nor an episode another
    one of its own task: the first task is in the batch twice.
    """
    tasks = (*some_tasks(family), family.tasks[0])
    actions = random_actions(family, len(tasks))
    batch = play(family.make_vec(tasks), range(len(tasks)), actions)
    for i, task in enumerate(tasks):
        alone = play(family.make_vec([task]), [i], actions[:, [i]])
        difference = alone.difference(batch.take([i]))
        if difference is not None:
            raise contract_error(
                f"Family {family.info.id}, task {task.label}",
                "its episode must be the same alone and in a batch with others.",
                f"{difference} (alone first).",
                "Keep generators, models and normalisation per sub-environment.",
            )


def check_threads_do_not_matter(family: TaskFamily) -> None:
    """Check that two threads play the same episodes as one, to the last digit.

    Otherwise a board would depend on the machine that made it.
    """
    tasks = some_tasks(family) * 2
    actions = random_actions(family, len(tasks))
    one = play(family.make_vec(tasks, num_threads=1), range(len(tasks)), actions)
    two = play(family.make_vec(tasks, num_threads=2), range(len(tasks)), actions)
    difference = one.difference(two)
    if difference is not None:
        raise contract_error(
            f"Family {family.info.id}",
            "episodes must not depend on num_threads.",
            f"{difference} (one thread first, then two).",
            "Give each thread its own simulation state, and reset all of it.",
        )
