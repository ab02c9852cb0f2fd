"""What decides what an expert learns, and the settings of the shipped experts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hyperbench_locomotion.bodies import BODIES
from hyperbench_locomotion.physics import Array

_FAST = 0.6
"""Targets of at least this share of the fastest one drawn count as fast."""
_NUM_LENGTHS = 9


@dataclass(frozen=True)
class Settings:
    """Proximal policy optimisation of one network that is told the task.

    Args:
        suite: whose reward is learned.
        body: what is trained.
        low_speed: slowest target (most negative) to draw, in the body's unit.
        high_speed: fastest target to draw.
        fast_share: extra weight of the fastest targets, as a share of the weight of all targets.
        varied_lengths: share of episodes on bodies of other than nominal length.
        start: folder of an earlier training to start from; empty starts afresh.
        num_starts: start states of each length, drawn beforehand. With 64 a walker learned by heart
            how to get up from each, and from no other.
        num_steps: environment steps.
        num_envs: parallel environments.
        rollout_steps: steps of each environment between updates.
        batch_size: samples per gradient step.
        num_epochs: passes over the samples of an update.
        learning_rate: at the start.
        final_learning_rate: at the end; linear between.
        log_std: of the exploration noise at the start.
        hold_noise: keep the noise at ``log_std``. An expert that earns its return under noise bears
            the small errors that a clone of it makes; one whose noise has died out does not.
        hidden: width of the two hidden layers.
        seed: of weights, tasks and start states.
    """

    suite: str
    body: str
    low_speed: float
    high_speed: float
    fast_share: float = 0.0
    varied_lengths: float = 0.0
    start: str = ""
    num_starts: int = 1024
    num_steps: int = 45_000_000
    num_envs: int = 384
    rollout_steps: int = 64
    batch_size: int = 4096
    num_epochs: int = 4
    learning_rate: float = 1e-3
    final_learning_rate: float = 5e-5
    log_std: float = -0.5
    hold_noise: bool = False
    hidden: int = 128
    seed: int = 0

    def tasks(self) -> tuple[Array, Array]:
        """The tasks to draw from, (num_tasks, 2) speed and length, and their probabilities."""
        body = BODIES[self.body]
        speeds = np.array([s for s in body.speeds() if self.low_speed <= s <= self.high_speed])
        fast = np.abs(speeds) >= _FAST * np.abs(speeds).max()
        speed_weights = np.ones(len(speeds)) + fast * self.fast_share * len(speeds) / fast.sum()
        lengths = np.array([body.nominal_length])
        length_weights = np.array([1.0])
        if self.varied_lengths:
            others = np.linspace(*body.length_range, _NUM_LENGTHS)
            lengths = np.append(lengths, others)
            share = self.varied_lengths
            length_weights = np.append(1.0 - share, np.full(len(others), share / len(others)))
        tasks = np.array([[speed, length] for speed in speeds for length in lengths])
        weights = np.outer(speed_weights, length_weights).ravel()
        return tasks, weights / weights.sum()


# A walker learns each direction far better when it has only that one to learn.
_WALKER_FORWARD = Settings(
    "locomotion",
    "walker",
    0.25,
    5,
    fast_share=0.25,
    varied_lengths=0.5,
    num_steps=20_000_000,
    num_envs=512,
    rollout_steps=32,
)
_WALKER_BACKWARD = replace(_WALKER_FORWARD, low_speed=-5, high_speed=-0.25)
_FINGER = Settings(
    "locomotion",
    "finger",
    -15,
    15,
    varied_lengths=0.5,
    num_steps=30_000_000,
    learning_rate=3e-4,
)

PRESETS = {
    "locomotion-cheetah": Settings("locomotion", "cheetah", -10, 10, fast_share=0.5),
    "locomotion-cheetah-lengths": Settings(
        "locomotion", "cheetah", -5, 5, varied_lengths=0.9, num_steps=30_000_000
    ),
    "locomotion-walker-forward": _WALKER_FORWARD,
    "locomotion-walker-backward": _WALKER_BACKWARD,
    "locomotion-finger": _FINGER,
    "tracking-cheetah": Settings("tracking", "cheetah", -6, 9, fast_share=0.25, varied_lengths=0.5),
    "tracking-walker-forward": replace(_WALKER_FORWARD, suite="tracking"),
    "tracking-walker-backward": replace(_WALKER_BACKWARD, suite="tracking"),
    "tracking-finger": replace(_FINGER, suite="tracking"),
}
"""The trainings behind the shipped experts, by name.

Those of one suite and body, exported together, cover all their families; TRAINING.md has the
commands."""
