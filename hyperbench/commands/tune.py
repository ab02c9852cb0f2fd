"""``hyperbench tune``: begin or continue a study, and show its best trials."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hyperbench.commands.executing import Place, watched
from hyperbench.commands.prepare import prepare_families, refuse_without
from hyperbench.commands.studies import print_study
from hyperbench.disk import check_writable
from hyperbench.errors import HyperbenchError
from hyperbench.executors import Site
from hyperbench.measuring.locks import awaited, lock_path
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted
from hyperbench.measuring.settings import settings_of
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry, installed
from hyperbench.threads import num_cores
from hyperbench.tuning.case import Case, make_case, tuning_protocol
from hyperbench.tuning.halving import Round, cases_of, read_rounds, unfinished, verdict
from hyperbench.tuning.study import STUDY, Study, new_study, read_study, require_optuna
from hyperbench.tuning.tune import continue_round
from hyperbench.view.console import LeftOut, print_line, standard_error, standard_output
from hyperbench.view.event_log import EventLog

_REMEDY = "Choose another folder with --output-dir."

out = standard_output()
err = standard_error()


def study_folder(output_dir: Path, method: str, key: str) -> Path:
    """Where a study is kept: below ``output_dir``, whatever the method is called."""
    return output_dir / f"{re.sub(r'[^A-Za-z0-9_.+-]', '_', method)}-{key}"


def tune_command(
    *,
    method: str,
    suites: Sequence[str],
    protocol: EvalProtocol,
    num_splits: int,
    num_trials: int,
    halving: str | None,
    seed: int,
    settings: Sequence[str],
    device: str,
    output_dir: Path,
    data_dir: Path,
    place: Place,
    events: Path | None,
    debug: bool,
) -> int:
    """Begin or continue a study and show its best trials.

    Returns:
        How many families could not be planned.

    Raises:
        HyperbenchError: tuning is impossible as asked, or every trial failed.
    """
    require_optuna()
    registry = installed()
    config_class = registry.method_class(method).Config
    search = config_class.SEARCH
    asked = None if halving is None else read_rounds(halving)
    rules = tuning_protocol(protocol, num_splits if asked is None else asked[-1].num_splits)
    left_out = LeftOut()
    planned = {
        run.key: run
        for suite in suites
        for run in plan(
            registry,
            [method],
            suite,
            rules,
            baselines=False,
            settings=settings,
            device=device,
            data_dir=data_dir,
            notify=left_out,
        )
        if not run.is_arm
    }
    runs = list(planned.values())
    families = {run.family for run in runs}
    rounds = asked or (Round(num_trials, len(families), num_splits),)
    if rounds[-1].num_families > len(families):
        raise HyperbenchError(
            f"--halving {halving} judges by {rounds[-1].num_families} families, but there are "
            f"{len(families)}. Name more with --suite."
        )
    packages: dict[str, Path | None] = {}
    for run in runs:
        packages |= registry.packages_of(run.family, method)
    code = registry.fingerprints(runs[0].family, method).method
    fixed = settings_of(settings, [method])[method]
    whole = dict(config_class.model_validate(runs[0].config))
    later = {name: whole[name] for name in config_class.LATER}
    study = new_study(runs, search, seed, packages, fixed, code, later)
    folder = study_folder(output_dir, method, study.key)
    study = read_study(folder) or study
    if None not in (code, study.code) and code != study.code:
        print_line(
            f"The code of {method} has changed since this study began, so its trials are not of "
            "what is installed. Begin anew with another --output-dir.",
            err,
        )
    if _missing(study, rounds):
        executor = place.make(registry)
        log = EventLog(events) if events else None
        check_writable(output_dir, _REMEDY)
        threads = executor.num_threads(len(runs))
        site = Site(output_dir.absolute(), data_dir.absolute(), threads)
        lock = lock_path(folder.parent, folder.name)
        line = f"Another command is at the study in {folder}; waiting for it."
        with executor, awaited(lock, _REMEDY, partial(print_line, line, err)):
            study = read_study(folder) or study  # of a command that was at it until now
            wanted = [_wanted(family, rules, registry) for family in study.families]
            refuse_without(prepare_families(wanted, executor, site, debug, log))
            cases: dict[int, Case] = {}
            for number, each in enumerate(rounds):
                labels = _labels(study, rounds, number)
                if not labels:
                    continue
                for i in cases_of(study, each):
                    if i not in cases:
                        cases[i] = make_case(runs[i], registry, data_dir, num_cores())
                with watched(labels, log) as notify:
                    study = continue_round(
                        study,
                        rounds,
                        number,
                        cases,
                        registry,
                        folder,
                        site=site,
                        notify=notify,
                        executor=executor,
                    )
    print_study(study, rounds, out)
    print_line(f"Study: {folder.resolve() / STUDY}", out)
    if verdict(study, rounds) is None:
        raise HyperbenchError(f"All {len(study.trials)} trials of {method!r} failed.")
    return left_out.number


def _missing(study: Study, rounds: Sequence[Round]) -> bool:
    """Whether anything is left to do."""
    return any(_labels(study, rounds[: number + 1], number) for number in range(len(rounds)))


def _labels(study: Study, rounds: Sequence[Round], number: int) -> dict[str, str]:
    """What trials of a round are called that were not yet judged by all of it."""
    of_round = f", round {number + 1} of {len(rounds)}" if len(rounds) > 1 else ""
    return {str(i): f"trial {i}{of_round}" for i in unfinished(study, rounds, number)}


def _wanted(id_: str, rules: EvalProtocol, registry: Registry) -> Wanted:
    """What is needed of a family: demonstrations of source and validation tasks of any split."""
    family = registry.make_family(id_)
    splits = [rules.split(family, pair.split) for pair in rules.seeds]
    shown = {task.key for split in splits for task in (*split.source, *split.validation)}
    return Wanted(id_, rules, tuple(task for task in family.tasks if task.key in shown))
