"""A family of tasks made of one Gymnasium environment, by what it is made with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import cache
from importlib import metadata
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.error import DependencyNotInstalled

from hyperbench.adapters.experts import Expert, expert_policies, version_of
from hyperbench.adapters.spaces import FlatActions, FlatObservations
from hyperbench.errors import PluginError, SpecError, UnknownNameError
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import PolicyBatch
from hyperbench.task import Feature, FloatArray, SpecSpace, TaskSpec

Env = gymnasium.Env[Any, Any]
_ENGINES = {"gymnasium.envs.mujoco": "mujoco", "gymnasium.envs.box2d": "box2d"}
"""What lies beneath Gymnasium's own environments, and moves results with its version."""


class GymnasiumFamily(TaskFamily):
    """Tasks that differ in what one Gymnasium environment is made with.

    Observations of any kind but images are flattened, discrete actions are shown as a box with one
    number for each alternative, of which the largest is taken.

    Args:
        env: id of a registered environment, or what makes one: a class or a function.
        id: of the family, ``suite/name-vN``.
        features: the values of each, by its name, or by a ``Feature`` where its range, unit, kind
            or domain are to be told; every combination is a task. A feature is a keyword argument
            of the constructor where there is one of its name, else an attribute of the environment.
        set: called with the environment, unwrapped, and the task when all this is done, for what
            else follows from it. With it a feature need not be an argument or attribute.
        expert: see ``expert_policies``. None: there is none, and demonstrations are brought, with
            ``hyperbench prepare --from``.
        wrappers: each is called with the environment and returns one, the first innermost.
        horizon: the longest episode; by default what the environment is registered with.
        arguments: for the constructor, the same for all tasks.
        info: any other field of ``FamilyInfo``; what is not given follows from the environment.

    Raises:
        UnknownNameError: a feature is neither an argument nor an attribute.
        SpecError: no horizon is known, or a feature has no range.
        SpaceError: spaces that cannot be flat boxes.
    """

    def __init__(
        self,
        env: str | Callable[..., Env],
        *,
        id: str,  # noqa: A002 - as FamilyInfo calls it
        features: Mapping[str | Feature, Sequence[Any]],
        set: Callable[[Any, TaskSpec], None] | None = None,  # noqa: A002 - what it does
        expert: Expert | None = None,
        wrappers: Sequence[Callable[[Env], Env]] = (),
        horizon: int | None = None,
        arguments: Mapping[str, Any] | None = None,
        **info: Any,
    ) -> None:
        self._spec = gymnasium.spec(env) if isinstance(env, str) else None
        self._create = _constructor(env, self._spec)
        self._name = env if isinstance(env, str) else getattr(env, "__name__", repr(env))
        self._wrappers, self._set, self._expert = tuple(wrappers), set, expert
        self._constant = dict(arguments or {})
        horizon = horizon or (self._spec.max_episode_steps if self._spec else None)
        if horizon is None:
            raise SpecError(
                f"{id}: {self._name} is registered without max_episode_steps. Say with horizon= "
                "how many steps the longest episode has."
            )
        self._horizon = horizon
        values = {_feature(key, row): row for key, row in features.items()}
        self.spec_space = SpecSpace(tuple(values))
        self.tasks = self.spec_space.grid(
            id, **{feature.name: _plain(row) for feature, row in values.items()}
        )
        takes = inspect.signature(self._create).parameters
        self._arguments = [f for f in self.spec_space.features if f.name in takes]
        self._attributes = [f for f in self.spec_space.features if f.name not in takes]
        self._takes = takes
        with closing(self._native(self.tasks[0])) as made:
            self._observations = FlatObservations(made.observation_space, id)
            self._actions = FlatActions(made.action_space, id)
            origin = _origin(made.unwrapped)
        self.observation_space, self.action_space = self._observations.box, self._actions.box
        has_expert = expert is not None or type(self).expert is not GymnasiumFamily.expert
        shows = has_expert or type(self).demonstrators is not TaskFamily.demonstrators
        self.info = FamilyInfo(
            id=id,
            horizon=horizon,
            **{
                "summary": f"{self._name} by {', '.join(self.spec_space.names)}",
                "has_success": False,
                "expert_version": (
                    version_of(expert) if expert is not None else "1" if shows else "brought"
                ),
                "has_expert": has_expert,
                "has_demonstrators": shows,
                **origin,
                **info,
            },
        )

    def make(self, task: TaskSpec, render_mode: str | None = None) -> Env:
        env = self._native(task, render_mode)
        shown, taken = env.observation_space, env.action_space
        # Bounds of observations play no part.
        fits = shown == self._observations.native or (
            FlatObservations(shown, task.label).box == self.observation_space
        )
        if not fits or taken != self._actions.native:
            env.close()
            raise SpecError(
                f"Task {task.label} of {self.info.id}: its spaces, {shown} and {taken}, differ "
                f"from those of {self.tasks[0].label}. Tasks of a family share them: leave such "
                "values out, or wrap the environment."
            )
        return _FlatEnv(env, self._observations, self._actions)

    def expert(self, tasks: Sequence[TaskSpec]) -> PolicyBatch:
        if self._expert is None:
            return super().expert(tasks)
        return expert_policies(self._expert, tasks, self.tasks, self._observations, self._actions)

    def _native(self, task: TaskSpec, render_mode: str | None = None) -> Env:
        """The environment as it plays a task, in spaces of its own."""
        arguments = dict(self._constant)
        for feature in self._arguments:
            arguments[feature.name] = _value(feature, task, self._takes[feature.name].default)
        if render_mode is not None and (self._spec is not None or "render_mode" in self._takes):
            arguments["render_mode"] = render_mode
        if self._spec is None:
            env: Env = gymnasium.wrappers.TimeLimit(self._create(**arguments), self._horizon)
        else:
            env = gymnasium.make(
                self._spec, max_episode_steps=self._horizon, disable_env_checker=True, **arguments
            )
        inner: Any = env.unwrapped
        for feature in self._attributes:
            if hasattr(inner, feature.name):
                value = _value(feature, task, getattr(inner, feature.name))
                setattr(inner, feature.name, value)
            elif self._set is None:
                raise UnknownNameError(
                    f"argument or attribute of {type(inner).__name__}",
                    feature.name,
                    {*self._takes, *_attributes(inner)},
                    "Call the feature after one of them, or say with set= what it changes.",
                )
        if self._set is not None:
            self._set(inner, task)
        for wrap in self._wrappers:
            env = wrap(env)
        return env


