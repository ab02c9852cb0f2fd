"""Trainings of independent demonstrators; ``train``, ``report`` and ``export`` them.

The shipped experts are one network for all speeds, so neighbouring tasks move alike. The published
ones had a training each, and differ from task to task. Here a cheetah's and a finger's task has a
network of its own, from scratch and from its own seed; the walker, for which that is dear, has a
pool of independent networks, each for all speeds of one direction, and a hash deals them out.

``train`` goes on where it was killed: a training is done when its file is there, one that was
interrupted starts again, and only the seed decides what comes of it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from hyperbench.errors import DataError
from hyperbench.policy import MLPPolicies
from hyperbench.provenance import provenance
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.seeding import child_seed
from hyperbench.task import TaskSpec
from hyperbench_locomotion.experts.export import folded_network
from hyperbench_locomotion.experts.networks import ExpertNetworks
from hyperbench_locomotion.experts.settings import PRESETS, Settings
from hyperbench_locomotion.experts.train import train_afresh
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.independent import demonstrators_path
from hyperbench_locomotion.physics import Array

NUM_EPISODES = 10
"""Played on each task after a training, by the policy without noise."""
_STEADY = 0.8
"""A policy whose worst episode earns less than this share of its mean falls now and then."""
_MAX_ATTEMPTS = 2
_STRIDE = 4
"""Every fourth task is trained first, so that a grid is covered evenly whenever one looks."""

_CHEETAH = Settings(
    "locomotion",
    "cheetah",
    -10,
    10,
    num_steps=3_000_000,
    num_envs=128,
    rollout_steps=64,
    batch_size=2048,
    log_std=-0.7,
    hold_noise=True,
)
RECIPES = {
    "cheetah": _CHEETAH,
    "finger": replace(_CHEETAH, body="finger", low_speed=-15, high_speed=15, log_std=-1.0),
    "walker": replace(
        PRESETS["locomotion-walker-forward"],
        low_speed=-5,
        varied_lengths=0.0,
        num_steps=8_000_000,
        log_std=-0.7,
        hold_noise=True,
    ),
}
"""How each body is trained; a training narrows the speeds and sets the seed."""
POOL_SIZES = {"walker": 3}
"""Independent networks in each direction, of bodies that have no training for every task."""


@dataclass(frozen=True)
class Training:
    """One network to train.

    Args:
        name: of its file, without the ending; also tells it from the others of its family.
        tasks: that it learns, and is judged on.
        purpose: labels of its seed.
        max_attempts: how often it is trained while it falls now and then.
    """

    name: str
    tasks: tuple[TaskSpec, ...]
    purpose: tuple[str | int, ...]
    max_attempts: int = 1

    def settings(self, recipe: Settings, attempt: int) -> Settings:
        """The recipe for these tasks, with the seed of an attempt."""
        speeds = [task["speed"] for task in self.tasks]
        return replace(
            recipe,
            low_speed=min(speeds),
            high_speed=max(speeds),
            # Seeds of PyTorch and NumPy's global streams, which PPO draws from, have 32 bits.
            seed=child_seed(0, *self.purpose, attempt) >> 16,
        )


def speed_family(body: str) -> LocomotionFamily:
    """The family whose bodies, grid and reward the demonstrators are trained for."""
    return LocomotionFamily("locomotion", body, ("speed",))


def trainings(family: LocomotionFamily) -> tuple[Training, ...]:
    """All trainings of a family, in the order in which they are done."""
    if family.body.name not in POOL_SIZES:
        starts = (0, 2, 1, 3)
        ordered = [task for start in starts for task in family.tasks[start::_STRIDE]]
        return tuple(
            Training(task.label, (task,), ("independent demonstrator", task.key), _MAX_ATTEMPTS)
            for task in ordered
        )
    directions = {
        "forward": tuple(task for task in family.tasks if task["speed"] > 0),
        "backward": tuple(task for task in family.tasks if task["speed"] < 0),
    }
    return tuple(
        Training(f"{way}-{member}", tasks, ("independent pool", family.info.id, way, member))
        for member in range(POOL_SIZES[family.body.name])
        for way, tasks in directions.items()
    )


def train_all(
    family: LocomotionFamily, folder: Path, recipe: Settings | None = None, num_threads: int = 1
) -> None:
    """Do every training whose file is not there yet, and print a line about each.

    Args:
        family: as of ``speed_family``.
        folder: receives ``cheetah-speed-v1/speed=3.safetensors`` and the like.
        recipe: replaces the body's own.
        num_threads: physics threads.
    """
    recipe = RECIPES[family.body.name] if recipe is None else recipe
    for training in trainings(family):
        path = family_folder(folder, family) / f"{training.name}.safetensors"
        if not path.exists():
            record = _train_one(family, training, recipe, path, num_threads)
            shown = ("mean_return", "min_return", "attempt", "seconds")
            print(json.dumps({"name": training.name, **{k: record[k] for k in shown}}), flush=True)


def family_folder(folder: Path, family: LocomotionFamily) -> Path:
    """Where a family's files lie in ``folder``."""
    return folder / family.info.id.split("/")[1]


