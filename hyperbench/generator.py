"""The method's side: demonstrations in, policies for unseen specs out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import DataError, NotFittedError
from hyperbench.policy import PolicyBatch
from hyperbench.search import SearchSpace
from hyperbench.task import TaskSpec

_ARRAYS = "generator.safetensors"


class MethodConfig(BaseModel):
    """Base of every method's hyper-parameters: frozen, documented, unknown names refused.

    ``SEARCH`` says where ``hyperbench tune`` looks for better ones. The budget of a fit and the
    policy that is generated do not belong there: they are the same for all methods.
    """

    SEARCH: ClassVar[SearchSpace] = {}
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that came when runs had been recorded: at the default that they came with they are not
    written, so that those runs keep their keys. Where a subclass has another one, they are."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        protected_namespaces=(),
        # A run's key is a hash of JSON, which has no such numbers.
        allow_inf_nan=False,
    )

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        silent = {
            name
            for name in self.LATER
            if getattr(self, name) == fields[name].default == self._came_with(name)
        }
        return {name: value for name, value in write(self).items() if name not in silent}

    @classmethod
    def _came_with(cls, name: str) -> Any:
        """The default of a field in the first class that has it."""
        classes = (c for c in reversed(cls.__mro__) if issubclass(c, MethodConfig))
        return next(c for c in classes if name in c.model_fields).model_fields[name].default

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        for name in cls.SEARCH:
            if name not in cls.model_fields:
                raise TypeError(f"{cls.__name__}.SEARCH names {name!r}, which is no field of it")
            field = cls.model_fields[name]
            default = field.get_default(call_default_factory=True)
            if not field.is_required() and default not in cls.SEARCH[name]:
                raise TypeError(
                    f"{cls.__name__}.SEARCH looks for {name!r} in {cls.SEARCH[name]}, where its "
                    f"default, {default!r}, is not"
                )


class Progress(Protocol):
    """Told by a method how far its fit has come; given by the conductor."""

    def __call__(self, step: int, num_steps: int, loss: float) -> None:
        """Report that ``step`` of ``num_steps`` is done at training loss ``loss``."""


def no_progress(step: int, num_steps: int, loss: float) -> None:
    """Ignore progress: the default where nobody watches."""


@dataclass(frozen=True)
class FitState:
    """All that a resumable fit needs to go on as if nothing had happened.

    Args:
        arrays: by name, of numbers: weights, also the best so far, averages of the optimiser,
            random states. Kept as safetensors.
        json: the rest. Kept as JSON, from which tuples return as lists, and keys as text.

    Raises:
        TypeError: an array is not NumPy's.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    json: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            if not isinstance(array, np.ndarray):
                raise TypeError(
                    f"The state's array {name!r} is a {type(array).__name__}, not an array of "
                    "NumPy. Convert it, as a tensor by .detach().cpu().numpy()."
                )


class Checkpoint(Protocol):
    """Keeps the state of a resumable fit; given by the conductor."""

    def restore(self) -> FitState | None:
        """Give what was kept last before the fit was interrupted; None where it begins.

        To be asked once, before the first step.
        """

    def offer(self, make_state: Callable[[], FitState]) -> None:
        """Tell after each step that the state could be kept now.

        Args:
            make_state: describes the fit as it is after this step, and changes nothing. It is
                called at once or, at most offers, never: then an offer costs a look at the clock.
                What it returns is not needed any more when ``offer`` returns: no copies.
        """


class _NoCheckpoint:
    def restore(self) -> FitState | None:
        return None

    def offer(self, make_state: Callable[[], FitState]) -> None:
        pass


no_checkpoint: Checkpoint = _NoCheckpoint()
"""Keeps nothing: the default where a fit that is killed may start again."""


@dataclass(frozen=True)
class FitReport:
    """What a fit did; kept in the run's record.

    Args:
        num_steps: gradient steps taken.
        chosen_step: the step whose weights are kept (the last, or the best on validation tasks).
        final_loss: training loss at the end.
        curve: (step, training loss, validation loss or None), a few dozen points.
        num_parameters: trainable numbers of the generator.
    """

    num_steps: int
    chosen_step: int
    final_loss: float
    num_parameters: int
    curve: tuple[tuple[int, float, float | None], ...] = field(default=())


