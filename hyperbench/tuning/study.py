"""Studies: what ``tune`` has tried so far, and what it tries next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal

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

STUDY = "study.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Trial(_Frozen):
    """One choice of settings, fitted and played once per family and split."""

    number: int
    """Counts from 0, which is the method as it is shipped."""
    settings: dict[str, Setting]
    """The settings that are searched for."""
    status: Literal["ok", "failed"]
    score: float | None = None
    """Mean over families, splits and validation tasks; None if it failed."""
    scores: tuple[float, ...] = ()
    """Mean over validation tasks, one for each family and split."""
    seconds: float
    """Wall-clock time of fits and episodes."""
    error: str | None = None
    """Why the trial failed, in one line."""


class Study(_Frozen):
    """A search for one method's settings; complete enough to go on with, and to report."""

    schema_version: Literal[1] = 1
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
    def ranked(self) -> list[Trial]:
        """The trials that succeeded, best first; of equal ones the earlier."""
        done = [trial for trial in self.trials if trial.status == "ok"]
        return sorted(done, key=lambda trial: -(trial.score or 0.0))

    def next_settings(self) -> dict[str, Setting]:
        """What to try next: at first the settings as they are, then what the search proposes.

        A function of the study alone, so that one which was interrupted goes on as if it had not
        been.
        """
        if not self.trials:
            return {name: self.config[name] for name in self.search}
        return _propose(self.search, self.trials, child_seed(self.seed, "trial", len(self.trials)))


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
        runs: of one method, one per family and pair of seeds, as planned under a tuning protocol.
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


def _propose(search: SearchSpace, trials: tuple[Trial, ...], seed: int) -> dict[str, Setting]:
    """Ask a tree-structured Parzen estimator (Bergstra et al. 2011), told of all trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(where) for name, where in search.items()}
    told = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed % 2**32)
    )
    worst = min((trial.score for trial in trials if trial.score is not None), default=0.0)
    for trial in trials:
        told.add_trial(
            optuna.trial.create_trial(
                params=dict(trial.settings),
                distributions=distributions,
                # Passed over in silence, a failure would be no reason to look elsewhere.
                value=worst if trial.score is None else trial.score,
            )
        )
    settings: dict[str, Setting] = told.ask(distributions).params
    return settings


def _distribution(where: Range | Choice) -> Any:
    from optuna import distributions

    if isinstance(where, Choice):
        return distributions.CategoricalDistribution(where.options)
    if isinstance(where.low, int) and isinstance(where.high, int):
        return distributions.IntDistribution(where.low, where.high, log=where.log)
    return distributions.FloatDistribution(where.low, where.high, log=where.log)
