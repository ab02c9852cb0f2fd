"""Expert training with Stable-Baselines3's PPO: one network for many tasks of a body.

The published experts are one TD3 policy a task, 1 M steps each. Here one network is told the task
and learns from all of them at once, which costs minutes instead of days.
"""

from __future__ import annotations

import json
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from hyperbench.errors import DataError
from hyperbench.provenance import provenance
from hyperbench_locomotion.bodies import BODIES, HORIZON, judged_seconds, reward_function
from hyperbench_locomotion.experts.settings import Settings
from hyperbench_locomotion.experts.training_env import TrainingEnv

ROLLOUTS_PER_CHECKPOINT = 20


def train(settings: Settings, folder: Path, num_threads: int = 1, command: str = "") -> None:
    """Train until ``settings.num_steps``, going on from the folder's checkpoint if there is one.

    It may be killed at any moment; what was learned since the last checkpoint is lost.

    Args:
        settings: what to learn and how.
        folder: receives ``checkpoint-*/``, ``training.json`` and ``progress.jsonl``.
        num_threads: physics threads; gradients use one.
        command: what was typed, for the record.

    Raises:
        DataError: the folder holds a training with other settings, or there is no training to
            start from.
    """
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = latest_checkpoint(folder)
    start = latest_checkpoint(Path(settings.start)) if settings.start else None
    if checkpoint is None and settings.start and start is None:
        raise DataError(f"{settings.start} holds no checkpoint to start from")
    record = _record(settings, folder, command)
    # A resumed training must not draw the same tasks again.
    env = _environment(settings, settings.seed + record["steps"], num_threads)
    if checkpoint is not None:
        model = _load(checkpoint, env, settings)
    elif start is not None:
        model = _load(start, env, settings)
        model.num_timesteps = 0
    else:
        model = _new_model(env, settings)
    _set_noise(model, settings)
    remaining = settings.num_steps - model.num_timesteps
    callback = _Checkpoints(folder, record)
    if remaining > 0:
        model.learn(remaining, callback=callback, reset_num_timesteps=False)
        callback.save()
    env.close()


def train_afresh(settings: Settings, num_threads: int = 1) -> tuple[PPO, VecNormalize]:
    """Train from scratch in memory; the settings alone decide the outcome, and nothing is written.

    Args:
        settings: what to learn and how; ``start`` is ignored.
        num_threads: physics threads; gradients use one.

    Returns:
        The model and its normaliser.
    """
    torch.set_num_threads(1)
    env = _environment(settings, settings.seed, num_threads)
    model = _new_model(env, settings)
    _set_noise(model, settings)
    model.learn(settings.num_steps)
    env.close()
    normalizer = model.get_vec_normalize_env()
    assert normalizer is not None  # noqa: S101 - _new_model always wraps the environment
    return model, normalizer


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest ``checkpoint-<steps>`` folder: Stable-Baselines3's model and normaliser."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    return found[-1] if found else None


def load_checkpoint(checkpoint: Path) -> tuple[PPO, VecNormalize]:
    """A checkpoint's model and normaliser, without an environment; called by ``export``."""
    model = PPO.load(checkpoint / "model.zip", device="cpu")
    # Stable-Baselines3 stores normalisers as pickles; this one was written by ``train``.
    normalizer = pickle.loads((checkpoint / "normalizer.pkl").read_bytes())  # noqa: S301
    return model, normalizer


class _Checkpoints(BaseCallback):
    """Save model, normaliser, record and a line of progress after every few rollouts."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        super().__init__()
        self._folder = folder
        self._record = record
        self._rollouts = 0
        self._started = time.monotonic() - record["seconds"]

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._rollouts += 1
        if self._rollouts % ROLLOUTS_PER_CHECKPOINT == 0:
            self.save()

    def save(self) -> None:
        steps = self.model.num_timesteps
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        self.model.save(unfinished / "model.zip")
        normalizer = self.model.get_vec_normalize_env()
        assert normalizer is not None  # noqa: S101 - train always wraps the environment
        normalizer.save(str(unfinished / "normalizer.pkl"))
        older = list(self._folder.glob("checkpoint-*"))
        # Renaming is atomic: a kill leaves either the old checkpoint or the new one whole.
        final = self._folder / f"checkpoint-{steps}"
        shutil.rmtree(final, ignore_errors=True)
        unfinished.rename(final)
        for path in older:
            if path != final:
                shutil.rmtree(path)
        returns = [episode["r"] for episode in self.model.ep_info_buffer or []]
        self._record["steps"] = steps
        self._record["seconds"] = round(time.monotonic() - self._started, 1)
        _write_json(self._folder / "training.json", self._record)
        line = {
            "steps": steps,
            "seconds": self._record["seconds"],
            "mean_return": round(float(np.mean(returns)), 1) if returns else None,
        }
        with (self._folder / "progress.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


def _record(settings: Settings, folder: Path, command: str) -> dict[str, Any]:
    """What a card tells about a training: settings, provenance, steps, seconds, its parent's."""
    path = folder / "training.json"
    if path.exists():
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if record["settings"] != asdict(settings):
            raise DataError(f"{folder} holds a training with other settings; choose a new folder")
        return record
    parent = Path(settings.start) / "training.json"
    record = {
        "command": command,
        "settings": asdict(settings),
        "provenance": provenance().model_dump(),
        "steps": 0,
        "seconds": 0.0,
        "parent": json.loads(parent.read_text(encoding="utf-8")) if settings.start else None,
    }
    _write_json(path, record)
    return record


def _environment(settings: Settings, seed: int, num_threads: int) -> TrainingEnv:
    tasks, probabilities = settings.tasks()
    body = BODIES[settings.body]
    return TrainingEnv(
        body,
        reward_function(settings.suite, body),
        tasks,
        probabilities,
        horizon=HORIZON,
        judged_seconds=judged_seconds(settings.suite, body),
        num_envs=settings.num_envs,
        num_starts=settings.num_starts,
        num_threads=num_threads,
        seed=seed,
    )


def _load(checkpoint: Path, env: TrainingEnv, settings: Settings) -> PPO:
    normalized = VecNormalize.load(str(checkpoint / "normalizer.pkl"), env)
    rate = _learning_rate(settings)
    replaced = {
        "learning_rate": rate,
        "lr_schedule": rate,
        "n_steps": settings.rollout_steps,
        "batch_size": settings.batch_size,
        "n_epochs": settings.num_epochs,
    }
    return PPO.load(checkpoint / "model.zip", normalized, device="cpu", custom_objects=replaced)


def _new_model(env: TrainingEnv, settings: Settings) -> PPO:
    return PPO(
        "MlpPolicy",
        VecNormalize(env),
        learning_rate=_learning_rate(settings),
        n_steps=settings.rollout_steps,
        batch_size=settings.batch_size,
        n_epochs=settings.num_epochs,
        policy_kwargs={
            "net_arch": [settings.hidden, settings.hidden],
            "activation_fn": torch.nn.Tanh,
            "log_std_init": settings.log_std,
        },
        stats_window_size=400,
        seed=settings.seed,
        device="cpu",
    )


def _set_noise(model: PPO, settings: Settings) -> None:
    if settings.hold_noise:
        model.policy.log_std.data.fill_(settings.log_std)
        model.policy.log_std.requires_grad_(False)


def _learning_rate(settings: Settings) -> Callable[[float], float]:
    first, last = settings.learning_rate, settings.final_learning_rate

    def rate(remaining: float) -> float:
        return last + (first - last) * max(remaining, 0.0)

    return rate


def _write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
