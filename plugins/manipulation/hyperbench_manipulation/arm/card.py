"""Play the expert of a family on every task and write down how often it succeeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hyperbench.rollout import EpisodeTable, episode_seeds, rollout
from hyperbench_manipulation.arm.family import ArmFamily

DATA = Path(__file__).parent / "data"


def write_card(name: str, num_episodes: int, num_threads: int = 1) -> Path:
    """Play every task of a family, print how its expert fares and write the family's card.

    Args:
        name: one of ``names.ARM_FAMILIES``.
        num_episodes: per task.
        num_threads: physics threads.

    Returns:
        The card, a JSON file in the package.
    """
    card = expert_card(ArmFamily(name), num_episodes, num_threads)
    card["command"] = f"python -m hyperbench_manipulation.arm {name} --episodes {num_episodes}"
    path = card_path(name)
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    for label, row in card["tasks"].items():
        print(f"{label:>16} {row}")
    print(f"{name}: {card['expert']}; disturbed {card['disturbed']}")
    return path


def expert_card(family: ArmFamily, num_episodes: int, num_threads: int = 1) -> dict[str, Any]:
    """How the expert fares undisturbed, and disturbed as in demonstrations.

    Returns:
        For both the success rate at any step (``success``) and at the last one
        (``lasting``), the mean length of successful episodes in control steps and the mean return;
        for each task success and length alone.
    """
    expert = family.expert(family.tasks)
    seeds = episode_seeds(0, "card", family.tasks, num_episodes)
    undisturbed = rollout(family, family.tasks, expert, seeds, num_threads=num_threads)
    disturbed = rollout(
        family,
        family.tasks,
        expert,
        seeds,
        num_threads=num_threads,
        execution_noise=family.info.execution_noise,
    )
    return {
        "family": family.info.id,
        "expert_version": family.info.expert_version,
        "physics": family.info.physics,
        "episodes_per_task": num_episodes,
        "execution_noise": family.info.execution_noise,
        "expert": _summary(undisturbed),
        "disturbed": _summary(disturbed),
        "tasks": {
            task.label: {
                "success": _success(undisturbed, i),
                "steps": _steps(undisturbed, i),
                "disturbed_success": _success(disturbed, i),
                "disturbed_steps": _steps(disturbed, i),
            }
            for i, task in enumerate(family.tasks)
        },
    }


def card_path(name: str) -> Path:
    """Where the card of the family ``name`` is shipped."""
    return DATA / f"{name}.json"


def _summary(table: EpisodeTable) -> dict[str, float | None]:
    lasting = np.asarray(table.lasting)
    return {
        "success": _success(table),
        "lasting": round(float(lasting.mean()), 4),
        "steps": _steps(table),
        "return": round(float(table.returns.mean()), 3),
    }


def _success(table: EpisodeTable, task: int | slice = slice(None)) -> float:
    return round(float(np.asarray(table.successes)[task].mean()), 4)


def _steps(table: EpisodeTable, task: int | slice = slice(None)) -> float | None:
    successes = np.asarray(table.successes)[task]
    return round(float(table.lengths[task][successes].mean()), 1) if successes.any() else None
