"""Studies: what ``tune`` has tried so far, and what it tries next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hyperbench.disk import writing
from hyperbench.errors import DataError, HyperbenchError
from hyperbench.files import read_file, write_file
from hyperbench.protocol import EvalProtocol
from hyperbench.provenance import Provenance, provenance
from hyperbench.registry.clone import how_to_add
from hyperbench.run import Run
from hyperbench.search import Choice, Range, SearchSpace, Setting
from hyperbench.seeding import child_seed, content_hash
from hyperbench.tuning.propose import NUM_FILLING, filling, proposed

STUDY = "study.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Fit(_Frozen):
    """What came of a trial's settings for one family under one split."""

    score: float | None = None
    """Mean over the validation tasks; None if it failed."""
    seconds: float
    """Processor time of the fit alone."""
    error: str | None = None
    """Why it failed, in one line."""


class Trial(_Frozen):
    """One choice of settings, and how it did where it was judged so far."""

    number: int
    """Counts from 0, which is the method as it is shipped."""
    settings: dict[str, Setting]
    """The settings that are searched for."""
    fits: dict[int, Fit] = {}
    """By the position of family and split in the study's ``cases``."""

    @property
    def error(self) -> str | None:
        """Why it failed, if it did: the first family and split in order."""
        errors = [fit.error for _, fit in sorted(self.fits.items())]
        return next((error for error in errors if error is not None), None)

    def failed(self, cases: Iterable[int]) -> bool:
        """Say whether it failed on one of these cases."""
        return any(case in self.fits and self.fits[case].error is not None for case in cases)

    def missing(self, cases: Iterable[int]) -> list[int]:
        """List the cases that it was not judged by yet."""
        return [case for case in cases if case not in self.fits]

    def scores(self, cases: Iterable[int]) -> list[float]:
        """List the scores on cases by which it was judged; failed ones have none."""
        found = [self.fits[case].score for case in cases]
        return [score for score in found if score is not None]

    def mean(self, cases: Collection[int]) -> float | None:
        """Give the mean score; None where one of these fits failed or is missing."""
        if self.failed(cases) or self.missing(cases):
            return None
        return float(np.mean(self.scores(cases)))

    def seconds(self, cases: Iterable[int]) -> float:
        """What its fits took of the processor."""
        return sum(self.fits[case].seconds for case in cases if case in self.fits)


class Study(_Frozen):
    """A search for one method's settings; complete enough to go on with, and to report."""

    schema_version: Literal[2] = 2
    key: str
    """Content hash of everything that decides the trials."""
    method: str
    method_version: int
    code: str | None = None
    """Fingerprint of the method's code when the study began; None in older studies."""
    overrides: dict[str, Any]
    """Settings that the user fixed."""
    config: dict[str, Any]
    """All settings of trial 0."""
    search: dict[str, Range | Choice]
    """Per setting where it is searched for."""
    seed: int
    """What the search draws from."""
    families: tuple[str, ...]
    protocol: EvalProtocol
    """The rules; its seeds are the study's own."""
    device: str
    trials: tuple[Trial, ...] = ()
    optuna: str = Field(default_factory=lambda: metadata.version("optuna"))
    """Version of the library that searches."""
    provenance: Provenance

    @property
    def cases(self) -> list[tuple[str, int]]:
        """Family and split seed of everything that trials are judged by."""
        splits = [pair.split for pair in self.protocol.seeds]
        return [(family, split) for family in self.families for split in splits]

    def begun(self, number: int, cases: Collection[int]) -> Study:
        """Give the study with as many trials as have this number, settings chosen.

        A function of the study alone, so that one which was interrupted goes on as if it had not
        been: the first trial has the defaults, some fill the space, and each later one is what the
        search proposes when it is told of those before.

        Args:
            number: of the trial that is asked for.
            cases: by which the search compares.
        """
        trials = list(self.trials)
        while len(trials) <= number:
            this = len(trials)
            if this == 0:
                settings = {name: self.config[name] for name in self.search}
            elif this <= NUM_FILLING:
                # Of the method, too: all would otherwise try the same few learning rates.
                seed = child_seed(self.seed, "filling", self.method)
                settings = filling(self.search, seed)[this - 1]
            else:
                tried = [(trial.settings, trial.mean(cases)) for trial in trials]
                settings = proposed(self.search, tried, child_seed(self.seed, "trial", this))
            trials.append(Trial(number=this, settings=settings))
        return self.model_copy(update={"trials": tuple(trials)})

    def judged(self, number: int, case: int, fit: Fit) -> Study:
        """Give the study in which a trial was judged by one more case."""
        trials = [
            trial.model_copy(update={"fits": dict(sorted({**trial.fits, case: fit}.items()))})
            if trial.number == number
            else trial
            for trial in self.trials
        ]
        return self.model_copy(update={"trials": tuple(trials)})