def read(path: Path) -> tuple[ExpertNetworks, dict[str, Any]]:
    """One file of ``train_all``: a single network, and what is on record about its training."""
    with safe_open(path, framework="numpy") as file:
        record: dict[str, Any] = json.loads(file.metadata()["training"])
    return ExpertNetworks.from_bytes(path.read_bytes()), record


def export(family: LocomotionFamily, folder: Path, path: Path) -> None:
    """Ship every training of a family in one file, with its record and the tasks it demonstrates.

    Where several networks were trained for a task, a hash decides.

    Args:
        family: as of ``speed_family``.
        folder: of ``train_all``.
        path: of the file.

    Raises:
        DataError: no network was trained for one of the tasks yet.
    """
    files = sorted(family_folder(folder, family).glob("*.safetensors"))
    trained = [read(file) for file in files]
    assigned = {}
    for task in family.tasks:
        able = [i for i, (_, record) in enumerate(trained) if task.label in record["returns"]]
        if not able:
            raise DataError(f"No independent demonstrator of {family.info.id} {task.label} yet.")
        assigned[task.label] = able[child_seed(0, "independent pool", task.key) % len(able)]
    each = [networks for networks, _ in trained]
    networks = ExpertNetworks(
        weights=tuple(
            np.concatenate(layer) for layer in zip(*(n.weights for n in each), strict=True)
        ),
        biases=tuple(
            np.concatenate(layer) for layer in zip(*(n.biases for n in each), strict=True)
        ),
        spec_low=each[0].spec_low,
        spec_high=each[0].spec_high,
        regions=np.concatenate([n.regions for n in each]),
        least_speed=np.concatenate([n.least_speed for n in each]),
    )
    records = [record for _, record in trained]
    metadata = {"assigned": json.dumps(assigned), "trainings": json.dumps(records)}
    path.write_bytes(networks.to_bytes(metadata))


def report(family: LocomotionFamily, folder: Path) -> None:
    """Print what every finished training earned, and how much of the family is covered."""
    records = [read(path)[1] for path in family_folder(folder, family).glob("*.safetensors")]
    earned: dict[str, list[float]] = {}
    for record in sorted(records, key=lambda record: record["settings"]["low_speed"]):
        tries = ", ".join(f"{t['mean_return']} (least {t['min_return']})" for t in record["tries"])
        print(f"{record['name']:>12} {record['mean_return']:7.1f}  tried: {tries}")
        for label, returns in record["returns"].items():
            earned.setdefault(label, []).append(float(np.mean(returns)))
    mean = np.mean([np.mean(means) for means in earned.values()]) if earned else float("nan")
    print(f"{family.info.id}: {len(earned)} of {len(family.tasks)} tasks, mean return {mean:.1f}")


