"""Play a family's experts and write down how often they succeed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hyperbench.rollout import EpisodeTable, episode_seeds, rollout
from hyperbench_manipulation.sawyer.families import FrameFamily, GoalFamily
from hyperbench_manipulation.sawyer.layouts import DATA
from hyperbench_manipulation.sawyer.tasks import Array


def evaluate(name: str, num_episodes: int, num_threads: int = 1) -> Path:
    """Play every task of a family, as judged and as demonstrated, and write the family's card.

    Args:
        name: of the family, such as ``goal-push``.
        num_episodes: per task.
        num_threads: physics threads.

    Returns:
        The card, a JSON file in the package.
    """
    family = GoalFamily(name) if name.startswith("goal-") else FrameFamily(name)
    seeds = episode_seeds(0, "card", family.tasks, num_episodes)
    experts = family.expert(family.tasks)
    judged = rollout(family, family.tasks, experts, seeds, num_threads=num_threads)
    noise = family.info.execution_noise
    demonstrated = rollout(
        family, family.tasks, experts, seeds, num_threads=num_threads, execution_noise=noise
    )
    card = {
        "family": family.info.id,
        "expert_version": family.info.expert_version,
        "command": f"python -m hyperbench_manipulation.sawyer evaluate {name}",
        "physics": family.info.physics,
        "episodes_per_task": num_episodes,
        "judged": _summary(judged),
        "demonstrated": {"execution_noise": noise, **_summary(demonstrated)},
        "task_success": {
            task.label: [round(float(share), 3) for share in shares]
            for task, *shares in zip(
                family.tasks, _task_success(judged), _task_success(demonstrated), strict=True
            )
        },
    }
    path = card_path(name)
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: judged {card['judged']}, demonstrated {card['demonstrated']}", flush=True)
    return path


def card_path(name: str) -> Path:
    """Where a family's card is shipped."""
    return DATA / f"{name}-v1.json"


def _task_success(table: EpisodeTable) -> Array:
    shares: Array = np.mean(np.array(table.successes), axis=1)
    return shares


def _summary(table: EpisodeTable) -> dict[str, float]:
    lengths = table.lengths[table.terminated]
    return {
        "success": round(float(_task_success(table).mean()), 3),
        "lasting": round(float(np.mean(np.array(table.lasting))), 3),
        "least_task_success": round(float(_task_success(table).min()), 3),
        "mean_steps_to_success": round(float(lengths.mean()), 1),
        "most_steps_to_success": int(lengths.max()),
    }