class PolicyGenerator(ABC):
    """Turns demonstrations of source tasks into policies for specs it has never seen.

    The conductor makes one per run, calls ``fit`` once and ``generate`` once. A generator is given
    demonstrations and specs and nothing else: no environment, no reward of a target task.

    Args:
        config: an instance of the class's ``Config``; its defaults when omitted.
    """

    Config: ClassVar[type[MethodConfig]] = MethodConfig
    resumable: ClassVar[bool] = False
    """Whether a fit that was killed can go on. Where it is true, ``fit`` has one more keyword,
    ``checkpoint: Checkpoint = no_checkpoint``, and gives the same report and policies on the CPU,
    to the last bit, wherever it is interrupted; where it is false, the fit starts again."""

    def __init__(self, config: MethodConfig | None = None) -> None:
        self.config: Any = config if config is not None else self.Config()

    @abstractmethod
    def fit(
        self,
        demonstrations: Demonstrations,
        *,
        validation: Demonstrations | None,
        seed: int,
        device: str = "cpu",
        progress: Progress = no_progress,
    ) -> FitReport:
        """Learn from demonstrations.

        Args:
            demonstrations: of the source tasks (from ``collect``).
            validation: of the validation tasks, to choose weights by and for nothing else;
                None where the protocol has none.
            seed: of everything random in the fit. Global random states are neither read nor set.
            device: ``"cpu"`` or ``"cuda"``.
            progress: call it now and then.

        Returns:
            What was done; the conductor writes it to the record.

        Raises:
            FloatingPointError: the loss is no longer finite; the run is recorded as failed.
        """

    @abstractmethod
    def generate(
        self, specs: Sequence[TaskSpec], support: Demonstrations | None = None
    ) -> PolicyBatch:
        """Make one policy per spec, each independent of the other specs in the call.

        Args:
            specs: of the target tasks.
            support: a few demonstrations of the same tasks, found by spec, to methods registered
                for the few-shot track and under its protocols only; None to every other.

        Returns:
            Policies in the order of ``specs``; they go to ``rollout`` and into the record.

        Raises:
            NotFittedError: neither ``fit`` nor ``load`` was called before.
            SupportError: the method is few-shot and there is no support.
        """

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write everything ``generate`` needs into ``path``: safetensors and JSON, never pickle.

        Args:
            path: a folder; made if it does not exist.
        """

    @abstractmethod
    def load(self, path: Path) -> None:
        """Read what ``save`` wrote; the generator then behaves as the saved one, settings included.

        Raises:
            DataError: the folder does not hold a generator of this kind.
        """


class ArrayGenerator(PolicyGenerator):
    """Base of a method whose fit leaves arrays of NumPy, by name, and nothing else.

    ``fit`` sets ``self.arrays`` and ``generate`` reads them; they are saved and loaded here, with
    the settings.
    """

    _arrays: Mapping[str, npt.NDArray[Any]] | None = None

    @property
    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """What was learned.

        Raises:
            NotFittedError: neither ``fit`` nor ``load`` was called before.
        """
        if self._arrays is None:
            raise NotFittedError(self)
        return self._arrays

    @arrays.setter
    def arrays(self, learned: Mapping[str, npt.NDArray[Any]]) -> None:
        self._arrays = learned

    def save(self, path: Path) -> None:
        from safetensors.numpy import save_file

        path.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        save_file(arrays, path / _ARRAYS, {"config": self.config.model_dump_json()})

    def load(self, path: Path) -> None:
        from safetensors import safe_open

        try:
            with safe_open(path / _ARRAYS, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                self.config = self.Config.model_validate_json(file.metadata()["config"])
        except Exception as error:  # each kind of damage has its own
            raise DataError(
                f"{path} holds no {_ARRAYS} of {type(self).__name__}: {error}"
            ) from error
        self.arrays = arrays


@runtime_checkable
class GeneratesInStages(Protocol):
    """What a generator may offer beside its duties: the policies on the way to the generated ones.

    ``hyperbench inspect`` shows the loss of each stage; nothing else asks for it.
    """

    def intermediate(self, specs: Sequence[TaskSpec]) -> Sequence[PolicyBatch]:
        """Generate policies from the spec alone, stage by stage.

        Args:
            specs: of any tasks.

        Returns:
            For each stage one policy per spec, in the order of ``specs``; the last stage is what
            ``generate`` returns (with support: what it starts from).

        Raises:
            NotFittedError: neither ``fit`` nor ``load`` was called before.
        """