def _train_one(
    family: LocomotionFamily, training: Training, recipe: Settings, path: Path, num_threads: int
) -> dict[str, Any]:
    """Train until an attempt is steady or none is left, write the best one, return its record."""
    outcomes: list[tuple[Settings, ExpertNetworks, Array]] = []
    tries: list[dict[str, Any]] = []
    for attempt in range(training.max_attempts):
        settings = training.settings(recipe, attempt)
        # Of the processor, which neither pauses nor company lengthen.
        started = time.process_time()
        networks = _trained(family, settings, num_threads)
        seconds = round(time.process_time() - started, 1)
        returns = _returns(family, training.tasks, networks, num_threads)
        figures = {"mean_return": returns.mean(), "min_return": returns.min()}
        rounded = {name: round(float(value), 1) for name, value in figures.items()}
        tries.append({"attempt": attempt, "seed": settings.seed, "seconds": seconds, **rounded})
        outcomes.append((settings, networks, returns))
        if (returns.min(axis=1) >= _STEADY * returns.mean(axis=1)).all():
            break
    attempt = int(np.argmax([returns.mean() for _, _, returns in outcomes]))
    settings, networks, returns = outcomes[attempt]
    record: dict[str, Any] = {
        "name": training.name,
        "family": family.info.id,
        **tries[attempt],
        "steps": settings.num_steps,
        "returns": {
            task.label: [round(float(each), 1) for each in row]
            for task, row in zip(training.tasks, returns, strict=True)
        },
        "tries": tries,
        "settings": asdict(settings),
        "physics": family.info.physics,
        "provenance": provenance().model_dump(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(networks.to_bytes({"training": json.dumps(record)}))
    draft.replace(path)
    return record


def _trained(family: LocomotionFamily, settings: Settings, num_threads: int) -> ExpertNetworks:
    model, normalizer = train_afresh(settings, num_threads)
    weights, biases = folded_network(model, normalizer, settings, family.body.observation_size)
    low, high = family.body.spec_bounds()
    specs = settings.tasks()[0]
    return ExpertNetworks(
        weights=tuple(weight[None].astype(np.float32) for weight in weights),
        biases=tuple(bias[None].astype(np.float32) for bias in biases),
        spec_low=low.astype(np.float32),
        spec_high=high.astype(np.float32),
        regions=np.stack([specs.min(axis=0), specs.max(axis=0)], axis=1)[None].astype(np.float32),
        least_speed=np.zeros(1, np.float32),
    )


def _returns(
    family: LocomotionFamily, tasks: Sequence[TaskSpec], networks: ExpertNetworks, num_threads: int
) -> Array:
    """(num_tasks, NUM_EPISODES) returns, in the episodes on which the shipped experts' card is."""
    seeds = episode_seeds(0, "card", tasks, NUM_EPISODES)
    policies = _policy(family, networks, tasks)
    return rollout(family, tasks, policies, seeds, num_threads=num_threads).returns


def _policy(
    family: LocomotionFamily, networks: ExpertNetworks, tasks: Sequence[TaskSpec]
) -> MLPPolicies:
    specs = np.array([[task["speed"], family.body.nominal_length] for task in tasks])
    space = family.action_space
    return networks.policies(specs, space.low.astype(np.float32), space.high.astype(np.float32))


def main(arguments: Sequence[str] | None = None) -> None:
    """``train``, ``report`` and ``export``, each with ``--body cheetah finger --out DIR``."""
    parser = argparse.ArgumentParser(prog="python -m hyperbench_locomotion.experts.independent")
    parser.add_argument("command", choices=("train", "report", "export"), help="what to do")
    parser.add_argument("--body", choices=RECIPES, nargs="+", required=True, help="one by one")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained files")
    parser.add_argument("--threads", type=int, default=1, help="physics threads")
    chosen = parser.parse_args(arguments)
    for family in map(speed_family, chosen.body):
        if chosen.command == "train":
            train_all(family, chosen.out, num_threads=chosen.threads)
        elif chosen.command == "export":
            export(family, chosen.out, demonstrators_path(family.body.name))
        else:
            report(family, chosen.out)


if __name__ == "__main__":
    main()