def new_study(
    runs: Sequence[Run],
    search: SearchSpace,
    seed: int,
    packages: Mapping[str, Path | None] | None = None,
    fixed: Iterable[str] = (),
    code: str | None = None,
    defaults: Mapping[str, Any] = {},
) -> Study:
    """Begin a study.

    Args:
        runs: of one method, one per family and pair of seeds in that order, as planned under a
            tuning protocol.
        search: the method's search space.
        seed: of the search.
        packages: distributions that the method and the families come from, and where they lie.
        fixed: settings that are not searched for, beside those that differ from the defaults.
        code: fingerprint of the method's.
        defaults: of settings that a run's config does not say.

    Raises:
        HyperbenchError: nothing is left to search for.
    """
    first = runs[0]
    config = {**defaults, **first.config}
    kept = {name: config[name] for name in sorted({*first.overrides, *fixed})}
    left = {name: where for name, where in search.items() if name not in kept}
    for name, where in left.items():
        if config[name] not in where:
            raise HyperbenchError(
                f"Trial 0 of {first.method!r} would have {name}={config[name]}, which lies "
                f"outside of where it is searched for: {where}. Fix it with --set {name}=..., or "
                "leave out what sets it."
            )
    if not left:
        reason = "--set fixes all of it" if search else "its Config declares no SEARCH"
        raise HyperbenchError(f"Method {first.method!r} has no search space: {reason}.")
    identity = {
        "runs": [run.key for run in runs],
        "search": {name: repr(where) for name, where in left.items()},
        "seed": seed,
    }
    return Study(
        key=content_hash(identity),
        method=first.method,
        method_version=first.method_version,
        code=code,
        overrides=kept,
        config=config,
        search=left,
        seed=seed,
        families=tuple(dict.fromkeys(run.family for run in runs)),
        protocol=first.protocol,
        device=first.device,
        provenance=provenance(packages, first.device),
    )


def read_study(folder: Path) -> Study | None:
    """Read the study in a folder; None if there is none.

    Raises:
        DataError: it is damaged or of an unknown schema.
    """
    path = folder / STUDY
    try:
        return Study.model_validate_json(read_file(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        problem = " ".join(str(error).split())
        raise DataError(f"{path} is not a study: {problem} Remove it to start anew.") from error


def write_study(folder: Path, study: Study) -> None:
    """Write a study whole or not at all, replacing its earlier state.

    Raises:
        DataError: the folder cannot be written.
    """
    remedy = "Choose another place with --output-dir."
    with writing(folder, remedy):
        folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / STUDY, study.model_dump_json(indent=1) + "\n", remedy)


def require_optuna() -> None:
    """Find out before anything is done whether there is a library to search with.

    Raises:
        HyperbenchError: there is none.
    """
    if util.find_spec("optuna") is None:
        raise HyperbenchError(
            "Tuning needs the package 'optuna', which is not installed. "
            + how_to_add("optuna", "tune")
        )
