"""Checks that a family is what it declares: info, tasks, spaces, success."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import numpy as np
from gymnasium import spaces

from hyperbench.arms import RandomPolicies
from hyperbench.errors import contract_error
from hyperbench.family import TaskFamily
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.task import TaskSpec
from hyperbench.testing.trace import Array, random_actions, references, some_tasks

_ID = re.compile(r"[a-z0-9-]+/[a-z0-9-]+-v[0-9]+")
_MIN_TASKS = 3


def check_info(family: TaskFamily) -> None:
    """Check that ``info`` is complete: every record carries it, and none can be mended afterwards.

    The id is ``suite/name-vN``, the horizon is positive, and no text is empty.
    """
    info = family.info
    if not _ID.fullmatch(info.id):
        raise contract_error(
            "Family",
            "info.id must read 'suite/name-vN', in lower case, digits and hyphens.",
            f"{info.id!r}.",
            "Rename it; N rises whenever a result would move.",
        )
    if info.horizon < 1:
        raise contract_error(
            f"Family {info.id}",
            "info.horizon must be a positive number of control steps.",
            f"{info.horizon}.",
            "Give the longest episode's length.",
        )
    if info.ends_at_success and not info.has_success:
        raise contract_error(
            f"Family {info.id}",
            "info.ends_at_success needs info.has_success.",
            "the one without the other.",
            "Declare has_success and report info['success'].",
        )
    if not info.has_demonstrators and (info.has_expert or info.has_success):
        raise contract_error(
            f"Family {info.id}",
            "info.has_demonstrators=False goes without has_expert and has_success.",
            f"has_expert={info.has_expert}, has_success={info.has_success}.",
            "Who has experts needs nobody else's demonstrations; whether those succeeded is not "
            "known.",
        )
    for name in ("summary", "licence", "citation", "physics", "expert_version"):
        if not getattr(info, name).strip():
            raise contract_error(
                f"Family {info.id}",
                f"info.{name} must not be empty.",
                "an empty text.",
                "Fill it in: it goes into every record, and whoever reads the board needs it.",
            )


def check_tasks(family: TaskFamily) -> None:
    """Check that the tasks belong to the family, differ by content and use every feature.

    Splits are made by content, so two equal tasks could end up on both sides; and a feature that
    all tasks share is nothing to generalise over. What methods are shown of a task is finite
    float32 of shape ``(spec_space.shown_dim,)``: they size their networks by it.
    """
    subject = f"Family {family.info.id}"
    if len(family.tasks) < _MIN_TASKS:
        raise contract_error(
            subject,
            f"a split needs at least {_MIN_TASKS} tasks: source, validation and target.",
            f"{len(family.tasks)}.",
            "List more tasks.",
        )
    seen: dict[str, TaskSpec] = {}
    for task in family.tasks:
        if task.family != family.info.id or task.space != family.spec_space:
            raise contract_error(
                subject,
                "every task must name this family and have its spec space.",
                f"task {task.label} of {task.family}, features {', '.join(task.space.names)}.",
                "Make tasks with family.task(...) or spec_space.grid(info.id, ...).",
            )
        if task.key in seen:
            raise contract_error(
                subject,
                "tasks must differ.",
                f"{task.label} occurs twice.",
                "Remove one.",
            )
        seen[task.key] = task
        _check_shown(subject, task)
    for feature in family.spec_space.features:
        values = {task[feature.name] for task in family.tasks}
        if len(values) == 1:
            raise contract_error(
                subject,
                f"tasks must differ in each feature of the spec space, in {feature.name!r} too.",
                f"{feature.name} is {feature.text(values.pop())} in all {len(family.tasks)} tasks.",
                "Give it several values, or drop the feature.",
            )


def _check_shown(subject: str, task: TaskSpec) -> None:
    shown, space = task.vector, task.space
    right = shown.dtype == np.float32 and shown.shape == (space.shown_dim,)
    if not right or len(space.shown_names) != space.shown_dim or not np.isfinite(shown).all():
        raise contract_error(
            subject,
            f"spec_space.present must give finite float32 of shape (shown_dim,), here "
            f"({space.shown_dim},), and shown_names as many names.",
            f"{shown.dtype} of shape {shown.shape} for {task.label}, {shown}, and "
            f"{len(space.shown_names)} names.",
            "Mend present, shown_dim and shown_names of the spec space together.",
        )


def check_spaces(family: TaskFamily) -> None:
    """Check that what environments take and emit is what the family's spaces say.

    Generators size their policies by these spaces and squash into these bounds. Both spaces are
    flat boxes of float32, actions bounded; ``make`` and ``make_vec`` have the same ones;
    observations have their shape and type and lie inside, also under extreme actions, and stay what
    they are when the environment goes on; rewards are finite.
    """
    _check_declared_spaces(family)
    tasks = some_tasks(family)
    space = family.action_space
    actions = random_actions(family, len(tasks))
    actions[0], actions[1:2] = space.low, space.high
    with closing(family.make_vec(tasks)) as vector:
        where = f"make_vec of family {family.info.id}"
        _check_same_space(where, vector.single_observation_space, family.observation_space)
        _check_same_space(where, vector.single_action_space, space)
        batch, _ = vector.reset(seed=list(range(len(tasks))))  # type: ignore[arg-type]  # see border.py
        _check_emitted(where, batch, (len(tasks),), family.observation_space)
        for action in actions:
            before, kept = batch, batch.copy()
            batch, rewards, terminated, truncated, _ = vector.step(action)
            _check_kept(where, before, kept)
            _check_emitted(where, batch, (len(tasks),), family.observation_space)
            _check_signals(where, (len(tasks),), rewards, terminated, truncated)
    for i, task in enumerate(tasks):
        with closing(family.make(task)) as env:
            where = f"make({task.label}) of family {family.info.id}"
            _check_same_space(where, env.observation_space, family.observation_space)
            _check_same_space(where, env.action_space, space)
            observation, _ = env.reset(seed=i)
            _check_emitted(where, observation, (), family.observation_space)
            for action in actions[:, i]:
                before, kept = observation, observation.copy()
                observation, reward, ended, cut, _ = env.step(action)
                _check_kept(where, before, kept)
                _check_emitted(where, observation, (), family.observation_space)
                _check_signals(where, (), reward, ended, cut)
                if ended or cut:
                    break


def _check_declared_spaces(family: TaskFamily) -> None:
    for name in ("observation_space", "action_space"):
        space = getattr(family, name)
        flat = isinstance(space, spaces.Box) and len(space.shape) == 1
        if not flat or space.dtype != np.float32:
            raise contract_error(
                f"Family {family.info.id}",
                f"{name} must be a flat Box of float32.",
                f"{space}.",
                "Flatten and convert it in the environment.",
            )
    if not family.action_space.is_bounded():
        raise contract_error(
            f"Family {family.info.id}",
            "action_space must be bounded: policies are squashed into it.",
            f"{family.action_space}.",
            "Give finite low and high.",
        )


def _check_same_space(where: str, found: object, declared: spaces.Box) -> None:
    if found != declared:
        raise contract_error(
            where,
            f"spaces must equal the family's, {declared}.",
            f"{found}.",
            "Use the same object.",
        )


def _check_emitted(where: str, observed: Array, batch: tuple[int, ...], space: spaces.Box) -> None:
    asked = f"an observation must be float32 of shape {(*batch, *space.shape)} inside {space}."
    remedy = "Convert it before it is returned, or widen observation_space."
    if not isinstance(observed, np.ndarray):
        raise contract_error(where, asked, f"a {type(observed).__name__}.", remedy)
    if observed.dtype != np.float32 or observed.shape != (*batch, *space.shape):
        raise contract_error(where, asked, f"{observed.dtype} of shape {observed.shape}.", remedy)
    rows = observed.reshape(-1, *space.shape)
    if not (np.isfinite(rows).all() and all(space.contains(row) for row in rows)):
        raise contract_error(where, asked, f"{observed}.", remedy)


def _check_kept(where: str, before: Array, kept: Array) -> None:
    if not np.array_equal(before, kept):
        raise contract_error(
            where,
            "an observation must not change once it is handed out.",
            f"{before} after the next step, {kept} before it.",
            "Return a copy: whoever keeps observations would keep one, many times.",
        )


def _check_signals(where: str, batch: tuple[int, ...], reward: object, *ends: object) -> None:
    rewards = np.asarray(reward)
    if rewards.shape != batch or not np.isfinite(rewards.astype(np.float64)).all():
        raise contract_error(
            where,
            f"a reward must be finite, of shape {batch}.",
            f"{reward!r}.",
            "Look for a division by zero or a reward per body instead of one sum.",
        )
    for end in map(np.asarray, ends):
        if end.shape != batch or end.dtype != np.bool_:
            raise contract_error(
                where,
                f"terminated and truncated must be booleans of shape {batch}.",
                f"{end!r}.",
                "Compare instead of counting.",
            )


def check_largest_reward(family: TaskFamily) -> None:
    """Check that no step earns more than ``info.max_reward``, where the family has one.

    The control arm ``reuse-bound`` stops what could not win with it. Experts and random actions are
    played; ``rollout`` refuses a larger reward, here and ever after.
    """
    if family.info.max_reward is None:
        return
    tasks = some_tasks(family)
    seeds = episode_seeds(0, "testing", tasks, 1)
    for policies in (*references(family, tasks), RandomPolicies(family, tasks)):
        rollout(family, tasks, policies, seeds)


def check_success(family: TaskFamily) -> None:
    """Check that a family with ``has_success`` reports ``info["success"]`` at every step.

    Its board then has a column for it. Both ``make`` and ``make_vec`` report it, the latter as an
    array with one entry per sub-environment: a boolean, or exactly 0 or 1, to the end of episodes
    that experts play. With ``ends_at_success`` these go on after it.
    """
    if not family.info.has_success:
        return
    task = family.tasks[0]
    action = family.action_space.low
    found: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {}
    with closing(family.make(task)) as env:
        env.reset(seed=0)
        found["make"] = (env.step(action)[4], ())
    with closing(family.make_vec([task, task])) as vector:
        vector.reset(seed=[0, 1])  # type: ignore[arg-type]  # see border.py
        found["make_vec"] = (vector.step(np.stack([action, action]))[4], (2,))
    for maker, (info, shape) in found.items():
        if "success" not in info or np.shape(info["success"]) != shape:
            raise contract_error(
                f"Family {family.info.id}",
                f"has_success asks for info['success'] of shape {shape} from {maker}, each step.",
                f"{info.get('success', 'nothing')}, among {sorted(info)}.",
                "Report it, or declare has_success=False.",
            )
    tasks = some_tasks(family)
    for policies in references(family, tasks):
        rollout(family, tasks, policies, episode_seeds(0, "testing", tasks, 1))
