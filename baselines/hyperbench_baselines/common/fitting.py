"""The fit loop of every method here: Adam, decay, clipping, and the choice of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hyperbench.generator import Checkpoint, FitReport, Progress, no_checkpoint
from hyperbench_baselines.common.adam import Adam
from hyperbench_baselines.common.batches import Batch, TaskData
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.course import Course

_NUM_VALIDATION_SAMPLES = 2048

Loss = Callable[[Batch], Tensor]


def fit_network(
    network: nn.Module,
    loss: Loss,
    source: TaskData,
    validation: TaskData | None,
    config: LearningConfig,
    rng: torch.Generator,
    progress: Progress,
    *,
    validation_loss: Loss | None = None,
    checkpoint: Checkpoint = no_checkpoint,
    other_rngs: Sequence[torch.Generator] = (),
) -> FitReport:
    """Minimise ``loss`` on batches of the source tasks; leaves the chosen weights in ``network``.

    What was interrupted goes on from its checkpoint, on the CPU to the same last bit.

    Args:
        network: whose parameters are fitted.
        loss: of one batch, through ``network``.
        source: drawn from at every step.
        validation: where given, the weights with the lowest loss on it are kept (from
            ``config.choose_after`` on), else the last.
        config: schedule and batch.
        rng: draws the batches.
        progress: told ``config.num_checks`` times.
        validation_loss: what is measured on the validation tasks; ``loss`` when omitted.
        checkpoint: offered the course of the fit after each step.
        other_rngs: that the network may draw from while it is fitted.

    Raises:
        FloatingPointError: a loss or a gradient is not finite; says at which step and loss.
    """
    parameters = list(network.parameters())
    optimizer = Adam(parameters, fused=True, weight_decay=config.weight_decay)
    held_out = None if validation is None else validation.spread(_NUM_VALIDATION_SAMPLES)
    # Read at the checks only: reading a loss at every step would make a GPU wait.
    course = Course(network, optimizer, (rng, *other_rngs), config.num_steps)
    losses, norms = course.losses_and_norms
    interrupted = checkpoint.restore()
    if interrupted is not None:
        course.restore(interrupted)

    for step in range(course.step + 1, config.num_steps + 1):
        batch = source.draw(config.tasks_per_step, config.samples_per_task, rng)
        optimizer.zero_grad()
        value = loss(batch)
        value.backward()
        norms[step - 1] = _clip(parameters, config.max_gradient_norm)
        optimizer.step(learning_rate(step, config))
        losses[step - 1] = value.detach()
        course.step = step

        if _is_check(step, config):
            recent = slice(course.last_check, step)
            _refuse_non_finite(losses[recent], norms[recent], course.last_check)
            mean_loss = float(losses[recent].mean())
            held_out_loss = None
            if held_out is not None:
                held_out_loss = _measure(validation_loss or loss, held_out, step)
            course.curve.append((step, mean_loss, held_out_loss))
            if (
                held_out_loss is not None
                and config.choose_by == "validation"
                and step >= config.choose_after * config.num_steps
                and (course.best is None or held_out_loss < course.best[0])
            ):
                course.best = (held_out_loss, step, course.weights())
            progress(step, config.num_steps, mean_loss)
        checkpoint.offer(course.state)

    if course.best is not None:
        network.load_state_dict(course.best[2])
    return FitReport(
        num_steps=config.num_steps,
        chosen_step=config.num_steps if course.best is None else course.best[1],
        final_loss=course.curve[-1][1],
        num_parameters=sum(parameter.numel() for parameter in parameters),
        curve=tuple(course.curve),
    )


def learning_rate(step: int, config: LearningConfig) -> float:
    """Constant until ``decay_start``, then linear; ``step`` counts from 1."""
    start = config.decay_start * config.num_steps
    if step <= start:
        return config.learning_rate
    progress = (step - start) / (config.num_steps - start)
    return config.learning_rate * (1 + progress * (config.final_learning_rate - 1))


def _clip(parameters: Sequence[Tensor], largest: float) -> Tensor:
    """Scale all gradients down to a norm of ``largest`` together; gives the norm they had."""
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    # Else they are multiplied by 1, which takes a pass through memory; a GPU would have to wait.
    if not norm.is_cpu or not norm + 1e-6 < largest:
        nn.utils.clip_grads_with_norm_(parameters, largest, norm)
    return norm


def _is_check(step: int, config: LearningConfig) -> bool:
    """Whether one of ``num_checks`` even checks falls on this step; on the last one does."""
    done = step * config.num_checks // config.num_steps
    return done > (step - 1) * config.num_checks // config.num_steps


def _measure(loss: Loss, batch: Batch, step: int) -> float:
    with torch.no_grad():
        value = loss(batch)
    if not value.isfinite():
        raise FloatingPointError(f"Validation loss is {value.item()} after step {step}.")
    return float(value)


def _refuse_non_finite(losses: Tensor, norms: Tensor, steps_before: int) -> None:
    broken = (~(losses.isfinite() & norms.isfinite())).nonzero()
    if len(broken):
        first = int(broken[0])
        loss, norm, step = losses[first].item(), norms[first].item(), steps_before + first + 1
        if math.isfinite(loss):
            raise FloatingPointError(f"Gradient norm is {norm} at step {step}, loss {loss:.6g}.")
        raise FloatingPointError(f"Training loss is {loss} at step {step}.")
