"""Methods that are functions: ``(demonstrations, seed) -> (specs -> policies)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import DataError, NotFittedError
from hyperbench.generator import FitReport, PolicyGenerator, Progress, no_progress
from hyperbench.policy import PolicyBatch
from hyperbench.task import TaskSpec

Generate = Callable[[Sequence[TaskSpec]], PolicyBatch]
Function = Callable[[Demonstrations, int], Generate]


class FunctionMethod(PolicyGenerator):
    """A method that is one function, called to fit; what it returns is called to generate.

    It has no settings, reports no loss, and cannot be saved: a function keeps what it has learned
    where nobody else can read it. The policies of a run are stored all the same, so that it can be
    verified; what is missing is the generator, which ``hyperbench inspect`` needs.
    """

    function: ClassVar[Function]
    """What was decorated."""

    _generate: Generate | None = None

    def fit(
        self,
        demonstrations: Demonstrations,
        *,
        validation: Demonstrations | None,  # noqa: ARG002 - nothing is chosen
        seed: int,
        device: str = "cpu",  # noqa: ARG002 - the function's own affair
        progress: Progress = no_progress,  # noqa: ARG002 - it tells none
    ) -> FitReport:
        generate = type(self).function(demonstrations, seed)
        if not callable(generate):
            raise TypeError(
                f"{type(self).__name__}(demonstrations, seed) must return a function of specs that "
                f"returns policies, found {type(generate).__name__}."
            )
        self._generate = generate
        return FitReport(num_steps=0, chosen_step=0, final_loss=0.0, num_parameters=0)

    def generate(
        self,
        specs: Sequence[TaskSpec],
        support: Demonstrations | None = None,  # noqa: ARG002
    ) -> PolicyBatch:
        if self._generate is None:
            raise NotFittedError(self)
        return self._generate(specs)

    def save(self, path: Path) -> None:
        """Write nothing."""

    def load(self, path: Path) -> None:
        raise DataError(
            f"{type(self).__name__} is a function, of whose fit nothing is saved, so {path} holds "
            "no generator. Fit it again, or make it a class with save and load."
        )


def method_of(function: Any) -> type[FunctionMethod]:
    """Make a method of a function; it is called as the function is.

    Raises:
        TypeError: it is no function.
    """
    if not callable(function):
        raise TypeError(f"{function!r} is neither a class nor a function: no method.")
    said = {
        "function": staticmethod(function),
        **{name: getattr(function, name) for name in ("__module__", "__qualname__", "__doc__")},
    }
    return type(function.__name__, (FunctionMethod,), said)
