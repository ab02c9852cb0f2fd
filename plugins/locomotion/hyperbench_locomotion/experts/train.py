"""Expert training with Stable-Baselines3's PPO: one policy for all targets of a domain.

The published experts are one TD3 policy a spec, 1 M steps each. Here one policy is told the target
and learns from all of them at once, which costs minutes instead of days.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from hyperbench_locomotion.experts.training_env import TrainingEnv
from hyperbench_locomotion.cheetah import Cheetah
from hyperbench_locomotion.rewards import speed_reward

HORIZON = 1000


@dataclass(frozen=True)
class Settings:
    """PPO settings; everything that decides what is learned."""

    domain: str
    num_steps: int
    num_envs: int = 384
    rollout_steps: int = 64
    batch_size: int = 4096
    num_epochs: int = 4
    learning_rate: float = 3e-4
    final_learning_rate: float = 3e-5
    clip_range: float = 0.2
    discount: float = 0.99
    gae_lambda: float = 0.95
    entropy: float = 0.0
    hidden: int = 128
    fast_share: float = 0.0
    seed: int = 0


def speeds() -> list[float]:
    return [s * v / 2 for s in (-1, 1) for v in range(1, 21)]


def training_env(settings: Settings, num_threads: int) -> TrainingEnv:
    targets = np.array(speeds())
    fast = targets[np.abs(targets) >= 6]
    repeat = int(round(settings.fast_share * len(targets) / len(fast)))
    return TrainingEnv(
        Cheetah(),
        speed_reward,
        [*targets, *np.tile(fast, repeat)],
        scale=10.0,
        horizon=HORIZON,
        num_envs=settings.num_envs,
        num_threads=num_threads,
        seed=settings.seed,
    )


class Checkpoint(BaseCallback):
    """Save the model, the normaliser and one line of progress after every few rollouts."""

    def __init__(self, folder: Path, every: int) -> None:
        super().__init__()
        self.folder = folder
        self.every = every
        self.rollouts = 0
        self.started = time.monotonic()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.rollouts += 1
        if self.rollouts % self.every == 0:
            self.save()

    def save(self) -> None:
        self.model.save(self.folder / "model.zip")
        normalizer = self.model.get_vec_normalize_env()
        assert normalizer is not None
        normalizer.save(str(self.folder / "normalizer.pkl"))
        returns = [episode["r"] for episode in self.model.ep_info_buffer or []]
        line = {
            "steps": self.model.num_timesteps,
            "seconds": round(time.monotonic() - self.started, 1),
            "mean_return": round(float(np.mean(returns)), 1) if returns else None,
        }
        with (self.folder / "progress.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


def train(settings: Settings, folder: Path, num_threads: int) -> None:
    """Train, or go on training from the folder's checkpoint, until ``settings.num_steps``."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    env = training_env(settings, num_threads)
    checkpoint = folder / "model.zip"
    rate = _linear(settings.learning_rate, settings.final_learning_rate)
    if checkpoint.exists():
        normalized = VecNormalize.load(str(folder / "normalizer.pkl"), env)
        model = PPO.load(
            checkpoint,
            normalized,
            device="cpu",
            custom_objects={"learning_rate": rate, "lr_schedule": rate},
        )
    else:
        normalized = VecNormalize(env, gamma=settings.discount)
        model = PPO(
            "MlpPolicy",
            normalized,
            learning_rate=rate,
            n_steps=settings.rollout_steps,
            batch_size=settings.batch_size,
            n_epochs=settings.num_epochs,
            gamma=settings.discount,
            gae_lambda=settings.gae_lambda,
            clip_range=settings.clip_range,
            ent_coef=settings.entropy,
            policy_kwargs={
                "net_arch": [settings.hidden, settings.hidden],
                "activation_fn": torch.nn.Tanh,
                "log_std_init": -0.5,
            },
            stats_window_size=400,
            seed=settings.seed,
            device="cpu",
        )
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=2))
    callback = Checkpoint(folder, every=10)
    remaining = settings.num_steps - model.num_timesteps
    if remaining > 0:
        model.learn(remaining, callback=callback, reset_num_timesteps=False)
    callback.save()


def _linear(start: float, end: float) -> Callable[[float], float]:
    def rate(remaining: float) -> float:
        return end + (start - end) * max(remaining, 0.0)

    return rate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hyperbench_locomotion.experts")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train, or resume training")
    command.add_argument("domain")
    command.add_argument("--folder", type=Path, required=True)
    command.add_argument("--steps", type=int, default=40_000_000, dest="num_steps")
    command.add_argument("--num-envs", type=int, default=384)
    command.add_argument("--rollout-steps", type=int, default=64)
    command.add_argument("--learning-rate", type=float, default=3e-4)
    command.add_argument("--final-learning-rate", type=float, default=3e-5)
    command.add_argument("--fast-share", type=float, default=0.0)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--threads", type=int, default=1)
    arguments: dict[str, Any] = vars(parser.parse_args())
    arguments.pop("command")
    folder, threads = arguments.pop("folder"), arguments.pop("threads")
    train(Settings(**arguments), folder, threads)