class _FlatEnv(gymnasium.Wrapper[FloatArray, FloatArray, Any, Any]):
    """An environment with flat boxes for spaces.

    Args:
        env: with spaces of any kind.
        observations: how they are flattened.
        actions: how they are taken.
    """

    def __init__(self, env: Env, observations: FlatObservations, actions: FlatActions) -> None:
        super().__init__(env)
        self._observations, self._actions = observations, actions
        self.observation_space, self.action_space = observations.box, actions.box

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._observations.flat(observation), info

    def step(self, action: FloatArray) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(
            self._actions.taken(action)
        )
        flat = self._observations.flat(observation)
        return flat, float(reward), bool(terminated), bool(truncated), info

    def render(self) -> Any:
        try:
            return self.env.render()
        except DependencyNotInstalled as error:
            raise PluginError(f"{self.env.unwrapped} cannot be drawn: {error}") from error


def _constructor(env: str | Callable[..., Env], spec: EnvSpec | None) -> Callable[..., Any]:
    found = env if spec is None else spec.entry_point
    if found is None:
        raise SpecError(f"{env} is registered for vectors of environments alone.")
    return load_env_creator(found) if isinstance(found, str) else found


def _feature(key: str | Feature, values: Sequence[Any]) -> Feature:
    if isinstance(key, Feature):
        return key
    if all(isinstance(value, str) for value in values):
        return Feature.of_categories(key, values, "dynamics")
    return Feature(key, float(min(values)), float(max(values)), "", "dynamics")


def _plain(values: Sequence[Any]) -> list[float | str]:
    return [value if isinstance(value, str) else float(value) for value in values]


def _value(feature: Feature, task: TaskSpec, instead_of: Any) -> float | int | str:
    """What a feature of a task is for the environment: a whole number where it had one."""
    value = feature.content(task[feature.name])
    whole = type(instead_of)
    if whole in (int, bool) and isinstance(value, float) and value.is_integer():
        return int(value) if whole is int else bool(value)
    return value


def _attributes(env: Env) -> list[str]:
    """What of an environment may be a feature: its own numbers and words."""
    return [
        name
        for name, value in vars(env).items()
        if not name.startswith("_") and isinstance(value, (int, float, str))
    ]


def _origin(env: Env) -> dict[str, str]:
    """Where an environment comes from: physics, licence and citation, by its distribution."""
    top = type(env).__module__.partition(".")[0]
    modules = [parent.__module__ for parent in type(env).__mro__]
    engines = [
        engine
        for package, engine in _ENGINES.items()
        if any(name.startswith(package) for name in modules)
    ]
    return {
        "physics": ", ".join(_with_version(name) for name in (top, *engines)),
        "licence": f"that of {top}",
        "citation": f"{top}: {type(env).__name__}",
    }


def _with_version(package: str) -> str:
    """A package with the version it is installed in, unless it is a module of nobody's."""
    with suppress(metadata.PackageNotFoundError):
        return f"{package} {metadata.version(package)}"
    names = _distributions().get(package)
    return f"{names[0]} {metadata.version(names[0])}" if names else package


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Who brings each package that can be imported; to ask takes half a second."""
    return metadata.packages_distributions()
